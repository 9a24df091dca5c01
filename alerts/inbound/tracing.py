"""Whose mail came back: by its return path, by the Message-ID it returns, by the address it names.

The return path is signed, and the Message-ID holds the moment at which its issue was made: neither
is guessed. An address anybody can name; it counts only where something of ours went lately.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from alerts.delivery.assembly import ascii_domain
from alerts.delivery.messages import stamp_of
from alerts.delivery.models import Delivery, DeliveryState
from alerts.delivery.return_paths import ForgedReturnPath, ReturnPaths
from alerts.errors import Invalid
from alerts.newsletters.models import Issue
from alerts.subscribers.addresses import parse_address
from alerts.subscribers.models import Subscriber
from alerts.subscribers.queries import by_key

_MESSAGE_ID = re.compile(r"([0-9a-z]{1,13})\.(\d{1,18})\.(\d{1,18})@(\S{1,255})")
# A server may try for five days, and a person finds an old mail.
_LATELY = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Whose:
    """The delivery and the reader that something is about; `how` says by what they were found.

    Of somebody known by the address alone, `delivery_id` is the last mail that went there.
    """

    how: str
    subscriber_id: int | None
    delivery_id: int | None = None
    issue_id: int | None = None
    newsletter: str | None = None


@dataclass(frozen=True, slots=True)
class Nobody:
    """Nobody's; `why` in one line."""

    why: str


def by_return_path(
    session: Session, return_paths: ReturnPaths | None, recipients: Iterable[str]
) -> Whose | Nobody | None:
    """Return whose mail it is by the address it came to; None where that is no return path.

    One that is forged is nobody's, whatever else the mail says.
    """
    if return_paths is None:
        return None
    forged = None
    for address in recipients:
        try:
            delivery_id = return_paths.delivery_of(address)
        except ForgedReturnPath:
            forged = Nobody("its return path is forged: the check is not ours")
            continue
        if delivery_id is not None:
            found = _of_delivery(session, delivery_id, "return path")
            return found or Nobody(f"no delivery {delivery_id} was sent")
    return forged


def by_message_id(session: Session, message_ids: Iterable[str]) -> Whose | None:
    """Return whose message a mail returns; every part of its Message-ID has to be right."""
    for message_id in message_ids:
        parts = _MESSAGE_ID.fullmatch(message_id.strip("<> ").lower())
        if parts is None:
            continue
        stamp, issue_id, delivery_id, domain = parts.groups()
        issue = session.get(Issue, int(issue_id))
        if issue is None or stamp_of(issue) != stamp or not _same_domain(issue, domain):
            continue
        found = _of_delivery(session, int(delivery_id), "Message-ID")
        if found is not None and found.issue_id == issue.id:
            return found
    return None


def by_address(session: Session, addresses: Iterable[str], *, now: datetime) -> Whose | Nobody:
    """Return the reader with one of these addresses, if anything of ours went there lately."""
    unknown = Nobody("it names no delivery and no reader of ours")
    for address in addresses:
        try:
            subscriber = by_key(session, parse_address(address).key)
        except Invalid:
            continue
        if subscriber is None:
            continue
        return _last_mail(session, subscriber, now) or Nobody(
            "it names a reader to whom nothing of ours went lately"
        )
    return unknown


def _last_mail(session: Session, subscriber: Subscriber, now: datetime) -> Whose | None:
    last = session.scalars(
        select(Delivery.id)
        .where(
            Delivery.subscriber_id == subscriber.id,
            Delivery.state == DeliveryState.SENT,
            Delivery.last_attempt_at > now - _LATELY,
        )
        .order_by(Delivery.last_attempt_at.desc())
        .limit(1)
    ).first()
    if last is not None:
        return _of_delivery(session, last, "address")
    # A confirmation, or a welcome, that nobody wrote down.
    if max(subscriber.created_at, subscriber.confirmed_at or subscriber.created_at) > now - _LATELY:
        return Whose("address", subscriber.id)
    return None


def _of_delivery(session: Session, delivery_id: int, how: str) -> Whose | None:
    row = session.execute(
        select(Delivery.subscriber_id, Delivery.issue_id, Issue.newsletter)
        .join(Issue, Issue.id == Delivery.issue_id)
        # What was never tried cannot come back.
        .where(Delivery.id == delivery_id, Delivery.attempts > 0)
    ).first()
    return Whose(how, row[0], delivery_id, row[1], row[2]) if row else None


def _same_domain(issue: Issue, domain: str) -> bool:
    named = issue.message_domain or ""
    return domain in {named.lower(), (ascii_domain(named) or named).lower()}
