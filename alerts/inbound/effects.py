"""What a bounce, a delay or a complaint does: events in the ledger's books, and suppression."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from alerts.clock import Clock
from alerts.delivery.bounces import Bounce, bounce_of
from alerts.delivery.models import Delivery, DeliveryState
from alerts.delivery.returned import (
    LONGEST_DIAGNOSTIC,
    BounceEvent,
    Returned,
    count_returned,
    returned_domains,
    was_told_before,
)
from alerts.inbound.reading.addresses import addresses_in
from alerts.inbound.scoring import LOOKED_BACK, Try, is_hopeless
from alerts.inbound.tracing import Whose
from alerts.newsletters.models import Issue, IssueState
from alerts.subscribers.exclusion import suppress
from alerts.subscribers.models import Subscriber, SubscriberState
from alerts.subscribers.service import unsubscribe

WAY = "inbound mail"
_LONGEST_CODE, _LONGEST_DOMAIN = 40, 255
_OF_BOUNCES = {
    Bounce.HARD: Returned.HARD,
    Bounce.SOFT: Returned.SOFT,
    Bounce.POLICY: Returned.POLICY,
}
ABOUT_POLICY = "refused by policy after it was accepted: "
_DOMAINS_SHOWN = 3
_SPACES = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Told:
    """What came back for one recipient, whichever way it was told."""

    kind: Returned
    address: str = ""
    code: str | None = None
    diagnostic: str = ""

    @classmethod
    def of_bounce(cls, bounce: Bounce, address: str, code: str | None, diagnostic: str) -> "Told":
        """Return a bounce."""
        return cls(_OF_BOUNCES[bounce], address, code, diagnostic)


@dataclass(frozen=True, slots=True)
class Judging:
    """What effects take beside the session."""

    keys: Sequence[str]
    clock: Clock


def take_effect(
    session: Session, told: Told, whose: Whose, *, mail_id: int, position: int, judging: Judging
) -> str:
    """Write an event down and do what follows from it; safe to repeat. Returns it in words.

    A hard bounce suppresses at once, soft ones when they went on for long; refusals by policy are
    told to whoever looks at the issue; who complained is unsubscribed and never mailed again.
    """
    _record(session, told, whose, mail_id=mail_id, position=position, now=judging.clock.now())
    if told.kind is Returned.POLICY:
        _call_attention(session, whose)
        return f"{_words(told)}: about us, not the reader"
    subscriber = None
    if whose.subscriber_id is not None:
        subscriber = session.get(Subscriber, whose.subscriber_id)
    if subscriber is None:
        return f"{_words(told)}: the reader was erased"
    if told.kind is Returned.COMPLAINT:
        return _leave(session, subscriber, whose, judging)
    if told.kind is Returned.SOFT:
        return _weigh(session, subscriber, told, judging)
    return _suppress(session, subscriber, _words(told), judging)


def _record(
    session: Session, told: Told, whose: Whose, *, mail_id: int, position: int, now: datetime
) -> None:
    known = select(BounceEvent.id).where(
        BounceEvent.mail_id == mail_id, BounceEvent.position == position
    )
    # The mail's row is locked by whoever works on it, so that looking first is enough; the
    # constraint stands behind it.
    if session.scalar(known) is not None:
        return
    event = BounceEvent(
        mail_id=mail_id,
        position=position,
        delivery_id=whose.delivery_id,
        issue_id=whose.issue_id,
        subscriber_id=whose.subscriber_id,
        newsletter=whose.newsletter,
        kind=told.kind,
        code=told.code[:_LONGEST_CODE] if told.code else None,
        domain=_domain_of(session, told, whose),
        diagnostic=without_addresses(told.diagnostic)[:LONGEST_DIAGNOSTIC],
        at=now,
    )
    # A delivery counts once in each kind: by mail and by webhook it is the same bounce.
    if not was_told_before(session, whose.delivery_id, told.kind):
        count_returned(session, event)
    session.add(event)
    session.flush()


def _domain_of(session: Session, told: Told, whose: Whose) -> str:
    """Return the domain that a message came back from: as it was told, else the reader's."""
    # Feedback loops hide whose it was behind addresses of their own.
    address = "" if told.kind is Returned.COMPLAINT else told.address
    if "@" not in address and whose.subscriber_id is not None:
        reader = session.get(Subscriber, whose.subscriber_id)
        address = reader.email if reader else ""
    return address.rpartition("@")[2].lower()[:_LONGEST_DOMAIN].replace("\0", "")


