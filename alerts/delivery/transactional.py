"""Single mails: the confirmation of a sign-up, a test copy of an issue."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import parseaddr

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session
from typing_extensions import override

from alerts.clock import Clock
from alerts.config import Settings
from alerts.database import Database
from alerts.delivery.assembly import CompiledMessage, Envelope, Reader, address_of
from alerts.delivery.dkim import DkimSigner, signer_for
from alerts.delivery.outcome import Fate, Outcome
from alerts.delivery.sweeper import Due
from alerts.delivery.transports.base import Lane, Observer, Outgoing, Transport, TransportDown
from alerts.errors import Refused
from alerts.holding import is_held, not_held
from alerts.newsletters.service import get_newsletter
from alerts.rendering.service import RenderedEdition, Renderer
from alerts.subscribers.links import CONFIRM_WITHIN, SubscriberLinks
from alerts.subscribers.models import Subscriber, SubscriberState
from alerts.task_queue import Queue, Task

log = structlog.get_logger(__name__)

# A confirmation that no worker took is enqueued again, but not for ever: the reader has given up.
_LOST_AFTER = timedelta(minutes=2)
_FIRST_MINUTES = (2, 5, 10)
_THEN_EVERY_MINUTES = 30
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
    outcome = await attempt(transport, compiled, reader, sender=sender)
    if outcome.fate is not Fate.ACCEPTED:
        raise Refused(f"the mail server refused: {outcome.code} {outcome.answer}")


async def attempt(
    transport: Transport, compiled: CompiledMessage, reader: Reader, *, sender: str
) -> Outcome:
    """Hand one message over and return what came of it; raises Refused when no server answers."""
    return await hand_over(
        transport,
        lambda eight_bit: compiled.fill(reader, eight_bit=eight_bit),
        sender=address_of(sender),
        recipient=reader.email,
    )


async def hand_over(
    transport: Transport, content: Callable[[bool], bytes], *, sender: str, recipient: str
) -> Outcome:
    """Hand a single mail over and return what came of it; both are addresses of the envelope.

    Raises Refused when no server answers.
    """
    result = _Result()
    message = Outgoing(0, sender, recipient, content, lane=Lane.TRANSACTIONAL)
    try:
        await transport.deliver([message], result)
    except TransportDown as down:
        raise Refused(f"the mail server cannot be reached: {down}") from down
    return result.outcomes[0] if result.outcomes else Outcome(Fate.UNKNOWN, 0, "no answer")


async def send_confirmation(
    database: Database,
    subscriber_id: int,
    *,
    settings: Settings,
    renderer: Renderer,
    links: SubscriberLinks,
    transport: Transport,
    clock: Clock,
    signer: DkimSigner | None,
    answers: str | None = None,
) -> bool:
    """Mail the link that confirms a sign-up, if it is still owed; True when it was sent.

    Somebody with nothing to confirm is mailed the link to their preferences. `answers` is the
    Message-ID of the mail by which they asked for it (see `Envelope`).

    The debt is taken off after the mail went: a crash between the two sends the link twice, which
    does no harm, and never not at all.
    """
    with database.read() as session:
        subscriber = session.get(Subscriber, subscriber_id)
        if subscriber is None or subscriber.confirmation_due_at is None or is_held(session):
            return False
        titles = _titles(session, subscriber)
    compiled = _confirmation(subscriber, titles, settings, renderer, links, clock, signer, answers)
    reader = Reader(
        name=subscriber.name,
        email=subscriber.email,
        message_id=f"confirm.{secrets.token_hex(12)}@{settings.sender_domain}",
        unsubscribe_url="",
        preferences_url="",
    )
    try:
        outcome = await attempt(transport, compiled, reader, sender=settings.sender)
    except Refused as error:
        # Still owed since the same moment: the sweeper asks again, more and more seldom.
        log.warning("confirmation_not_sent", subscriber=subscriber_id, reason=str(error))
        return False
    if outcome.fate in {Fate.TEMPORARY, Fate.POSTPONED}:
        log.warning("confirmation_deferred", subscriber=subscriber_id, reason=outcome.reason)
        return False
    if outcome.fate is Fate.PERMANENT:
        log.warning("confirmation_refused", subscriber=subscriber_id, reason=outcome.reason)
    # An unknown fate counts as sent: who misses the mail signs up again.
    _settle_debt(database, subscriber)
    return outcome.fate is not Fate.PERMANENT


def _confirmation(
    subscriber: Subscriber,
    titles: Sequence[str],
    settings: Settings,
    renderer: Renderer,
    links: SubscriberLinks,
    clock: Clock,
    signer: DkimSigner | None,
    answers: str | None,
) -> CompiledMessage:
    shared: dict[str, object] = {
        "email": subscriber.email,
        "titles": titles,
        "publisher": parseaddr(settings.sender)[0] or settings.sender_domain,
        "publisher_address": "",
        "home_url": settings.base_url,
    }
    if subscriber.state is SubscriberState.CONFIRMED or not titles:
        # There is nothing to confirm: whoever signs up again, or lost the link, gets it anew.
        preferences = {"preferences_url": links.preferences_url(subscriber.public_id)}
        rendered = renderer.render_message("preferences-link", shared | preferences)
    else:
        confirm = {"confirm_url": links.confirm_url(subscriber.public_id)}
        days = {"days": CONFIRM_WITHIN.days}
        rendered = renderer.render_message("confirmation", shared | confirm | days)
    envelope = Envelope(settings.sender, "", "", "", clock.now(), answers=answers)
    return CompiledMessage(
        envelope,
        rendered.subject,
        rendered.html,
        rendered.text,
        signer=signer_for(signer, envelope.sender),
    )


async def send_test(
    rendered: RenderedEdition,
    address: str,
    *,
    envelope: Envelope,
    settings: Settings,
    transport: Transport,
    signer: DkimSigner | None,
) -> None:
    """Send a copy of an issue to an address; its links lead to the home page, not to a person."""
    compiled = CompiledMessage(
        envelope,
        f"[Test] {rendered.subject}",
        rendered.html,
        rendered.text,
        signer=signer_for(signer, envelope.sender),
    )
    reader = Reader(
        name=None,
        email=address,
        message_id=f"test.{secrets.token_hex(12)}@{settings.sender_domain}",
        unsubscribe_url=settings.base_url,
        preferences_url=settings.base_url,
    )
    await send_one(transport, compiled, reader, sender=envelope.sender)


def owed_confirmations(session: Session, *, clock: Clock) -> list[Due]:
    """Return the confirmation mails that are to be tried again, for the sweeper.

    A sweep comes every minute or oftener; it brings up what has been owed for so many minutes.
    """
    now = clock.now()
    owed = session.execute(
        select(Subscriber.id, Subscriber.confirmation_due_at)
        .where(Subscriber.confirmation_due_at <= now - _LOST_AFTER)
        .where(Subscriber.confirmation_due_at > now - _GIVEN_UP_AFTER, not_held())
        .order_by(Subscriber.confirmation_due_at.desc())
        .limit(500)
    )
    return [
        Due(Task.SEND_CONFIRMATION, number, Queue.TRANSACTIONAL)
        for number, due_at in owed
        if due_at and _worth_asking(now - due_at)
    ]


def _worth_asking(age: timedelta) -> bool:
    minutes = age // timedelta(minutes=1)
    return minutes in _FIRST_MINUTES or minutes % _THEN_EVERY_MINUTES == 0


def _settle_debt(database: Database, subscriber: Subscriber) -> None:
    """Clear the debt that was read, unless a newer sign-up made another one since."""
    with database.transaction() as session:
        session.execute(
            update(Subscriber)
            .where(Subscriber.id == subscriber.id)
            .where(Subscriber.confirmation_due_at == subscriber.confirmation_due_at)
            .values(confirmation_due_at=None)
            .execution_options(synchronize_session=False)
        )


def _titles(session: Session, subscriber: Subscriber) -> Sequence[str]:
    return [
        get_newsletter(session, subscription.newsletter).title
        for subscription in subscriber.subscriptions
        if subscription.ended_at is None
    ]
