"""A newsletter as its TOML file: typed, or handed in as a file."""

from collections.abc import AsyncGenerator, Sequence
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.responses import Response

from alerts.errors import Invalid
from alerts.newsletters.changes import mark_of
from alerts.newsletters.definitions import NewsletterDefinition
from alerts.newsletters.mistakes import InvalidDefinition, Mistake
from alerts.newsletters.service import definition_of, get_newsletter
from alerts.newsletters.toml import read_definition, write_definition
from alerts.web.desk.failures import DeskRoute
from alerts.web.desk.frame import Desk, DeskVisit, PostedForm, posted
from alerts.web.desk.newsletters.looking import Editing, show_look
from alerts.web.forms import Fields

router = APIRouter(prefix="/newsletters", route_class=DeskRoute)
_LARGEST = 128 * 1024


@router.get("/all/file")
def new(desk: Editing) -> Response:
    """Show an empty page for the file of a newsletter, new or not."""
    return _page(desk, "")


@router.get("/{slug}/text")
def text(desk: Editing, slug: str) -> Response:
    """Show a newsletter's file, to be changed."""
    with desk.site.runtime.database.read() as session:
        definition = definition_of(get_newsletter(session, slug))
    return _page(desk, write_definition(definition), slug=slug, seen=mark_of(definition))


@router.post("/all/file")
def look(desk: Editing, fields: PostedForm) -> Response:
    """Read what was typed; show what it would change, or each mistake with its line."""
    return _look(desk, fields)


async def uploaded(desk: DeskVisit, request: Request) -> Fields:
    """Return a form with one small file, whose text becomes the field `toml`; raises StaleForm."""
    return posted(desk, request, Fields(tuple(await _parts(request))))


@router.post("/all/upload")
def upload(desk: Editing, fields: Annotated[Fields, Depends(uploaded)]) -> Response:
    """Read a file that was handed in."""
    return _look(desk, fields)


@router.post("/all/text-again")
def again(desk: Editing, fields: PostedForm) -> Response:
    """Lead back to the file, with what was typed."""
    seen = fields.one("seen")
    definition = read_definition(fields.one("toml"), source="the page")
    slug = definition.slug if seen else ""
    return _page(desk, write_definition(definition), slug=slug, seen=seen)


def _look(desk: Desk, fields: Fields) -> Response:
    # Lines are counted as they stand in the field: nothing is taken off its beginning.
    toml = next((value for name, value in fields.pairs if name == "toml"), "")
    slug, seen = fields.one("changing"), fields.one("seen")
    try:
        definition = _read(toml)
    except InvalidDefinition as error:
        return _page(desk, toml, slug=slug, seen=seen, mistakes=error.mistakes)
    except Invalid as error:
        return _page(desk, toml[:_LARGEST], slug=slug, seen=seen, mistakes=[_of_all(error)])
    # A file for another newsletter than the page's was seen by nobody: its difference is shown.
    return show_look(desk, definition, seen=seen if slug == definition.slug else None)


def _read(toml: str) -> NewsletterDefinition:
    if not toml.strip():
        raise Invalid("there is no text; type the definition, or choose a file that is UTF-8 text")
    return read_definition(toml, source="the text")


def _of_all(error: Invalid) -> Mistake:
    return Mistake((), str(error))


def _page(
    desk: Desk,
    toml: str,
    *,
    slug: str = "",
    seen: str = "",
    mistakes: Sequence[Mistake] = (),
) -> Response:
    lines = toml.splitlines()
    told = [
        (one, lines[one.line - 1] if one.line and one.line <= len(lines) else "")
        for one in mistakes
    ]
    problem = "The text was not taken; nothing was changed." if mistakes else ""
    context = {"toml": toml, "slug": slug, "seen": seen, "mistakes": told, "problem": problem}
    status = HTTPStatus.UNPROCESSABLE_ENTITY if mistakes else HTTPStatus.OK
    return desk.page("newsletter/text.html", context, status=status)


async def _parts(request: Request) -> list[tuple[str, str]]:
    body = await request.body()

    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    try:
        form = await MultiPartParser(
            request.headers, stream(), max_files=1, max_fields=10, max_part_size=_LARGEST
        ).parse()
    except (MultiPartException, KeyError, ValueError):
        return []
    found = []
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            found.append((name, _decoded(await value.read(_LARGEST))))
        else:
            found.append((name, value))
    await form.close()
    return [(name, value.replace("\0", "")) for name, value in found]


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        # Told as an empty text: what it holds is nothing that could be shown.
        return ""
