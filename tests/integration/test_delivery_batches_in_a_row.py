"""What one process does for batch after batch of an issue: nothing of it twice that need not be."""

import time
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import literal, select, update

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.delivery import audience
from alerts.delivery.messages import IssueMessages
from alerts.delivery.models import Batch, BatchState, Delivery
from alerts.delivery.sender import BatchResult
from alerts.delivery.transports.base import Lane
from alerts.newsletters.models import Issue
from alerts.newsletters.service import apply_toml, export_toml
from tests.data.delivery.house import House
from tests.factories import SETTINGS

READERS = 600
PATIENCE = 60.0


@pytest.fixture
def house(database: Database, clock: FixedClock, tmp_path: Path) -> House:
    return House.in_three_batches(database, clock, tmp_path, readers=READERS)


def test_the_task_of_a_batch_that_is_done_goes_on_with_the_others(house: House) -> None:
    first, *others = house.batches()
    house.sender.work_off(first)
    results = house.sender.work_on(first, seconds=PATIENCE)
    assert results == {first: BatchResult.NOT_OURS} | dict.fromkeys(others, BatchResult.DONE)
    assert max(house.transport.got.values()) == 1
    assert house.books().sent == READERS


def test_the_task_of_a_batch_that_is_gone_does_nothing(house: House) -> None:
    assert house.sender.work_on(999, seconds=PATIENCE) == {999: BatchResult.NOT_OURS}
    assert house.books().sent == 0


def test_what_should_stop_an_issue_was_seen_by_the_batch_before(house: House) -> None:
    looks = []

    def overtaken(lane: Lane) -> bool:
        looks.append(lane)
        return False

    sender = replace(house.sender, overtaken=overtaken)
    first, second, third = house.batches()
    sender.work_off(first)
    assert looks
    # As if it had been a moment ago, however slow this machine is.
    sender.looked[house.issue_id] = time.monotonic() + PATIENCE
    looks.clear()
    sender.work_off(second)
    assert not looks
    # Another issue's says nothing.
    sender.looked[house.issue_id + 1] = sender.looked.pop(house.issue_id)
    sender.work_off(third)
    assert looks


def messages_of(house: House, seen: IssueMessages | None = None) -> IssueMessages:
    with house.database.read() as session:
        if seen is not None and (again := seen.again(session, house.issue_id)):
            return again
        return IssueMessages.load(session, house.issue_id, sender=SETTINGS.sender)


def compiled(house: House, messages: IssueMessages) -> object:
    with house.database.read() as session:
        [edition] = session.scalars(select(Delivery.edition_id).distinct()).all()
    assert edition is not None
    messages.compile(house.database, {edition})
    return messages.compiled(edition)


def test_an_edition_is_compiled_once_for_all_batches(house: House) -> None:
    first = messages_of(house)
    before = compiled(house, first)
    second = messages_of(house, first)
    assert compiled(house, second) is before
    # Each keeps its own: what one forgets the other may be sending.
    first._compiled.clear()
    assert compiled(house, second) is before


def test_what_was_changed_meanwhile_counts_for_the_next_batch(house: House) -> None:
    first = messages_of(house)
    before = compiled(house, first)
    with house.database.transaction() as session:
        text = export_toml(session, first.newsletter)
        changed = text.replace('worth_sending = "1 day"', 'worth_sending = "5 hours"')
        assert changed != text
        apply_toml(session, changed, source="changed.toml", clock=house.clock)
    second = messages_of(house, first)
    assert second.give_up_at != first.give_up_at
    assert compiled(house, second) is not before


def test_who_is_tried_again_later_has_longer(house: House) -> None:
    first = messages_of(house)
    house.later(hours=3)
    with house.database.transaction() as session:
        session.execute(update(Issue).values(retried_at=house.clock.now()))
    assert messages_of(house, first).give_up_at > first.give_up_at


def test_another_issues_messages_are_no_use(house: House) -> None:
    first = messages_of(house)
    with house.database.read() as session:
        assert first.again(session, house.issue_id + 1) is None


@pytest.mark.parametrize("more_follow", [True, False])
@pytest.mark.parametrize("readers", [1, 249, 250, 251, 999, 3_999, 4_000, 9_000, 45_000])
def test_every_reader_is_in_a_batch_and_no_batch_is_empty(
    database: Database, readers: int, *, more_follow: bool
) -> None:
    parting = audience._Parting.of(readers, more_follow=more_follow)
    large, count = parting.large_ones(readers), parting.batches(readers)
    edges = {
        place
        for number in range(count)
        for first in [
            number * parting.large
            if number < large
            else large * parting.large + (number - large) * parting.small
        ]
        for place in (first - 1, first)
        if place >= 0
    }
    with database.read() as session:
        numbers = [
            session.execute(select(parting.number(literal(place), literal(large)))).scalar_one()
            for place in sorted(edges | {readers - 1})
        ]
    # At each edge the next batch begins, and the last reader is in the last one.
    assert numbers == sorted(numbers)
    assert set(numbers) == set(range(count))
    assert numbers[-1] == count - 1


def test_the_last_batches_are_small_so_that_all_workers_end_together() -> None:
    parting = audience._Parting.of(45_000, more_follow=False)
    assert (parting.large, parting.small) == (2_000, 500)
    assert (parting.large_ones(45_000), parting.batches(45_000)) == (21, 27)
    # A small issue is in small ones alone.
    few = audience._Parting.of(600, more_follow=False)
    assert (few.large, few.small, few.batches(600)) == (250, 250, 3)
    # Nobody waits for the end of what more follows upon.
    first = audience._Parting.of(5_000, more_follow=True)
    assert (first.large, first.small, first.batches(5_000)) == (1_000, 1_000, 5)


def test_the_ledger_says_the_same(
    database: Database, clock: FixedClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audience, "_SMALLEST_BATCH", 10)
    monkeypatch.setattr(audience, "_LARGEST_BATCH", 40)
    house = House(database, clock, tmp_path)
    house.send_to(*(f"r{n:03}" for n in range(215)))
    with database.read() as session:
        held = [
            len(session.scalars(select(Delivery.id).where(Delivery.batch_id == number)).all())
            for number in house.batches()
        ]
        assert set(session.scalars(select(Batch.state))) == {BatchState.READY}
    assert held == [14] * 14 + [10, 9]
