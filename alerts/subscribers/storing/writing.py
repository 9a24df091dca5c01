"""Writing down what a plan says, in sets: each database in the form that it takes fastest."""

import secrets
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from sqlalchemy.orm import Session

from alerts.subscribers.models import ConsentAction, SubscriberState, Suppression
from alerts.subscribers.storing.known import WAY
from alerts.subscribers.storing.planning import (
    Plan,
    Reader,
    Record,
    changed_readers,
    changed_subscriptions,
)
from alerts.subscribers.suppression import address_hash

# As long as those of `new_public_id`: 96 random bits, 16 characters.
_PUBLIC_ID_OCTETS = 12
_PUBLIC_ID_LENGTH = 16

READER_COLUMNS = (
    *("public_id", "email", "email_key", "name", "state", "time_zone"),
    *("created_at", "confirmed_at", "confirmation_due_at"),
)
SUBSCRIPTION_COLUMNS = (
    *("subscriber_id", "newsletter", "frequency", "wish", "started_at", "ended_at"),
)
RECORD_COLUMNS = (*("subscriber_id", "newsletter", "action", "wording", "way", "origin", "at"),)
Row = tuple[Any, ...]


class Overtaken(Exception):
    """Somebody else changed the same subscribers since they were looked up."""


class Tables(Protocol):
    """The tables of one open transaction."""

    def moment(self, now: Any) -> Any:  # noqa: ANN401 - each driver has its own form of a time
        """Return a time in the form that the other methods take."""
        ...

    def add_readers(self, rows: Sequence[Row]) -> dict[str, int]:
        """Insert rows of READER_COLUMNS; return the numbers of those that were not there."""
        ...

    def add(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        """Insert rows that cannot be there yet."""
        ...

    def change_readers(self, rows: Sequence[Row]) -> int:
        """Change (name, time zone, state, the moment, number, state until now); how many."""
        ...

    def change_subscriptions(self, rows: Sequence[Row]) -> int:
        """Change (frequency, wish, ended at, number) of subscriptions not ended; how many."""
        ...

    def note_pace_changes(self, rows: Sequence[Row]) -> None:
        """Note (reader, newsletter, frequency until now, and from now on, the moment)."""
        ...


def write_plan(
    session: Session, tables: Tables, plan: Plan, *, origin: str, keys: Sequence[str]
) -> None:
    """Write all that a plan says; raises Overtaken when it does not fit the database any more.

    `origin` names the file in the consent records; the last of the keys hashes what is suppressed.
    """
    now = tables.moment(plan.now)
    _add_readers(tables, plan.added, now)
    changed = changed_readers(list(plan.known.readers.values()))
    if changed and tables.change_readers(_reader_changes(changed, now)) != len(changed):
        raise Overtaken
    _write_subscriptions(tables, plan, now)
    records = [_record(record, origin, now) for record in plan.records]
    if records:
        tables.add("consent_records", RECORD_COLUMNS, records)
    session.add_all(
        Suppression(address_hash=address_hash(keys[-1], key), reason=reason, at=plan.now)
        for key, reason in plan.suppressions
    )
    session.flush()


def _add_readers(tables: Tables, readers: Sequence[Reader], now: Any) -> None:  # noqa: ANN401 - as in Tables
    if not readers:
        return
    # In one order for everybody: two imports then wait for each other, and never in a circle.
    ordered = sorted(readers, key=lambda reader: reader.key)
    rows = [
        (
            public_id,
            reader.email,
            reader.key,
            reader.name,
            str(reader.state),
            reader.time_zone,
            now,
            now if reader.state is SubscriberState.CONFIRMED else None,
            now if reader.state is SubscriberState.UNCONFIRMED else None,
        )
        for reader, public_id in zip(ordered, _public_ids(len(ordered)), strict=True)
    ]
    numbers = tables.add_readers(rows)
    if len(numbers) != len(rows):
        raise Overtaken
    for reader in readers:
        reader.id = numbers[reader.key]


def _write_subscriptions(tables: Tables, plan: Plan, now: Any) -> None:  # noqa: ANN401 - as in Tables
    added: list[Row] = []
    changes: list[Row] = []
    paces: list[Row] = []
    for reader in plan.known.readers.values():
        for slug, subscription in reader.subscriptions.items():
            if subscription.was is None:
                frequency, wish, ended_at = subscription.now
                ended = None if ended_at is None else now
                added.append((reader.id, slug, str(frequency), wish, now, ended))
        for slug, subscription in changed_subscriptions(reader) if reader.was else ():
            frequency, wish, ended_at = subscription.now
            ended = None if ended_at is None else now
            changes.append((str(frequency), wish, ended, subscription.id))
            if ended_at is None and subscription.was and subscription.was[0] != frequency:
                paces.append((reader.id, slug, str(subscription.was[0]), str(frequency), now))
            if ended_at is None:
                # One record for a file, though it may have changed its mind from row to row.
                plan.records.append(Record(reader, slug, ConsentAction.CHANGED, plan.consent))
    if added:
        tables.add("subscriptions", SUBSCRIPTION_COLUMNS, added)
    if changes and tables.change_subscriptions(changes) != len(changes):
        raise Overtaken
    if paces:
        tables.note_pace_changes(paces)


def _reader_changes(readers: Iterable[Reader], now: Any) -> list[Row]:  # noqa: ANN401 - as in Tables
    return sorted(
        (
            (*_described(reader), now, reader.id, str(reader.was[2]))
            for reader in readers
            if reader.was is not None
        ),
        key=lambda row: row[4],
    )


def _described(reader: Reader) -> tuple[str | None, str | None, str]:
    return reader.name, reader.time_zone, str(reader.state)


def _record(record: Record, origin: str, now: Any) -> Row:  # noqa: ANN401 - as in Tables
    reader, newsletter, action, wording = record
    return reader.id, newsletter, str(action), wording, WAY, origin, now


def _public_ids(count: int) -> list[str]:
    octets = secrets.token_bytes(_PUBLIC_ID_OCTETS * count)
    text = urlsafe_b64encode(octets).decode("ascii")
    return [text[n : n + _PUBLIC_ID_LENGTH] for n in range(0, len(text), _PUBLIC_ID_LENGTH)]
