"""Canaries: readers of the operator's own, whose copy of each issue has to come back to us.

That a server took a message says nothing of its arrival. Each newsletter has a canary at each of
its frequencies, an address of the settings with a mark of its own; its mail is brought back to this
program, and read like any other inbound mail.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import exists, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from alerts.clock import Clock
from alerts.delivery.assembly import ascii_domain
from alerts.delivery.messages import stamp_of
from alerts.delivery.models import CanaryCopy, Delivery, DeliveryState
from alerts.errors import Refused
from alerts.newsletters.models import Issue
from alerts.newsletters.service import offers
from alerts.subscribers.addresses import parse_address
from alerts.subscribers.models import Frequency, Subscriber
from alerts.subscribers.service import add_subscriber

# An issue that went out before that is no longer looked for.
_LOOKED_FOR = timedelta(days=2)
_CONSENT = "an address of the operator's own (ALERTS_CANARY)"


def canary_address(canary: str, newsletter: str, frequency: Frequency) -> str:
    """Return the canary of a newsletter at a frequency: `canary+gp-alert.daily@example.org`."""
    local, _, domain = canary.rpartition("@")
    return f"{local}+{newsletter}.{frequency.value}@{domain}"


def is_canary(canary: str, address: str) -> bool:
    """Tell whether an address is one of the canaries of a setting."""
    local, _, domain = canary.lower().rpartition("@")
    return (
        bool(canary)
        and address.lower().startswith(f"{local}+")
        and (address.lower().endswith(f"@{domain}"))
    )


def ensure_canaries(session: Session, canary: str, *, clock: Clock) -> int:
    """Let every newsletter have its canaries; returns how many were new. Safe to repeat.

    One that was suppressed or unsubscribed is let be: somebody did that, or its mail bounces.
    """
    if not canary:
        return 0
    wanted = {
        parse_address(canary_address(canary, offer.slug, frequency)).key: (offer, frequency)
        for offer in offers(session).values()
        for frequency in offer.frequencies
    }
    known = set(
        session.scalars(select(Subscriber.email_key).where(Subscriber.email_key.in_(wanted)))
    )
    added = 0
    for key, (offer, frequency) in wanted.items():
        if key in known:
            continue
        try:
            add_subscriber(
                session,
                email=canary_address(canary, offer.slug, frequency),
                offers=[offer],
                name="Canary",
                frequency=frequency.value,
                confirmed=True,
                consent=_CONSENT,
                way="canary",
                clock=clock,
            )
        except Refused:
            continue
        added += 1
    return added


def expect_copies(session: Session, canary: str, *, now: datetime) -> int:
    """Write down which copies have been sent and are to come; returns how many are new."""
    if not canary:
        return 0
    numbers = session.scalars(
        select(Subscriber.id).where(Subscriber.email_key.in_(_keys(session, canary)))
    ).all()
    rows = session.execute(
        select(Delivery.id, Delivery.last_attempt_at, Issue)
        .join(Issue, Issue.id == Delivery.issue_id)
        .where(Delivery.subscriber_id.in_(numbers), Delivery.state == DeliveryState.SENT)
        .where(Delivery.last_attempt_at > now - _LOOKED_FOR)
        .where(~exists().where(CanaryCopy.issue_id == Delivery.issue_id))
    ).all()
    return sum(
        _add(session, issue, delivery_id, sent_at=sent_at or now, arrived_at=None)
        for delivery_id, sent_at, issue in rows
    )


def note_arrival(
    session: Session, canary: str, message_id: str, recipients: Iterable[str], *, now: datetime
) -> bool:
    """Note that a canary's copy came, by its Message-ID; False when this mail is none.

    It may come before anybody expected it.
    """
    if not any(is_canary(canary, address) for address in recipients):
        return False
    identifier = message_id.strip().removeprefix("<").removesuffix(">")
    known = session.scalars(
        update(CanaryCopy)
        .where(CanaryCopy.message_id == identifier)
        .values(arrived_at=now)
        .returning(CanaryCopy.issue_id)
        .execution_options(synchronize_session=False)
    ).all()
    if known:
        return True
    found = _delivery_of(session, identifier)
    if found is None:
        return False
    delivery_id, issue = found
    _add(session, issue, delivery_id, sent_at=now, arrived_at=now)
    return True


def missing_copies(session: Session) -> list[CanaryCopy]:
    """Return the copies that have not come yet."""
    return list(session.scalars(select(CanaryCopy).where(CanaryCopy.arrived_at.is_(None))))


def _keys(session: Session, canary: str) -> list[str]:
    return [
        parse_address(canary_address(canary, offer.slug, frequency)).key
        for offer in offers(session).values()
        for frequency in offer.frequencies
    ]


def _delivery_of(session: Session, identifier: str) -> tuple[int, Issue] | None:
    """Return the delivery that a Message-ID names, and its issue, where all of it is right."""
    _, _, rest = identifier.partition(".")
    issue_text, _, rest = rest.partition(".")
    delivery_text = rest.partition("@")[0]
    if not (issue_text.isdecimal() and delivery_text.isdecimal() and len(identifier) < 300):  # noqa: PLR2004 - as the column
        return None
    delivery = session.get(Delivery, min(int(delivery_text), 2**62))
    issue = session.get(Issue, min(int(issue_text), 2**62))
    if delivery is None or issue is None or delivery.issue_id != issue.id:
        return None
    return (delivery.id, issue) if _message_id(issue, delivery.id) == identifier else None


def _message_id(issue: Issue, delivery_id: int) -> str:
    domain = issue.message_domain or ""
    return f"{stamp_of(issue)}.{issue.id}.{delivery_id}@{ascii_domain(domain) or domain}"


def _add(
    session: Session,
    issue: Issue,
    delivery_id: int,
    *,
    sent_at: datetime,
    arrived_at: datetime | None,
) -> bool:
    values = {"message_id": _message_id(issue, delivery_id), "sent_at": sent_at}
    try:
        with session.begin_nested():
            session.execute(
                insert(CanaryCopy).values(issue_id=issue.id, **values, arrived_at=arrived_at)
            )
    except IntegrityError:
        return False
    return True
