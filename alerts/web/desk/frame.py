"""The desk's frame: who is at it, what they may do, its pages, and its forms.

Every page of the desk asks for `DeskVisit` or for `requires(Permission.X)`, and every form for
`PostedForm`; there is no other way in.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends, Request
from fastapi import params as fastapi_params
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from alerts.staff.audit import Actor
from alerts.staff.permissions import Permission
from alerts.staff.sessions import Visit, require, visit_of
from alerts.tokens import BadToken
from alerts.web.desk.cookies import (
    Flash,
    flash_in,
    forget_flash,
    forget_session,
    keep_flash,
    secret_in,
)
from alerts.web.forms import AT_ONCE, Fields, PostedFields, form_token, read_form_token
from alerts.web.headers import DESK_POLICY, PERSONAL
from alerts.web.site import CurrentSite, Origin, Site, site_of

FORM_PURPOSE = "desk"
_OTHER_SITES = frozenset({"cross-site", "same-site"})


class LogInFirst(Exception):
    """Nobody is logged in; the page and its form come after the log-in."""


class StaleForm(Exception):
    """A form of another log-in, or one that lay open for more than a day."""


@dataclass(frozen=True, slots=True)
class Room:
    """A part of the desk that the navigation leads to, for those who may be there."""

    name: str
    path: str
    words: str
    permission: Permission | None = None


ROOMS = (
    Room("overview", "/desk/", "Overview"),
    Room("issues", "/desk/issues", "Issues", Permission.ISSUES_READ),
    Room("articles", "/desk/articles", "Articles", Permission.ARTICLES_READ),
    Room("sources", "/desk/sources", "Sources", Permission.SOURCES_EDIT),
    Room("newsletters", "/desk/newsletters", "Newsletters", Permission.ISSUES_READ),
    Room("subscribers", "/desk/subscribers", "Subscribers", Permission.SUBSCRIBERS_READ),
    Room("returned", "/desk/returned", "Returned mail", Permission.REPORTS_READ),
    Room("operations", "/desk/operations", "Operations", Permission.OPERATIONS_READ),
    Room("webhooks", "/desk/webhooks", "Webhooks", Permission.OPERATIONS_READ),
    Room("staff", "/desk/staff", "Staff", Permission.STAFF_MANAGE),
    Room("log", "/desk/log", "Log", Permission.AUDIT_READ),
)


@dataclass(frozen=True)
class Desk:
    """The desk as one person sees it, for one request."""

    site: Site
    request: Request
    visit: Visit

    @property
    def actor(self) -> Actor:
        """Who acts, for the audit log."""
        return self.visit.actor

    def may(self, permission: Permission) -> bool:
        """Tell whether this person may do something."""
        return self.visit.may(permission)

    def form_token(self) -> str:
        """Return the token of a form on this page, good in this session alone, for a day."""
        runtime = self.site.runtime
        return form_token(runtime.tokens, runtime.clock, FORM_PURPOSE, str(self.visit.session_id))

    def page(
        self,
        name: str,
        context: Mapping[str, object] | None = None,
        *,
        status: int = HTTPStatus.OK,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Render a page in the desk's frame, with the line that the last act left."""
        frame = {
            "visit": self.visit,
            "may": self.may,
            "P": Permission,
            "rooms": [
                room for room in ROOMS if room.permission is None or self.may(room.permission)
            ],
            "flash": flash_in(self.site, self.request, session_id=self.visit.session_id),
            "form_token": self.form_token(),
            "problem": "",
        }
        answer = self.site.pages.page(
            f"desk/{name}",
            frame | dict(context or {}),
            status=status,
            headers=PERSONAL | {"Content-Security-Policy": DESK_POLICY} | dict(headers or {}),
        )
        forget_flash(self.site, self.request, answer)
        return answer

    def done(self, path: str, line: str, *, is_good: bool = True) -> Response:
        """Lead to a page, which says what was done: a reload does nothing twice."""
        answer = RedirectResponse(path, HTTPStatus.SEE_OTHER, headers=PERSONAL)
        flash = Flash(line, is_good)
        keep_flash(self.site, answer, flash, session_id=self.visit.session_id)
        return answer


def desk_of(request: Request, site: CurrentSite, origin: Origin) -> Desk:
    """Return the desk of whoever sent the request; raises LogInFirst."""
    visit = visit_of(site.guard, secret_in(site, request), address=origin)
    if visit is None:
        raise LogInFirst
    desk = Desk(site, request, visit)
    # A failure further on is told in the same frame.
    request.state.desk = desk
    return desk


DeskVisit = Annotated[Desk, Depends(desk_of)]


@dataclass(frozen=True)
class Requirement:
    """A dependency that lets those pass who may do one thing."""

    permission: Permission

    def __call__(self, desk: DeskVisit) -> Desk:
        """Return the desk; raises LogInFirst, or NotAllowed."""
        require(desk.visit, self.permission)
        return desk


def requires(permission: Permission) -> fastapi_params.Depends:
    """Return the dependency of a page for those who may do something."""
    made: Any = Depends(Requirement(permission))
    return made  # type: ignore[no-any-return]  # FastAPI says Any of what is its Depends


def posted(desk: DeskVisit, request: Request, fields: PostedFields) -> Fields:
    """Return a form that the desk handed out to this very session; raises StaleForm.

    A form that another site posted is refused by what the browser says of it, too.
    """
    refuse_other_sites(request)
    if form_session(desk.site, fields) != str(desk.visit.session_id):
        raise StaleForm
    return fields


PostedForm = Annotated[Fields, Depends(posted)]


def refuse_other_sites(request: Request) -> None:
    """Raise 403 for a form that a page of another site posted (Fetch Metadata).

    Browsers say so over TLS and to this machine; elsewhere they still name the other site's origin.
    """
    told = request.headers.get("sec-fetch-site")
    if told in _OTHER_SITES or (told is None and _is_foreign(request)):
        raise HTTPException(HTTPStatus.FORBIDDEN)


def _is_foreign(request: Request) -> bool:
    """Tell whether the form's page has an origin that is neither the host asked nor ours.

    Our own pages, which send no referrer, have the origin `null`.
    """
    origin = request.headers.get("origin", "null").lower()
    own = urlsplit(site_of(request).runtime.settings.base_url).netloc.lower()
    ours = {request.headers.get("host", "").lower(), own}
    return origin != "null" and urlsplit(origin).netloc not in ours


def form_session(site: Site, fields: Fields) -> str | None:
    """Return the session that a form was handed out to; None when we did not sign it."""
    runtime = site.runtime
    try:
        about = read_form_token(
            runtime.tokens, runtime.clock, fields.one("form_token"), fastest=AT_ONCE
        )
    except BadToken:
        return None
    return about[1] if len(about) == 2 and about[0] == FORM_PURPOSE else None  # noqa: PLR2004 - purpose and session


def outside_page(
    site: Site,
    name: str,
    context: Mapping[str, object],
    *,
    status: int = HTTPStatus.OK,
    headers: Mapping[str, str] | None = None,
    forget: bool = False,
) -> Response:
    """Render a page of the desk for somebody who is not, or not fully, logged in."""
    frame: dict[str, object] = {"visit": None, "rooms": [], "flash": None, "problem": ""}
    answer = site.pages.page(
        f"desk/{name}",
        frame | dict(context),
        status=status,
        headers=PERSONAL | dict(headers or {}),
    )
    if forget:
        forget_session(site, answer)
    return answer
