"""The mail catcher's mailbox: what would have left the machine, to be looked at.

Mails are shown in a sandboxed frame under a policy of their own: nothing in them runs. Nobody logs
in here, so it answers by the site's own names alone.
"""

import enum
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse, Response

from alerts.delivery.catcher import CatcherStore, CaughtMail
from alerts.tokens import BadToken
from alerts.web.forms import AT_ONCE, PostedFields, form_token, read_form_token
from alerts.web.headers import FRAMING_POLICY, MAIL_POLICY, PERSONAL
from alerts.web.hosts import asked_by_own_name
from alerts.web.mailview import framed, source_of, view_of
from alerts.web.site import CurrentSite
from alerts.web.words import counted

PAGE_SIZE = 50
_CLEAR = "clear-caught"
_LAST_PAGE = 10_000_000
_LARGEST_ID = 2**63 - 1
_LONGEST_SEARCH = 200


class View(enum.StrEnum):
    """The ways to look at a mail."""

    HTML = "html"
    TEXT = "text"
    HEADERS = "headers"
    SOURCE = "source"


class Width(enum.StrEnum):
    """Widths at which the HTML is shown, in CSS pixels: a small phone, a phone, all there is."""

    SMALL = "320"
    PHONE = "390"
    FULL = "full"


def mailbox_of(request: Request, site: CurrentSite) -> CatcherStore:
    """Return the mailbox; answer 404 where mail really leaves, 421 by a name that is not ours."""
    if site.caught is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    if not asked_by_own_name(request, site.runtime.settings.base_url):
        raise HTTPException(HTTPStatus.MISDIRECTED_REQUEST)
    return site.caught


Mailbox = Annotated[CatcherStore, Depends(mailbox_of)]


router = APIRouter(prefix="/caught", default_response_class=HTMLResponse)


@router.get("/")
def listing(
    site: CurrentSite,
    mailbox: Mailbox,
    q: Annotated[str, Query(max_length=_LONGEST_SEARCH)] = "",
    page: Annotated[int, Query(ge=1, le=_LAST_PAGE)] = 1,
) -> Response:
    """Show what was caught, the newest first, searched by recipient and subject."""
    wanted = q.strip().replace("\0", "")
    total = mailbox.count(containing=wanted)
    mails = mailbox.newest(limit=PAGE_SIZE, offset=(page - 1) * PAGE_SIZE, containing=wanted)
    context = {
        "mails": mails,
        "total": counted(total, "mail"),
        "search": wanted,
        "page": page,
        "pages": max(1, -(-total // PAGE_SIZE)),
        "form_token": form_token(site.runtime.tokens, site.runtime.clock, _CLEAR),
    }
    return site.pages.page("caught/list.html", context, headers=PERSONAL)


@router.post("/clear")
def clear(site: CurrentSite, mailbox: Mailbox, fields: PostedFields) -> Response:
    """Empty the mailbox; only by the button on its own page, not by a form of another site."""
    tokens, clock = site.runtime.tokens, site.runtime.clock
    try:
        about = read_form_token(tokens, clock, fields.one("form_token"), fastest=AT_ONCE)
    except BadToken:
        about = ()
    if about == (_CLEAR,):
        mailbox.clear()
    return RedirectResponse("/caught/", HTTPStatus.SEE_OTHER)


@router.get("/{mail_id}")
def look(
    site: CurrentSite,
    mailbox: Mailbox,
    mail_id: int,
    view: View = View.HTML,
    width: Width = Width.FULL,
) -> Response:
    """Show one mail in one way: as HTML in a frame, as text, its headers, its source."""
    mail = _mail(mailbox, mail_id)
    parts = view_of(mail.raw)
    source, is_cut = source_of(mail.raw) if view is View.SOURCE else ("", False)
    context = {
        "mail": mail,
        "parts": parts,
        "view": view,
        "views": list(View),
        "width": width,
        "widths": list(Width),
        "source": source,
        "is_cut": is_cut,
    }
    headers = PERSONAL | {"Content-Security-Policy": FRAMING_POLICY}
    return site.pages.page("caught/mail.html", context, headers=headers)


@router.get("/{mail_id}/html")
def html_part(mailbox: Mailbox, mail_id: int) -> Response:
    """Serve the mail's HTML for the frame, in a sandbox without scripts."""
    html = view_of(_mail(mailbox, mail_id).raw).html
    if html is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    body = framed(html).encode("utf-8", "replace")
    headers = PERSONAL | {"Content-Security-Policy": MAIL_POLICY}
    return Response(body, media_type="text/html; charset=utf-8", headers=headers)


@router.get("/{mail_id}/raw")
def raw(mailbox: Mailbox, mail_id: int) -> Response:
    """Hand out the mail as it was caught, byte by byte."""
    mail = _mail(mailbox, mail_id)
    headers = PERSONAL | {"Content-Disposition": f'attachment; filename="mail-{mail.id}.eml"'}
    return Response(mail.raw, media_type="message/rfc822", headers=headers)


def _mail(mailbox: Mailbox, mail_id: int) -> CaughtMail:
    """Return the mail of this number, or answer 404."""
    mail = mailbox.get(mail_id) if 0 < mail_id <= _LARGEST_ID else None
    if mail is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return mail
