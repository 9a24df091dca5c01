"""Sources for tests: added, polled once, and looked up again."""

from datetime import timedelta

from alerts.articles.fetching.fetcher import Fetcher
from alerts.articles.sources.discovery import Discovered
from alerts.articles.sources.models import Source, SourceKind
from alerts.articles.sources.polling import poll_source
from alerts.articles.sources.service import add_source
from alerts.articles.sources.taking import Poll
from alerts.clock import FixedClock
from alerts.database import Database

EVERY = timedelta(minutes=15)


def added(database: Database, kind: SourceKind, url: str, clock: FixedClock) -> int:
    with database.transaction() as session:
        return add_source(session, Discovered(kind, url), every=EVERY, clock=clock).id


def polled(database: Database, source_id: int, fetcher: Fetcher, clock: FixedClock) -> Poll:
    poll = poll_source(database, source_id, fetcher=fetcher, clock=clock)
    assert poll is not None
    return poll


def source_of(database: Database, source_id: int) -> Source:
    with database.read() as session:
        return session.get_one(Source, source_id)
