"""Writing subscribers as CSV, in the columns that an import reads."""

import csv
import io
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from alerts.database import Database, among
from alerts.errors import Invalid
from alerts.regions import REGIONS
from alerts.subscribers.files.cells import with_formula_mark
from alerts.subscribers.files.columns import COLUMNS
from alerts.subscribers.models import Frequency, Subscriber, SubscriberState, Subscription

if TYPE_CHECKING:
    from _csv import Writer

_PAGE = 5_000
_MAILED = (SubscriberState.CONFIRMED, SubscriberState.UNCONFIRMED)

# Number, address, name, time zone, state.
_Person = tuple[int, str, str | None, str | None, SubscriberState]
# Owner, frequency, wish, newsletter.
_Wanted = tuple[int, Frequency, str, str]


def export_subscribers(
    database: Database,
    path: Path,
    *,
    progress: Callable[[int, int | None], None] | None = None,
) -> int:
    """Write everybody who is, or may become, a reader; return how many people that are.

    Somebody who wants two newsletters in two ways stands in two rows. Who left is not in it: an
    import would bring nobody back anyway. The file replaces an old one whole, or not at all, and
    only its owner may read it. Pages are read one after the other, in the order of the readers'
    numbers, so that neither memory nor a transaction grows with their number. `progress` is told
    how many people are written, of how many. Raises Invalid when the file cannot be written.
    """
    try:
        handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            # With a byte-order mark: spreadsheets would else read the names as Windows-1252.
            with os.fdopen(handle, "w", encoding="utf-8-sig", newline="") as file:
                people = _write(database, csv.writer(file), progress)
            Path(draft).replace(path)
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise Invalid(f"{path} cannot be written: {error.strerror or error}") from error
    return people


def exported_text(database: Database) -> Iterator[str]:
    """Yield the same file as text, some thousand readers at a time, for whoever sends it on.

    A byte-order mark comes first, as in the file.
    """
    buffer = io.StringIO()
    rows = csv.writer(buffer)
    buffer.write("\ufeff")
    for _ in _pages(database, rows):
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()


def _write(
    database: Database, rows: "Writer", progress: Callable[[int, int | None], None] | None
) -> int:
    with database.read() as session:
        in_all = session.scalar(select(func.count()).where(Subscriber.state.in_(_MAILED)))
    people = 0
    for people in _pages(database, rows):
        # The first time it is the columns alone that are written.
        if progress is not None and people:
            progress(people, in_all)
    return people


def _pages(database: Database, rows: "Writer") -> Iterator[int]:
    """Write the columns, then page after page; yield after each how many people are written."""
    rows.writerow(COLUMNS)
    people = last = 0
    yield people
    while page := _page(database, after=last):
        for person, wanted in page:
            rows.writerows(_rows(person, wanted))
            people += bool(wanted)
        last = page[-1][0][0]
        yield people


def _page(database: Database, *, after: int) -> list[tuple[_Person, list[_Wanted]]]:
    """Return the next readers by their number, each with what they want."""
    active = exists().where(
        Subscription.subscriber_id == Subscriber.id, Subscription.ended_at.is_(None)
    )
    query = (
        select(
            Subscriber.id,
            Subscriber.email,
            Subscriber.name,
            Subscriber.time_zone,
            Subscriber.state,
        )
        .where(Subscriber.id > after, Subscriber.state.in_(_MAILED), active)
        .order_by(Subscriber.id)
        .limit(_PAGE)
    )
    with database.read() as session:
        people = [
            (n, email, name, zone, state) for n, email, name, zone, state in session.execute(query)
        ]
        wanted = _wanted(session, [person[0] for person in people])
    # Somebody may leave between the two queries.
    return [(person, wanted.get(person[0], [])) for person in people]


def _wanted(session: Session, numbers: Sequence[int]) -> dict[int, list[_Wanted]]:
    query = select(
        Subscription.subscriber_id,
        Subscription.frequency,
        Subscription.wish,
        Subscription.newsletter,
    ).where(among(session, Subscription.subscriber_id, numbers), Subscription.ended_at.is_(None))
    rows = sorted(
        (owner, frequency, wish, newsletter)
        for owner, frequency, wish, newsletter in session.execute(query)
    )
    return {owner: list(group) for owner, group in groupby(rows, key=itemgetter(0))}


def _rows(person: _Person, wanted: Sequence[_Wanted]) -> Iterator[list[str]]:
    _, email, name, time_zone, state = person
    for (frequency, wish), alike in groupby(wanted, key=itemgetter(1, 2)):
        regions = [REGIONS[slug].name for slug in wish.split(";") if slug in REGIONS]
        yield [
            with_formula_mark(email),
            with_formula_mark(name or ""),
            ";".join(newsletter for _, _, _, newsletter in alike),
            frequency.value,
            ";".join(regions),
            time_zone or "",
            state.value,
        ]
