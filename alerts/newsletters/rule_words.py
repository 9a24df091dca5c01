"""The words of a rule: where reading has got to, and what days, times and zones are called. Pure.

Whatever is not understood is told with its place: what comes before it, the word itself between
guillemets, and what the writer may have meant.
"""

import re
import unicodedata
from collections.abc import Collection
from datetime import time
from difflib import get_close_matches

from alerts.errors import Invalid

LONGEST_RULE = 4000
EXAMPLES = '"weekly on mon 08:00 Asia/Kolkata", "daily 18:30 Europe/Paris", "every 15 minutes"'

# `24-26` is three words, where `mon-fri` and a date are one.
_WORD = re.compile(
    r"EXDATE[;:]\S+|[–—,]|\d{1,2}(?=-\d{1,2}(?:\s|$))|(?<=\d)-(?=\d{1,2}(?:\s|$))|[^\s,–—]+",
    re.IGNORECASE,
)
_TIME = re.compile(r"(\d{1,2})(?:[:.](\d\d))?(?::(\d\d))? ?(?:([ap])\.?m\.?)?", re.IGNORECASE)
_HALF = re.compile(r"([ap])\.?m\.?")
_NOISE = re.compile(r"(?:[\s,]|\b(?:on|at|the|and|in|of)\b)*$", re.IGNORECASE)
_SHOWN = 60
_NOON = 12


def one_line(text: str) -> str:
    """Return a rule on one line, without what no screen shows; raises Invalid for a long one."""
    # Wide letters and digits of other scripts' keyboards are read as what they stand for.
    plain = " ".join(unicodedata.normalize("NFKC", text[: LONGEST_RULE + 1]).split())
    if max(len(text), len(plain)) > LONGEST_RULE:
        raise Invalid(f"a rule of {len(text)} characters is none; {LONGEST_RULE} are the most")
    return "".join(c if c.isprintable() else "?" for c in plain)


class Words:
    """A rule's words, read one after another."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._words = list(_WORD.finditer(text))
        self._at = 0

    @property
    def place(self) -> int:
        """How many words are read."""
        return self._at

    def go_back(self, place: int) -> None:
        """Read on from a place once more."""
        self._at = place

    def peek(self, ahead: int = 0) -> str:
        """Return a word that comes, in lower case, or an empty one at the end."""
        at = self._at + ahead
        return self._words[at][0].lower() if at < len(self._words) else ""

    def take(self) -> str:
        """Read the next word as it is written."""
        word = self._words[self._at][0]
        self._at += 1
        return word

    def took(self, *wanted: str) -> bool:
        """Read the next word when it is one of these, and say so."""
        if self.peek() and self.peek() in wanted:
            self._at += 1
            return True
        return False

    def skip(self, *noise: str) -> None:
        """Read over words that add nothing."""
        while self.took(*noise):
            pass

    def refuse(self, *, near: Collection[str] = (), missing: str = "") -> Invalid:
        """Return the error for the next word: its place, and what may have been meant."""
        if self._at < len(self._words):
            match = self._words[self._at]
            start, end, word = match.start(), match.end(), match[0][:_SHOWN]
            said = f'from "{word}": {self._around(start, end)}'
        else:
            start = len(self.text)
            said = f"from its end: {self._around(start, start).replace('›', ' ›').lstrip()}"
        understood = _NOISE.sub("", self.text[:start])
        parts = [f"rule not understood {said}"]
        parts.append(f"understood so far: {understood[-_SHOWN:] or 'nothing'}")
        meant = get_close_matches(self.peek(), list(near), n=2, cutoff=0.6)
        if meant and not missing:
            parts.append(f"did you mean {' or '.join(meant)}?")
        if missing:
            parts.append(missing)
        elif not understood and not meant:
            parts.append(f"examples are {EXAMPLES}")
        return Invalid("; ".join(parts))

    def _around(self, start: int, end: int) -> str:
        before, word, after = self.text[:start], self.text[start:end], self.text[end:]
        if len(before) > _SHOWN:
            before = "…" + before[-_SHOWN:]
        if len(after) > _SHOWN:
            after = after[:_SHOWN] + "…"
        return f"{before}›{word[:_SHOWN]}‹{after}"


def take_time(words: Words) -> time | None:
    """Read a time of day (`8:00`, `18.30`, `8am`, `noon`), if one comes; raises Invalid."""
    for name, hour in (("noon", _NOON), ("midnight", 0)):
        if words.took(name):
            return time(hour)
    match = _TIME.fullmatch(words.peek())
    if match is None:
        return None
    hour, minute, half = int(match[1]), int(match[2] or 0), match[4]
    apart = _HALF.fullmatch(words.peek(1)) if half is None else None
    half = apart[1] if apart else half
    if half is None and match[2] is None:
        return None
    fits = 1 <= hour <= _NOON if half else hour < 24  # noqa: PLR2004 - the hours of a day
    if not fits or minute > 59 or int(match[3] or 0) > 59:  # noqa: PLR2004 - the minutes of an hour
        raise words.refuse(missing="there is no such time; 00:00 is the first, 23:59 the last")
    if half:
        hour = hour % _NOON + (_NOON if half == "p" else 0)
    words.take()
    if apart:
        words.take()
    return time(hour, minute, int(match[3] or 0))


def need_time(words: Words) -> time:
    """Read the time of day that has to come; raises Invalid, with what is there instead."""
    place = words.place
    found = take_time(words)
    if found is not None and not found.second:
        return found
    if found is not None:
        words.go_back(place)
        raise words.refuse(missing=f"a time is told to the minute, {found:%H:%M}")
    if words.peek().isdigit():
        raise words.refuse(missing=_told_in_full(words.peek()))
    if words.peek():
        raise words.refuse(near=("noon", "midnight"), missing="a time such as 08:00 is wanted here")
    raise words.refuse(missing="a time such as 08:00 is missing")


def _told_in_full(digits: str) -> str:
    if len(digits) == 4:  # noqa: PLR2004 - 0830, as armies write it
        return f"write {digits[:2]}:{digits[2:]} for a time"
    return f"write {digits}:00 or {digits}am for a time"
