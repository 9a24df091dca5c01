"""`/api/v1/segments`: readers chosen by a query, such as "state is confirmed"."""

from typing import Any

from fastapi import APIRouter
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.responses import Response

from alerts.delivery.received import received
from alerts.kept_answers import Answer
from alerts.newsletters.service import offers
from alerts.staff.audit import Subject
from alerts.staff.permissions import Permission
from alerts.subscribers.segments.models import Segment
from alerts.subscribers.segments.printing import canonical
from alerts.subscribers.segments.serialise import member_json, segment_json
from alerts.subscribers.segments.service import Count
from alerts.subscribers.segments.service import Segments as SegmentRoom
from alerts.web.api.call import Call, CurrentCall, as_json, respond
from alerts.web.api.paging import Cursor, Limit, page_of
from alerts.web.api.route import ApiRoute
from alerts.web.api.shapes.common import PathSlug, acts, looks
from alerts.web.api.shapes.readers import (
    ChangedSegment,
    Counted,
    CountedSegment,
    Members,
    NewSegment,
    SegmentQuery,
    Segments,
    SegmentShape,
)

router = APIRouter(prefix="/v1/segments", tags=["segments"], route_class=ApiRoute)
_P = Permission


@router.get("", **looks(_P.SUBSCRIBERS_READ, Segments, "List segments"))
def list_segments(call: CurrentCall, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """List the saved segments by their short names."""
    page = page_of(call, limit=limit, cursor=cursor)
    query = select(Segment).order_by(Segment.slug).limit(limit + 1)
    if page.after is not None:
        query = query.where(Segment.slug > page.after)
    with call.read() as session:
        found = [(one.slug, segment_json(one)) for one in session.scalars(query)]
    return page.answer(found)


@router.post("", **acts(_P.SUBSCRIBERS_WRITE, SegmentShape, "Save a segment", status=201))
def create(new: NewSegment, call: CurrentCall) -> Response:
    """Save a query under a short name; 409 when the name is taken."""
    with call.acting() as acting:
        room = _room(call, acting.session)
        segment = room.create(new.slug, new.query, name=new.name, description=new.description)
        acting.session.flush()
        acting.record("segment.created", Subject("segment", segment.slug), query=segment.query)
        location = f"{call.site.runtime.settings.base_url}/api/v1/segments/{segment.slug}"
        return acting.answer(segment_json(segment), status=201, headers={"Location": location})


@router.post("/count", **acts(_P.SUBSCRIBERS_READ, Counted, "Count who matches a query"))
def count(asked: SegmentQuery, call: CurrentCall) -> Response:
    """Count the readers who match, and those of them who may be mailed."""
    with call.read() as session:
        room = _room(call, session)
        node = room.query_of(asked.query)
        document = {"query": canonical(node)} | _counts(room.count(node))
    return respond(Answer(200, as_json(document)))


@router.get("/{slug}", **looks(_P.SUBSCRIBERS_READ, CountedSegment, "Look at a segment"))
def show(slug: PathSlug, call: CurrentCall) -> Response:
    """Return a segment, with how many readers are in it now."""
    with call.read() as session:
        room = _room(call, session)
        document = segment_json(room.get(slug)) | _counts(room.count(room.query_of(slug)))
    return respond(Answer(200, as_json(document)))


@router.patch("/{slug}", **acts(_P.SUBSCRIBERS_WRITE, SegmentShape, "Change a segment"))
def change(slug: PathSlug, wanted: ChangedSegment, call: CurrentCall) -> Response:
    """Change a segment's query, name or description; what is left out stays."""
    with call.acting() as acting:
        room = _room(call, acting.session)
        changed = room.change(
            slug, query=wanted.query, name=wanted.name, description=wanted.description
        )
        segment = room.get(slug)
        if changed:
            acting.record("segment.changed", Subject("segment", slug), query=segment.query)
        return acting.answer(segment_json(segment))


@router.delete("/{slug}", **acts(_P.SUBSCRIBERS_WRITE, None, "Forget a segment", status=204))
def remove(slug: PathSlug, call: CurrentCall) -> Response:
    """Forget a saved segment; its readers stay as they are."""
    with call.acting() as acting:
        _room(call, acting.session).remove(slug)
        acting.record("segment.removed", Subject("segment", slug))
        return acting.answer(None, status=204)


@router.get("/{slug}/members", **looks(_P.SUBSCRIBERS_READ, Members, "List who is in a segment"))
def members(
    slug: PathSlug, call: CurrentCall, limit: Limit = 50, cursor: Cursor = None
) -> Response:
    """List readers who match, by their numbers."""
    page = page_of(call, limit=limit, cursor=cursor)
    with call.read() as session:
        room = _room(call, session)
        matching = room.members(room.query_of(slug), after=page.number() or 0, limit=limit + 1)
        found = [(str(one.id), member_json(one)) for one in matching]
    return page.answer(found)


def _room(call: Call, session: Session) -> SegmentRoom:
    return SegmentRoom(session, clock=call.clock, newsletters=offers(session), received=received)


def _counts(found: Count) -> dict[str, Any]:
    return {"matching": found.matching, "reachable": found.reachable}
