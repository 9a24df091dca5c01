"""Two editors' changes brought together, without any database."""

from dataclasses import replace

import pytest

from alerts.newsletters.editing.composition import Composition, Entry, PieceEntry, TextEntry
from alerts.newsletters.editing.merging import bring_together

A, B, C = (PieceEntry(number, 0, "briefs") for number in (1, 2, 3))
ESSAY = PieceEntry(9, 0, "in-focus")
TEXT = TextEntry("t4", "briefs", "words")
BASE = Composition("subject", "preheader", "note", (ESSAY, A, B, C))


def _keys(entries: tuple[Entry, ...]) -> list[str]:
    return [entry.key for entry in entries]


def test_what_one_changed_is_taken_from_that_one() -> None:
    theirs = replace(BASE, note="theirs", entries=(ESSAY, replace(A, title="theirs"), B, C))
    mine = replace(BASE, subject="mine", entries=(ESSAY, replace(A, standfirst="mine"), B, C))
    merged = bring_together(BASE, theirs, mine)
    assert merged.clashes == ()
    assert merged.composition == replace(
        BASE,
        subject="mine",
        note="theirs",
        entries=(ESSAY, replace(A, title="theirs", standfirst="mine"), B, C),
    )


def test_what_both_changed_is_mine_and_told() -> None:
    theirs = replace(BASE, note="theirs", entries=(ESSAY, replace(A, title="theirs"), B, C))
    mine = replace(BASE, note="mine", entries=(ESSAY, replace(A, title="mine"), B, C))
    merged = bring_together(BASE, theirs, mine)
    assert [(clash.what, clash.key) for clash in merged.clashes] == [
        ("the editor’s note", ""),
        ("the title", "1"),
    ]
    assert merged.composition == mine


@pytest.mark.parametrize(
    ("theirs", "mine", "expected"),
    [
        ((ESSAY, TEXT, A, B, C), (ESSAY, C, A, B), ["9", "t4", "3", "1", "2"]),
        ((ESSAY, C, B, A), (ESSAY, A, TEXT, B, C), ["9", "3", "2", "1", "t4"]),
        ((ESSAY, A, C), (ESSAY, A, B, C), ["9", "1", "3"]),
        ((ESSAY, A, B, C), (A, B, C), ["1", "2", "3"]),
        ((ESSAY, A, B), (ESSAY, B, C), ["9", "2"]),
    ],
)
def test_additions_removals_and_order_of_both(
    theirs: tuple[Entry, ...], mine: tuple[Entry, ...], expected: list[str]
) -> None:
    merged = bring_together(BASE, replace(BASE, entries=theirs), replace(BASE, entries=mine))
    assert (_keys(merged.composition.entries), merged.clashes) == (expected, ())


def test_two_orders_are_mine_and_told() -> None:
    theirs, mine = (replace(BASE, entries=one) for one in ((ESSAY, C, A, B), (ESSAY, B, A, C)))
    merged = bring_together(BASE, theirs, mine)
    assert _keys(merged.composition.entries) == ["9", "2", "1", "3"]
    assert [clash.what for clash in merged.clashes] == ["the order"]


def test_what_one_took_out_and_the_other_changed_stays_and_is_told() -> None:
    without = replace(BASE, entries=(ESSAY, B, C))
    changed = replace(BASE, entries=(ESSAY, replace(A, title="other"), B, C))
    for theirs, mine in ((without, changed), (changed, without)):
        merged = bring_together(BASE, theirs, mine)
        assert merged.composition.find("1") == replace(A, title="other")
        assert [clash.key for clash in merged.clashes] == ["1"]


def test_the_same_change_by_both_is_no_clash() -> None:
    both = replace(BASE, note="same", entries=(ESSAY, TEXT, A, B))
    merged = bring_together(BASE, both, both)
    assert (merged.composition, merged.clashes) == (both, ())
