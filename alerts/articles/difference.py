"""What a correction changed, in a form that people read. Pure."""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# What follows from the text, or is no word of the authors, is not told beside it.
_TOLD_BY_BODY = frozenset(
    {"body_html", "body_text", "words", "flags", "printed", "related", "grows"}
)
_WORDS = re.compile(r"\s+")
_PARAGRAPHS = re.compile(r"\n\s*\n|\n")
# Words on either side of a change, so that its place is found.
_AROUND = 6


@dataclass(frozen=True, slots=True)
class Change:
    """Words taken out and put in, with some that stand around them."""

    before: str
    removed: str
    added: str
    after: str

    def line(self) -> str:
        """Return the change as `… before [-removed-] {+added+} after …`."""
        marked = [
            f"… {self.before}" if self.before else "",
            f"[-{self.removed}-]" if self.removed else "",
            f"{{+{self.added}+}}" if self.added else "",
            f"{self.after} …" if self.after else "",
        ]
        return " ".join(part for part in marked if part)


@dataclass(frozen=True, slots=True)
class Difference:
    """The fields that changed, with their values before and after, and the changes of the text."""

    fields: tuple[tuple[str, str, str], ...]
    text: tuple[Change, ...]

    def lines(self) -> list[str]:
        """Return the difference for a person, a line each."""
        told = [f"{name}: [-{before}-] {{+{after}+}}" for name, before, after in self.fields]
        return told + [change.line() for change in self.text]

    def to_json(self) -> dict[str, Any]:
        """Return the difference as a JSON document."""
        return {
            "fields": [
                {"name": name, "before": before, "after": after}
                for name, before, after in self.fields
            ],
            "text": [
                {
                    "before": change.before,
                    "removed": change.removed,
                    "added": change.added,
                    "after": change.after,
                }
                for change in self.text
            ],
        }


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> Difference:
    """Compare two states of an article, given as JSON documents."""
    names = [name for name in after if name not in _TOLD_BY_BODY]
    if str(after.get("standfirst") or "") in str(after.get("body_text") or ""):
        # Chosen from the text, which tells its change.
        names.remove("standfirst")
    fields = [
        (name, _shown(before.get(name)), _shown(after[name]))
        for name in names
        if before.get(name) != after[name] and _shown(before.get(name)) != _shown(after[name])
    ]
    text = text_changes(str(before.get("body_text") or ""), str(after.get("body_text") or ""))
    return Difference(tuple(fields), text)


def text_changes(before: str, after: str) -> tuple[Change, ...]:
    """Return the changed words of a text, paragraph by paragraph.

    Paragraphs that stand in both are skipped first: comparing words takes time that grows with the
    square of their number.
    """
    old, new = _PARAGRAPHS.split(before), _PARAGRAPHS.split(after)
    found: list[Change] = []
    for tag, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag != "equal":
            found += _word_changes(_split(old[a:b]), _split(new[c:d]))
    return tuple(found)


def _word_changes(old: Sequence[str], new: Sequence[str]) -> list[Change]:
    matcher = difflib.SequenceMatcher(None, old, new)
    return [
        Change(
            before=" ".join(old[max(0, a - _AROUND) : a]),
            removed=" ".join(old[a:b]),
            added=" ".join(new[c:d]),
            after=" ".join(old[b : b + _AROUND]),
        )
        for tag, a, b, c, d in matcher.get_opcodes()
        if tag != "equal"
    ]


def _split(paragraphs: Sequence[str]) -> list[str]:
    return [word for text in paragraphs for word in _WORDS.split(text) if word]


def _shown(value: object) -> str:
    """Return a field's value as a person would write it; parts of a roundup by their titles."""
    if isinstance(value, list | tuple):
        return ", ".join(_shown(one) for one in value)
    if isinstance(value, dict):
        return str(value.get("title") or value.get("name") or "")
    return "" if value is None else str(value)
