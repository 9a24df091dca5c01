"""Taking in a file of subscribers: a thousand rows to a transaction, a few statements each."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from alerts.clock import Clock
from alerts.database import Database
from alerts.errors import Refused
from alerts.subscribers.details import printable
from alerts.subscribers.models import (
    ConsentAction,
    ConsentRecord,
    Subscriber,
    SubscriberState,
    Subscription,
)
from alerts.subscribers.rows import RefusedRow, SubscriberRow, open_file
from alerts.subscribers.suppression import suppressed
from alerts.subscribers.wishes import Offer, new_public_id

_CHUNK = 1_000
# A sign-up on the web at the same moment takes an address that we were about to insert.
_TRIES = 3
# Without this, rows that differ in what is NULL would go in statements of their own.
_AS_THEY_ARE: dict[str, Any] = {"render_nulls": True}


@dataclass(slots=True)
class ImportResult:
    """What an import did; `notes` are remarks on the file as a whole."""

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: list[RefusedRow] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Chunk:
    """What one transaction is going to write, and what it counts."""

    now: datetime
    consent: str
    origin: str
    added: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: list[RefusedRow] = field(default_factory=list)
    subscriptions: list[dict[str, Any]] = field(default_factory=list)
    records: list[dict[str, Any]] = field(default_factory=list)

    def refuse(self, row: SubscriberRow, reason: str) -> None:
        """Count a row as refused, though it is understood."""
        self.refused.append(RefusedRow(row.line, row.address.display, reason))

    def record(self, subscriber_id: int, action: ConsentAction, newsletter: str | None) -> None:
        """Note a change of consent, to be written with the chunk."""
        self.records.append(
            {
                "subscriber_id": subscriber_id,
                "newsletter": newsletter,
                "action": action,
                "wording": self.consent,
                "way": "import",
                "origin": self.origin,
                "issue_id": None,
                "at": self.now,
            }
        )

    def subscribe(self, subscriber_id: int, offer: Offer, row: SubscriberRow) -> None:
        """Note a new subscription, to be written with the chunk."""
        self.subscriptions.append(
            {
                "subscriber_id": subscriber_id,
                "newsletter": offer.slug,
                "frequency": offer.frequency_for(row.frequency),
                "wish": row.wish,
                "started_at": self.now,
                "ended_at": None,
            }
        )
        self.record(subscriber_id, ConsentAction.REQUESTED, offer.slug)


def import_subscribers(
    database: Database,
    path: Path,
    *,
    offers: Mapping[str, Offer],
    consent: str,
    clock: Clock,
    suppression_keys: Sequence[str] = (),
    progress: Callable[[int, int | None], None] | None = None,
) -> ImportResult:
    """Add the subscribers of a CSV file; a row that is refused stops nothing.

    `consent` says on what basis `confirmed` rows are mailed. Nobody who unsubscribed, and no
    suppressed address, is brought back by a file. An empty cell leaves what is known as it is;
    the same file again changes nothing. Memory does not grow with the file but for the refused
    rows. `progress` is told how many rows are done. Raises Invalid for a file that is none.
    """
    file = open_file(path)
    result = ImportResult()
    if file.unknown_columns:
        result.notes.append(f"columns not read: {', '.join(file.unknown_columns)}")
    done = 0
    for rows in _chunks(file.rows(offers, consent=consent), result.refused):
        chunk = _store(
            database,
            rows,
            consent=consent,
            origin=printable(path.name, 99),
            keys=suppression_keys,
            clock=clock,
        )
        result.added += chunk.added
        result.updated += chunk.updated
        result.unchanged += chunk.unchanged
        result.refused += chunk.refused
        done += len(rows)
        if progress is not None:
            progress(done, None)
    result.refused.sort(key=lambda row: row.line)
    return result


def _chunks(
    rows: Iterable[SubscriberRow | RefusedRow], refused: list[RefusedRow]
) -> Iterator[list[SubscriberRow]]:
    """Yield the good rows in groups of a thousand at most."""
    rows = iter(rows)
    while group := list(islice(rows, _CHUNK)):
        refused += [row for row in group if isinstance(row, RefusedRow)]
        if good := [row for row in group if isinstance(row, SubscriberRow)]:
            yield good


def _rounds(rows: Iterable[SubscriberRow]) -> list[list[SubscriberRow]]:
    """Part rows so that no address stands twice in a round; its rows keep their order."""
    rounds: list[list[SubscriberRow]] = []
    times: Counter[str] = Counter()
    for row in rows:
        number = times[row.address.key]
        times[row.address.key] += 1
        if number == len(rounds):
            rounds.append([])
        rounds[number].append(row)
    return rounds


def _store(
    database: Database,
    rows: Sequence[SubscriberRow],
    *,
    consent: str,
    origin: str,
    keys: Sequence[str],
    clock: Clock,
) -> _Chunk:
    for attempt in range(_TRIES):
        chunk = _Chunk(clock.now(), consent, origin)
        try:
            with database.transaction() as session:
                _write(session, rows, chunk, keys=keys)
        except IntegrityError:
            if attempt == _TRIES - 1:
                raise
        else:
            return chunk
    raise AssertionError("the loop above returns or raises")


def _write(
    session: Session, rows: Sequence[SubscriberRow], chunk: _Chunk, *, keys: Sequence[str]
) -> None:
    banned = suppressed(session, [row.address.key for row in rows], keys=keys) if keys else {}
    welcome = []
    for row in rows:
        if reason := banned.get(row.address.key):
            chunk.refuse(row, f"suppressed ({reason}), and is not mailed")
        else:
            welcome.append(row)
    for round_ in _rounds(welcome):
        _write_round(session, round_, chunk)


def _write_round(session: Session, rows: Sequence[SubscriberRow], chunk: _Chunk) -> None:
    query = select(Subscriber).where(Subscriber.email_key.in_([row.address.key for row in rows]))
    known = {subscriber.email_key: subscriber for subscriber in session.scalars(query)}
    for row in rows:
        if row.address.key in known:
            _join(known[row.address.key], row, chunk)
    _insert(session, [row for row in rows if row.address.key not in known], chunk)
    session.flush()
    for table, values in ((Subscription, chunk.subscriptions), (ConsentRecord, chunk.records)):
        if values:
            session.execute(insert(table).execution_options(**_AS_THEY_ARE), values)
            values.clear()
    # The next round must see what this one wrote beside the session.
    session.expunge_all()


def _insert(session: Session, rows: Sequence[SubscriberRow], chunk: _Chunk) -> None:
    if not rows:
        return
    values = [
        {
            "public_id": new_public_id(),
            "email": row.address.display,
            "email_key": row.address.key,
            "name": row.name,
            "state": SubscriberState.CONFIRMED if row.confirmed else SubscriberState.UNCONFIRMED,
            "time_zone": row.time_zone,
            "created_at": chunk.now,
            "confirmed_at": chunk.now if row.confirmed else None,
            "confirmation_due_at": None if row.confirmed else chunk.now,
        }
        for row in rows
    ]
    statement = (
        insert(Subscriber)
        .returning(Subscriber.id, Subscriber.email_key)
        .execution_options(**_AS_THEY_ARE)
    )
    ids = {key: number for number, key in session.execute(statement, values)}
    for row in rows:
        number = ids[row.address.key]
        for offer in row.offers:
            chunk.subscribe(number, offer, row)
        if row.confirmed:
            chunk.record(number, ConsentAction.CONFIRMED, None)
    chunk.added += len(rows)


def _join(subscriber: Subscriber, row: SubscriberRow, chunk: _Chunk) -> None:
    """Add to a known subscriber what the row says and was not known."""
    try:
        changed = _subscribe(subscriber, row, chunk)
    except Refused as error:
        chunk.refuse(row, str(error))
        return
    wanted = (row.name or subscriber.name, row.time_zone or subscriber.time_zone)
    if wanted != (subscriber.name, subscriber.time_zone):
        subscriber.name, subscriber.time_zone = wanted
        changed = True
    if row.confirmed and subscriber.state is SubscriberState.UNCONFIRMED:
        subscriber.state = SubscriberState.CONFIRMED
        subscriber.confirmed_at = chunk.now
        subscriber.confirmation_due_at = None
        chunk.record(subscriber.id, ConsentAction.CONFIRMED, None)
        changed = True
    if changed:
        chunk.updated += 1
    else:
        chunk.unchanged += 1


def _subscribe(subscriber: Subscriber, row: SubscriberRow, chunk: _Chunk) -> bool:
    if subscriber.state is SubscriberState.SUPPRESSED:
        raise Refused("suppressed, and is not mailed")
    existing = {s.newsletter: s for s in subscriber.subscriptions}
    left = {slug: s.ended_at for slug, s in existing.items() if s.ended_at is not None}
    if subscriber.state is SubscriberState.UNSUBSCRIBED:
        when = f" on {max(left.values()).date()}" if left else ""
        raise Refused(f"unsubscribed{when}; only they can come back, by subscribing again")
    named = [offer.slug for offer in row.offers if offer.slug in left] if row.explicit else []
    if named:
        when = f"{max(left[slug] for slug in named).date()}"
        raise Refused(
            f"unsubscribed from {', '.join(named)} on {when}; only they can take it up again"
        )
    changed = False
    for offer in row.offers:
        subscription = existing.get(offer.slug)
        if subscription is None:
            chunk.subscribe(subscriber.id, offer, row)
            changed = True
        elif subscription.ended_at is None and _change(subscription, offer, row):
            chunk.record(subscriber.id, ConsentAction.CHANGED, offer.slug)
            changed = True
    return changed


def _change(subscription: Subscription, offer: Offer, row: SubscriberRow) -> bool:
    """Take over frequency and regions where the row says any; True when that changes something."""
    before = (subscription.frequency, subscription.wish)
    if row.frequency is not None:
        subscription.frequency = offer.frequency_for(row.frequency)
    if row.wish:
        subscription.wish = row.wish
    return before != (subscription.frequency, subscription.wish)
