"""Words like “test”, and places that were never filled, wherever they were left in an issue."""

import re
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from alerts.newsletters.content import IssueContent
from alerts.newsletters.definitions import PATTERN_FIELDS
from alerts.rendering.lint.findings import Finding, shown, warning
from alerts.rendering.lint.texts import Text, texts_of

_FILE = Path(__file__).with_name("leftovers.toml")
_WORD = re.compile(r"\w+", re.UNICODE)
# Signs of Jinja, of our slots, of patterns, and of other mailing programs, filled or not.
_PLACES = re.compile(
    r"@@|\{\{|\}\}|\{%|%\}|\*\||\|\*|%%\w+%%|<<\w+>>|\[(?:first ?name|name|title|date)\]|\{(?:"
    + "|".join(sorted(PATTERN_FIELDS))
    + r")\}",
    re.IGNORECASE,
)


def check_leftovers(content: IssueContent, subject: str) -> Iterator[Finding]:
    """Yield a warning for each text in which such a word, or an empty place, was left.

    `subject` is as it is rendered.
    """
    for text in (Text("the subject", subject), *texts_of(content)):
        word = leftover_in(text)
        if word:
            yield warning(
                "subject-leftover" if text.place == "the subject" else "leftover",
                f"{text.place} holds the word {word!r}",
                "take the word out unless it is meant for readers",
                about=text.place,
                content=text.words,
            )
        place = _PLACES.search(text.words)
        if place:
            around = text.words[max(0, place.start() - 20) : place.end() + 20]
            yield warning(
                "placeholder",
                f"{text.place} holds a place that nothing fills: {shown(around)}",
                "write there what is meant, or take the signs out",
                about=text.place,
                content=text.words,
            )


def leftover_in(text: Text) -> str:
    """Return the first word that was left over in a text, as it stands there, or nothing."""
    table = _table()
    found = table.clear.search(text.words)
    if found:
        return found[0]
    if text.is_body:
        return ""
    for found in table.in_lines.finditer(text.words):
        if not _is_meant(text.words, found, table):
            return found[0]
    return ""


def _is_meant(words: str, found: re.Match[str], table: "_Table") -> bool:
    """Tell whether the words around say that this one is meant: a `nuclear test`."""
    if found[0].isupper():
        return False
    before = _WORD.findall(words[: found.start()])
    after = _WORD.findall(words[found.end() :])
    return bool(
        (before and before[-1].casefold() in table.meant_after)
        or (after and after[0].casefold() in table.meant_before)
    )


class _Table:
    """The words of the file, ready to be looked for."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.clear = _whole(document["clear"])
        self.in_lines = _whole(document["in_lines"])
        self.meant_after = frozenset(document["meant_after"])
        self.meant_before = frozenset(document["meant_before"])


def _whole(words: Iterable[str]) -> re.Pattern[str]:
    """Return what finds these as whole words; a script without spaces has none between them."""
    spaced = [re.escape(word) for word in words if not _is_cjk(word)]
    packed = [re.escape(word) for word in words if _is_cjk(word)]
    # Devanagari's vowel signs are no \w: what follows must be neither letter nor mark.
    whole = rf"(?<![\w\u0900-\u097f])(?:{'|'.join(spaced)})(?![\w\u0900-\u097f])"
    return re.compile("|".join([whole, *packed]), re.IGNORECASE)


def _is_cjk(word: str) -> bool:
    return any("\u3040" <= letter <= "\u9fff" for letter in word)


@cache
def _table() -> _Table:
    return _Table(tomllib.loads(_FILE.read_text(encoding="utf-8")))
