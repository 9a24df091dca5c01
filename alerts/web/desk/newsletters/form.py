"""A newsletter changed, or a new one made, in a form."""

from collections.abc import Sequence
from http import HTTPStatus
from importlib.resources import files
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import ValidationError
from starlette.responses import Response

from alerts.errors import NotFound
from alerts.newsletters.changes import mark_of
from alerts.newsletters.definitions import NewsletterDefinition
from alerts.newsletters.mistakes import Mistake, mistakes_in
from alerts.newsletters.service import (
    BUILT_IN,
    definition_of,
    get_newsletter,
    list_newsletters,
)
from alerts.newsletters.toml import read_definition
from alerts.web.desk.failures import DeskRoute
from alerts.web.desk.frame import Desk, PostedForm
from alerts.web.desk.newsletters.filled import Document, elsewhere, filled, typed
from alerts.web.desk.newsletters.looking import (
    Editing,
    apply,
    checked,
    document_of,
    known_definition,
    show_look,
    template_names,
)
from alerts.web.desk.newsletters.settings import groups

router = APIRouter(prefix="/newsletters", route_class=DeskRoute)
Start = Annotated[str, Query(max_length=80)]
# What a start's name begins with when it is a built-in newsletter as it is delivered.
_DELIVERED = "built-in:"
_SPARE_ROWS = 2


@router.get("/all/new")
def new(desk: Editing, start: Start = "") -> Response:
    """Show what a new newsletter can begin from, or its form."""
    if start:
        return _page(desk, _start(desk, start), start=start)
    with desk.site.runtime.database.read() as session:
        here = [(one.slug, one.title) for one in list_newsletters(session)]
    delivered = [(f"{_DELIVERED}{slug}", _delivered(slug).title) for slug in BUILT_IN]
    return desk.page("newsletter/new.html", {"here": here, "delivered": delivered})


@router.get("/{slug}/change")
def change(desk: Editing, slug: str) -> Response:
    """Show the form of a newsletter as it is."""
    with desk.site.runtime.database.read() as session:
        definition = definition_of(get_newsletter(session, slug))
    return _page(desk, document_of(definition), slug=slug, seen=mark_of(definition))


@router.post("/all/look")
def look(desk: Editing, fields: PostedForm) -> Response:
    """Check what was typed; show what it would change, or each mistake at its field."""
    slug, start, seen = (fields.one(name) for name in ("changing", "start", "seen"))
    shown = groups(is_new=not slug, templates=template_names(desk))
    document = typed(shown, fields, _base(desk, slug, start))
    if slug:
        document["slug"] = slug
    found = checked(document)
    mistakes = mistakes_in(found) if isinstance(found, ValidationError) else []
    if not slug:
        mistakes += _taken(desk, document)
    if mistakes or isinstance(found, ValidationError):
        return _page(desk, document, slug=slug, seen=seen, start=start, mistakes=mistakes)
    return show_look(desk, found, seen=seen)


@router.post("/all/again")
def again(desk: Editing, fields: PostedForm) -> Response:
    """Lead back to the form, with what was typed."""
    definition = read_definition(fields.one("toml"), source="the form")
    seen = fields.one("seen")
    slug = definition.slug if seen else ""
    return _page(desk, document_of(definition), slug=slug, seen=seen, start=fields.one("start"))


@router.post("/all/apply")
def apply_look(desk: Editing, fields: PostedForm) -> Response:
    """Apply what was looked at, unless somebody has changed the newsletter since then."""
    definition = read_definition(fields.one("toml"), source="the page")
    return apply(desk, definition, seen=fields.one("seen"))


def _base(desk: Desk, slug: str, start: str) -> Document:
    """Return the document that a form began with: what it does not show is kept from there."""
    if not slug:
        return _start(desk, start) if start else {}
    with desk.site.runtime.database.read() as session:
        return document_of(definition_of(get_newsletter(session, slug)))


def _start(desk: Desk, start: str) -> Document:
    """Return the document of a new newsletter that begins as another one."""
    if start.startswith(_DELIVERED):
        definition = _delivered(start.removeprefix(_DELIVERED))
    else:
        with desk.site.runtime.database.read() as session:
            definition = definition_of(get_newsletter(session, start))
    return document_of(definition) | {"slug": "", "title": "", "tagline": "", "list_id": ""}


def _delivered(slug: str) -> NewsletterDefinition:
    if slug not in BUILT_IN:
        raise NotFound(f"there is no built-in newsletter {slug!r}; there are {', '.join(BUILT_IN)}")
    name = f"{slug}.toml"
    text = (files("alerts.newsletters") / "builtin" / name).read_text(encoding="utf-8")
    return read_definition(text, source=name)


def _taken(desk: Desk, document: Document) -> list[Mistake]:
    with desk.site.runtime.database.read() as session:
        if known_definition(session, str(document.get("slug", ""))) is None:
            return []
    return [Mistake(("slug",), "there is a newsletter of this name already")]


def _page(
    desk: Desk,
    document: Document,
    *,
    slug: str = "",
    seen: str = "",
    start: str = "",
    mistakes: Sequence[Mistake] = (),
) -> Response:
    shown = groups(is_new=not slug, templates=template_names(desk))
    each = filled(shown, document, mistakes, spare_rows=_SPARE_ROWS)
    context = {
        "groups": each,
        "title": document.get("title") or "A new newsletter",
        "slug": slug,
        "seen": seen,
        "start": start,
        "others": elsewhere(each, mistakes),
        "problem": _words(mistakes),
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if mistakes else HTTPStatus.OK
    return desk.page("newsletter/form.html", context, status=status)


def _words(mistakes: Sequence[Mistake]) -> str:
    if not mistakes:
        return ""
    count = "One thing is" if len(mistakes) == 1 else f"{len(mistakes)} things are"
    return f"{count} not right yet; each is told at its field. Nothing was changed."