def without_addresses(text: str) -> str:
    """Return a server's words in one line, each address in them replaced."""
    line = _SPACES.sub(" ", text.replace("\0", "")).strip()[: 4 * LONGEST_DIAGNOSTIC]
    for found in sorted({match[0] for match in addresses_in(line)}, key=len, reverse=True):
        line = line.replace(found, "(address)")
    # What is left of one that was no well-formed address.
    return re.sub(r"\S{0,64}@\S{0,255}", "(address)", line)


def _words(told: Told) -> str:
    code = f" {told.code}" if told.code else ""
    return "complaint" if told.kind is Returned.COMPLAINT else f"{told.kind} bounce{code}"


def _suppress(session: Session, subscriber: Subscriber, reason: str, judging: Judging) -> str:
    if subscriber.state is SubscriberState.SUPPRESSED:
        return f"{reason}: suppressed already"
    suppress(
        session,
        subscriber.email,
        reason=reason,
        keys=judging.keys,
        way=WAY,
        clock=judging.clock,
    )
    return f"{reason}: suppressed"


def _leave(session: Session, subscriber: Subscriber, whose: Whose, judging: Judging) -> str:
    """End all subscriptions, with the withdrawal on record, and keep the address out."""
    unsubscribe(session, subscriber, way="complaint", issue_id=whose.issue_id, clock=judging.clock)
    return _suppress(session, subscriber, "complaint", judging)


def _weigh(session: Session, subscriber: Subscriber, told: Told, judging: Judging) -> str:
    now = judging.clock.now()
    if is_hopeless(history(session, subscriber.id, now=now), now=now):
        return _suppress(session, subscriber, f"{_words(told)}, for many days", judging)
    return f"{_words(told)}: counted"


def history(session: Session, subscriber_id: int, *, now: datetime) -> list[Try]:
    """Return what became of the mails to a reader lately: what servers said, and what came back."""
    since = now - LOOKED_BACK
    events = session.execute(
        select(BounceEvent.delivery_id, BounceEvent.kind, BounceEvent.at)
        .where(BounceEvent.subscriber_id == subscriber_id, BounceEvent.at > since)
        .order_by(BounceEvent.id)
    ).all()
    came_back = {event.delivery_id: _bounce(event.kind) for event in events if event.delivery_id}
    rows = session.execute(
        select(Delivery.id, Delivery.state, Delivery.reason, Delivery.last_attempt_at).where(
            Delivery.subscriber_id == subscriber_id,
            Delivery.last_attempt_at > since,
            Delivery.state.in_((DeliveryState.SENT, DeliveryState.FAILED)),
        )
    ).all()
    tries = [
        Try(row.last_attempt_at, came_back.get(row.id) or bounce_of(row.reason or ""))
        for row in rows
        # One that failed for a cause of ours neither arrived nor came back.
        if row.state is DeliveryState.SENT or bounce_of(row.reason or "")
    ]
    seen = {row.id for row in rows}
    return tries + [
        Try(event.at, _bounce(event.kind)) for event in events if event.delivery_id not in seen
    ]


def _bounce(kind: Returned) -> Bounce | None:
    return None if kind is Returned.COMPLAINT else Bounce(kind.value)


def _call_attention(session: Session, whose: Whose) -> None:
    """Tell whoever looks at the issue how many servers refused it, and which most often."""
    issue = None if whose.issue_id is None else session.get(Issue, whose.issue_id)
    if issue is None or issue.state is IssueState.CANCELLED:
        return
    if issue.attention and not issue.attention.startswith(ABOUT_POLICY):
        # What stops an issue is more urgent.
        return
    where = returned_domains(session, issue.id, Returned.POLICY)
    most = ", ".join(f"{domain} {count}" for domain, count in where[:_DOMAINS_SHOWN])
    total = sum(count for _, count in where)
    issue.attention = f"{ABOUT_POLICY}{total} ({most}); see `alerts issue report {issue.id}`"
    session.flush()
