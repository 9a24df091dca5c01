"""One poll of a source: what it shows, which of it is new, and the pages fetched and stored.

No transaction is open while a server is spoken to. What a source shows is written down before its
pages are fetched, so a poll that is killed, or that has taken long enough, is gone on with by the
next.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from time import monotonic as _monotonic

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from alerts.articles.fetching.answers import Fetched, FetchFailed
from alerts.articles.fetching.fetcher import Fetcher
from alerts.articles.reading.record import NoArticle
from alerts.articles.sources.feeds import read_feed
from alerts.articles.sources.folders import read_folder
from alerts.articles.sources.models import Source, SourceEntry, SourceKind
from alerts.articles.sources.pages import read_links
from alerts.articles.sources.rhythm import pause_after
from alerts.articles.sources.shown import NoSource, Shown, key_of
from alerts.articles.sources.taking import Means, Poll, take_entry
from alerts.articles.topics import Topics
from alerts.claims import Claim, claim_row
from alerts.clock import Clock
from alerts.database import Database
from alerts.errors import Conflict

log = structlog.get_logger(__name__)

# A worker's process is not kept for longer by one source; the next tick goes on with it.
_MOST_SECONDS = 30.0
_AT_A_TIME = 200


def poll_source(
    database: Database,
    source_id: int,
    *,
    fetcher: Fetcher,
    clock: Clock,
    topics: Topics | None = None,
    most_seconds: float = _MOST_SECONDS,
    progress: Callable[[int, int | None], None] | None = None,
) -> Poll | None:
    """Look at a source, and take in what is new; None when somebody else does so now.

    `topics` are the rules for what articles are about, `progress` is told how many pages were
    looked at, and of how many.
    """
    claim = claim_row(database, Source, source_id, clock=clock)
    if claim is None:
        return None
    poll = Poll(source_id)
    try:
        seen = _look(claim, fetcher, poll)
        if seen is not None and seen.due:
            _take_in(Means(claim, fetcher, topics), poll, seen, most_seconds, progress)
    except Conflict:
        log.info("poll_taken_over", source=source_id)
    return poll


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a source showed: what it said of each page, and the pages to be looked at now."""

    texts: dict[str, Shown]
    due: Sequence[SourceEntry]


def _look(claim: Claim[Source], fetcher: Fetcher, poll: Poll) -> _Seen | None:
    """Ask the source what it shows, and write it down; None when it could not be had.

    A source with nothing to look at is done with in the same transaction: most polls are such.
    """
    try:
        fetched, shown = _show(claim.row, fetcher)
    except (FetchFailed, NoSource, NoArticle) as error:
        _failed(claim, poll, error)
        return None
    with claim.transaction() as (session, source):
        if shown:
            _remember(session, source, shown, claim.clock)
        if fetched is not None:
            source.etag, source.last_modified = fetched.etag, fetched.last_modified
            if fetched.moved_to and fetched.moved_to != source.url:
                _move(session, source, fetched.moved_to)
        session.flush()
        due = _due(session, source, claim.clock)
        if not due:
            _note_success(source, poll, claim.clock)
    return _Seen({entry.key: entry for entry in shown}, due)


def _show(source: Source, fetcher: Fetcher) -> tuple[Fetched | None, list[Shown]]:
    if source.kind is SourceKind.FOLDER:
        return None, read_folder(source.url)
    if source.kind is SourceKind.PAGE:
        # The page is its own and only entry, and is asked for below.
        return None, [Shown(url=source.url)]
    fetched = fetcher.fetch(source.url, etag=source.etag, last_modified=source.last_modified)
    if fetched.not_modified:
        return replace(fetched, etag=source.etag, last_modified=source.last_modified), []
    if source.kind is SourceKind.FEED:
        return fetched, read_feed(fetched.content, fetched.url)
    links = read_links(fetched.content, fetched.url, charset=fetched.charset)
    if not links.articles:
        raise NoSource("no link to an article stands on this page any more")
    return fetched, list(links.articles)


