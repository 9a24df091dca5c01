"""One page that a source showed: fetched, read and stored, or refused with the reason."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from sqlalchemy.orm import Session

from alerts.articles.fetching.answers import Fetched, FetchFailed
from alerts.articles.fetching.fetcher import Fetcher
from alerts.articles.models import Article, ArticleState
from alerts.articles.reading.record import NoArticle
from alerts.articles.service import AddOutcome, add_article, withdraw_article
from alerts.articles.sources.entry_pages import read_entry
from alerts.articles.sources.models import Source, SourceEntry, SourceKind
from alerts.articles.sources.rhythm import is_withdrawn, look_again, pause_after
from alerts.articles.sources.shown import Shown
from alerts.articles.topics import Topics
from alerts.claims import Claim
from alerts.clock import Clock


@dataclass(slots=True)
class Poll:
    """What came of a poll; `error` says why the source itself could not be had."""

    source_id: int
    added: list[Article] = field(default_factory=list)
    updated: list[Article] = field(default_factory=list)
    unchanged: int = 0
    withdrawn: list[Article] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    left: int = 0
    error: str | None = None

    def count(self, outcome: AddOutcome) -> None:
        """Note what became of a page."""
        match outcome.kind:
            case "added":
                self.added.append(outcome.article)
            case "updated":
                self.updated.append(outcome.article)
            case "unchanged":
                self.unchanged += 1


@dataclass(frozen=True, slots=True)
class Means:
    """What a poll works with."""

    claim: Claim[Source]
    fetcher: Fetcher
    topics: Topics | None


def take_entry(means: Means, poll: Poll, entry: SourceEntry, told: Shown | None) -> None:
    """Fetch a page that a source showed, and store it, or note why not.

    `told` is what the source said of it.
    """
    claim = means.claim
    is_folder = claim.row.kind is SourceKind.FOLDER
    fetched, failure = _fetched(entry, means.fetcher, is_folder=is_folder)
    if fetched is not None and fetched.not_modified:
        with claim.transaction() as (session, _):
            _settle(session.get_one(SourceEntry, entry.id), fetched, claim.clock)
        poll.unchanged += 1
        return
    try:
        page = read_entry(entry, fetched, failure, told)
    except NoArticle as error:
        with claim.transaction() as (session, source):
            held = session.get_one(SourceEntry, entry.id)
            _refuse(session, source, held, poll, failure or error, claim.clock)
        return
    with claim.transaction() as (session, _):
        held = session.get_one(SourceEntry, entry.id)
        outcome = add_article(session, page, topics=means.topics, clock=claim.clock)
        held.article_id = outcome.article.id
        _settle(held, fetched, claim.clock)
    poll.count(outcome)


def _fetched(
    entry: SourceEntry, fetcher: Fetcher, *, is_folder: bool
) -> tuple[Fetched | None, FetchFailed | None]:
    try:
        return (_file(entry) if is_folder else _page(entry, fetcher)), None
    except FetchFailed as error:
        return None, error


def _page(entry: SourceEntry, fetcher: Fetcher) -> Fetched:
    # What was never read is asked for whole, whatever the server said of it before.
    known = entry.article_id is not None
    return fetcher.fetch(
        entry.url,
        etag=entry.etag if known else None,
        last_modified=entry.last_modified if known else None,
    )


def _file(entry: SourceEntry) -> Fetched:
    path = Path(entry.url)
    try:
        return Fetched(url=entry.url, content=path.read_bytes())
    except OSError as error:
        raise FetchFailed(f"cannot be read: {error.strerror or error}") from error


def _settle(entry: SourceEntry, fetched: Fetched | None, clock: Clock) -> None:
    entry.failures, entry.gone_since, entry.refused = 0, None, None
    if fetched is not None:
        entry.etag, entry.last_modified = fetched.etag, fetched.last_modified
    entry.look_at = None if "://" not in entry.url else look_again(entry.shown_at, clock.now())


def _refuse(
    session: Session,
    source: Source,
    entry: SourceEntry,
    poll: Poll,
    error: FetchFailed | NoArticle,
    clock: Clock,
) -> None:
    """Note why a page was not taken in, and when to look again: for the server's faults alone."""
    now = clock.now()
    entry.refused = str(error)
    entry.failures += 1
    poll.refused.append((entry.url, str(error)))
    if isinstance(error, FetchFailed) and error.gone:
        entry.gone_since = entry.gone_since or now
        entry.look_at = now + timedelta(hours=1)
        if is_withdrawn(entry.gone_since, now):
            entry.look_at = None
            _withdraw(session, entry, poll, clock)
        return
    if isinstance(error, FetchFailed) and not error.permanent:
        every = timedelta(seconds=source.every_seconds)
        entry.look_at = now + pause_after(entry.failures, every, asked=error.retry_after)
        return
    entry.look_at = None


def _withdraw(session: Session, entry: SourceEntry, poll: Poll, clock: Clock) -> None:
    if entry.article_id is None:
        return
    article = session.get_one(Article, entry.article_id)
    if article.state is ArticleState.PUBLISHED:
        reason = f"its page is gone: {entry.url}"
        poll.withdrawn.append(withdraw_article(session, article.id, reason=reason, clock=clock))
