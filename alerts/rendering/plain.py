"""Plain text as a person would type it: lines of 72 columns, headings underlined, links whole."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache

COLUMNS = 72
# On a line of its own in a template: two blank lines here, however many stand around it.
GAP = "\f"

# The editions of an issue hold the same paragraphs, in ever other company.
_KEPT_PARAGRAPHS = 1_000
_WIDE = frozenset("WF")
_SPACES = re.compile(r"\s+")
_BLANK_LINES = re.compile(r"\n\n\n+")
_SPACES_AT_AN_END = (" \n", "\t\n", "\r\n")


def display_width(text: str) -> int:
    """Return how many columns a terminal gives the text: two for a wide East Asian character."""
    if text.isascii():
        return len(text)
    return sum(_columns(character) for character in text)


@lru_cache(maxsize=_KEPT_PARAGRAPHS, typed=True)
def wrap(text: str, *, first: str = "", rest: str = "", columns: int = COLUMNS) -> str:
    """Fill one paragraph into lines of at most `columns`, each begun with `first` or `rest`.

    A word that is longer than a line, such as an address, stays whole on a line of its own.
    Between wide characters, where no spaces are written, a line may end anywhere.
    """
    lines: list[str] = []
    line, start, width = "", first, display_width(first)
    for unit, spaced in _units(text):
        gap = " " if line and spaced else ""
        added = len(gap) + display_width(unit)
        if line and width + added > columns:
            lines.append(start + line)
            line, start = unit, rest
            width = display_width(rest) + display_width(unit)
        else:
            line += gap + unit
            width += added
    if line:
        lines.append(start + line)
    return "\n".join(lines)


def underline(text: str, mark: str = "-", columns: int = COLUMNS) -> str:
    """Return a heading with a rule below it as long as its longest line."""
    filled = wrap(text, columns=columns)
    longest = max((display_width(line) for line in filled.split("\n")), default=0)
    return f"{filled}\n{mark * min(longest, columns)}" if filled else ""


def tidy(text: str) -> str:
    """Return the text without trailing spaces, with one blank line at most, and two at a gap."""
    if any(mark in f"{text}\n" for mark in _SPACES_AT_AN_END):
        text = "\n".join(line.rstrip(" \t\r") for line in text.split("\n"))
    parts = (part.strip("\n") for part in text.split(GAP))
    whole = "\n\n\n".join(_BLANK_LINES.sub("\n\n", part) for part in parts if part)
    return f"{whole}\n"


def one_line(text: str) -> str:
    """Return the text on one line, every run of white space as one space."""
    return _SPACES.sub(" ", text).strip()


def join_names(names: Sequence[str]) -> str:
    """Return names as a sentence has them: `A`, `A and B`, `A, B and C`."""
    if len(names) < 2:  # noqa: PLR2004 - nothing to join
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _units(text: str) -> Iterator[tuple[str, bool]]:
    """Yield what may not be broken, and whether a space stood before it."""
    for word in text.split():
        if word.isascii():
            yield word, True
            continue
        spaced, held = True, ""
        for character in word:
            # Closing punctuation stays with what it closes.
            if _columns(character) == 2 and not unicodedata.category(character).startswith("P"):  # noqa: PLR2004 - a wide one
                if held:
                    yield held, spaced
                    spaced = False
                held = character
            elif held and _columns(held[-1]) == 2 and character.isalnum():  # noqa: PLR2004 - a wide one
                yield held, spaced
                spaced, held = False, character
            else:
                held += character
        if held:
            yield held, spaced


def _columns(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in {"Cf", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in _WIDE else 1
