"""What an editor composes: the words and the order of an issue, as plain data. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from alerts.errors import Invalid

# In characters. A mail of these lengths is longer than anybody reads.
LONGEST = {
    "subject": 300,
    "preheader": 300,
    "note": 5_000,
    "title": 300,
    "standfirst": 2_000,
    "markdown": 10_000,
}
_WORDS = {
    "subject": "the subject",
    "preheader": "the preheader",
    "note": "the editor’s note",
    "title": "the title",
    "standfirst": "the standfirst",
    "markdown": "the text",
}
MOST_ENTRIES = 1_000
MOST_PARAGRAPHS = 1_000


class WrongField(Invalid):
    """Something cannot stand where it was typed; `field` names it, `entry` the piece or text."""

    def __init__(self, message: str, field: str, entry: str = "") -> None:
        super().__init__(message)
        self.field, self.entry = field, entry


@dataclass(frozen=True, slots=True)
class PieceEntry:
    """A piece in its section: an article, or one part of it (0 is the whole).

    `title` and `standfirst` are what this issue says instead of the article; None for its own.
    `paragraphs` is how many of its text are shown where a section shows it in full; None for all.
    """

    article: int
    part: int
    section: str
    title: str | None = None
    standfirst: str | None = None
    paragraphs: int | None = None

    @property
    def key(self) -> str:
        """What tells it from the issue's other entries: `12` for an article, `12.3` for a part."""
        return f"{self.article}.{self.part}" if self.part else str(self.article)


@dataclass(frozen=True, slots=True)
class TextEntry:
    """A text of the editors' own, in Markdown; `key` is `t2`, `t5`, … and stays."""

    key: str
    section: str
    markdown: str


Entry = PieceEntry | TextEntry


@dataclass(frozen=True, slots=True)
class Composition:
    """Everything that an editor may change in an issue, in the order in which it is shown.

    `aside` are pieces that were taken out and may be put back.
    """

    subject: str
    preheader: str
    note: str
    entries: tuple[Entry, ...]
    aside: tuple[PieceEntry, ...] = field(default=())

    @property
    def pieces(self) -> tuple[PieceEntry, ...]:
        """The pieces alone, in order."""
        return tuple(entry for entry in self.entries if isinstance(entry, PieceEntry))

    def find(self, key: str) -> Entry | None:
        """Return the entry of a key, if there is one."""
        return next((entry for entry in self.entries if entry.key == key), None)

    def saying(
        self, *, subject: str | None = None, preheader: str | None = None, note: str | None = None
    ) -> Self:
        """Return it with these words; None leaves them as they are."""
        return replace(
            self,
            subject=self.subject if subject is None else subject,
            preheader=self.preheader if preheader is None else preheader,
            note=self.note if note is None else note,
        )

    def in_sections(self, sections: Sequence[str]) -> Self:
        """Return it with entries by section; one of a section that is no more is in the last."""
        last = sections[-1]
        known = [e if e.section in sections else replace(e, section=last) for e in self.entries]
        ordered = sorted(known, key=lambda entry: sections.index(entry.section))
        return replace(self, entries=tuple(ordered))

    def following(self, before: "Composition") -> Self:
        """Return it as what comes after `before`: pieces that went are set aside."""
        here = {piece.key for piece in self.pieces}
        gone = {piece.key: piece for piece in before.aside}
        gone |= {piece.key: piece for piece in before.pieces}
        kept = tuple(piece for key, piece in gone.items() if key not in here)
        return replace(self, aside=kept)

    def checked(self) -> Self:
        """Return it with lines on one line each; raises WrongField."""
        entries = tuple(self._entries())
        keys = [entry.key for entry in entries]
        if len(set(keys)) != len(keys) or len(keys) > MOST_ENTRIES:
            raise Invalid("the form names a piece twice; load the page anew")
        return replace(
            self,
            subject=_line("subject", self.subject),
            preheader=_line("preheader", self.preheader),
            note=_text("note", self.note),
            entries=entries,
        )

    def _entries(self) -> Iterator[Entry]:
        for entry in self.entries:
            if isinstance(entry, TextEntry):
                yield replace(entry, markdown=_text("markdown", entry.markdown, entry.key))
            else:
                yield replace(
                    entry,
                    title=_other("title", entry.title, entry.key) or None,
                    standfirst=_other("standfirst", entry.standfirst, entry.key),
                    paragraphs=_paragraphs(entry),
                )

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON document, to be kept as a version."""
        return {
            "subject": self.subject,
            "preheader": self.preheader,
            "note": self.note,
            "entries": [entry_json(entry) for entry in self.entries],
            "aside": [entry_json(entry) for entry in self.aside],
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Composition":
        """Read back what `to_json` made."""
        return Composition(
            subject=document["subject"],
            preheader=document["preheader"],
            note=document["note"],
            entries=tuple(_entry(one) for one in document["entries"]),
            aside=tuple(PieceEntry(**one) for one in document["aside"]),
        )


def entry_json(entry: Entry) -> dict[str, Any]:
    """Return an entry as a JSON document."""
    if isinstance(entry, TextEntry):
        return {"key": entry.key, "section": entry.section, "markdown": entry.markdown}
    document = {
        "article": entry.article,
        "part": entry.part,
        "section": entry.section,
        "title": entry.title,
        "standfirst": entry.standfirst,
    }
    return document if entry.paragraphs is None else document | {"paragraphs": entry.paragraphs}


def _entry(document: Mapping[str, Any]) -> Entry:
    return TextEntry(**document) if "markdown" in document else PieceEntry(**document)


def _paragraphs(entry: PieceEntry) -> int | None:
    if entry.paragraphs is not None and not 0 <= entry.paragraphs <= MOST_PARAGRAPHS:
        raise WrongField(
            f"a text is shown to the end of a paragraph from 0 to {MOST_PARAGRAPHS:,}",
            "paragraphs",
            entry.key,
        )
    return entry.paragraphs


def _other(name: str, typed: str | None, entry: str) -> str | None:
    return None if typed is None else _line(name, typed, entry)


def _line(name: str, typed: str, entry: str = "") -> str:
    return _within(name, " ".join(typed.split()), entry)


def _text(name: str, typed: str, entry: str = "") -> str:
    return _within(name, typed.replace("\r\n", "\n").replace("\r", "\n").strip(), entry)


def _within(name: str, text: str, entry: str) -> str:
    over = len(text) - LONGEST[name]
    if over > 0:
        many = f"{LONGEST[name]:,} characters"
        raise WrongField(f"{_WORDS[name]} is {over:,} longer than {many}; cut it", name, entry)
    return text
