"""Links that are counted: where one leads, and one more on its count. Nothing of who asked."""

import re
from http import HTTPStatus

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from alerts.rendering.links import PATH
from alerts.tokens import BadToken
from alerts.web.failures import BadLink
from alerts.web.headers import HEAD_ASKED, PERSONAL
from alerts.web.site import CurrentSite

router = APIRouter()
# What programs say that fetch a page before anybody asked for it.
_AHEAD = ("sec-purpose", "purpose", "x-purpose", "x-moz")
_AHEAD_WORDS = ("prefetch", "prerender", "preview")
# What programs call themselves that follow every link in a mail.
# Cubot makes telephones.
_PROGRAMS = re.compile(
    r"(?<!cu)bot|crawl|spider|scan|preview|python|curl|wget|headless", re.IGNORECASE
)


@router.get(PATH + "{token}")
def follow(request: Request, site: CurrentSite, token: str) -> Response:
    """Lead to where a link of an issue leads, and count that somebody followed it."""
    try:
        number = site.counted_links.read(token)
    except BadToken as error:
        raise BadLink from error
    address = site.clicks.address_of(number)
    if address is None:
        raise BadLink
    if _is_a_person(request):
        site.clicks.count(number)
    headers = PERSONAL | {"Referrer-Policy": "no-referrer"}
    return RedirectResponse(address, HTTPStatus.FOUND, headers=headers)


def _is_a_person(request: Request) -> bool:
    """Tell whether this looks like somebody who clicked; nothing of it is kept."""
    if request.scope.get(HEAD_ASKED):
        return False
    headers = request.headers
    if any(word in headers.get(name, "").lower() for name in _AHEAD for word in _AHEAD_WORDS):
        return False
    agent = headers.get("user-agent", "")
    return bool(agent) and not _PROGRAMS.search(agent)
