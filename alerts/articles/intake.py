"""From files, folders, addresses and standard input to stored articles, each in its own right."""

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from alerts.articles.fetching.answers import FetchFailed
from alerts.articles.fetching.fetcher import Fetcher
from alerts.articles.reading.cleaning import decode
from alerts.articles.reading.limits import LARGEST
from alerts.articles.reading.read import read_html, read_text
from alerts.articles.reading.record import NoArticle, ReadArticle
from alerts.articles.service import add_article
from alerts.articles.topics import Topics
from alerts.clock import Clock
from alerts.database import Database

STANDARD_INPUT = "-"
ENDINGS = {".html", ".htm", ".xhtml", ".txt", ".md", ".text"}
_MARKUP = re.compile(
    rb"<(?:!doctype\s+html|html|head|body|article|div|p|h[1-6]|table)\b", re.IGNORECASE
)
_LOOKED_AT = 4096


@dataclass(frozen=True, slots=True)
class RefusedSource:
    """What was not taken in, and why, in one line."""

    source: str
    reason: str


@dataclass(slots=True)
class Intake:
    """What came of a number of sources: the ids of articles.

    No more is kept of them: an archive of ten thousand pages would fill the memory.
    """

    added: list[int] = field(default_factory=list)
    updated: list[int] = field(default_factory=list)
    unchanged: list[int] = field(default_factory=list)
    refused: list[RefusedSource] = field(default_factory=list)


def add_sources(
    database: Database,
    sources: Sequence[str],
    *,
    clock: Clock,
    fetcher: Fetcher | None = None,
    topics: Topics | None = None,
    progress: Callable[[int, int | None], None] | None = None,
) -> Intake:
    """Read every source and store it, each in a transaction of its own; one refused stops nothing.

    A source is a file, a folder (its articles in the order of their names), a URL (where a
    `fetcher` is given) or `-`. `topics` are the rules for what they are about;
    `progress` is told how many were read, and of how many.
    """
    intake = Intake()
    expanded = list(_expanded(sources, intake))
    for count, source in enumerate(expanded):
        if progress is not None:
            progress(count, len(expanded))
        try:
            page = _read(source, fetcher)
        except (NoArticle, FetchFailed) as error:
            intake.refused.append(RefusedSource(source, str(error)))
            continue
        except OSError as error:
            reason = f"cannot be read: {error.strerror or error}"
            intake.refused.append(RefusedSource(source, reason))
            continue
        with database.transaction() as session:
            outcome = add_article(session, page, topics=topics, clock=clock)
        _list_of(intake, outcome.kind).append(outcome.article.id)
    return intake


def read_bytes(content: bytes, *, source: str, url: str | None = None) -> ReadArticle:
    """Read a page whose kind is not known; HTML is told by its first tags. Raises NoArticle."""
    if _MARKUP.search(content[:_LOOKED_AT].replace(b"\0", b"")):
        return read_html(content, url=url, source=source)
    return read_text(decode(content), source=source)


def _expanded(sources: Iterable[str], intake: Intake) -> Iterator[str]:
    for source in sources:
        folder = None if is_address(source) or source == STANDARD_INPUT else Path(source)
        if folder is None or not folder.is_dir():
            yield source
            continue
        files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS)
        if not files:
            intake.refused.append(RefusedSource(source, "no .html or .txt file is in this folder"))
        yield from map(str, files)


def _read(source: str, fetcher: Fetcher | None) -> ReadArticle:
    if source == STANDARD_INPUT:
        return read_bytes(sys.stdin.buffer.read(LARGEST + 1), source="standard input")
    if not is_address(source):
        with Path(source).open("rb") as file:
            return read_bytes(file.read(LARGEST + 1), source=source)
    if fetcher is None:
        raise NoArticle("an address, and nothing is fetched here")
    return read_address(source, fetcher)


def read_address(url: str, fetcher: Fetcher) -> ReadArticle:
    """Fetch a page that somebody named, and read it; raises FetchFailed and NoArticle."""
    fetched = fetcher.fetch(url, obey_robots=False)
    if fetched.is_html:
        return read_html(fetched.content, url=fetched.url, source=url)
    return read_bytes(fetched.content, source=url, url=fetched.url)


def is_address(source: str) -> bool:
    """Tell a web address, of whatever scheme, from a path."""
    return bool(re.match(r"^[a-z][a-z0-9+.-]+://", source, re.IGNORECASE))


def _list_of(intake: Intake, kind: str) -> list[int]:
    return {"added": intake.added, "updated": intake.updated, "unchanged": intake.unchanged}[kind]
