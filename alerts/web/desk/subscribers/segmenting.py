"""Segments of subscribers: built in a form or written down, counted, saved."""

from collections.abc import Sequence
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
from alerts.subscribers.segments.printing import quoted
from alerts.web.desk.failures import DeskRoute
from alerts.web.desk.frame import Desk, PostedForm, requires
from alerts.web.desk.subscribers.asked import count_of, segments_of, words_of
from alerts.web.desk.words import sentence

HERE = "/desk/subscribers/segments"
LINES = 4
_LONGEST_QUERY = 2_000
_SAMPLE = 10
Reading = Annotated[Desk, requires(Permission.SUBSCRIBERS_READ)]
Words = Annotated[list[str] | None, Query(max_length=LINES)]
router = APIRouter(prefix="/subscribers/segments", route_class=DeskRoute)


@dataclass
class Draft:
    """A segment as it stands in the form."""

    query: str = ""
    slug: str = ""
    name: str = ""
    description: str = ""
    problems: dict[str, str] = field(default_factory=dict)


@router.get("")
def show(
    desk: Reading,
    query: Annotated[str, Query(max_length=_LONGEST_QUERY)] = "",
    what: Words = None,
    value: Words = None,
    join: Annotated[str, Query(max_length=5)] = "and",
) -> Response:
    """Show the saved segments, and what a query comes to that was built or written here."""
    built = _built(what or (), value or (), "or" if join == "or" else "and")
    return _page(desk, Draft(query=built or query.strip().replace("\0", "")), join=join)


@router.post("")
def save(desk: Reading, fields: PostedForm) -> Response:
    """Save a query under a name, or change the one that has it."""
    draft = Draft(
        query=fields.one("query"),
        slug=fields.one("slug"),
        name=fields.one("name"),
        description=fields.one("description"),
    )
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


def _built(what: Sequence[str], values: Sequence[str], join: str) -> str:
    """Return the query that the lines of the form make; empty for none.

    A value with commas is a list where a list is wanted.
    """
    terms = []
    for words, typed in zip(what, values, strict=False):
        value = typed.strip().replace("\0", "")
        if not words or (not value and not words.endswith(("something", "nothing"))):
            continue
        if words.endswith(" one of"):
            parts = (quoted(part.strip()) for part in value.split(",") if part.strip())
            terms.append(f"{words} ({', '.join(parts)})")
        elif words.endswith((" the last", " before", " after", " on", " issue")):
            terms.append(f"{words} {value}")
        else:
            terms.append(f"{words} {quoted(value)}" if value else words)
    return f" {join} ".join(terms)


def _page(desk: Desk, draft: Draft, *, join: str = "and") -> Response:
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
        "lines": range(1, LINES + 1),
        "join": join,
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
