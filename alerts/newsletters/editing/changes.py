"""What changed between two versions of an issue, in a form that people read. Pure."""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from alerts.articles.difference import Change, text_changes
from alerts.newsletters.editing.composition import Composition, PieceEntry, TextEntry

_NAMES = (("subject", "Subject"), ("preheader", "Preheader"), ("note", "Editor’s note"))
_OWN = "as the article has it"


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """One thing that changed: what, and the words taken out and put in."""

    what: str
    changes: tuple[Change, ...] = ()

    def line(self) -> str:
        """Return it on one line, for a terminal."""
        return ": ".join(filter(None, (self.what, " ".join(one.line() for one in self.changes))))


@dataclass(frozen=True, slots=True)
class Names:
    """What pieces (by key) and sections are called, for people."""

    pieces: Mapping[str, str]
    sections: Mapping[str, str]

    def piece(self, entry: PieceEntry) -> str:
        """Return a piece's title in quotation marks: its own, whatever an issue calls it."""
        return f"“{self.pieces.get(entry.key) or entry.title or f'article {entry.article}'}”"

    def section(self, key: str) -> str:
        """Return a section's title, or its key where it has none."""
        return self.sections.get(key) or key


def changes_between(before: Composition, after: Composition, names: Names) -> list[ChangeLine]:
    """Return what is different in `after`, a line each; empty when nothing is."""
    lines = [
        ChangeLine(words, text_changes(getattr(before, name), getattr(after, name)))
        for name, words in _NAMES
        if getattr(before, name) != getattr(after, name)
    ]
    return [*lines, *_pieces(before, after, names), *_texts(before, after, names)]


def _pieces(before: Composition, after: Composition, names: Names) -> Iterator[ChangeLine]:
    old = {piece.key: piece for piece in before.pieces}
    new = {piece.key: piece for piece in after.pieces}
    for key, piece in old.items():
        if key not in new:
            yield ChangeLine(f"Taken out: {names.piece(piece)}")
    for key, piece in new.items():
        if key not in old:
            yield ChangeLine(f"Put into {names.section(piece.section)}: {names.piece(piece)}")
    moved = _moved(before, after)
    for key, piece in new.items():
        if key in old:
            yield from _piece(old[key], piece, names, is_moved=key in moved)


def _piece(
    old: PieceEntry, new: PieceEntry, names: Names, *, is_moved: bool
) -> Iterator[ChangeLine]:
    name = names.piece(new)
    if old.section != new.section:
        old_section, new_section = names.section(old.section), names.section(new.section)
        yield ChangeLine(f"Moved from {old_section} to {new_section}: {name}")
    elif is_moved:
        yield ChangeLine(f"Moved within {names.section(new.section)}: {name}")
    if old.title != new.title:
        own = names.pieces.get(new.key, _OWN)
        yield ChangeLine(f"Title of {name}", text_changes(old.title or own, new.title or own))
    if old.standfirst != new.standfirst:
        shown = (_OWN if one is None else one or "none" for one in (old.standfirst, new.standfirst))
        yield ChangeLine(f"Standfirst of {name}", text_changes(*shown))
    if old.paragraphs != new.paragraphs:
        much = how_much(old.paragraphs), how_much(new.paragraphs)
        yield ChangeLine(f"Shown of the text of {name}", (Change("", *much, ""),))


def how_much(paragraphs: int | None) -> str:
    """Return in words how much of a text is shown."""
    if paragraphs is None:
        return "all of it"
    if not paragraphs:
        return "none of it"
    return f"the first {paragraphs} paragraphs" if paragraphs > 1 else "the first paragraph"


def _texts(before: Composition, after: Composition, names: Names) -> Iterator[ChangeLine]:
    old = {one.key: one for one in before.entries if isinstance(one, TextEntry)}
    new = {one.key: one for one in after.entries if isinstance(one, TextEntry)}
    moved = _moved(before, after)
    for key in dict.fromkeys([*old, *new]):
        was, now = old.get(key), new.get(key)
        place = names.section((now or was or new[key]).section)
        words = was.markdown if was else "", now.markdown if now else ""
        if was is None:
            yield ChangeLine(f"New text in {place}", text_changes(*words))
        elif now is None:
            yield ChangeLine(f"Text taken out of {place}", text_changes(*words))
        else:
            if words[0] != words[1]:
                yield ChangeLine(f"Text in {place}", text_changes(*words))
            if was.section != now.section or key in moved:
                yield ChangeLine(f"Text moved in {place}")


def _moved(before: Composition, after: Composition) -> set[str]:
    """Return what stands elsewhere among those that stand in both: as few as explain the order."""
    old, new = ([entry.key for entry in one.entries] for one in (before, after))
    both = set(old) & set(new)
    old, new = [key for key in old if key in both], [key for key in new if key in both]
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    stay = {
        key
        for block in matcher.get_matching_blocks()
        for key in old[block.a : block.a + block.size]
    }
    return both - stay
