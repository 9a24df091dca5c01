"""An issue before it goes out: as mail in every dress, and as this or that reader gets it."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Annotated, TypeVar

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from alerts.errors import Invalid, NotFound
from alerts.languages import FRAME_LANGUAGES
from alerts.newsletters.content import IssueContent
from alerts.regions import REGIONS, Region
from alerts.rendering.shortening import HTML_LIMIT
from alerts.staff.permissions import Permission
from alerts.staff.sessions import require
from alerts.subscribers.queries import find_subscriber
from alerts.web.desk.failures import DeskRoute
from alerts.web.desk.frame import Desk, PostedForm, requires
from alerts.web.desk.looking.asking import Asked, Asking, Pictures, View, Whose, Width
from alerts.web.desk.looking.copies import Copy, copy_of
from alerts.web.desk.looking.inboxes import inbox_lines
from alerts.web.desk.looking.schemes import Scheme, in_scheme, mail_policy
from alerts.web.desk.words import sentence
from alerts.web.headers import PERSONAL
from alerts.web.mailview import framed, source_of

Reading = Annotated[Desk, requires(Permission.ISSUES_READ)]
router = APIRouter(prefix="/issues/{issue_id}/look", route_class=DeskRoute)
_T = TypeVar("_T", View, Width, Scheme, Pictures)


@router.get("")
def show(desk: Reading, issue_id: int, asked: Asking) -> Response:
    """Show an issue as one reader would get it, in one way to look."""
    return _page(desk, issue_id, asked)


@router.post("/reader")
def find_reader(desk: Reading, fields: PostedForm, issue_id: int) -> Response:
    """Find a subscriber by address, and show their copy; no address stands in an address bar."""
    require(desk.visit, Permission.SUBSCRIBERS_READ)
    email = fields.one("email")
    asked = Asked(
        view=_one_of(View, fields.one("view"), View.MAIL),
        width=_one_of(Width, fields.one("width"), Width.BOTH),
        scheme=_one_of(Scheme, fields.one("scheme"), Scheme.LIGHT),
        pictures=_one_of(Pictures, fields.one("pictures"), Pictures.ON),
    )
    try:
        with desk.site.runtime.database.read() as session:
            found = find_subscriber(session, email).id
    except (Invalid, NotFound) as error:
        return _page(desk, issue_id, asked, typed=email, problem=sentence(error))
    path = f"/desk/issues/{issue_id}/look{asked.query(whose=Whose.READER, reader=found)}"
    return RedirectResponse(path, HTTPStatus.SEE_OTHER, headers=PERSONAL)


@router.get("/mail")
def mail(desk: Reading, issue_id: int, asked: Asking) -> Response:
    """Serve the mail's HTML for the frames, in a sandbox where nothing runs."""
    html = _copy(desk, issue_id, asked).html
    if not html:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    body = framed(in_scheme(html, asked.scheme)).encode("utf-8", "replace")
    policy = mail_policy(pictures=asked.pictures is Pictures.ON)
    headers = PERSONAL | {"Content-Security-Policy": policy}
    return Response(body, media_type="text/html; charset=utf-8", headers=headers)


@router.get("/message.eml")
def message(desk: Reading, issue_id: int, asked: Asking) -> Response:
    """Hand out the message as it would go, but for its signature and the reader's links."""
    source = _copy(desk, issue_id, asked).source
    if not source:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    name = f'attachment; filename="issue-{issue_id}.eml"'
    headers = PERSONAL | {"Content-Disposition": name}
    return Response(source, media_type="message/rfc822", headers=headers)


def _copy(desk: Desk, issue_id: int, asked: Asked) -> Copy:
    with desk.site.runtime.database.read() as session:
        return copy_of(desk, session, issue_id, asked)


def _page(
    desk: Desk, issue_id: int, asked: Asked, *, typed: str = "", problem: str = ""
) -> Response:
    copy = _copy(desk, issue_id, asked)
    problem = problem or copy.problem
    source, is_cut = source_of(copy.source) if asked.view is View.SOURCE else ("", False)
    context = {
        "issue": copy.issue,
        "newsletter": {"title": copy.content.newsletter_title},
        "copy": copy,
        "asked": asked,
        "problem": problem,
        "typed": typed,
        "views": list(View),
        "widths": _widths(asked),
        "inboxes": _inboxes(copy) if asked.view is View.INBOX else (),
        "source": source,
        "is_cut": is_cut,
        "size": len(copy.html.encode()),
        "limit": HTML_LIMIT,
        "choices": _choices(copy.content),
        "languages": FRAME_LANGUAGES,
        "may_search": desk.may(Permission.SUBSCRIBERS_READ),
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK
    return desk.page("look/look.html", context, status=status)


def _widths(asked: Asked) -> tuple[str, ...]:
    both = (Width.PHONE.value, Width.DESKTOP.value)
    return both if asked.width is Width.BOTH else (asked.width.value,)


def _inboxes(copy: Copy) -> Iterable[object]:
    if copy.mail is None:
        return ()
    return inbox_lines(
        sender=copy.sender, subject=copy.mail.subject, html=copy.html, text=copy.text
    )


def _choices(content: IssueContent) -> dict[str, object]:
    """Return what a wish can be put together from: every region, what the issue has of others."""
    topics = {topic for item in content.items for topic in item.topics}
    series = {item.series for item in content.items if item.series}
    return {"regions": _regions(), "topics": sorted(topics), "series": sorted(series)}


def _regions() -> list[tuple[Region, list[Region]]]:
    continents = [region for region in REGIONS.values() if region.parent is None]
    return [
        (one, [region for region in REGIONS.values() if region.parent == one.slug])
        for one in continents
    ]


def _one_of(kind: type[_T], text: str, usual: _T) -> _T:
    return next((one for one in kind if one.value == text), usual)
