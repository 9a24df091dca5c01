"""Clicks on an issue's links, counted by link and day; nothing else of a click is kept anywhere.

Whoever serves the redirects counts in memory and writes every other second: a burst costs one
statement, and no click waits for the database. A server that is killed loses what it counted in
those seconds; losing Redis loses nothing.
"""

import contextlib
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import structlog
from sqlalchemy import Date, ForeignKey, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Mapped, Session, mapped_column

from alerts.clock import Clock
from alerts.database import Base, Database, insert_into
from alerts.rendering.links import IssueLink

log = structlog.get_logger(__name__)

FLUSH_SECONDS = 2.0
_MOST_ADDRESSES = 10_000


class ClickDay(Base):
    """How often a link was followed on a day (UTC)."""

    __tablename__ = "click_days"

    link_id: Mapped[int] = mapped_column(
        ForeignKey("issue_links.id", ondelete="CASCADE"), primary_key=True
    )
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    count: Mapped[int]


@dataclass(frozen=True, slots=True)
class LinkClicks:
    """How often one of an issue's links was followed, over all days."""

    url: str
    clicks: int


class ClickCounter:
    """Counts in memory; a thread of its own writes to the database while there is anything.

    `close` writes the rest. Where the database is away the counts wait for it.
    """

    def __init__(
        self, database: Database, clock: Clock, *, every_seconds: float = FLUSH_SECONDS
    ) -> None:
        self._database = database
        self._clock = clock
        self._every = every_seconds
        self._lock = threading.Lock()
        self._counts: Counter[tuple[int, date]] = Counter()
        self._closing = threading.Event()
        self._writer: threading.Thread | None = None
        self._addresses: dict[int, str] = {}

    def count(self, link_id: int) -> None:
        """Count one click, now."""
        with self._lock:
            self._counts[link_id, self._clock.now().date()] += 1
            if self._writer is None and not self._closing.is_set():
                self._writer = threading.Thread(target=self._write_on, daemon=True)
                self._writer.start()

    def address_of(self, link_id: int) -> str | None:
        """Return where a link leads, None for none; it never changes, so it is kept in memory."""
        if link_id not in self._addresses:
            with self._database.read() as session:
                link = session.get(IssueLink, link_id)
            if link is None:
                return None
            if len(self._addresses) >= _MOST_ADDRESSES:
                self._addresses.clear()
            self._addresses[link_id] = link.url
            return link.url
        return self._addresses.get(link_id)

    def flush(self) -> None:
        """Write down what was counted; what cannot be written is kept for the next time."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
        if not counts:
            return
        try:
            with self._database.transaction() as session:
                add_clicks(session, counts)
        except SQLAlchemyError as error:
            log.warning("clicks_not_written", error=type(error).__name__)
            with self._lock:
                self._counts.update(counts)

    def close(self) -> None:
        """Write the rest and end the thread."""
        self._closing.set()
        writer = self._writer
        if writer is not None:
            writer.join()
        with contextlib.suppress(SQLAlchemyError):
            self.flush()

    def _write_on(self) -> None:
        while not self._closing.wait(self._every):
            self.flush()


def add_clicks(session: Session, counts: Mapping[tuple[int, date], int]) -> None:
    """Add to the counts of links and days; those of links that are gone are dropped."""
    numbers = {link_id for link_id, _ in counts}
    there = set(session.scalars(select(IssueLink.id).where(IssueLink.id.in_(numbers))))
    # In one order: servers that add at the same moment wait for each other, and never in a ring.
    rows = [
        {"link_id": link_id, "day": day, "count": count}
        for (link_id, day), count in sorted(counts.items())
        if link_id in there
    ]
    if not rows:
        return
    statement = insert_into(session, ClickDay).values(rows)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["link_id", "day"],
            set_={"count": ClickDay.count + statement.excluded["count"]},
        )
    )


def clicks_of(session: Session, issue_id: int) -> list[LinkClicks]:
    """Return an issue's counted links, those followed most often first."""
    clicks = func.coalesce(func.sum(ClickDay.count), 0)
    rows = session.execute(
        select(IssueLink.url, clicks)
        .outerjoin(ClickDay, ClickDay.link_id == IssueLink.id)
        .where(IssueLink.issue_id == issue_id)
        .group_by(IssueLink.id, IssueLink.url)
        .order_by(clicks.desc(), IssueLink.id)
    )
    return [LinkClicks(url, int(count)) for url, count in rows]


def clicks_by_day(session: Session, issue_id: int) -> list[tuple[date, int]]:
    """Return how often any of an issue's links was followed, on each day (UTC) that one was."""
    rows = session.execute(
        select(ClickDay.day, func.sum(ClickDay.count))
        .join(IssueLink, IssueLink.id == ClickDay.link_id)
        .where(IssueLink.issue_id == issue_id)
        .group_by(ClickDay.day)
        .order_by(ClickDay.day)
    )
    return [(day, int(count)) for day, count in rows]
