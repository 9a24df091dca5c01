"""Single steps of composing: each takes a composition and returns the next. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from alerts.errors import Invalid, NotFound
from alerts.newsletters.editing.composition import Composition, Entry, PieceEntry, TextEntry


def up(composition: Composition, key: str, sections: Sequence[str]) -> Composition:
    """Move an entry one place up; the first of a section goes to the end of the one before."""
    entries = list(composition.entries)
    at = _place(composition, key)
    entry = entries[at]
    if at and entries[at - 1].section == entry.section:
        entries[at - 1], entries[at] = entry, entries[at - 1]
    else:
        entries[at] = replace(entry, section=_beside(sections, entry.section, -1))
    return _arranged(composition, entries, sections)


def down(composition: Composition, key: str, sections: Sequence[str]) -> Composition:
    """Move an entry one place down; the last of a section becomes the first of the next."""
    entries = list(composition.entries)
    at = _place(composition, key)
    entry = entries[at]
    if at + 1 < len(entries) and entries[at + 1].section == entry.section:
        entries[at + 1], entries[at] = entry, entries[at + 1]
    else:
        entries[at] = replace(entry, section=_beside(sections, entry.section, +1))
    return _arranged(composition, entries, sections)


def into_focus(
    composition: Composition, key: str, section: str, sections: Sequence[str]
) -> Composition:
    """Let a piece stand alone in a section; the pieces that stood there open the next one."""
    after = _beside(sections, section, +1)
    if after == section:
        after = _beside(sections, section, -1)
    chosen = composition.entries[_place(composition, key)]
    others = [
        replace(entry, section=after)
        if isinstance(entry, PieceEntry) and entry.section == section
        else entry
        for entry in composition.entries
        if entry.key != key
    ]
    return _arranged(composition, [replace(chosen, section=section), *others], sections)


def without(composition: Composition, key: str) -> Composition:
    """Take an entry out; a piece is set aside."""
    at = _place(composition, key)
    entries = composition.entries[:at] + composition.entries[at + 1 :]
    return replace(composition, entries=entries).following(composition)


def put_back(composition: Composition, key: str, sections: Sequence[str]) -> Composition:
    """Put a piece that was set aside at the end of its section, as it was."""
    piece = next((one for one in composition.aside if one.key == key), None)
    if piece is None:
        raise NotFound("that piece is not set aside any more")
    aside = tuple(one for one in composition.aside if one.key != key)
    entries = [*composition.entries, piece]
    return _arranged(replace(composition, aside=aside), entries, sections)


def with_piece(composition: Composition, piece: PieceEntry, sections: Sequence[str]) -> Composition:
    """Add a piece at the end of its section; one that was set aside comes back as it was."""
    if composition.find(piece.key) is not None:
        raise Invalid("that piece stands in the issue already")
    if any(one.key == piece.key for one in composition.aside):
        return put_back(composition, piece.key, sections)
    return _arranged(composition, [*composition.entries, piece], sections)


def with_pieces(
    composition: Composition, pieces: Sequence[PieceEntry], sections: Sequence[str]
) -> Composition:
    """Add pieces of one roundup; where the whole stands they take its place, and it is set aside.

    Those that stand in the issue already stay where they are. One that was set aside comes with the
    words it had.
    """
    had = {one.key: one for one in composition.aside}
    new = [
        replace(had.get(piece.key, piece), section=piece.section)
        for piece in pieces
        if composition.find(piece.key) is None
    ]
    if not new:
        raise Invalid("those pieces stand in the issue already")
    whole = composition.find(str(new[0].article))
    if whole is None:
        entries: list[Entry] = [*composition.entries, *new]
    else:
        at = composition.entries.index(whole)
        here = [replace(piece, section=whole.section) for piece in new]
        entries = [*composition.entries[:at], *here, *composition.entries[at + 1 :]]
    return _arranged(composition, entries, sections).following(composition)


def with_standfirst(composition: Composition, key: str, standfirst: str) -> Composition:
    """Let a piece have a standfirst of this issue's own."""
    at = _place(composition, key)
    entries = list(composition.entries)
    entry = entries[at]
    if not isinstance(entry, PieceEntry):
        raise NotFound("that is no piece")
    entries[at] = replace(entry, standfirst=standfirst)
    return replace(composition, entries=tuple(entries))


def with_words(composition: Composition, pieces: Iterable[Mapping[str, Any]]) -> Composition:
    """Let pieces say and show what is named: `id` and `part` tell which, other names are fields.

    Raises NotFound for one that does not stand in the issue.
    """
    changes = {_key_in(one): one for one in pieces}
    known = {piece.key for piece in composition.pieces}
    for key in changes:
        if key not in known:
            raise NotFound(f"piece {key} does not stand in the issue")
    entries = tuple(
        replace(entry, **_fields_in(changes.get(entry.key, {})))
        if isinstance(entry, PieceEntry)
        else entry
        for entry in composition.entries
    )
    return replace(composition, entries=entries)


def with_text(
    composition: Composition, section: str, sections: Sequence[str], *, version: int
) -> Composition:
    """Add an empty text at the beginning of a section.

    `version` is the one that is being made: a text's key is that of no other, gone ones included.
    """
    text = TextEntry(f"t{version}", section, "")
    return _arranged(composition, [text, *composition.entries], sections)


def _key_in(document: Mapping[str, Any]) -> str:
    part = document.get("part")
    return f"{document['id']}.{part}" if part else str(document["id"])


def _fields_in(document: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name not in {"id", "part"}}


def _arranged(
    composition: Composition, entries: Sequence[Entry], sections: Sequence[str]
) -> Composition:
    return replace(composition, entries=tuple(entries)).in_sections(sections)


def _place(composition: Composition, key: str) -> int:
    for at, entry in enumerate(composition.entries):
        if entry.key == key:
            return at
    raise NotFound("that piece does not stand in the issue any more")


def _beside(sections: Sequence[str], section: str, step: int) -> str:
    return sections[max(0, min(sections.index(section) + step, len(sections) - 1))]
