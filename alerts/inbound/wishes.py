"""What readers ask for by mail: the same as on the pages, and no more mails than from there.

Anybody can write anybody's address into a From field. So a mail can begin nothing that a click in
a mail to that address does not confirm; it can end things, as leaving has to be easy.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from alerts.clock import Clock
from alerts.errors import Refused
from alerts.inbound.models import Owed
from alerts.inbound.reading.record import Command
from alerts.newsletters.service import offers
from alerts.subscribers.addresses import parse_address
from alerts.subscribers.exclusion import refuse_suppressed
from alerts.subscribers.models import Subscriber, SubscriberState
from alerts.subscribers.queries import by_key
from alerts.subscribers.service import add_subscriber, unsubscribe
from alerts.subscribers.wishes import Offer

WAY = "mail"
# The words of the consent: what the person did.
CONSENT = "I wrote to {address} to subscribe."
_MARKS = re.compile(r"[+=_.-]")


@dataclass(frozen=True, slots=True)
class Wish:
    """A command with what it may name: who wrote, where to, and under which subject."""

    command: Command
    sender: str
    written_to: tuple[str, ...]
    subject: str


@dataclass(frozen=True, slots=True)
class Fulfilled:
    """What was done, in words; whom to mail a confirmation or their link; what answer is owed."""

    note: str
    subscriber_id: int | None = None
    confirm: int | None = None
    answer: Owed | None = None


def fulfil(
    session: Session, wish: Wish, *, may_answer: bool, keys: Sequence[str], clock: Clock
) -> Fulfilled:
    """Do what a reader asks for; `may_answer` is whether the address may get one more mail.

    Raises Invalid for a sender that is no address.
    """
    address = parse_address(wish.sender)
    subscriber = by_key(session, address.key)
    if wish.command is Command.UNSUBSCRIBE:
        return _unsubscribe(session, wish, subscriber, may_answer=may_answer, clock=clock)
    if not may_answer:
        return Fulfilled(f"{wish.command}: the address has had its mails of this hour or day")
    if subscriber is not None and subscriber.state is SubscriberState.SUPPRESSED:
        return Fulfilled(f"{wish.command}: the address is suppressed", subscriber.id)
    if wish.command is Command.SUBSCRIBE:
        return _subscribe(session, wish, keys=keys, clock=clock)
    if wish.command is Command.PREFERENCES and subscriber is not None:
        return _owe_link(session, subscriber, "preferences: the link is mailed", clock)
    known = "" if wish.command is Command.HELP else ": nobody subscribed with this address"
    return Fulfilled(f"{wish.command}{known}; help is mailed", _id(subscriber), answer=Owed.HELP)


def named_newsletters(wish: Wish, offered: Iterable[Offer]) -> list[Offer]:
    """Return the newsletters that the address written to names, or else the subject. Pure."""
    known = list(offered)
    locals_ = [address.rpartition("@")[0].lower() for address in wish.written_to]
    by_local = [one for one in known if any(_names(local, one.slug) for local in locals_)]
    if by_local:
        return by_local
    subject = _plain(wish.subject)
    return [
        one
        for one in known
        if f" {_plain(one.slug)} " in f" {subject} " or f" {_plain(one.title)} " in f" {subject} "
    ]


def _names(local: str, slug: str) -> bool:
    """Tell whether a slug stands in the left side of an address, a word between its marks."""
    return re.search(rf"(?:^|[+=._-]){re.escape(slug)}(?:$|[+=._-])", local) is not None


def _plain(text: str) -> str:
    return " ".join(_MARKS.sub(" ", text.lower()).split())


def _unsubscribe(
    session: Session,
    wish: Wish,
    subscriber: Subscriber | None,
    *,
    may_answer: bool,
    clock: Clock,
) -> Fulfilled:
    if subscriber is None:
        # They get our mail under another address: the answer says how to leave with that.
        answer = Owed.HELP if may_answer else None
        return Fulfilled("unsubscribe: nobody subscribed with this address", answer=answer)
    named = named_newsletters(wish, offers(session).values())
    slugs: list[str | None] = [*(one.slug for one in named)] or [None]
    changed = [
        unsubscribe(session, subscriber, newsletter=slug, way=WAY, clock=clock) for slug in slugs
    ]
    what = ", ".join(slug or "everything" for slug in slugs)
    done = f"unsubscribed from {what}" if any(changed) else f"not subscribed to {what} any more"
    return Fulfilled(done, subscriber.id)


def _subscribe(session: Session, wish: Wish, *, keys: Sequence[str], clock: Clock) -> Fulfilled:
    """Write a sign-up down as the form does: who is confirmed already stays as they are."""
    try:
        refuse_suppressed(session, wish.sender, keys=keys)
    except Refused:
        return Fulfilled("subscribe: the address is suppressed")
    offered = list(offers(session).values())
    chosen = named_newsletters(wish, offered) or offered
    added = add_subscriber(
        session,
        email=wish.sender,
        offers=chosen,
        by_anybody=True,
        consent=CONSENT.format(address=next(iter(wish.written_to), "us")),
        way=WAY,
        clock=clock,
    ).subscriber
    what = f"subscribe to {', '.join(one.slug for one in chosen)}: to be confirmed"
    if added.state is SubscriberState.CONFIRMED:
        what = "subscribe: a reader already; link mailed"
    return _owe_link(session, added, what, clock)


def _owe_link(session: Session, subscriber: Subscriber, note: str, clock: Clock) -> Fulfilled:
    # Owed from now on: a task that gets lost is enqueued again. Which link it is, the state says.
    subscriber.confirmation_due_at = clock.now()
    session.flush()
    return Fulfilled(note, subscriber.id, confirm=subscriber.id)


def _id(subscriber: Subscriber | None) -> int | None:
    return None if subscriber is None else subscriber.id
