"""How many fit, while a segment is being built: the page's script asks after each change.

A count that takes longer than a moment is stopped, and an estimate is told instead, as what it is.
"""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy.orm import Session
from starlette.responses import JSONResponse, Response

from alerts.database import TookTooLong
from alerts.errors import AlertsError
from alerts.staff.permissions import Permission
from alerts.subscribers.segments.estimating import Estimate, estimate
from alerts.subscribers.segments.service import Count
from alerts.subscribers.segments.terms import Node
from alerts.web.desk.failures import DeskRoute
from alerts.web.desk.frame import Desk, requires
from alerts.web.desk.subscribers.asked import segments_of, words_of
from alerts.web.desk.subscribers.building import LINES, LONGEST_QUERY, query_asked
from alerts.web.desk.words import sentence
from alerts.web.headers import PERSONAL

# While an editor types: what is not counted by then is estimated.
A_MOMENT = timedelta(milliseconds=300)
Reading = Annotated[Desk, requires(Permission.SUBSCRIBERS_READ)]
Words = Annotated[list[str] | None, Query(max_length=LINES)]
router = APIRouter(prefix="/subscribers", route_class=DeskRoute)


@router.get("/count")
def count(
    desk: Reading,
    query: Annotated[str, Query(max_length=LONGEST_QUERY)] = "",
    what: Words = None,
    value: Words = None,
    join: Annotated[str, Query(max_length=5)] = "and",
) -> Response:
    """Say how many fit what the form says now, as JSON: `line`, and the `query` it makes."""
    text = query_asked(query, what, value, join)
    line, canonical = "", ""
    if text:
        try:
            with desk.site.runtime.database.read() as session:
                node = segments_of(session, desk.site.runtime.clock).query_of(text)
            canonical = words_of(node)
            line = _line(desk, node, canonical)
        except AlertsError as error:
            line = sentence(error)
    return JSONResponse({"line": line, "query": canonical}, headers=PERSONAL)


def _line(desk: Desk, node: Node, canonical: str) -> str:
    runtime = desk.site.runtime

    def counted() -> Count:
        with runtime.database.read_within(A_MOMENT) as session:
            return segments_of(session, runtime.clock).count(node)

    try:
        found = desk.site.counts.get_at_once(canonical, counted, clock=runtime.clock)
    except TookTooLong:
        found = None
    if found is not None:
        return counted_in_words(found.value)
    with runtime.database.read() as session:
        return estimated_in_words(_estimate(session, desk, node))


def _estimate(session: Session, desk: Desk, node: Node) -> Estimate:
    return estimate(session, segments_of(session, desk.site.runtime.clock), node)


def counted_in_words(found: Count) -> str:
    """Return a count as a line: `1,204 subscribers fit, 1,190 of them can be mailed.`."""
    who = "subscriber fits" if found.matching == 1 else "subscribers fit"
    return f"{found.matching:,} {who}, {found.reachable:,} of them can be mailed."


def estimated_in_words(found: Estimate) -> str:
    """Return an estimate as a line that says that it is one, in round numbers. Pure."""
    if not found.margin:
        return counted_in_words(Count(found.matching, found.reachable))
    if not found.matching:
        return f"Few or none fit: fewer than about {_round(found.margin, found.margin):,}."
    matching, reachable = (_round(one, found.margin) for one in (found.matching, found.reachable))
    return (
        f"About {matching:,} subscribers fit, give or take {_round(found.margin, found.margin):,};"
        f" about {reachable:,} of them can be mailed."
    )


def _round(number: int, margin: int) -> int:
    """Return a number without the digits that its margin makes meaningless."""
    unit = int("1" + "0" * (len(str(margin)) - 1))
    return round(number / unit) * unit
