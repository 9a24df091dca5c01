"""What queries find on both databases: what they mean in plain Python, and what one expects."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from alerts.clock import FixedClock
from alerts.delivery.models import Delivery, DeliveryState
from alerts.delivery.received import received
from alerts.errors import Refused
from alerts.newsletters.models import Issue
from alerts.newsletters.service import ensure_built_in
from alerts.subscribers.models import (
    ConsentAction,
    ConsentRecord,
    Frequency,
    Subscriber,
    SubscriberState,
    Subscription,
)
from alerts.subscribers.segments.compiler import condition
from alerts.subscribers.segments.parser import parse
from alerts.subscribers.segments.printing import canonical
from alerts.subscribers.segments.terms import Node
from tests.segments_world import (
    ISSUES,
    NOW,
    Reader,
    Subscribed,
    meant,
    populations,
    queries,
)

_ONCE = settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
LONG_AGO = NOW - timedelta(days=400)


@pytest.fixture
def newsroom(session: Session, clock: FixedClock) -> Session:
    """Return a session on a database with two newsletters and the issues 1 and 2."""
    ensure_built_in(session, clock=clock)
    session.flush()
    for number in ISSUES:
        session.add(
            Issue(
                id=number,
                newsletter="gp-alert",
                frequency=Frequency.IMMEDIATE,
                number=number,
                subject="An issue",
                until=NOW,
                created_at=NOW,
                finished_at=NOW if number == 1 else None,
            )
        )
    session.flush()
    return session


def reader(local: str = "ama", domain: str = "example.org", **changes: object) -> Reader:
    values: dict[str, object] = {
        "local": local,
        "domain": domain,
        "name": None,
        "state": "confirmed",
        "time_zone": None,
        "created_at": LONG_AGO,
        "confirmed_at": None,
        "subscriptions": (),
    }
    return Reader(**values | changes)  # type: ignore[arg-type]  # the changes a test makes


def subscribed(newsletter: str, frequency: str = "daily", *wish: str) -> Subscribed:
    return Subscribed(newsletter, frequency, wish)


def found(session: Session, query: Node | str, readers: Sequence[Reader]) -> set[str]:
    """Return the addresses that a query finds among these readers, who are gone afterwards."""
    node = parse(query) if isinstance(query, str) else query
    with _stored(session, readers):
        return asked(session, node)


def asked(session: Session, node: Node) -> set[str]:
    """Return whom a query finds, which is the same when counting and when paging."""
    chosen = condition(node, now=NOW, received=received)
    emails = set(session.scalars(select(Subscriber.email_key).where(chosen)))
    paged = condition(node, now=NOW, received=received, paging=True)
    assert set(session.scalars(select(Subscriber.email_key).where(paged))) == emails
    return emails


class _stored:  # noqa: N801 - reads as the word it is
    def __init__(self, session: Session, readers: Sequence[Reader]) -> None:
        self._session, self._readers = session, readers

    def __enter__(self) -> None:
        self._savepoint = self._session.begin_nested()
        numbered = list(enumerate(self._readers, 1))
        for table, rows in (
            (Subscriber, [_subscriber(number, one) for number, one in numbered]),
            (Subscription, [row for number, one in numbered for row in _wishes(number, one)]),
            (ConsentRecord, [row for number, one in numbered for row in _consent(number, one)]),
            (Delivery, [row for number, one in numbered for row in _deliveries(number, one)]),
        ):
            if rows:
                self._session.execute(insert(table), rows)

    def __exit__(self, *_: object) -> None:
        self._savepoint.rollback()


def _subscriber(number: int, one: Reader) -> dict[str, Any]:
    return {
        "id": number,
        "public_id": f"public-{number}",
        "email": one.email,
        "email_key": one.email,
        "name": one.name,
        "state": SubscriberState(one.state),
        "time_zone": one.time_zone,
        "created_at": one.created_at,
        "confirmed_at": one.confirmed_at,
    }


def _wishes(number: int, one: Reader) -> Iterator[dict[str, Any]]:
    for subscription in one.subscriptions:
        yield {
            "subscriber_id": number,
            "newsletter": subscription.newsletter,
            "frequency": Frequency(subscription.frequency),
            "wish": ";".join(subscription.wish),
            "started_at": LONG_AGO,
            "ended_at": subscription.ended_at,
        }


def _consent(number: int, one: Reader) -> Iterator[dict[str, Any]]:
    for way in (*one.ways, "left by"):
        action = ConsentAction.WITHDRAWN if way == "left by" else ConsentAction.CONFIRMED
        yield {"subscriber_id": number, "action": action, "way": way, "at": LONG_AGO}


def _deliveries(number: int, one: Reader) -> Iterator[dict[str, Any]]:
    for issue, at in one.received.items():
        yield {
            "issue_id": issue,
            "subscriber_id": number,
            "state": DeliveryState.SENT,
            "last_attempt_at": at,
        }


@given(nodes=st.lists(queries(), min_size=20, max_size=20), readers=populations())
@_ONCE
def test_both_databases_find_what_the_query_means(
    newsroom: Session, nodes: list[Node], readers: list[Reader]
) -> None:
    with _stored(newsroom, readers):
        for node in (parse(canonical(node)) for node in nodes):
            expected = {one.email for one in readers if meant(node, one)}
            assert asked(newsroom, node) == expected, canonical(node)


def test_a_frequency_belongs_to_the_newsletter_beside_it(newsroom: Session) -> None:
    weekly = reader(
        "weekly", subscriptions=(subscribed("gp-alert", "weekly"), subscribed("africa-this-week"))
    )
    daily = reader("daily", subscriptions=(subscribed("gp-alert"),))
    people = [weekly, daily]

    def names(query: str) -> set[str]:
        return {email.partition("@")[0] for email in found(newsroom, query, people)}

    assert names("newsletter is gp-alert and frequency is weekly") == {"weekly"}
    assert names("newsletter is africa-this-week and frequency is weekly") == set()
    assert names("frequency is weekly and frequency is daily") == {"weekly"}
    assert names("newsletter is gp-alert and not newsletter is africa-this-week") == {"daily"}
    assert names("newsletter is gp-alert and newsletter is africa-this-week") == {"weekly"}
    both = (
        "(newsletter is gp-alert and frequency is weekly) and "
        "(newsletter is africa-this-week and frequency is daily)"
    )
    assert names(both) == {"weekly"}
    either = "(newsletter is gp-alert or newsletter is africa-this-week) and frequency is daily"
    assert names(either) == {"weekly", "daily"}
    assert names("newsletter is gp-alert and (frequency is daily or domain is example.org)") == {
        "weekly",
        "daily",
    }
    assert names("newsletter is gp-alert and not frequency is weekly") == {"daily"}


def test_a_region_finds_those_who_get_its_pieces(newsroom: Session) -> None:
    people = [
        reader("all", subscriptions=(subscribed("gp-alert"),)),
        reader("west", subscriptions=(subscribed("gp-alert", "daily", "asia", "west-africa"),)),
        reader("continent", subscriptions=(subscribed("gp-alert", "daily", "africa"),)),
        reader("other", subscriptions=(subscribed("gp-alert", "daily", "east-africa"),)),
        reader("gone", subscriptions=(Subscribed("gp-alert", "daily", (), LONG_AGO),)),
    ]

    def names(query: str) -> set[str]:
        return {email.partition("@")[0] for email in found(newsroom, query, people)}

    # Who wished for no region follows all; who left follows none.
    assert names("region is west-africa") == {"all", "west", "continent"}
    assert names("region is africa") == {"all", "continent"}
    assert names("region is one of (east-africa, asia)") == {"all", "west", "continent", "other"}
    assert names("region is global") == {"all", "west", "continent", "other"}
    assert names("not region is west-africa") == {"other", "gone"}
    assert names("region is not west-africa") == {"other", "gone"}


def test_days_are_of_the_utc_calendar(newsroom: Session) -> None:
    midnight = datetime.combine(date(2026, 1, 1), datetime.min.time(), NOW.tzinfo)
    people = [
        reader("before", created_at=midnight - timedelta(microseconds=1)),
        reader("on", created_at=midnight),
        reader("after", created_at=midnight + timedelta(days=1)),
    ]
    for word in ("before", "on", "after"):
        assert found(newsroom, f"signed up {word} 2026-01-01", people) == {f"{word}@example.org"}


def test_wildcards_in_values_are_themselves(newsroom: Session) -> None:
    people = [reader("am_a", name="100%"), reader("amba", name="100 %")]
    assert found(newsroom, "email contains m_a", people) == {"am_a@example.org"}
    assert found(newsroom, "name ends with 0%", people) == {"am_a@example.org"}
    assert found(newsroom, "name contains %", people) == {"am_a@example.org", "amba@example.org"}
    assert found(newsroom, "name contains /", people) == set()


def test_a_withdrawal_is_no_way_of_consent(newsroom: Session) -> None:
    people = [reader(ways=frozenset({"web form"}))]
    assert found(newsroom, "way is web", people) == {"ama@example.org"}
    assert found(newsroom, 'way is "left by"', people) == set()


@pytest.mark.parametrize("state", [s for s in DeliveryState if s is not DeliveryState.SENT])
def test_only_what_was_sent_is_received(newsroom: Session, state: DeliveryState) -> None:
    with _stored(newsroom, [reader()]):
        row = {"issue_id": 1, "subscriber_id": 1, "state": state, "last_attempt_at": NOW}
        newsroom.execute(insert(Delivery), [row])
        nobody = {"issue_id": 1, "subscriber_id": None, "state": DeliveryState.SENT}
        newsroom.execute(insert(Delivery), [nobody | {"last_attempt_at": NOW}])
        for query, count in (("received issue 1", 0), ("received nothing", 1)):
            assert len(asked(newsroom, parse(query))) == count


def test_without_a_ledger_nothing_is_asked_of_it() -> None:
    with pytest.raises(Refused, match="no ledger of deliveries"):
        condition(parse("name is a or received nothing"), now=NOW)


def test_values_are_parameters(newsroom: Session) -> None:
    chosen = condition(parse('name is "x\' or 1=1 --" or email contains "\';"'), now=NOW)
    bind = newsroom.get_bind()
    assert "1=1" not in str(select(Subscriber.id).where(chosen).compile(bind))
    assert found(newsroom, 'name is "x\' or 1=1 --"', [reader()]) == set()


@pytest.fixture(autouse=True)
def _nothing_is_left(session: Session) -> Iterator[None]:
    yield
    assert session.scalars(select(Subscriber.id)).all() == []
