"""All sources and how they fare, and adding one."""

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter
from starlette.responses import Response

from alerts.articles.fetching.answers import FetchFailed
from alerts.articles.fetching.fetcher import Fetcher
from alerts.articles.intake import is_address
from alerts.articles.reading.cleaning import web_address
from alerts.articles.sources.discovery import Discovered, discover
from alerts.articles.sources.service import (
    add_source,
    entry_counts,
    interval_of,
    kind_of,
    list_sources,
)
from alerts.articles.sources.shown import NoSource
from alerts.errors import Invalid, Refused
from alerts.staff.audit import Subject, record
from alerts.staff.permissions import Permission
from alerts.task_queue import Queue, Task
from alerts.web.desk.failures import DeskRoute
from alerts.web.desk.frame import Desk, PostedForm, requires
from alerts.web.desk.sources.words import CHOICES, KINDS, line_of
from alerts.web.desk.words import sentence

HERE = "/desk/sources"
# Somebody waits in front of the page meanwhile.
_PATIENCE_SECONDS = 25.0
_NONE = (0, 0, 0)
Editing = Annotated[Desk, requires(Permission.SOURCES_EDIT)]
router = APIRouter(prefix="/sources", route_class=DeskRoute)


@dataclass
class Named:
    """What stands in the form; `problems` by field."""

    url: str = ""
    kind: str = "auto"
    every: str = "15m"
    problems: dict[str, str] = field(default_factory=dict)


@router.get("")
def show(desk: Editing) -> Response:
    """Show every source: what it brings in, whether it can be had, when it is looked at."""
    return _page(desk, Named())


@router.post("")
def add(desk: Editing, fields: PostedForm) -> Response:
    """Keep a source, and look at it at once; what is wrong is said at its field."""
    named = Named(fields.one("url"), fields.one("kind") or "auto", fields.one("every"))
    found = _found(desk, named)
    if found is None:
        return _page(desk, named)
    clock = desk.site.runtime.clock
    try:
        with desk.site.runtime.database.transaction() as session:
            every = interval_of(named.every)
            source = add_source(session, found, every=every, clock=clock)
            subject = Subject("source", source.id)
            kind = found.kind.value
            record(
                session, desk.actor, "source.added", subject, clock=clock, url=found.url, as_=kind
            )
    except Refused as error:
        named.problems["url"] = sentence(error)
        return _page(desk, named)
    desk.site.queue.enqueue(Task.POLL_SOURCE, source.id, queue=Queue.INBOUND)
    led = "" if found.url == named.url else f" The address led to {found.url}."
    line = f"Added: {KINDS[found.kind]}. It is looked at now.{led}"
    return desk.done(f"{HERE}/{source.id}", line)


def _found(desk: Desk, named: Named) -> Discovered | None:
    """Return what stands at the address; None when something is wrong, which is noted then."""
    if named.kind not in dict(CHOICES):
        named.problems["kind"] = "Please choose one of these."
    if not is_address(named.url) or web_address(named.url, None) is None:
        named.problems["url"] = "A web address such as https://example.org/feed is needed."
    try:
        interval_of(named.every)
    except Invalid as error:
        named.problems["every"] = sentence(error)
    if named.problems:
        return None
    kind = kind_of(named.kind)
    try:
        return Discovered.named(kind, named.url) if kind else _discovered(desk, named.url)
    except FetchFailed as error:
        named.problems["url"] = (
            f"It could not be had: {error}. Say what stands there, and it is kept all the same."
        )
    except NoSource as error:
        named.problems["url"] = sentence(error)
    return None


def _discovered(desk: Desk, url: str) -> Discovered:
    settings = desk.site.runtime.settings
    fetcher = Fetcher(
        contact=settings.base_url,
        allowed_hosts=settings.fetch_hosts,
        total_seconds=_PATIENCE_SECONDS,
    )
    try:
        return discover(url, fetcher=fetcher)
    finally:
        fetcher.close()


def _page(desk: Desk, named: Named) -> Response:
    now = desk.site.runtime.clock.now()
    with desk.site.runtime.database.read() as session:
        counts = entry_counts(session)
        lines = [
            line_of(source, counts.get(source.id, _NONE), now=now)
            for source in list_sources(session)
        ]
    wrong = bool(named.problems)
    context = {
        # What cannot be had comes first.
        "lines": sorted(lines, key=lambda line: (line.failing_since is None, line.id)),
        "failing": sum(line.failing_since is not None for line in lines),
        "named": named,
        "kinds": CHOICES,
        "problem": "Nothing was added; please look below." if wrong else "",
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if wrong else HTTPStatus.OK
    return desk.page("source/list.html", context, status=status)
