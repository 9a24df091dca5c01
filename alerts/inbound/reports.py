"""Bounces and complaints: each recipient's report is traced to a reader and has its effect."""

from collections.abc import Iterable

from sqlalchemy.orm import Session

from alerts.delivery.returned import Returned
from alerts.inbound.effects import Judging, Told, take_effect
from alerts.inbound.incoming import Desk, Effect, Incoming
from alerts.inbound.reading.record import Kind, Reading
from alerts.inbound.tracing import Nobody, Whose, by_address
from alerts.subscribers.models import Subscriber
from alerts.subscribers.service import unsubscribe

# A report on more is none of ours: each of our messages has one recipient.
_MOST_RECIPIENTS = 50
_GRAVEST_FIRST = tuple(Returned)


def came_back(session: Session, desk: Desk, mail: Incoming) -> Effect:
    """Let a report have its effect; what is forged, or about nobody of ours, changes nothing."""
    judging = Judging(desk.settings.secret_key, desk.clock)
    found = mail.message_of(session, desk)
    told = list(_told(mail.reading))
    if isinstance(found, Whose):
        # A message of ours has one recipient: of several reports on it the gravest counts.
        told = sorted(told, key=lambda one: _GRAVEST_FIRST.index(one.kind))[:1] or _unnamed(mail)
    notes, subscriber_id = list[str](), None
    for position, one in enumerate(told[:_MOST_RECIPIENTS]):
        whose = found or by_address(session, [one.address], now=desk.clock.now())
        if isinstance(whose, Nobody):
            notes.append(f"{one.kind}: {whose.why}; nothing was changed")
            continue
        words = take_effect(
            session, one, whose, mail_id=mail.id, position=position, judging=judging
        )
        notes.append(f"{words} (by its {whose.how})")
        subscriber_id = subscriber_id or whose.subscriber_id
    unknown = f"{mail.reading.kind}: it names nobody; nothing was changed"
    return Effect("; ".join(notes) or unknown, subscriber_id)


def told_to_leave(session: Session, desk: Desk, mail: Incoming) -> Effect:
    """Unsubscribe a reader who told the provider so: it writes to them no more at all."""
    found = mail.message_of(session, desk)
    whose = found or by_address(session, mail.reading.readers, now=desk.clock.now())
    if isinstance(whose, Nobody):
        return Effect(f"unsubscribe: {whose.why}; nothing was changed")
    subscriber = (
        None if whose.subscriber_id is None else session.get(Subscriber, whose.subscriber_id)
    )
    if subscriber is None:
        return Effect("unsubscribe: the reader was erased")
    changed = unsubscribe(
        session, subscriber, way="provider", issue_id=whose.issue_id, clock=desk.clock
    )
    words = "unsubscribed from everything" if changed else "not subscribed to anything any more"
    return Effect(f"{words} (by its {whose.how})", subscriber.id)


def _unnamed(mail: Incoming) -> list[Told]:
    """Return what a report says that hides its reader's address, as feedback loops do."""
    if mail.reading.kind is Kind.COMPLAINT:
        return [Told(Returned.COMPLAINT)]
    bounce = mail.reading.bounce
    return [] if bounce is None else [Told.of_bounce(bounce, "", mail.reading.code, "")]


def _told(reading: Reading) -> Iterable[Told]:
    if reading.kind is Kind.COMPLAINT:
        return [Told(Returned.COMPLAINT, reader) for reader in reading.readers]
    return [
        Told.of_bounce(one.bounce, one.address, one.code, one.diagnostic)
        for one in reading.failures
        if one.bounce is not None
    ]
