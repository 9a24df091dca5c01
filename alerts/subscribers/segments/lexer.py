"""A query's text as words, quoted texts, parentheses and commas, with their places. Pure."""

import enum
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from alerts.errors import Invalid
from alerts.subscribers.details import printable

LONGEST_QUERY = 2_000
_LONGEST_SHOWN = 60
_QUOTES = frozenset('"“”')


class Kind(enum.StrEnum):
    """What a token is."""

    WORD = "word"
    TEXT = "text"
    OPEN = "("
    CLOSE = ")"
    COMMA = ","
    END = "the end"


_MARKS = {kind.value: kind for kind in (Kind.OPEN, Kind.CLOSE, Kind.COMMA)}


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a query; `position` counts characters from 1."""

    kind: Kind
    text: str
    position: int

    @property
    def shown(self) -> str:
        """The token as an error message shows it."""
        return self.kind.value if self.kind is Kind.END else shown(self.text)


def wrong(problem: str, position: int, advice: str = "") -> Invalid:
    """Return the error that a query is wrong: in one line what, where, and what would be right."""
    return Invalid(
        f"segment: {problem} at character {position}" + (f"; {advice}" if advice else "")
    )


def shown(text: str) -> str:
    """Return text of a query in quotes, fit for an error message."""
    return f'"{printable(text, _LONGEST_SHOWN)}"'


def tokens(text: str) -> list[Token]:
    """Return a query's tokens, the last one `END`; raises Invalid.

    Typographic quotation marks count as plain ones: queries are pasted from letters.
    """
    if len(text) > LONGEST_QUERY:
        raise Invalid(
            f"segment: a query has at most {LONGEST_QUERY:,} characters, this has {len(text):,}"
        )
    return [*_tokens(text), Token(Kind.END, "", len(text) + 1)]


def _tokens(text: str) -> Iterator[Token]:
    at = 0
    while at < len(text):
        character = text[at]
        if character.isspace():
            at += 1
        elif character in _MARKS:
            yield Token(_MARKS[character], character, at + 1)
            at += 1
        elif character in _QUOTES:
            value, end = _quoted(text, at)
            yield Token(Kind.TEXT, value, at + 1)
            at = end
        else:
            end = _end_of_word(text, at)
            yield Token(Kind.WORD, text[at:end], at + 1)
            at = end


def _end_of_word(text: str, start: int) -> int:
    at = start
    while at < len(text) and not (
        text[at].isspace() or text[at] in _MARKS or text[at] in _QUOTES or text[at] == "\\"
    ):
        _refuse_control(text, at)
        at += 1
    if at == start:
        raise wrong("a backslash stands", at + 1, "it belongs inside quotation marks")
    return at


def _quoted(text: str, start: int) -> tuple[str, int]:
    """Return what stands between quotation marks, and where the text goes on."""
    value: list[str] = []
    at = start + 1
    while at < len(text):
        if text[at] in _QUOTES:
            if not "".join(value).strip():
                raise wrong("nothing stands between the quotation marks", start + 1)
            return "".join(value), at + 1
        if text[at] == "\\" and at + 1 < len(text):
            at += 1
        _refuse_control(text, at)
        value.append(text[at])
        at += 1
    raise wrong("a quotation mark is opened and never closed", start + 1)


def _refuse_control(text: str, at: int) -> None:
    if unicodedata.category(text[at]) in {"Cc", "Cs", "Zl", "Zp"}:
        raise wrong(f"a control character (U+{ord(text[at]):04X}) stands", at + 1)
