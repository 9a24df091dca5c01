"""The issues' room: all there are, by state and newsletter, and the form that drafts the next."""

from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from dateutil.parser import isoparse
from fastapi import APIRouter, Query
from starlette.responses import Response

from alerts.errors import Invalid, Refused
from alerts.newsletters.issues import NothingNew, draft_issue
from alerts.newsletters.service import definition_of, get_newsletter, list_newsletters
from alerts.staff.audit import Subject, record
from alerts.staff.permissions import Permission
from alerts.subscribers.models import Frequency
from alerts.web.desk.failures import DeskRoute
from alerts.web.desk.frame import Desk, PostedForm, requires
from alerts.web.desk.issues.queries import STATES, issues_page, runs_in_vain
from alerts.web.desk.words import sentence
from alerts.web.forms import Fields

HERE = "/desk/issues"
_LARGEST = 2**63 - 1
Reading = Annotated[Desk, requires(Permission.ISSUES_READ)]
Editing = Annotated[Desk, requires(Permission.ISSUES_EDIT)]
Text = Annotated[str, Query(max_length=100)]
router = APIRouter(prefix="/issues", route_class=DeskRoute)


@dataclass(frozen=True, slots=True)
class _Filters:
    newsletter: str = ""
    state: str = ""

    def query(self, **more: object) -> str:
        """Return the address of this room with these filters, and with what is given."""
        asked = {"newsletter": self.newsletter, "state": self.state} | more
        return "?" + urlencode({name: value for name, value in asked.items() if value})


@router.get("")
def show(
    desk: Reading,
    newsletter: Text = "",
    state: Text = "",
    before: Annotated[int | None, Query(ge=1, le=_LARGEST)] = None,
) -> Response:
    """Show the issues that fit, the newest first, by the page."""
    return _page(desk, _Filters(newsletter.replace("\0", ""), state), before=before)


@router.post("")
def draft(desk: Editing, fields: PostedForm) -> Response:
    """Draft the next issue of a newsletter from what is new; lead to it."""
    slug, _, frequency = fields.one("next").partition(":")
    clock = desk.site.runtime.clock
    try:
        with desk.site.runtime.database.transaction() as session:
            zone = definition_of(get_newsletter(session, slug)).time_zone
            issue = draft_issue(
                session,
                slug,
                frequency=_frequency(frequency),
                until=_cut_off(fields.one("cut_off"), zone, clock.now()),
                clock=clock,
            )
            record(session, desk.actor, "issue.drafted", Subject("issue", issue.id), clock=clock)
            line = f"Drafted, with {len(issue.items)} pieces."
            if len(issue.items) == 1:
                line = "Drafted, with one piece."
    except NothingNew as error:
        return _page(desk, _held_by(desk, slug), problem=sentence(error), typed=fields)
    except (Invalid, Refused) as error:
        return _page(desk, _Filters(), problem=sentence(error), typed=fields)
    return desk.done(f"{HERE}/{issue.id}/compose", line)


def _held_by(desk: Desk, slug: str) -> _Filters:
    """Return the filters that show which issues of a newsletter hold what is not new any more.

    What a second click looks for is the draft that the first one made, where there is one.
    """
    drafts = _Filters(newsletter=slug, state="draft")
    with desk.site.runtime.database.read() as session:
        page = issues_page(session, newsletter=slug, states=STATES[drafts.state][1])
    return drafts if page.rows else _Filters(newsletter=slug)


def _frequency(text: str) -> Frequency:
    try:
        return Frequency(text)
    except ValueError as error:
        raise Invalid("choose a newsletter and how often it comes") from error


def _cut_off(text: str, zone: str, now: datetime) -> datetime:
    """Return the moment up to which an issue looks, in UTC; now where none is given."""
    if not text:
        return now
    try:
        moment = isoparse(text.replace(" ", "T"))
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))).astimezone(
            UTC
        )
    except (ValueError, OverflowError) as error:
        raise Invalid(
            f"{text!r} is no cut-off; 2026-11-30 08:00 would be right, in {zone}"
        ) from error
    if moment > now:
        raise Invalid("the cut-off lies ahead; leave it empty to take all there is up to now")
    return moment


def _page(
    desk: Desk,
    filters: _Filters,
    *,
    before: int | None = None,
    problem: str = "",
    typed: Fields | None = None,
) -> Response:
    states = STATES[filters.state][1] if filters.state in STATES else ()
    with desk.site.runtime.database.read() as session:
        page = issues_page(session, newsletter=filters.newsletter, states=states, before=before)
        newsletters = [(one.slug, definition_of(one)) for one in list_newsletters(session)]
        context = {
            "issues": page.rows,
            "older": filters.query(before=page.next) if page.next else "",
            "filters": filters,
            "states": {name: words for name, (words, _) in STATES.items()},
            "titles": {slug: definition.title for slug, definition in newsletters},
            "choices": [
                (f"{slug}:{frequency}", definition.title, frequency)
                for slug, definition in newsletters
                for frequency in definition.frequencies
            ],
            "zones": sorted({definition.time_zone for _, definition in newsletters}),
            "runs": [] if before else runs_in_vain(session, filters.newsletter),
            "is_later": before is not None,
            "problem": problem,
            "typed": typed or Fields(),
        }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK
    return desk.page("issue/room.html", context, status=status)
