"""The confirmation of a sign-up: owed until it was mailed, whatever else is being sent."""

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parseaddr

from sqlalchemy import select
from sqlalchemy.orm import Session

from alerts.clock import Clock
from alerts.config import Settings
from alerts.database import Database, among
from alerts.delivery.assembly import CompiledMessage, Envelope, Reader
from alerts.delivery.dkim import DkimSigner, signer_for
from alerts.delivery.owed import Debts, Owing
from alerts.delivery.sweeper import Due
from alerts.delivery.transactional import Mail
from alerts.delivery.transports.base import Transport
from alerts.holding import not_held
from alerts.kept_briefly import KeptBriefly
from alerts.newsletters.models import Newsletter
from alerts.rendering.service import RenderedEdition, Renderer
from alerts.rendering.slots import Slot
from alerts.subscribers.links import CONFIRM_WITHIN, SubscriberLinks
from alerts.subscribers.models import Subscriber, SubscriberState, Subscription
from alerts.task_queue import Queue, Task

_CONFIRMATION = Owing(
    "confirmation", Subscriber.id, Subscriber.confirmation_due_at, under_way=timedelta(minutes=2)
)
# The two mails, and what their links are called in the templates.
_TO_CONFIRM, _LINK_ANEW = "confirmation", "preferences-link"
_LINKS = {_TO_CONFIRM: "confirm_url", _LINK_ANEW: "preferences_url"}
_FIRST_MINUTES = (2, 5, 10)
_THEN_EVERY_MINUTES = 30
# One that waits longer has troubles of its own; the sweeper sees to it.
_JUST_NOW = timedelta(seconds=10)
_MOST_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class _Owed:
    """Who is owed a mail, since when, and for which newsletters."""

    public_id: str
    name: str | None
    email: str
    state: SubscriberState
    since: datetime
    titles: tuple[str, ...]


@dataclass(frozen=True)
class Confirmations:
    """Mails the links that confirm sign-ups; one per process, for as long as it runs.

    What it renders is the same for all who ask for the same newsletters, and kept for a minute:
    many people may sign up while a large issue goes out.
    """

    database: Database
    settings: Settings
    renderer: Renderer
    links: SubscriberLinks
    transport: Transport
    clock: Clock
    signer: DkimSigner | None = None
    _kept: KeptBriefly[RenderedEdition] = field(
        default_factory=lambda: KeptBriefly(timedelta(minutes=1))
    )

    async def send(self, subscriber_id: int, *, answers: str | None = None) -> bool:
        """Mail the link that confirms a sign-up, if it is still owed; True when it was sent.

        Somebody with nothing to confirm is mailed the link to their preferences. `answers` is the
        Message-ID of the mail by which they asked for it (see `Envelope`).

        The debt is put off while its mail is under way, so that two workers do not both send it,
        and taken off afterwards.
        """
        return bool(await self._send([subscriber_id], answers=answers))

    async def send_just_asked_for(self) -> int:
        """Mail what was asked for within the last seconds and nobody took; return how many went.

        For workers in the middle of an issue: whoever signs up waits at the screen. All go
        together: what each would ask of the database alone takes longer than its mail.
        """
        return await self._send(await asyncio.to_thread(self._just_asked_for))

    async def _send(self, numbers: Sequence[int], *, answers: str | None = None) -> int:
        if not numbers:
            return 0
        debts, owed = await asyncio.to_thread(self._take, numbers)
        if not debts.since:
            return 0
        envelope = Envelope(self.settings.sender, "", "", "", self.clock.now(), answers=answers)
        compiled: dict[tuple[str, tuple[str, ...]], CompiledMessage] = {}
        mails: dict[int, Mail] = {}
        for number, one in owed.items():
            if number not in debts.since:
                continue
            name, link = self._name_and_link(one)
            kind = (name, one.titles)
            if kind not in compiled:
                compiled[kind] = self._compiled(envelope, *kind)
            mails[number] = compiled[kind], self._reader(one, link)
        return await debts.mail(self.transport, mails, sender=envelope.sender)

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

    def _take(self, numbers: Sequence[int]) -> tuple[Debts, dict[int, _Owed]]:
        """Put debts off for us; return them, and what the mails of all that are owed need."""
        with self.database.glance() as session:
            owed = _owed(session, numbers)
        since = {number: one.since for number, one in owed.items()}
        return _CONFIRMATION.take(self.database, since, clock=self.clock), owed

    def _name_and_link(self, owed: _Owed) -> tuple[str, str]:
        """Return which mail is owed, and the link in it."""
        if owed.state is SubscriberState.CONFIRMED or not owed.titles:
            # There is nothing to confirm: whoever signs up again, or lost the link, gets it anew.
            return _LINK_ANEW, self.links.preferences_url(owed.public_id)
        return _TO_CONFIRM, self.links.confirm_url(owed.public_id)

    def _reader(self, owed: _Owed, link: str) -> Reader:
        return Reader(
            name=owed.name,
            email=owed.email,
            message_id=f"confirm.{secrets.token_hex(12)}@{self.settings.sender_domain}",
            unsubscribe_url="",
            preferences_url=link,
        )

    def _compiled(self, envelope: Envelope, name: str, titles: tuple[str, ...]) -> CompiledMessage:
        rendered = self._rendered(name, titles)
        return CompiledMessage(
            envelope,
            rendered.subject,
            rendered.html,
            rendered.text,
            signer=signer_for(self.signer, envelope.sender),
        )

    def _rendered(self, name: str, titles: tuple[str, ...]) -> RenderedEdition:
        """Return a mail with slots for the address and the link."""
        context = {
            "titles": titles,
            "days": CONFIRM_WITHIN.days,
            "publisher": parseaddr(self.settings.sender)[0] or self.settings.sender_domain,
            "publisher_address": "",
            "home_url": self.settings.base_url,
        }
        slots = {"email": Slot.EMAIL, _LINKS[name]: Slot.PREFERENCES_URL}
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


def _owed(session: Session, numbers: Sequence[int]) -> dict[int, _Owed]:
    """Return what is owed to these subscribers, in their order; nothing while sending is held."""
    asked = select(
        Subscriber.id,
        Subscriber.public_id,
        Subscriber.name,
        Subscriber.email,
        Subscriber.state,
        Subscriber.confirmation_due_at,
    ).where(among(session, Subscriber.id, numbers), not_held())
    people = {row.id: row for row in session.execute(asked) if row.confirmation_due_at}
    if not people:
        return {}
    titles: dict[int, list[str]] = {number: [] for number in people}
    wanted = (
        select(Subscription.subscriber_id, Newsletter.title)
        .join(Newsletter, Newsletter.slug == Subscription.newsletter)
        .where(among(session, Subscription.subscriber_id, list(people)))
        .where(Subscription.ended_at.is_(None))
        .order_by(Subscription.newsletter)
    )
    for number, title in session.execute(wanted):
        titles[number].append(title)
    return {
        number: _Owed(
            public_id=row.public_id,
            name=row.name,
            email=row.email,
            state=row.state,
            since=row.confirmation_due_at,
            titles=tuple(titles[number]),
        )
        for number in numbers
        if (row := people.get(number)) is not None
    }
