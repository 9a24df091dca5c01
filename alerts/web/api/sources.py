"""`/api/v1/sources`: where newly published articles come from."""

from fastapi import APIRouter
from sqlalchemy import select
from starlette.responses import Response

from alerts.articles.intake import is_address
from alerts.articles.sources.discovery import Discovered, discover
from alerts.articles.sources.models import Source, SourceState
from alerts.articles.sources.service import (
    add_source,
    entry_counts,
    get_source,
    interval_of,
    kind_of,
    pause_source,
    refused_entries,
    remove_source,
    resume_source,
    source_json,
)
from alerts.kept_answers import Answer
from alerts.staff.audit import Subject
from alerts.staff.permissions import Permission
from alerts.task_queue import Queue, Task
from alerts.web.api.call import Call, CurrentCall, as_json, respond
from alerts.web.api.fetching import open_fetcher
from alerts.web.api.paging import Cursor, Limit, page_of
from alerts.web.api.problems import WrongField
from alerts.web.api.route import ApiRoute
from alerts.web.api.shapes.articles import NewSource, ShownSource, Sources, SourceShape
from alerts.web.api.shapes.common import PathId, acts, looks

router = APIRouter(prefix="/v1/sources", tags=["sources"], route_class=ApiRoute)
_P = Permission
_MOST_REFUSED = 200


@router.get("", **looks(_P.ARTICLES_READ, Sources, "List sources"))
def list_sources(
    call: CurrentCall, limit: Limit = 50, cursor: Cursor = None, state: SourceState | None = None
) -> Response:
    """List the sources, with what each brought in and when it is looked at next."""
    page = page_of(call, limit=limit, cursor=cursor)
    query = select(Source).order_by(Source.id).limit(limit + 1)
    if state is not None:
        query = query.where(Source.state == state)
    if (after := page.number()) is not None:
        query = query.where(Source.id > after)
    with call.read() as session:
        counts = entry_counts(session)
        found = [
            (str(one.id), source_json(one, counts.get(one.id, (0, 0, 0))))
            for one in session.scalars(query)
        ]
    return page.answer(found)


@router.post("", **acts(_P.SOURCES_EDIT, SourceShape, "Add a source", status=201))
def add(new: NewSource, call: CurrentCall) -> Response:
    """Look at a page or feed from now on; with `auto` it is fetched once, to see what it is."""
    every = interval_of(new.every)
    found = _found(call, new)
    with call.acting() as acting:
        source = add_source(acting.session, found, every=every, clock=call.clock)
        acting.record("source.added", Subject("source", source.id), url=source.url)
        location = f"{call.site.runtime.settings.base_url}/api/v1/sources/{source.id}"
        return acting.answer(source_json(source), status=201, headers={"Location": location})


@router.get("/{source_id:int}", **looks(_P.ARTICLES_READ, ShownSource, "Look at a source"))
def show(source_id: PathId, call: CurrentCall) -> Response:
    """Return a source, and the pages of it that were not taken in, with the reasons."""
    with call.read() as session:
        source = get_source(session, source_id)
        document = source_json(source, entry_counts(session).get(source_id, (0, 0, 0)))
        document["not_taken_in"] = [
            {"url": one.url, "reason": one.refused}
            for one in refused_entries(session, source_id)[:_MOST_REFUSED]
        ]
    return respond(Answer(200, as_json(document)))


@router.post("/{source_id:int}/poll", **acts(_P.SOURCES_EDIT, SourceShape, "Look now", status=202))
def poll(source_id: PathId, call: CurrentCall) -> Response:
    """Have a worker look at a source now."""
    with call.acting() as acting:
        source = get_source(acting.session, source_id)
        acting.record("source.polled", Subject("source", source_id))
        acting.enqueue(Task.POLL_SOURCE, source_id, queue=Queue.INBOUND)
        return acting.answer(source_json(source), status=202)


@router.post("/{source_id:int}/pause", **acts(_P.SOURCES_EDIT, SourceShape, "Pause a source"))
def pause(source_id: PathId, call: CurrentCall) -> Response:
    """Poll a source no longer, until it is resumed."""
    with call.acting() as acting:
        source = pause_source(acting.session, source_id)
        acting.record("source.paused", Subject("source", source_id))
        return acting.answer(source_json(source))


@router.post("/{source_id:int}/resume", **acts(_P.SOURCES_EDIT, SourceShape, "Go on with a source"))
def resume(source_id: PathId, call: CurrentCall) -> Response:
    """Poll a source again, from now on."""
    with call.acting() as acting:
        source = resume_source(acting.session, source_id, clock=call.clock)
        acting.record("source.resumed", Subject("source", source_id))
        return acting.answer(source_json(source))


@router.delete("/{source_id:int}", **acts(_P.SOURCES_EDIT, None, "Forget a source", status=204))
def remove(source_id: PathId, call: CurrentCall) -> Response:
    """Forget a source; its articles stay."""
    with call.acting() as acting:
        source = remove_source(acting.session, source_id)
        acting.record("source.removed", Subject("source", source_id), url=source.url)
        return acting.answer(None, status=204)


def _found(call: Call, new: NewSource) -> Discovered:
    # A program far away has no business with this machine's folders.
    if not is_address(new.url):
        raise WrongField("url", "a web address such as https://news.example.org/feed is needed")
    named = kind_of(new.kind)
    if named is not None:
        return Discovered.named(named, new.url)
    with open_fetcher(call.site) as fetcher:
        return discover(new.url, fetcher=fetcher)
