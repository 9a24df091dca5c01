"""Who may push: whoever holds one of the tokens in the settings."""

import hmac
from http import HTTPStatus

from fastapi import Depends, Request
from starlette.exceptions import HTTPException

from alerts.web.site import CurrentSite

_BEARER = "bearer "


def check_push_token(request: Request, site: CurrentSite) -> None:
    """Raise 401 without a bearer token that is right (RFC 6750), 403 where there is none to have.

    All tokens are compared, and in constant time: neither says how near a guess was.
    """
    known = site.runtime.settings.push_tokens
    if not known:
        raise HTTPException(
            HTTPStatus.FORBIDDEN, "nobody may push here: ALERTS_PUSH_TOKENS holds no token"
        )
    given = request.headers.get("Authorization", "")
    token = given[len(_BEARER) :].strip() if given.lower().startswith(_BEARER) else ""
    matches = [hmac.compare_digest(token.encode(), one.encode()) for one in known]
    if not any(matches):
        raise HTTPException(
            HTTPStatus.UNAUTHORIZED,
            "a bearer token from ALERTS_PUSH_TOKENS is needed",
            headers={"WWW-Authenticate": 'Bearer realm="push"'},
        )


MayPush = Depends(check_push_token)
