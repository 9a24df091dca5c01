"""Erasing a person at their wish, everywhere: rows, servers' answers, mails that came, caught ones.

A mail that has an effect on a reader is theirs from then on. What has none (a reply, an answer of a
machine) is taken for that of whoever wrote it, or whom it is about, so that it goes with them.
"""

from collections.abc import Iterator, Sequence

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session

from alerts.clock import Clock
from alerts.config import Settings
from alerts.database import Database
from alerts.delivery import erasing
from alerts.delivery.catcher import CatcherStore
from alerts.delivery.returned import BounceEvent
from alerts.errors import Invalid
from alerts.inbound.incoming import Desk, Incoming
from alerts.inbound.models import InboundMail
from alerts.inbound.tracing import Whose
from alerts.subscribers.addresses import parse_address
from alerts.subscribers.mentions import Mentions
from alerts.subscribers.models import Subscriber
from alerts.subscribers.queries import by_key
from alerts.subscribers.uploads.erasing import mask_in_uploads

_AT_A_TIME = 50


def reader_of_mail(session: Session, desk: Desk, mail: Incoming) -> int | None:
    """Return the number of the reader who wrote a mail, or whom it is about; None for nobody."""
    found = mail.message_of(session, desk)
    if isinstance(found, Whose) and found.subscriber_id is not None:
        return found.subscriber_id
    addresses = [mail.reading.sender, mail.envelope_from, *mail.reading.recipients]
    for address in filter(None, addresses):
        try:
            reader = by_key(session, parse_address(address).key)
        except Invalid:
            continue
        if reader is not None:
            return reader.id
    return None


def erase_person(
    session: Session, subscriber: Subscriber, *, keys: Sequence[str], way: str, clock: Clock
) -> None:
    """Remove a person's rows, and what came by mail or in files of readers and names them.

    Totals stay true, and a keyed hash keeps the address out: see `alerts.delivery.erasing`.
    """
    told_of = select(BounceEvent.mail_id).where(BounceEvent.subscriber_id == subscriber.id)
    _remove_mails(session, InboundMail.subscriber_id == subscriber.id)
    # One mail, or one call of a provider, may tell of several; each of them has had its effect.
    _remove_mails(session, InboundMail.id.in_(told_of))
    for numbers in _naming(session, _written(subscriber)):
        _remove_mails(session, InboundMail.id.in_(numbers))
    mask_in_uploads(session, _written(subscriber))
    erasing.erase_person(session, subscriber, keys=keys, way=way, clock=clock)


def erase_everywhere(
    database: Database,
    settings: Settings,
    subscriber_id: int,
    *,
    way: str,
    clock: Clock,
    caught: CatcherStore | None = None,
) -> None:
    """Erase a person in a transaction of its own, then their mails in the catcher.

    Erasing somebody who is gone already changes nothing.
    """
    with database.transaction() as session:
        subscriber = session.get(Subscriber, subscriber_id)
        if subscriber is None:
            return
        address = subscriber.email
        erase_person(session, subscriber, keys=settings.secret_key, way=way, clock=clock)
    if caught is None and settings.uses_catcher:
        store = CatcherStore(settings.data_dir)
        wipe(database, address, store)
        store.close()
    else:
        wipe(database, address, caught)


def wipe(database: Database, address: str, caught: CatcherStore | None) -> None:
    """After the commit that erased a person: have their mails gone that were caught, and traces."""
    if caught is not None:
        caught.forget(address)
    database.wipe_traces()


def _written(subscriber: Subscriber) -> tuple[str, ...]:
    """Return the ways in which a person's address may be written."""
    return tuple({subscriber.email, subscriber.email_key})


def _naming(session: Session, written: Sequence[str]) -> Iterator[list[int]]:
    """Yield the mails of nobody known in which an address stands, some at a time.

    Somebody may have written before they were a reader.
    """
    mentions = Mentions(written)
    after = 0
    while True:
        rows = session.execute(
            select(InboundMail.id, InboundMail.raw, InboundMail.envelope_from)
            .where(InboundMail.subscriber_id.is_(None), InboundMail.id > after)
            .order_by(InboundMail.id)
            .limit(_AT_A_TIME)
        ).all()
        if not rows:
            return
        after = rows[-1].id
        found = [
            row.id
            for row in rows
            if mentions.are_in(row.raw) or mentions.are_in((row.envelope_from or "").encode())
        ]
        if found:
            yield found


def _remove_mails(session: Session, which: ColumnElement[bool]) -> None:
    session.execute(delete(InboundMail).where(which).execution_options(synchronize_session=False))
