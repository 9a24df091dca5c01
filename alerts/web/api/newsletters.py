"""`/api/v1/newsletters`: definitions are data, as JSON or as TOML."""

from typing import Any

from fastapi import APIRouter
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.responses import Response

from alerts.errors import Refused
from alerts.kept_answers import Answer
from alerts.newsletters.definitions import NewsletterDefinition
from alerts.newsletters.models import Newsletter
from alerts.newsletters.serialise import newsletter_json
from alerts.newsletters.service import apply_toml, definition_of, export_toml, get_newsletter
from alerts.newsletters.toml import read_definition, write_definition
from alerts.staff.audit import Subject
from alerts.staff.permissions import Permission
from alerts.web.api.call import Acting, CurrentCall, as_json, respond
from alerts.web.api.conditions import IfMatch, check_match, shown, tag_of
from alerts.web.api.paging import Cursor, Limit, page_of
from alerts.web.api.problems import WrongField
from alerts.web.api.route import ApiRoute
from alerts.web.api.shapes.common import PathSlug, acts, looks
from alerts.web.api.shapes.newsletters import (
    Application,
    Applied,
    Checked,
    Exported,
    Newsletters,
    NewsletterShape,
)

router = APIRouter(prefix="/v1/newsletters", tags=["newsletters"], route_class=ApiRoute)
_P = Permission
_SOURCE = "toml"


@router.get("", **looks(_P.ISSUES_READ, Newsletters, "List newsletters"))
def list_newsletters(call: CurrentCall, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """List the newsletters by their short names."""
    page = page_of(call, limit=limit, cursor=cursor)
    query = select(Newsletter).order_by(Newsletter.slug).limit(limit + 1)
    if page.after is not None:
        query = query.where(Newsletter.slug > page.after)
    with call.read() as session:
        found = [(one.slug, newsletter_json(one)) for one in session.scalars(query)]
    return page.answer(found)


@router.post("", **acts(_P.NEWSLETTERS_EDIT, NewsletterShape, "Make a newsletter", status=201))
def create(definition: NewsletterDefinition, call: CurrentCall) -> Response:
    """Make a newsletter from its definition; 409 when there is one of this name."""
    with call.acting() as acting:
        if acting.session.get(Newsletter, definition.slug) is not None:
            raise Refused(f"there is a newsletter {definition.slug} already; PUT changes it")
        _apply(acting, write_definition(definition))
        document = newsletter_json(get_newsletter(acting.session, definition.slug))
        base_url = call.site.runtime.settings.base_url
        location = f"{base_url}/api/v1/newsletters/{definition.slug}"
        headers = {"Location": location, "ETag": tag_of(document)}
        return acting.answer(document, status=201, headers=headers)


@router.post("/apply", **acts(_P.NEWSLETTERS_EDIT, Applied, "Apply a definition as TOML"))
def apply(asked: Application, call: CurrentCall) -> Response:
    """Create or change a newsletter from TOML; an error changes nothing, and names its line."""
    with call.acting() as acting:
        return acting.answer(_apply(acting, asked.toml))


@router.post("/check", **acts(_P.ISSUES_READ, Checked, "Check a definition as TOML"))
def check(asked: Application, call: CurrentCall) -> Response:
    """Say what applying would do, and which fields it would change; it changes nothing."""
    definition = read_definition(asked.toml, source=_SOURCE)
    with call.read() as session:
        newsletter = session.get(Newsletter, definition.slug)
        before = newsletter_json(newsletter) if newsletter else {}
    after = definition.model_dump(mode="json")
    changes = sorted(name for name in after if after[name] != before.get(name))
    result = "changed" if changes else "unchanged"
    document = {
        "slug": definition.slug,
        "result": result if newsletter else "created",
        "changes": changes,
    }
    return respond(Answer(200, as_json(document)))


@router.get("/{slug}", **looks(_P.ISSUES_READ, NewsletterShape, "Look at a newsletter"))
def show(slug: PathSlug, call: CurrentCall) -> Response:
    """Return a newsletter's definition, with its schedules as they are now."""
    with call.read() as session:
        document = newsletter_json(get_newsletter(session, slug))
    return shown(call, document)


@router.put(
    "/{slug}",
    **acts(_P.NEWSLETTERS_EDIT, NewsletterShape, "Change a newsletter", conditional=True),
)
def change(
    slug: PathSlug,
    definition: NewsletterDefinition,
    call: CurrentCall,
    if_match: IfMatch = None,
) -> Response:
    """Put a whole definition in the place of the one there is; what is left out is as usual."""
    if definition.slug != slug:
        raise WrongField("slug", f"it is {slug!r} in the address; a newsletter keeps its name")
    with call.acting() as acting:
        newsletter = get_newsletter(acting.session, slug)
        acting.session.refresh(newsletter, with_for_update=True)
        check_match(if_match, newsletter_json(newsletter))
        _apply(acting, write_definition(definition))
        document = newsletter_json(get_newsletter(acting.session, slug))
        return acting.answer(document, headers={"ETag": tag_of(document)})


@router.get("/{slug}/export", **looks(_P.ISSUES_READ, Exported, "Get a newsletter as TOML"))
def export(slug: PathSlug, call: CurrentCall) -> Response:
    """Return a newsletter as TOML; applying it changes nothing."""
    with call.read() as session:
        document = {"slug": slug, "toml": export_toml(session, slug)}
    return respond(Answer(200, as_json(document)))


def _apply(acting: Acting, toml: str) -> dict[str, Any]:
    before = _fields(acting.session, toml)
    done = apply_toml(acting.session, toml, source=_SOURCE, clock=acting.clock)
    if done.kind != "unchanged":
        after = _fields(acting.session, toml)
        changed = sorted(name for name in after if after[name] != before.get(name))
        what = Subject("newsletter", done.slug)
        acting.record(f"newsletter.{done.kind}", what, fields=changed)
    return {"slug": done.slug, "result": done.kind}


def _fields(session: Session, toml: str) -> dict[str, Any]:
    slug = read_definition(toml, source=_SOURCE).slug
    newsletter = session.get(Newsletter, slug)
    return definition_of(newsletter).model_dump(mode="json") if newsletter else {}
