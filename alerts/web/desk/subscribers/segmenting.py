"""Segments of subscribers: built in a form or written down, counted, saved."""

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from alerts.errors import AlertsError
from alerts.newsletters.service import offers
from alerts.regions import slugify
from alerts.staff.audit import Subject, record
from alerts.staff.permissions import Permission
from alerts.subscribers.segments.form import FieldForm
from alerts.subscribers.segments.form import fields as form_fields
from alerts.web.desk.failures import DeskRoute
from alerts.web.desk.frame import Desk, PostedForm, requires
from alerts.web.desk.subscribers.asked import count_of, segments_of, words_of
from alerts.web.desk.subscribers.building import LINES, LONGEST_QUERY, query_asked
from alerts.web.desk.words import sentence

HERE = "/desk/subscribers/segments"
_SAMPLE = 10
Reading = Annotated[Desk, requires(Permission.SUBSCRIBERS_READ)]
Words = Annotated[list[str] | None, Query(max_length=LINES)]
router = APIRouter(prefix="/subscribers/segments", route_class=DeskRoute)


@dataclass
class Draft:
    """A segment as it stands in the form; `lines` are the conditions it is built from there."""

    query: str = ""
    slug: str = ""
    name: str = ""
    description: str = ""
    problems: dict[str, str] = field(default_factory=dict)
    lines: list[tuple[str, str]] = field(default_factory=list)
    join: str = "and"


@router.get("")
def show(
    desk: Reading,
    query: Annotated[str, Query(max_length=LONGEST_QUERY)] = "",
    what: Words = None,
    value: Words = None,
    join: Annotated[str, Query(max_length=5)] = "and",
) -> Response:
    """Show the saved segments, and what a query comes to that was built or written here."""
    lines = list(zip(what or (), value or (), strict=False))
    return _page(desk, Draft(query=query_asked(query, what, value, join), lines=lines, join=join))


@router.post("")
def save(desk: Reading, fields: PostedForm) -> Response:
    """Save a query under a name, or change the one that has it; or count it only."""
    draft = Draft(
        query=fields.one("query"),
        slug=fields.one("slug"),
        name=fields.one("name"),
        description=fields.one("description"),
    )
    if fields.one("do") == "count":
        return _page(desk, draft)
    slug, clock = draft.slug or slugify(draft.name)[:64], desk.site.runtime.clock
    try:
        with desk.site.runtime.database.transaction() as session:
            segments = segments_of(session, clock)
            if draft.slug:
                segments.change(
                    slug, query=draft.query, name=draft.name, description=draft.description
                )
            else:
                segments.create(slug, draft.query, name=draft.name, description=draft.description)
            act = "segment.changed" if draft.slug else "segment.saved"
            record(session, desk.actor, act, Subject("segment", slug), clock=clock)
    except AlertsError as error:
        message = sentence(error)
        draft.problems["query" if message.lower().startswith("segment") else "name"] = message
        return _page(desk, draft)
    return desk.done(f"{HERE}/{slug}", "Saved.")


@router.get("/{slug}")
def one(desk: Reading, slug: str) -> Response:
    """Show a saved segment: how many are in it now, and some of them."""
    with desk.site.runtime.database.read() as session:
        segment = segments_of(session, desk.site.runtime.clock).get(slug)
        draft = Draft(segment.query, segment.slug, segment.name, segment.description)
    return _page(desk, draft)


@router.post("/{slug}/remove")
def remove(desk: Reading, fields: PostedForm, slug: str) -> Response:  # noqa: ARG001 - the form's token is checked
    """Forget a segment; its readers stay as they are."""
    clock = desk.site.runtime.clock
    with desk.site.runtime.database.transaction() as session:
        segments_of(session, clock).remove(slug)
        record(session, desk.actor, "segment.removed", Subject("segment", slug), clock=clock)
    return desk.done(HERE, f"The segment {slug} is forgotten; its readers stay as they are.")


def _page(desk: Desk, draft: Draft) -> Response:
    clock = desk.site.runtime.clock
    found, canonical, sample = None, "", []
    with desk.site.runtime.database.read() as session:
        segments = segments_of(session, clock)
        if draft.query and "query" not in draft.problems:
            try:
                node = segments.query_of(draft.query)
                canonical = words_of(node)
                found = count_of(desk, node)
                sample = segments.sample(node, limit=_SAMPLE)
            except AlertsError as error:
                draft.problems["query"] = sentence(error)
        context = {
            "saved": segments.all(),
            "forms": [_offered(one) for one in form_fields(offers(session))],
        }
    context |= {
        "draft": draft,
        "canonical": canonical,
        "found": found,
        "sample": sample,
        "lines": [*draft.lines, *[("", "")] * LINES][:LINES],
        "join": draft.join,
        "problem": "Please look at the marked field." if draft.problems else "",
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if draft.problems else HTTPStatus.OK
    return desk.page("subscriber/segments.html", context, status=status)


def _offered(one: FieldForm) -> dict[str, object]:
    """Return a field as the form offers it: each way to ask, and the values it knows."""
    return {
        "field": one.field,
        "about": one.about,
        "ways": [f"{one.field} {operator.words}" for operator in one.operators],
        "values": [(choice.value, choice.label) for choice in one.choices or ()][:60],
    }
