"""Addresses and domains that are not mailed: everywhere, with the reason, lifted on record."""

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from alerts.clock import FixedClock
from alerts.errors import Invalid, NotFound, Refused
from alerts.newsletters.service import ensure_built_in
from alerts.subscribers.exclusion import (
    block_domain,
    blocked_domains,
    changes_of,
    lift,
    refuse_suppressed,
    suppress,
    unblock_domain,
)
from alerts.subscribers.models import Subscriber, SubscriberState
from tests.conftest import NOW
from tests.factories import add_readers

KEYS = ("a-key-for-tests-only-of-more-than-32-characters",)


@pytest.fixture
def people(session: Session, clock: FixedClock) -> Session:
    ensure_built_in(session, clock=clock)
    add_readers(session, ["ama", "li"], now=NOW)
    for reader in session.scalars(select(Subscriber)):
        reader.confirmed_at = NOW
    session.flush()
    return session


def states(session: Session) -> dict[str, SubscriberState]:
    session.expire_all()
    return {one.email.partition("@")[0]: one.state for one in session.scalars(select(Subscriber))}


def test_lifting_needs_a_reason_and_puts_it_on_record(people: Session, clock: FixedClock) -> None:
    suppress(people, "ama@example.org", reason="complaint", keys=KEYS, way="test", clock=clock)
    assert states(people)["ama"] is SubscriberState.SUPPRESSED
    with pytest.raises(Invalid, match="say why"):
        lift(people, "ama@example.org", reason=" ", keys=KEYS, way="test", clock=clock)
    was = lift(
        people, "AMA@example.org", reason="she asked by mail", keys=KEYS, way="desk", clock=clock
    )
    assert was == "complaint"
    assert states(people)["ama"] is SubscriberState.CONFIRMED
    refuse_suppressed(people, "ama@example.org", keys=KEYS)
    record = [(c.action, c.reason, c.way) for c in changes_of(people, "ama@example.org", keys=KEYS)]
    assert record == [("added", "complaint", "test"), ("lifted", "she asked by mail", "desk")]
    with pytest.raises(NotFound, match="is not suppressed"):
        lift(people, "ama@example.org", reason="again", keys=KEYS, way="desk", clock=clock)


def test_a_blocked_domain_stops_all_below_it_and_goes_on_after(
    people: Session, clock: FixedClock
) -> None:
    people.scalars(
        select(Subscriber).where(Subscriber.email == "li@example.org")
    ).one().email_key = "li@mail.example.org"
    people.flush()
    suppress(people, "ama@example.org", reason="complaint", keys=KEYS, clock=clock)
    assert block_domain(people, "@Example.ORG.", reason="spam trap", way="test", clock=clock) == 1
    assert set(states(people).values()) == {SubscriberState.SUPPRESSED}
    assert [row.domain for row in blocked_domains(people)] == ["example.org"]
    for address in ("new@example.org", "new@deep.mail.example.org"):
        with pytest.raises(Refused, match=r"domain example\.org is blocked: spam trap"):
            refuse_suppressed(people, address, keys=KEYS)
    refuse_suppressed(people, "new@notexample.org", keys=KEYS)
    with pytest.raises(Refused, match="unblock"):
        lift(people, "li@mail.example.org", reason="please", keys=KEYS, way="test", clock=clock)
    with pytest.raises(Refused, match="blocked already"):
        block_domain(people, "example.org", reason="again", way="test", clock=clock)
    # Who complained stays out, with the domain open again.
    going_on = unblock_domain(
        people, "example.org", reason="settled", keys=KEYS, way="test", clock=clock
    )
    assert going_on == 1
    assert states(people) == {"ama": SubscriberState.SUPPRESSED, "li": SubscriberState.CONFIRMED}
    with pytest.raises(NotFound, match="is not blocked"):
        unblock_domain(people, "example.org", reason="x", keys=KEYS, way="test", clock=clock)


@pytest.mark.parametrize("wrong", ["", "org", "a b.org", "x" * 70 + ".org", "exa%mple.org"])
def test_what_is_no_domain_is_refused(people: Session, clock: FixedClock, wrong: str) -> None:
    with pytest.raises(Invalid, match="is no domain"):
        block_domain(people, wrong, reason="x", way="test", clock=clock)
    assert set(states(people).values()) == {SubscriberState.CONFIRMED}
