"""The form in which an issue is composed: read back into a composition. Pure.

Every piece and text posts its fields in the order in which it stands on the page: `entry` opens
it, and `section`, `title`, `standfirst`, `paragraphs-KEY`, `markdown` up to the next belong to it.
So the order of the fields is the order of the issue, moved by script or not.
"""

import hashlib
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from alerts.errors import Invalid
from alerts.newsletters.editing.composition import Composition, Entry, PieceEntry, TextEntry
from alerts.web.forms import Fields

_DIGEST_LENGTH = 40
# Versions are kept in 32 bits.
_MOST_DIGITS = 10
# Enough for a roundup of a few hundred pieces in any script.
LARGEST_COMPOSITION = 1024 * 1024
_PIECE = re.compile(r"p:(\d{1,18})(?:\.(\d{1,9}))?:([0-9a-f]{1,8}):([0-9a-f]{1,8})")
_TEXT = re.compile(r"t:(t\d{1,9})")
_PAGE = re.compile(r"[0-9a-f]{16}")
_OF_ENTRIES = ("section", "title", "standfirst", "markdown")
# Of which one is chosen: the choices of each piece bear a name of their own.
_CHOICE = "paragraphs"


@dataclass(frozen=True, slots=True)
class PostedComposition:
    """What was composed, from which version of the issue, and what the button pressed asks for.

    `step` and `about` are a button's value, `up:12.3`; the step is `save` where none was pressed.
    `request` tells the form from others, `page` is the name that the page's script gave it.
    `begun` is the version that the words were begun from where somebody else has saved since.
    """

    composition: Composition
    base: int
    step: str
    about: str
    request: str
    page: str
    begun: int | None


@dataclass
class _Open:
    """An entry whose fields are being read."""

    name: str
    values: dict[str, str] = field(default_factory=dict)


def mark(text: str) -> str:
    """Return a short mark of a piece's own words, by which they are known when they come back."""
    return f"{zlib.crc32(' '.join(text.split()).encode()):x}"


def read_composition(fields: Fields) -> PostedComposition:
    """Read the form; raises Invalid for one that no page of ours made."""
    base = fields.one("version")
    if not base.isdecimal() or len(base) >= _MOST_DIGITS:
        raise Invalid("the form came in pieces; load the page anew")
    page, begun = fields.one("page"), fields.one("begun")
    step, _, about = fields.one("do").partition(":")
    entries = tuple(_entry(one) for one in _entries(fields.pairs))
    return PostedComposition(
        composition=Composition(
            subject=fields.one("subject"),
            preheader=fields.one("preheader"),
            note=_lines(fields.one("note")),
            entries=entries,
        ),
        base=int(base),
        step=step or "save",
        about=about,
        request=_digest(fields.pairs),
        page=page if _PAGE.fullmatch(page) else "",
        begun=int(begun) if begun.isdecimal() and len(begun) < _MOST_DIGITS else None,
    )


def _entries(pairs: Sequence[tuple[str, str]]) -> Iterator[_Open]:
    opened: _Open | None = None
    for name, value in pairs:
        if name == "entry":
            if opened is not None:
                yield opened
            opened = _Open(value)
        elif name in _OF_ENTRIES and opened is not None:
            opened.values[name] = _lines(value)
        elif name.startswith(f"{_CHOICE}-") and opened is not None:
            opened.values[_CHOICE] = value
    if opened is not None:
        yield opened


def _entry(opened: _Open) -> Entry:
    section = opened.values.get("section", "")
    if text := _TEXT.fullmatch(opened.name):
        return TextEntry(text[1], section, opened.values.get("markdown", ""))
    piece = _PIECE.fullmatch(opened.name)
    if piece is None:
        raise Invalid("the form came in pieces; load the page anew")
    return PieceEntry(
        article=int(piece[1]),
        part=int(piece[2] or 0),
        section=section,
        title=_other(opened.values.get("title"), piece[3]),
        standfirst=_other(opened.values.get("standfirst"), piece[4]),
        paragraphs=_number(opened.values.get(_CHOICE, "")),
    )


def _number(chosen: str) -> int | None:
    """Return how many paragraphs were chosen; None for the whole text."""
    if not chosen:
        return None
    if not chosen.isdecimal() or len(chosen) >= _MOST_DIGITS:
        raise Invalid("the form came in pieces; load the page anew")
    return int(chosen)


def _other(typed: str | None, own: str) -> str | None:
    """Return what was typed in place of a piece's own words; None where these stand there."""
    return None if typed is None or mark(typed) == own else typed


def _lines(typed: str) -> str:
    """Return a text with the line ends that are stored: a form posts others, typed by nobody."""
    return typed.replace("\r\n", "\n").replace("\r", "\n")


def _digest(pairs: Sequence[tuple[str, str]]) -> str:
    """Return what tells a form from others: the same one sent twice has the same."""
    told = "\0".join(f"{name}\1{value}" for name, value in pairs if name != "form_token")
    return hashlib.sha256(told.encode(errors="replace")).hexdigest()[:_DIGEST_LENGTH]
