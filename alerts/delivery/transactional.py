"""Single mails: the confirmation of a sign-up, a test copy of an issue."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parseaddr

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session
from typing_extensions import override

from alerts.clock import Clock
from alerts.config import Settings
from alerts.database import Database
from alerts.delivery.assembly import CompiledMessage, Envelope, Reader, address_of
from alerts.delivery.outcome import Fate, Outcome
from alerts.delivery.sweeper import Due
from alerts.delivery.transports.base import Observer, Outgoing, Transport, TransportDown
from alerts.errors import Refused
from alerts.newsletters.service import get_newsletter
from alerts.rendering.service import RenderedEdition, Renderer
from alerts.subscribers.links import CONFIRM_WITHIN, SubscriberLinks
from alerts.subscribers.models import Subscriber
from alerts.task_queue import Queue, Task

log = structlog.get_logger(__name__)

# A confirmation that no worker took is enqueued again, but not for ever: the reader has given up.
_LOST_AFTER = timedelta(minutes=2)
_GIVEN_UP_AFTER = timedelta(days=1)


@dataclass
class _Result(Observer):
    outcomes: list[Outcome] = field(default_factory=list)

    @override
    def started(self, delivery_id: int) -> None:
        """One message, one outcome: its start needs no note."""

    @override
    def ended(self, delivery_id: int, outcome: Outcome) -> None:
        self.outcomes.append(outcome)


async def send_one(
    transport: Transport, compiled: CompiledMessage, reader: Reader, *, sender: str
) -> None:
    """Send one message now; raises Refused with the server's answer."""
    result = _Result()
    message = Outgoing(0, address_of(sender), reader.email, lambda: compiled.fill(reader))
    try:
        await transport.deliver([message], result)
    except TransportDown as down:
        raise Refused(f"the mail server cannot be reached: {down}") from down
    for outcome in result.outcomes:
        if outcome.fate is not Fate.ACCEPTED:
            raise Refused(f"the mail server refused: {outcome.code} {outcome.answer}")


async def send_confirmation(
    database: Database,
    subscriber_id: int,
    *,
    settings: Settings,
    renderer: Renderer,
    links: SubscriberLinks,
    transport: Transport,
    clock: Clock,
) -> bool:
    """Mail the link that confirms a sign-up, if it is still owed; True when it was sent.

    The debt is taken off after the mail went: a crash between the two sends the link twice, which
    does no harm, and never not at all.
    """
    with database.read() as session:
        subscriber = session.get(Subscriber, subscriber_id)
        if subscriber is None or subscriber.confirmation_due_at is None:
            return False
        titles = _titles(session, subscriber)
    compiled = _confirmation(subscriber, titles, settings, renderer, links, clock)
    reader = Reader(
        name=subscriber.name,
        email=subscriber.email,
        message_id=f"confirm.{secrets.token_hex(12)}@{settings.sender_domain}",
        unsubscribe_url="",
        preferences_url="",
    )
    try:
        await send_one(transport, compiled, reader, sender=settings.sender)
    except Refused as error:
        log.warning("confirmation_not_sent", subscriber=subscriber_id, reason=str(error))
        _set_debt(database, subscriber, clock.now())
        return False
    _set_debt(database, subscriber, None)
    return True


def _confirmation(
    subscriber: Subscriber,
    titles: Sequence[str],
    settings: Settings,
    renderer: Renderer,
    links: SubscriberLinks,
    clock: Clock,
) -> CompiledMessage:
    rendered = renderer.render_message(
        "confirmation",
        {
            "email": subscriber.email,
            "titles": titles,
            "confirm_url": links.confirm_url(subscriber.public_id),
            "days": CONFIRM_WITHIN.days,
            "publisher": parseaddr(settings.sender)[0] or settings.sender_domain,
            "publisher_address": "",
            "home_url": settings.base_url,
        },
    )
    envelope = Envelope(settings.sender, "", "", "", clock.now())
    return CompiledMessage(envelope, rendered.subject, rendered.html, rendered.text)


async def send_test(
    rendered: RenderedEdition,
    address: str,
    *,
    envelope: Envelope,
    settings: Settings,
    transport: Transport,
) -> None:
    """Send a copy of an issue to an address; its links lead to the home page, not to a person."""
    compiled = CompiledMessage(envelope, f"[Test] {rendered.subject}", rendered.html, rendered.text)
    reader = Reader(
        name=None,
        email=address,
        message_id=f"test.{secrets.token_hex(12)}@{settings.sender_domain}",
        unsubscribe_url=settings.base_url,
        preferences_url=settings.base_url,
    )
    await send_one(transport, compiled, reader, sender=envelope.sender)


def owed_confirmations(session: Session, *, clock: Clock) -> list[Due]:
    """Return the confirmation mails whose task seems lost, for the sweeper."""
    now = clock.now()
    owed = session.execute(
        select(Subscriber.id)
        .where(Subscriber.confirmation_due_at <= now - _LOST_AFTER)
        .where(Subscriber.confirmation_due_at > now - _GIVEN_UP_AFTER)
        .order_by(Subscriber.confirmation_due_at)
        .limit(500)
    )
    return [Due(Task.SEND_CONFIRMATION, n, Queue.TRANSACTIONAL) for n in owed.scalars()]


def _set_debt(database: Database, subscriber: Subscriber, due_at: datetime | None) -> None:
    """Clear or renew the debt that was read, unless a newer sign-up made another one since."""
    with database.transaction() as session:
        session.execute(
            update(Subscriber)
            .where(Subscriber.id == subscriber.id)
            .where(Subscriber.confirmation_due_at == subscriber.confirmation_due_at)
            .values(confirmation_due_at=due_at)
            .execution_options(synchronize_session=False)
        )


def _titles(session: Session, subscriber: Subscriber) -> Sequence[str]:
    return [
        get_newsletter(session, subscription.newsletter).title
        for subscription in subscriber.subscriptions
        if subscription.ended_at is None
    ]
