"""The confirmation of a sign-up: owed until it was mailed, whatever else is being sent."""

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import parseaddr

from sqlalchemy import select
from sqlalchemy.orm import Session

from alerts.clock import Clock
from alerts.config import Settings
from alerts.database import Database
from alerts.delivery.assembly import CompiledMessage, Envelope, Reader
from alerts.delivery.dkim import DkimSigner, signer_for
from alerts.delivery.owed import Debt, Owing
from alerts.delivery.sweeper import Due
from alerts.delivery.transports.base import Transport
from alerts.holding import is_held, not_held
from alerts.kept_minute import KeptMinute
from alerts.newsletters.service import get_newsletter
from alerts.rendering.service import RenderedEdition, Renderer
from alerts.rendering.slots import Slot
from alerts.subscribers.links import CONFIRM_WITHIN, SubscriberLinks
from alerts.subscribers.models import Subscriber, SubscriberState
from alerts.task_queue import Queue, Task

_CONFIRMATION = Owing(
    "confirmation", Subscriber.id, Subscriber.confirmation_due_at, under_way=timedelta(minutes=2)
)
_FIRST_MINUTES = (2, 5, 10)
_THEN_EVERY_MINUTES = 30
# One that waits longer has troubles of its own; the sweeper sees to it.
_JUST_NOW = timedelta(seconds=10)
_MOST_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class _Owed:
    """A debt that is ours, and what its mail needs."""

    debt: Debt
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
        and taken off afterwards.
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
        return await owed.debt.mail(self.transport, compiled, reader, sender=envelope.sender)

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
            titles = _titles(session, subscriber)
        rendered, link = self._mail(subscriber, titles)
        debt = _CONFIRMATION.take(self.database, subscriber_id, since, clock=self.clock)
        if debt is None:
            return None
        return _Owed(debt, subscriber.name, subscriber.email, link, rendered)

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


def owed_confirmations(session: Session, *, clock: Clock) -> list[Due]:
    """Return the confirmation mails that are to be tried again, for the sweeper.

    A sweep comes every minute or oftener; it brings up what has been owed for so many minutes.
    """
    now = clock.now()
    owed = session.execute(
        select(Subscriber.id, Subscriber.confirmation_due_at)
        .where(*_CONFIRMATION.lost(now))
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


def _titles(session: Session, subscriber: Subscriber) -> tuple[str, ...]:
    return tuple(
        get_newsletter(session, subscription.newsletter).title
        for subscription in subscriber.subscriptions
        if subscription.ended_at is None
    )
