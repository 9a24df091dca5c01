"""The confirmation of a sign-up: owed until it was mailed, whatever else is being sent."""

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parseaddr

import structlog
from sqlalchemy import Update, select, update
from sqlalchemy.orm import Session

from alerts.clock import Clock
from alerts.config import Settings
from alerts.database import Database
from alerts.delivery.assembly import CompiledMessage, Envelope, Reader
from alerts.delivery.dkim import DkimSigner, signer_for
from alerts.delivery.outcome import Fate
from alerts.delivery.sweeper import Due
from alerts.delivery.transactional import attempt
from alerts.delivery.transports.base import Transport
from alerts.errors import Refused
from alerts.holding import is_held, not_held
from alerts.kept_minute import KeptMinute
from alerts.newsletters.service import get_newsletter
from alerts.rendering.service import RenderedEdition, Renderer
from alerts.rendering.slots import Slot
from alerts.subscribers.links import CONFIRM_WITHIN, SubscriberLinks
from alerts.subscribers.models import Subscriber, SubscriberState
from alerts.task_queue import Queue, Task

log = structlog.get_logger(__name__)

# A confirmation that no worker took is enqueued again, but not for ever: the reader has given up.
_LOST_AFTER = timedelta(minutes=2)
_FIRST_MINUTES = (2, 5, 10)
_THEN_EVERY_MINUTES = 30
_GIVEN_UP_AFTER = timedelta(days=1)
# A mail is under way for seconds; a worker that dies over it leaves it owed from then on.
_UNDER_WAY = timedelta(minutes=2)
_CLOCKS_DIFFER = timedelta(minutes=1)
# One that waits longer has troubles of its own; the sweeper sees to it.
_JUST_NOW = timedelta(seconds=10)
_MOST_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class _Owed:
    """A debt as it was read, and what its mail needs; `claim` is until when it is put off."""

    subscriber_id: int
    since: datetime
    claim: datetime
    name: str | None
    email: str
    link: str
    rendered: RenderedEdition


