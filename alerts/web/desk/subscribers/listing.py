"""The subscribers: found by address, narrowed by filters, counted, by the page."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy.orm import Session
from starlette.responses import Response

from alerts.errors import Invalid, NotFound
from alerts.newsletters.service import offers
from alerts.staff.permissions import Permission
from alerts.subscribers.finding import by_beginning
from alerts.subscribers.models import Subscriber, SubscriberState
from alerts.subscribers.segments.compiler import Condition
from alerts.subscribers.segments.service import Segments
from alerts.subscribers.segments.terms import Node
from alerts.web.desk.counting import subscribers_by_state
from alerts.web.desk.failures import DeskRoute
from alerts.web.desk.frame import Desk, requires
from alerts.web.desk.subscribers.asked import Asked, count_of, segments_of
from alerts.web.desk.subscribers.queries import PAGE, newest_subscribers, readers_of
from alerts.web.desk.words import sentence

HERE = "/desk/subscribers"
_LARGEST = 2**63 - 1
Reading = Annotated[Desk, requires(Permission.SUBSCRIBERS_READ)]
Text = Annotated[str, Query(max_length=320)]
router = APIRouter(prefix="/subscribers", route_class=DeskRoute)


@dataclass(frozen=True, slots=True)
class _Page:
    """A page of subscribers; `older` is the address of the next."""

    people: Sequence[Subscriber] = ()
    older: str = ""


@router.get("")
def show(
    desk: Reading,
    begins: Text = "",
    state: Text = "",
    newsletter: Text = "",
    segment: Text = "",
    query: Annotated[str, Query(max_length=2_000)] = "",
    before: Annotated[int | None, Query(ge=1, le=_LARGEST)] = None,
    after: Text = "",
) -> Response:
    """Show the subscribers who fit, the newest first; by address when it is asked for."""
    typed = (one.strip().replace("\0", "") for one in (begins, state, newsletter, segment, query))
    asked, problem = Asked(*typed), ""
    page = _Page()
    counts: dict[str, object] = {"by_state": None, "fitting": None}
    with desk.site.runtime.database.read() as session:
        segments = segments_of(session, desk.site.runtime.clock)
        try:
            node = asked.node(segments)
            page = _page(session, segments, asked, node, before=before, after=after)
            counts = _counts(desk, node)
        except (Invalid, NotFound) as error:
            problem = sentence(error)
        context = {
            "people": page.people,
            "older": page.older,
            "asked": asked,
            "states": list(SubscriberState),
            "offers": offers(session),
            "segments": segments.all(),
            "is_later": before is not None or bool(after),
            "problem": problem,
        }
    return desk.page("subscriber/list.html", context | counts)


def _page(
    session: Session,
    segments: Segments,
    asked: Asked,
    node: Node | None,
    *,
    before: int | None,
    after: str,
) -> _Page:
    condition = None if node is None else segments.condition(node, paging=True)
    if asked.begins:
        conditions = [] if condition is None else [condition]
        people = by_beginning(session, asked.begins, *conditions, after=after, limit=PAGE + 1)
        more = asked.address(after=people[PAGE - 1].email_key) if len(people) > PAGE else ""
    else:
        people = _newest(session, asked, condition, before)
        more = asked.address(before=people[PAGE - 1].id) if len(people) > PAGE else ""
    return _Page(people[:PAGE], f"?{more}" if more else "")


def _newest(
    session: Session, asked: Asked, condition: Condition | None, before: int | None
) -> Sequence[Subscriber]:
    if list(asked.filters) == ["newsletter"]:
        return readers_of(session, asked.newsletter, before=before, limit=PAGE + 1)
    return session.scalars(newest_subscribers(condition, before=before, limit=PAGE + 1)).all()


def _counts(desk: Desk, node: Node | None) -> dict[str, object]:
    """Return how many there are: by state, or of those who fit; None while they are counted."""
    if node is not None:
        return {"by_state": None, "fitting": count_of(desk, node)}
    return {"by_state": subscribers_by_state(desk), "fitting": None}
