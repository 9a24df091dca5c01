"""How newsletters grow, day by day, with people who come, confirm, leave and are forgotten."""

from datetime import date, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from alerts.clock import FixedClock
from alerts.config import Settings
from alerts.database import Database
from alerts.newsletters.service import ensure_built_in, offers
from alerts.operations.pruning import Pruned, prune
from alerts.subscribers.erasure import erase, remove_people
from alerts.subscribers.growth import DayOfGrowth, growth, growth_csv, settle_days
from alerts.subscribers.models import ConsentRecord, Subscriber
from alerts.subscribers.service import add_subscriber, confirm, unsubscribe

KEY = "a-key-for-tests-only-of-more-than-32-characters"
ALERT = "gp-alert"


def sign_up(session: Session, clock: FixedClock, name: str) -> Subscriber:
    return add_subscriber(
        session,
        email=f"{name}@example.org",
        offers=[offers(session)[ALERT]],
        way="test",
        origin="192.0.2.7",
        clock=clock,
    ).subscriber


@pytest.fixture
def week(session: Session, clock: FixedClock) -> list[Subscriber]:
    """Three sign up, two confirm, one of them leaves two days later; now is the day after."""
    ensure_built_in(session, clock=clock)
    people = [sign_up(session, clock, name) for name in ("ama", "li", "wei")]
    for one in people[:2]:
        confirm(session, one.public_id, way="test", clock=clock)
    clock.advance(timedelta(days=2))
    unsubscribe(session, people[0], way="test", clock=clock)
    clock.advance(timedelta(days=1))
    session.commit()
    return people


def days(session: Session, clock: FixedClock) -> list[DayOfGrowth]:
    return growth(session, since=date(2026, 11, 1), clock=clock)


def expected(clock: FixedClock) -> list[DayOfGrowth]:
    today = clock.now().date()
    return [
        DayOfGrowth(today - timedelta(days=3), ALERT, signed_up=3, confirmed=2),
        DayOfGrowth(today - timedelta(days=1), ALERT, departed=1),
    ]


def test_days_are_counted_the_same_before_and_after_they_are_settled(
    session: Session, clock: FixedClock, week: list[Subscriber]
) -> None:
    assert days(session, clock) == expected(clock)
    # A limit is for whoever counts in slices.
    assert settle_days(session, clock=clock, limit=2) == 2
    assert days(session, clock) == expected(clock)
    assert settle_days(session, clock=clock) == 1
    assert settle_days(session, clock=clock) == 0
    assert days(session, clock) == expected(clock)
    assert (
        growth(session, since=date(2026, 11, 1), newsletter="africa-this-week", clock=clock) == []
    )
    assert growth_csv(days(session, clock)).splitlines()[0] == (
        "day,newsletter,signed_up,confirmed,departed"
    )


@pytest.mark.parametrize("settled", [True, False])
def test_erasing_somebody_leaves_the_counts_true(
    session: Session, clock: FixedClock, week: list[Subscriber], *, settled: bool
) -> None:
    if settled:
        settle_days(session, clock=clock)
    for person in week[:2]:
        erase(session, person, keys=(KEY,), clock=clock)
    assert session.scalar(select(func.count()).select_from(ConsentRecord)) == 1
    assert days(session, clock) == expected(clock)
    settle_days(session, clock=clock)
    assert days(session, clock) == expected(clock)


@pytest.mark.parametrize("settled", [True, False])
def test_removing_many_at_once_leaves_the_counts_true(
    session: Session, clock: FixedClock, week: list[Subscriber], *, settled: bool
) -> None:
    if settled:
        settle_days(session, clock=clock)
    remove_people(session, [person.id for person in week[:2]], clock=clock)
    assert session.scalar(select(func.count()).select_from(ConsentRecord)) == 1
    assert days(session, clock) == expected(clock)
    settle_days(session, clock=clock)
    assert days(session, clock) == expected(clock)


def test_pruning_forgets_who_never_confirmed_or_left_long_ago(
    database: Database, session: Session, clock: FixedClock, week: list[Subscriber]
) -> None:
    settings = Settings(secret_key=(KEY,))
    assert prune(database, settings, clock=clock) == Pruned()
    clock.advance(timedelta(days=31))
    assert prune(database, settings, clock=clock) == Pruned(unconfirmed=1)
    clock.advance(timedelta(days=340))
    assert prune(database, settings, clock=clock).networks > 0
    clock.advance(timedelta(days=400))
    assert prune(database, settings, clock=clock) == Pruned(departed=1)
    with database.read() as fresh:
        assert [one.email for one in fresh.scalars(select(Subscriber))] == ["li@example.org"]
        assert set(fresh.scalars(select(ConsentRecord.origin))) == {None}
        assert days(fresh, clock) == [day for day in days(fresh, clock) if day.newsletter == ALERT]
        assert sum(day.signed_up for day in days(fresh, clock)) == 3


def test_what_is_to_be_kept_for_ever_stays(
    database: Database, clock: FixedClock, week: list[Subscriber]
) -> None:
    settings = Settings(
        secret_key=(KEY,),
        keep_unconfirmed=None,
        keep_departed=None,
        keep_networks=None,
    )
    clock.advance(timedelta(days=4000))
    assert prune(database, settings, clock=clock) == Pruned()
