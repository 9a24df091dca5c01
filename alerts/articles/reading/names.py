"""People's names as a page prints them: bylines, lists of authors, notes about them."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from alerts.articles.reading.header import read_header, team_name
from alerts.articles.reading.record import ReadAuthor

_BY = re.compile(
    r"^(?:(?:written|compiled|edited|report(?:ed)?|text)\s+)?by\b\s*:?\s*", re.IGNORECASE
)
_BETWEEN = re.compile(r"\s*(?:,|;|&|\band\b|\||/)\s*")
# `Amara Diallo (Harmattan Institute)`: where somebody works.
_PLACE = re.compile(r"\s*\([^()]{2,60}\)(?=\s*(?:,|;|&|\band\b|$))")
_PARTICLES = {"al", "bin", "da", "de", "del", "der", "di", "dos", "du", "el", "ibn", "la", "le"}
_PARTICLES |= {"ter", "van", "von", "y", "bint", "den", "st."}
_NAME_WORD = re.compile(r"^[^\W\d_][\w.'’\-]*$")
_TEAM = re.compile(r"^(?:the\s+)?[\w&. -]{1,60}\b(?:team|desk|bureau|staff)$", re.IGNORECASE)
_ABOUT_HEAD = re.compile(
    r"^about\s+the\s+(?:authors?|contributors?|writers?)\s*[:.]?$", re.IGNORECASE
)
_MOST_WORDS = 5
_LONGEST_BYLINE = 160
# Words that begin headings and sentences, never names.
_NO_NAMES = {
    *("the", "a", "an", "in", "on", "of", "for", "to", "at", "from", "with", "why", "how", "what"),
    *("is", "are", "no", "not", "new", "after", "issues", "about", "part", "chapter", "photo"),
    *("print", "share", "read", "home", "contact", "this", "that", "and", "or", "by", "as", "us"),
}


@dataclass(frozen=True, slots=True)
class Byline:
    """Who signed: people, and a team apart from them."""

    names: tuple[str, ...] = ()
    team: str | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nobody was found."""
        return not self.names and not self.team


def read_byline(line: str) -> Byline | None:
    """Return who a line names, or None when it is no byline.

    `By X`, `X and Y`, `X, Y & Z`, `NIAS Africa Team`; every name must look like one.
    """
    text = " ".join(line.split()).strip(" |,;")
    return _read_names(text) if len(text) <= _LONGEST_BYLINE * 2 else None


@lru_cache(maxsize=4_096)
def _read_names(text: str) -> Byline | None:
    marked = _BY.match(text)
    text = text[marked.end() :] if marked else text
    before, colon, after = text.partition(":")
    if colon and is_team(before) and after.strip():
        text = f"{before}, {after.strip()}"
    if not text or len(text) > _LONGEST_BYLINE or re.search(r"[?!:#\d…\"“”]", text):
        return None
    pieces = [piece for piece in _BETWEEN.split(_PLACE.sub("", text)) if piece]
    teams = [piece for piece in pieces if is_team(piece)]
    names = tuple(dict.fromkeys(piece for piece in pieces if not is_team(piece)))
    if not pieces or not all(is_name(name, single=bool(marked)) for name in names):
        return None
    return Byline(names, team_name(teams[0]) if teams else None)


def is_team(text: str) -> bool:
    """Tell whether a name is that of a team."""
    return bool(_TEAM.match(text.strip())) or (read_header(text).team == team_name(text))


def is_name(text: str, *, single: bool = False) -> bool:
    """Tell whether a text looks like a person's name; of one word only where `single` allows."""
    words = text.rstrip(".").split() if not re.search(r"\b[A-Z]\.$", text) else text.split()
    if not (1 if single else 2) <= len(words) <= _MOST_WORDS:
        return False
    if words[0].lower() in _NO_NAMES or text.endswith(("..", ",")):
        return False
    return all(_is_name_word(word) for word in words) and words[0][0].isupper()


def is_about_heading(line: str) -> bool:
    """Tell whether a line is the heading over the notes about the authors."""
    return bool(_ABOUT_HEAD.match(line.strip(" |*_")))


def subject_of_note(line: str) -> str | None:
    """Return the person whom a note begins with, or None."""
    match = re.match(
        r"^((?:(?:Dr|Prof|Mr|Ms|Mrs)\.?\s+)?[^,]{3,60}?),?\s+(?:is|was|works|holds)\b", line
    )
    return match[1] if match and is_name(match[1]) else None


def same_name(one: str, other: str) -> bool:
    """Tell whether two spellings name one person: case, accents, dots and spaces aside."""
    return folded(one) == folded(other)


def folded(text: str) -> str:
    """Return a text without case, accents, punctuation and spare spaces, for comparison."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    return " ".join(re.sub(r"[\W_]+", " ", plain).split())


def with_notes(
    names: Sequence[str], notes: Sequence[str]
) -> tuple[tuple[ReadAuthor, ...], tuple[str, ...]]:
    """Attach each note to the person it speaks of; return the authors and the notes left over."""
    about: dict[str, str] = {}
    left = []
    for note in notes:
        known = [name for name in names if _speaks_of(note, name)]
        # A note that names two people belongs to both: "A and B are scholars at …".
        for name in known:
            about[name] = f"{about[name]} {note}" if name in about else note
        if not known:
            left.append(note)
    return tuple(ReadAuthor(name, about.get(name)) for name in names), tuple(left)


def _speaks_of(note: str, name: str) -> bool:
    words = f" {folded(note)} "
    wanted = folded(name)
    return bool(wanted) and f" {wanted} " in words[: len(wanted) + 120]


def _is_name_word(word: str) -> bool:
    if word.lower() in _PARTICLES:
        return True
    return bool(_NAME_WORD.match(word)) and word[0].isupper()