def _remember(session: Session, source: Source, shown: Sequence[Shown], clock: Clock) -> None:
    """Write down what the source shows; what is new, or newer than what is held, is due now.

    A page that another source brought in already is watched there, and not fetched again.
    """
    now = clock.now()
    keys = [one.key for one in shown]
    known = {
        entry.key: entry
        for entry in session.scalars(
            select(SourceEntry).where(SourceEntry.source_id == source.id, SourceEntry.key.in_(keys))
        )
    }
    elsewhere = _taken_in_elsewhere(session, source, keys)
    for one in shown:
        entry = known.get(one.key)
        if entry is None:
            article_id = elsewhere.get(one.key)
            session.add(
                SourceEntry(
                    source_id=source.id,
                    key=one.key,
                    url=one.url,
                    version=one.version,
                    article_id=article_id,
                    shown_at=now,
                    look_at=now if article_id is None else None,
                )
            )
        elif source.kind is SourceKind.PAGE or (one.version and one.version != entry.version):
            entry.version, entry.look_at = one.version, now


def _taken_in_elsewhere(session: Session, source: Source, keys: Sequence[str]) -> dict[str, int]:
    """Return the articles of pages that another web source has shown and had taken in."""
    if source.kind in {SourceKind.FOLDER, SourceKind.PAGE}:
        return {}
    rows = session.execute(
        select(SourceEntry.key, SourceEntry.article_id)
        .where(SourceEntry.key.in_(keys), SourceEntry.source_id != source.id)
        .where(SourceEntry.article_id.is_not(None))
    )
    return {key: article_id for key, article_id in rows if article_id is not None}


def _move(session: Session, source: Source, url: str) -> None:
    """Take over the address that a permanent redirect names, unless another source has it."""
    key = key_of(url)
    if session.scalar(select(Source.id).where(Source.key == key, Source.id != source.id)) is None:
        log.info("source_moved", source=source.id, url=url)
        source.moved_from, source.url, source.key = source.url, url, key


def _take_in(
    means: Means,
    poll: Poll,
    seen: _Seen,
    most_seconds: float,
    progress: Callable[[int, int | None], None] | None,
) -> None:
    ends = _monotonic() + most_seconds
    for count, entry in enumerate(seen.due):
        if _monotonic() > ends:
            poll.left = len(seen.due) - count
            break
        if progress is not None:
            progress(count, len(seen.due))
        take_entry(means, poll, entry, seen.texts.get(entry.key))
    with means.claim.transaction() as (_, source):
        _note_success(source, poll, means.claim.clock)


def _due(session: Session, source: Source, clock: Clock) -> Sequence[SourceEntry]:
    return session.scalars(
        select(SourceEntry)
        .where(SourceEntry.source_id == source.id, SourceEntry.look_at <= clock.now())
        .order_by(SourceEntry.look_at, SourceEntry.id)
        .limit(_AT_A_TIME)
    ).all()


def _note_success(source: Source, poll: Poll, clock: Clock) -> None:
    now = clock.now()
    source.failures, source.failing_since, source.last_error = 0, None, None
    source.last_success_at = now
    every = timedelta(seconds=source.every_seconds)
    source.next_poll_at = now if poll.left else now + every
    source.claimed_until = None


def _failed(claim: Claim[Source], poll: Poll, error: FetchFailed | NoSource | NoArticle) -> None:
    poll.error = str(error)
    asked = error.retry_after if isinstance(error, FetchFailed) else None
    with claim.transaction() as (_, source):
        now = claim.clock.now()
        source.failures += 1
        source.failing_since = source.failing_since or now
        source.last_error = poll.error
        every = timedelta(seconds=source.every_seconds)
        source.next_poll_at = now + pause_after(source.failures, every, asked=asked)
        source.claimed_until = None
    log.warning("source_failed", source=claim.row.id, reason=poll.error)
