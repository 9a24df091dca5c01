"""What two editors made of one draft, brought together: by entry and field. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from alerts.newsletters.editing.composition import Composition, Entry, TextEntry

_T = TypeVar("_T")
_WORDS = (("subject", "the subject"), ("preheader", "the preheader"), ("note", "the editor’s note"))
_FIELDS = (
    ("section", "the section"),
    ("title", "the title"),
    ("standfirst", "the standfirst"),
    ("paragraphs", "how much is shown"),
)


@dataclass(frozen=True, slots=True)
class Clash:
    """What both changed, each in another way: `what`, of the piece or text of a key, if of any."""

    what: str
    key: str = ""


@dataclass(frozen=True, slots=True)
class Merged:
    """What both come to; where they clash it is as in mine."""

    composition: Composition
    clashes: tuple[Clash, ...]


def bring_together(base: Composition, theirs: Composition, mine: Composition) -> Merged:
    """Return what comes of two compositions that were begun from `base`.

    What one of them changed is taken from that one; what both changed, from mine. What one put in
    stays, and what one took out goes, unless the other changed it meanwhile.
    """
    clashes: list[Clash] = []
    words = {
        name: _of_three(
            getattr(base, name), getattr(theirs, name), getattr(mine, name), Clash(what), clashes
        )
        for name, what in _WORDS
    }
    entries = _entries(base, theirs, mine, clashes)
    order = _order(base, theirs, mine, clashes)
    merged = replace(mine, **words, entries=tuple(entries[key] for key in order if key in entries))
    return Merged(merged, tuple(clashes))


def _of_three(base: _T, theirs: _T, mine: _T, clash: Clash, clashes: list[Clash]) -> _T:
    if mine == base:
        return theirs
    if theirs not in (base, mine):
        clashes.append(clash)
    return mine


def _entries(
    base: Composition, theirs: Composition, mine: Composition, clashes: list[Clash]
) -> dict[str, Entry]:
    old, other, own = (_by_key(one) for one in (base, theirs, mine))
    found: dict[str, Entry] = {}
    for key in dict.fromkeys([*old, *other, *own]):
        was, there, here = old.get(key), other.get(key), own.get(key)
        if there is not None and here is not None:
            found[key] = _entry(was, there, here, clashes)
            continue
        left = here or there
        if left is not None and left != was:
            # New, or changed by the one while the other took it out.
            found[key] = left
            if was is not None:
                clashes.append(Clash("whether it stands in the issue", key))
    return found


def _entry(was: Entry | None, there: Entry, here: Entry, clashes: list[Clash]) -> Entry:
    if isinstance(here, TextEntry):
        names: Sequence[tuple[str, str]] = (("section", "the section"), ("markdown", "the words"))
    else:
        names = _FIELDS
    changes: dict[str, Any] = {
        name: _of_three(
            getattr(was, name, None),
            getattr(there, name, None),
            getattr(here, name),
            Clash(what, here.key),
            clashes,
        )
        for name, what in names
    }
    return replace(here, **changes)


def _order(
    base: Composition, theirs: Composition, mine: Composition, clashes: list[Clash]
) -> list[str]:
    """Return the order of whoever moved something, with what the other put in where it was put."""
    old, other, own = ([entry.key for entry in one.entries] for one in (base, theirs, mine))
    they_moved, i_moved = _moved(old, other), _moved(old, own)
    if they_moved and i_moved and _common(own, other) != _common(other, own):
        clashes.append(Clash("the order"))
    leading, adding = (other, own) if they_moved and not i_moved else (own, other)
    order = list(leading)
    for at, key in enumerate(adding):
        if key not in order:
            before = next((one for one in reversed(adding[:at]) if one in order), None)
            order.insert(0 if before is None else order.index(before) + 1, key)
    return order


def _moved(old: Sequence[str], new: Sequence[str]) -> bool:
    return _common(old, new) != _common(new, old)


def _common(keys: Sequence[str], others: Sequence[str]) -> list[str]:
    """Return those of the keys that stand in the others too, in their order."""
    known = set(others)
    return [key for key in keys if key in known]


def _by_key(composition: Composition) -> dict[str, Entry]:
    return {entry.key: entry for entry in composition.entries}
