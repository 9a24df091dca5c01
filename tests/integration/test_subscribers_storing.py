"""Groups of rows side by side, imports at the same time, and readers who change meanwhile."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import func, select

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.newsletters.service import ensure_built_in, offers
from alerts.subscribers import service
from alerts.subscribers.addresses import parse_address
from alerts.subscribers.files.makes import Standing
from alerts.subscribers.files.rows import RefusedRow, SubscriberRow, WishedRow
from alerts.subscribers.importing import import_subscribers
from alerts.subscribers.models import ConsentRecord, Subscriber, SubscriberState, Subscription
from alerts.subscribers.queries import find_subscriber
from alerts.subscribers.storing.known import look_up
from alerts.subscribers.storing.lanes import side_by_side
from alerts.subscribers.storing.planning import Plan
from alerts.subscribers.storing.postgresql import PostgresTables
from alerts.subscribers.storing.refusals import Refusals
from alerts.subscribers.storing.sqlite import SqliteTables
from alerts.subscribers.storing.writing import Overtaken, write_plan
from alerts.subscribers.wishes import Offer

KEYS = ("a-key-for-tests-only-of-more-than-32-characters",)


@pytest.fixture
def offered(database: Database, clock: FixedClock) -> dict[str, Offer]:
    with database.transaction() as session:
        ensure_built_in(session, clock=clock)
        return dict(offers(session))


def row(email: str, offered: Sequence[Offer]) -> SubscriberRow:
    wished = WishedRow(tuple(offered), explicit=False, frequency=None, wish="", time_zone=None)
    confirmed = Standing(SubscriberState.CONFIRMED)
    return SubscriberRow(2, parse_address(email), None, wished, confirmed)


def test_two_imports_at_once_add_everybody_once(
    database: Database, clock: FixedClock, offered: dict[str, Offer], tmp_path: Path
) -> None:
    emails = [f"r{n}@example.org" for n in range(7_000)]
    paths = [tmp_path / "up.csv", tmp_path / "down.csv"]
    paths[0].write_text("email\n" + "\n".join(emails))
    paths[1].write_text("email\n" + "\n".join(reversed(emails)))
    together = threading.Barrier(2)

    def take(path: Path) -> tuple[int, int]:
        together.wait()
        result = import_subscribers(
            database, path, offers=offered, consent="", clock=clock, suppression_keys=KEYS
        )
        return result.added, result.unchanged

    with ThreadPoolExecutor(2) as pool:
        (one, one_known), (other, other_known) = pool.map(take, paths)
    assert one + other == one_known + other_known == 7_000
    with database.read() as session:
        for table, expected in ((Subscriber, 7_000), (Subscription, 14_000)):
            assert session.scalar(select(func.count()).select_from(table)) == expected
        assert session.scalar(select(func.count()).select_from(ConsentRecord)) == 14_000


def test_who_leaves_meanwhile_is_not_confirmed(
    database: Database, clock: FixedClock, offered: dict[str, Offer]
) -> None:
    with database.transaction() as session:
        service.add_subscriber(
            session, email="a@example.org", offers=list(offered.values()), way="test", clock=clock
        )
    rows = [row("a@example.org", list(offered.values()))]
    with database.read() as session:
        plan = Plan(look_up(session, rows, keys=KEYS), clock.now(), "x")
    assert plan.take(rows[0]).what == "updated"
    with database.transaction() as session:
        leaving = find_subscriber(session, "a@example.org")
        service.unsubscribe(session, leaving, way="link", clock=clock)
    with database.transaction() as session:
        tables = SqliteTables(session) if database.is_sqlite else PostgresTables(session)
        with pytest.raises(Overtaken):
            write_plan(session, tables, plan, origin="x", keys=KEYS)
        session.rollback()
    with database.read() as session:
        found = find_subscriber(session, "a@example.org")
    assert found.state is SubscriberState.UNSUBSCRIBED


def test_groups_are_told_of_in_order_and_share_no_key() -> None:
    busy: set[str] = set()
    met: list[str] = []
    first_may_end = threading.Event()

    def work(group: set[str]) -> str:
        met.extend(busy & group)
        busy.update(group)
        if group == {"a"}:
            assert first_may_end.wait(30)
        else:
            first_may_end.set()
        busy.difference_update(group)
        return "".join(sorted(group))

    groups = [{"a"}, {"b"}, {"b", "c"}, {"c"}, {"d"}]
    told = [result for _, result in side_by_side(groups, work, keys=set, lanes=2)]
    assert told == ["a", "b", "bc", "c", "d"]
    assert met == []


@pytest.mark.parametrize("lanes", [1, 2])
def test_the_error_of_a_group_comes_in_its_place(lanes: int) -> None:
    def work(group: set[str]) -> int:
        return int(min(group))

    told = side_by_side([{"1"}, {"x"}, {"2"}], work, keys=set, lanes=lanes)
    assert next(told) == ({"1"}, 1)
    with pytest.raises(ValueError, match="invalid literal"):
        next(told)


@pytest.fixture
def long_reason() -> Callable[[int], str]:
    return lambda number: f"{number} " + "ß\n" * 100


def test_refused_rows_are_kept_however_many(long_reason: Callable[[int], str]) -> None:
    refusals = Refusals()
    for number in range(4_000):
        refusals.append(RefusedRow(number, "a@b", long_reason(number)))
    for _ in range(2):
        assert [(r.line, r.reason) for r in refusals] == [(n, long_reason(n)) for n in range(4_000)]
    next(iter(refusals))
    refusals.append(RefusedRow(4_000, "last", "x"))
    assert [r.email for r in refusals][-2:] == ["a@b", "last"]
    assert len(refusals) == 4_001
