"""The use cases of the sources: add, list, pause, remove, and what to tell ops."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from alerts.articles.sources.discovery import Discovered
from alerts.articles.sources.models import Source, SourceEntry, SourceKind, SourceState
from alerts.articles.sources.rhythm import LONG_FAILING, LONGEST, SHORTEST
from alerts.articles.sources.shown import key_of
from alerts.clock import Clock, rfc3339
from alerts.durations import duration_text, parse_duration
from alerts.errors import Invalid, NotFound, Refused


def interval_of(text: str) -> timedelta:
    """Read how often a source is polled, `15m` or `2 hours`; raises Invalid."""
    every = parse_duration(text)
    if not SHORTEST <= every <= LONGEST:
        raise Invalid(
            f"{text!r} is no interval to poll at; from {duration_text(SHORTEST)} to"
            f" {duration_text(LONGEST)} would be right"
        )
    return every


def add_source(session: Session, found: Discovered, *, every: timedelta, clock: Clock) -> Source:
    """Keep a source, due at once; raises Refused when it is kept already."""
    key = key_of(found.url)
    known = session.scalar(select(Source).where(Source.key == key))
    if known is not None:
        raise Refused(f"{found.url} is source {known.id} already; see `alerts source list`")
    source = Source(
        key=key,
        url=found.url,
        kind=found.kind,
        every_seconds=int(every.total_seconds()),
        state=SourceState.ACTIVE,
        created_at=clock.now(),
        next_poll_at=clock.now(),
        fence=0,
        failures=0,
    )
    session.add(source)
    session.flush()
    return source


def get_source(session: Session, source_id: int) -> Source:
    """Return a source by its id; raises NotFound."""
    source = session.get(Source, source_id)
    if source is None:
        raise NotFound(f"there is no source {source_id}; see `alerts source list`")
    return source


def list_sources(session: Session) -> Sequence[Source]:
    """Return all sources in the order in which they were added."""
    return session.scalars(select(Source).order_by(Source.id)).all()


def pause_source(session: Session, source_id: int) -> Source:
    """Poll a source no longer by itself; raises NotFound or Refused."""
    return _set_state(session, source_id, SourceState.PAUSED)


def resume_source(session: Session, source_id: int, *, clock: Clock) -> Source:
    """Poll a source by itself again, from now on; raises NotFound or Refused."""
    source = _set_state(session, source_id, SourceState.ACTIVE)
    source.next_poll_at = clock.now()
    return source


def set_interval(session: Session, source_id: int, *, every: timedelta, clock: Clock) -> Source:
    """Look at a source at another pace from now on; raises NotFound.

    The next look comes no later than the new pace says; a pause after trouble is kept.
    """
    source = get_source(session, source_id)
    source.every_seconds = int(every.total_seconds())
    if not source.failures:
        source.next_poll_at = min(source.next_poll_at, clock.now() + every)
    return source


def call_for_poll(session: Session, source_id: int, *, clock: Clock) -> Source:
    """Make a source due at once; the caller enqueues its poll after the commit.

    A paused one is looked at this once. Raises NotFound, and Refused while it is being looked at.
    """
    source = get_source(session, source_id)
    now = clock.now()
    if source.claimed_until is not None and source.claimed_until > now:
        raise Refused("it is being looked at just now")
    source.next_poll_at = now
    return source


def taken_entries(session: Session, source_id: int, *, limit: int) -> Sequence[SourceEntry]:
    """Return the pages of a source that became articles, those shown last first."""
    return session.scalars(
        select(SourceEntry)
        .where(SourceEntry.source_id == source_id, SourceEntry.article_id.is_not(None))
        .order_by(SourceEntry.id.desc())
        .limit(limit)
    ).all()


def remove_source(session: Session, source_id: int) -> Source:
    """Forget a source, and what it has shown; its articles stay. Raises NotFound."""
    source = get_source(session, source_id)
    session.delete(source)
    return source


_COUNTS = select(
    SourceEntry.source_id,
    func.count(),
    func.count(SourceEntry.article_id),
    func.count(SourceEntry.refused),
).group_by(SourceEntry.source_id)


def entry_counts(session: Session) -> dict[int, tuple[int, int, int]]:
    """Return for each source how many pages it has shown, were taken in, and were refused."""
    rows = session.execute(_COUNTS)
    return {number: (shown, taken, refused) for number, shown, taken, refused in rows}


def entry_counts_of(session: Session, source_id: int) -> tuple[int, int, int]:
    """Return how many pages a source has shown, were taken in, and were refused."""
    row = session.execute(_COUNTS.where(SourceEntry.source_id == source_id)).first()
    return (0, 0, 0) if row is None else (row[1], row[2], row[3])


def refused_entries(
    session: Session, source_id: int, *, limit: int | None = None
) -> Sequence[SourceEntry]:
    """Return the pages of a source that were not taken in, the newest first."""
    return session.scalars(
        select(SourceEntry)
        .where(SourceEntry.source_id == source_id, SourceEntry.refused.is_not(None))
        .order_by(SourceEntry.id.desc())
        .limit(limit)
    ).all()


def long_failing(session: Session, *, clock: Clock) -> Sequence[Source]:
    """Return the active sources that could not be had for a day or more."""
    return session.scalars(
        select(Source)
        .where(Source.state == SourceState.ACTIVE)
        .where(Source.failing_since <= clock.now() - LONG_FAILING)
        .order_by(Source.failing_since)
    ).all()


def source_json(source: Source, counts: tuple[int, int, int] = (0, 0, 0)) -> dict[str, Any]:
    """Return a source as the command line and the API show it."""
    return {
        "id": source.id,
        "url": source.url,
        "kind": source.kind.value,
        "every": duration_text(timedelta(seconds=source.every_seconds)),
        "state": source.state.value,
        "shown": counts[0],
        "articles": counts[1],
        "refused": counts[2],
        "next_poll_at": rfc3339(source.next_poll_at),
        "last_success_at": rfc3339(source.last_success_at),
        "failing_since": rfc3339(source.failing_since),
        "failures": source.failures,
        "last_error": source.last_error,
        "moved_from": source.moved_from,
    }


def kind_of(text: str) -> SourceKind | None:
    """Return the kind that a word names, or None for `auto`."""
    return None if text == "auto" else SourceKind(text)


def _set_state(session: Session, source_id: int, state: SourceState) -> Source:
    source = get_source(session, source_id)
    if source.state is state:
        raise Refused(f"source {source_id} is {state.value} already; there is nothing to do")
    source.state = state
    return source
