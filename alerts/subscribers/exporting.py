"""Writing subscribers as CSV, in the columns that an import reads."""

import csv
import os
import tempfile
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import TextIO

from sqlalchemy import select
from sqlalchemy.orm import Session

from alerts.errors import Invalid
from alerts.regions import REGIONS
from alerts.subscribers.files.cells import with_formula_mark
from alerts.subscribers.files.columns import COLUMNS
from alerts.subscribers.models import Subscriber, SubscriberState, Subscription

_PIECE = 1_000
_MAILED = (SubscriberState.CONFIRMED, SubscriberState.UNCONFIRMED)


def export_subscribers(session: Session, path: Path) -> int:
    """Write everybody who is, or may become, a reader; return how many people that are.

    Somebody who wants two newsletters in two ways stands in two rows. Who left is not in it: an
    import would bring nobody back anyway. The file replaces an old one whole, or not at all, and
    only its owner may read it. Raises Invalid when it cannot be written.
    """
    try:
        handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            # With a byte-order mark: spreadsheets would else read the names as Windows-1252.
            with os.fdopen(handle, "w", encoding="utf-8-sig", newline="") as file:
                people = _write(session, file)
            Path(draft).replace(path)
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise Invalid(f"{path} cannot be written: {error.strerror or error}") from error
    return people


def _write(session: Session, file: TextIO) -> int:
    rows = csv.writer(file)
    rows.writerow(COLUMNS)
    people = 0
    for subscriber in _readers(session):
        people += 1
        rows.writerows(_rows(subscriber))
    return people


def _readers(session: Session) -> Iterator[Subscriber]:
    """Yield the readers a piece at a time; the session itself holds on to none of them."""
    wanted = select(Subscription.subscriber_id).where(Subscription.ended_at.is_(None))
    query = (
        select(Subscriber)
        .where(Subscriber.state.in_(_MAILED), Subscriber.id.in_(wanted))
        .order_by(Subscriber.id)
        .execution_options(yield_per=_PIECE)
    )
    yield from session.scalars(query)


def _rows(subscriber: Subscriber) -> Iterator[list[str]]:
    def way(subscription: Subscription) -> tuple[str, str]:
        return subscription.frequency.value, subscription.wish

    active = (s for s in subscriber.subscriptions if s.ended_at is None)
    for (frequency, _), alike in groupby(sorted(active, key=way), key=way):
        same = list(alike)
        regions = [REGIONS[slug].name for slug in same[0].regions if slug in REGIONS]
        yield [
            with_formula_mark(subscriber.email),
            with_formula_mark(subscriber.name or ""),
            ";".join(subscription.newsletter for subscription in same),
            frequency,
            ";".join(regions),
            subscriber.time_zone or "",
            subscriber.state.value,
        ]