@dataclass(frozen=True)
class Confirmations:
    """Mails the links that confirm sign-ups; one per process, for as long as it runs.

    What it renders is the same for all who ask for the same newsletters, and kept for a minute of
    the clock: many people may sign up while a large issue goes out.
    """

    database: Database
    settings: Settings
    renderer: Renderer
    links: SubscriberLinks
    transport: Transport
    clock: Clock
    signer: DkimSigner | None = None
    _kept: KeptMinute[RenderedEdition] = field(default_factory=KeptMinute)

    async def send(self, subscriber_id: int, *, answers: str | None = None) -> bool:
        """Mail the link that confirms a sign-up, if it is still owed; True when it was sent.

        Somebody with nothing to confirm is mailed the link to their preferences. `answers` is the
        Message-ID of the mail by which they asked for it (see `Envelope`).

        The debt is put off while its mail is under way, so that two workers do not both send it,
        and taken off afterwards: a crash between the two sends the link twice, which does no harm,
        and never not at all.
        """
        owed = await asyncio.to_thread(self._take, subscriber_id)
        if owed is None:
            return False
        envelope = Envelope(self.settings.sender, "", "", "", self.clock.now(), answers=answers)
        compiled = CompiledMessage(
            envelope,
            owed.rendered.subject,
            owed.rendered.html,
            owed.rendered.text,
            signer=signer_for(self.signer, envelope.sender),
        )
        reader = Reader(
            name=owed.name,
            email=owed.email,
            message_id=f"confirm.{secrets.token_hex(12)}@{self.settings.sender_domain}",
            unsubscribe_url="",
            preferences_url=owed.link,
        )
        try:
            outcome = await attempt(self.transport, compiled, reader, sender=envelope.sender)
        except Refused as error:
            # Owed since the same moment as before: the sweeper asks again, more and more seldom.
            log.warning("confirmation_not_sent", subscriber=subscriber_id, reason=str(error))
            await asyncio.to_thread(self._change, owed, owed.since)
            return False
        if outcome.fate in {Fate.TEMPORARY, Fate.POSTPONED}:
            log.warning("confirmation_deferred", subscriber=subscriber_id, reason=outcome.reason)
            await asyncio.to_thread(self._change, owed, owed.since)
            return False
        if outcome.fate is Fate.PERMANENT:
            log.warning("confirmation_refused", subscriber=subscriber_id, reason=outcome.reason)
        # An unknown fate counts as sent: who misses the mail signs up again.
        await asyncio.to_thread(self._change, owed, None)
        return outcome.fate is not Fate.PERMANENT

    async def send_just_asked_for(self) -> int:
        """Mail what was asked for within the last seconds and nobody took; return how many went.

        For workers in the middle of an issue: whoever signs up waits at the screen.
        """
        numbers = await asyncio.to_thread(self._just_asked_for)
        return sum([await self.send(number) for number in numbers])

    def _just_asked_for(self) -> Sequence[int]:
        now = self.clock.now()
        asked = (
            select(Subscriber.id)
            .where(Subscriber.confirmation_due_at > now - _JUST_NOW)
            .where(Subscriber.confirmation_due_at <= now, not_held())
            # The newest first: a file of thousands may have come in a moment before.
            .order_by(Subscriber.confirmation_due_at.desc())
            .limit(_MOST_AT_ONCE)
        )
        with self.database.glance() as session:
            return session.scalars(asked).all()

    def _take(self, subscriber_id: int) -> _Owed | None:
        """Put a debt off for us, and return what its mail needs; None where none is owed."""
        with self.database.read() as session:
            subscriber = session.get(Subscriber, subscriber_id)
            since = subscriber.confirmation_due_at if subscriber else None
            if subscriber is None or since is None or is_held(session):
                return None
            if since > self.clock.now() + _CLOCKS_DIFFER:
                return None
            titles = _titles(session, subscriber)
        rendered, link = self._mail(subscriber, titles)
        claim = self.clock.now() + _UNDER_WAY
        name, email = subscriber.name, subscriber.email
        owed = _Owed(subscriber_id, since, claim, name, email, link, rendered)
        return owed if self._set_debt(subscriber_id, since, claim) else None

    def _mail(self, subscriber: Subscriber, titles: tuple[str, ...]) -> tuple[RenderedEdition, str]:
        """Return a reader's mail, with slots for the address and the link, and the link."""
        if subscriber.state is SubscriberState.CONFIRMED or not titles:
            # There is nothing to confirm: whoever signs up again, or lost the link, gets it anew.
            link = self.links.preferences_url(subscriber.public_id)
            return self._rendered("preferences-link", titles, "preferences_url"), link
        link = self.links.confirm_url(subscriber.public_id)
        return self._rendered("confirmation", titles, "confirm_url"), link

    def _rendered(self, name: str, titles: tuple[str, ...], link: str) -> RenderedEdition:
        context = {
            "titles": titles,
            "days": CONFIRM_WITHIN.days,
            "publisher": parseaddr(self.settings.sender)[0] or self.settings.sender_domain,
            "publisher_address": "",
            "home_url": self.settings.base_url,
        }
        slots = {"email": Slot.EMAIL, link: Slot.PREFERENCES_URL}
        return self._kept.get(
            (name, titles),
            lambda: self.renderer.render_message(name, context, slots=slots),
            now=self.clock.now(),
        )

    def _change(self, owed: _Owed, due_at: datetime | None) -> None:
        """Set anew what is owed, unless a newer sign-up made another debt since."""
        self._set_debt(owed.subscriber_id, owed.claim, due_at)

    def _set_debt(self, subscriber_id: int, known: datetime, due_at: datetime | None) -> bool:
        with self.database.transaction() as session:
            changed = session.scalars(_of_debt(subscriber_id, known, due_at)).all()
        return bool(changed)


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


def _of_debt(subscriber_id: int, known: datetime, due_at: datetime | None) -> Update:
    """Return the update of a debt that is still the one that was seen."""
    return (
        update(Subscriber)
        .where(Subscriber.id == subscriber_id, Subscriber.confirmation_due_at == known)
        .values(confirmation_due_at=due_at)
        .returning(Subscriber.id)
        .execution_options(synchronize_session=False)
    )


def _titles(session: Session, subscriber: Subscriber) -> tuple[str, ...]:
    return tuple(
        get_newsletter(session, subscription.newsletter).title
        for subscription in subscriber.subscriptions
        if subscription.ended_at is None
    )
