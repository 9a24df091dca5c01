"""What is wrong with a definition, each mistake with its place and in words. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from alerts.errors import Invalid
from alerts.newsletters.definitions import (
    NewsletterDefinition,
    NumberingDefinition,
    RuleDefinition,
    ScheduleDefinition,
    SectionDefinition,
)

Place = tuple[str | int, ...]

_PARTS: Mapping[str | int, type[BaseModel]] = {
    "rule": RuleDefinition,
    "numbering": NumberingDefinition,
    "sections": SectionDefinition,
    "schedules": ScheduleDefinition,
}
_PATTERNS = {
    r"^[a-z0-9]+(-[a-z0-9]+)*$": "small letters, digits and hyphens make one: africa-this-week",
    r"^([a-z0-9]+(-[a-z0-9]+)*)?$": "small letters, digits and hyphens make one: africa-this-week",
    r"^[^\r\n\x00]*$": "it has to fit on one line",
    r"^([a-z0-9][a-z0-9.-]{0,62})?$": "it is the name of a transport, such as ses",
}
_WORDS = {
    "missing": "is missing",
    "string_type": "has to be a text (a string in quotes)",
    "bool_type": "has to be true or false",
    "bool_parsing": "has to be true or false",
    "int_type": "has to be a whole number",
    "int_parsing": "has to be a whole number",
    "int_from_float": "has to be a whole number",
    "tuple_type": "has to be a list, in square brackets",
    "model_type": "has to be a table",
    "model_attributes_type": "has to be a table",
    "dict_type": "has to be a table",
}


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake: its path in the definition, in words what is wrong, its line in a file."""

    place: Place
    reason: str
    line: int | None = None

    @property
    def name(self) -> str:
        """The path as it is written: `schedules.1.rule`."""
        return ".".join(str(part) for part in self.place) or "the whole file"

    @property
    def text(self) -> str:
        """The mistake on one line: `line 12: schedules.1.rule: …`."""
        where = f"line {self.line}: " if self.line else ""
        what = f"{self.name}: " if self.place or not self.line else ""
        return f"{where}{what}{self.reason}"


class InvalidDefinition(Invalid):
    """A definition that is refused whole; `mistakes` are all that were found, in order of lines."""

    def __init__(self, source: str, mistakes: Sequence[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        told = "; ".join(one.text for one in self.mistakes)
        separator = ", " if self.mistakes and self.mistakes[0].line else ": "
        super().__init__(f"{source}{separator}{told}")


def mistakes_in(error: ValidationError) -> list[Mistake]:
    """Return what pydantic found wrong with a definition, in words for whoever wrote it."""
    found = [_mistake(details) for details in error.errors()]
    # A list of which no element is right counts as empty: its elements have said why.
    return [one for one in found if not any(_lies_in(other, one) for other in found)]


def _lies_in(inner: Mistake, outer: Mistake) -> bool:
    size = len(outer.place)
    return 0 < size < len(inner.place) and inner.place[:size] == outer.place


def _mistake(details: ErrorDetails) -> Mistake:
    place = tuple(details["loc"])
    reason = _reason(details, place)
    return Mistake(place or _meant(reason), reason)


def _reason(details: ErrorDetails, place: Place) -> str:  # noqa: PLR0911 - a line for each kind
    kind, context = details["type"], details.get("ctx") or {}
    if kind == "extra_forbidden":
        return "is not known here" + _nearest(place)
    if kind in {"literal_error", "enum"}:
        return f"has to be {context.get('expected', 'another word')}"
    if kind == "string_pattern_mismatch":
        return f"{_short(details['input'])} will not do; {_pattern(context)}"
    if kind == "greater_than_equal":
        return f"has to be {context.get('ge')} or more"
    if kind == "less_than_equal":
        return f"has to be {context.get('le')} or less"
    if kind == "string_too_long":
        return f"has more than {context.get('max_length')} characters"
    if kind == "too_short":
        return "is empty; at least one is wanted"
    if kind in _WORDS:
        return _WORDS[kind]
    text = details["msg"].removeprefix("Value error, ")
    return " ".join((text[:1].lower() + text[1:] if text.startswith("Input ") else text).split())


def _pattern(context: Mapping[str, Any]) -> str:
    return _PATTERNS.get(str(context.get("pattern")), "something else is wanted")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:60] + "…"  # noqa: PLR2004 - a line of words around it


def _nearest(place: Place) -> str:
    model = NewsletterDefinition if len(place) == 1 else _PARTS.get(place[0], NewsletterDefinition)
    near = get_close_matches(str(place[-1]), model.model_fields, n=1)
    return f"; is {near[0]} meant?" if near else f"; there are {', '.join(model.model_fields)}"


def _meant(reason: str) -> Place:
    """Return the field that a mistake of the whole speaks of first."""
    fields = NewsletterDefinition.model_fields
    for word in reason.replace(",", " ").split():
        for name in (word, f"{word}s", f"{word[:-1]}ies"):
            if name in fields:
                return (name,)
    return ()
