"""The desk's two cookies: the session's secret, and a line to show on the next page."""

from dataclasses import dataclass
from datetime import datetime

from fastapi import Request
from starlette.responses import Response

from alerts.staff.sessions import NewSession
from alerts.tokens import FLASH, BadToken
from alerts.web.site import Site

_LONGEST_LINE = 500


@dataclass(frozen=True, slots=True)
class Flash:
    """A line about what was just done; `is_good` is False for what did not work."""

    line: str
    is_good: bool = True


def session_cookie(site: Site) -> str:
    """Return the name of the session's cookie.

    With `__Host-` a browser takes it over TLS only, from this very host, for all of its paths
    (RFC 6265bis section 4.1.3.2); where the site has no TLS it could not be kept at all.
    """
    return "__Host-desk" if _has_tls(site) else "desk"


def secret_in(site: Site, request: Request) -> str | None:
    """Return the session's secret that a browser sent, None for none."""
    return request.cookies.get(session_cookie(site)) or None


def keep_session(site: Site, answer: Response, new: NewSession, *, now: datetime) -> None:
    """Hand a new session to the browser, for as long as it may last."""
    answer.set_cookie(
        session_cookie(site),
        new.secret,
        max_age=int((new.expires_at - now).total_seconds()),
        secure=_has_tls(site),
        httponly=True,
        samesite="lax",
    )


def forget_session(site: Site, answer: Response) -> None:
    """Have the browser forget its session."""
    answer.delete_cookie(session_cookie(site), secure=_has_tls(site), httponly=True, samesite="lax")


def keep_flash(site: Site, answer: Response, flash: Flash, *, session_id: int) -> None:
    """Have a line shown on the next page of this session; signed, so that nobody else writes it."""
    kind = "good" if flash.is_good else "bad"
    line = flash.line[:_LONGEST_LINE]
    answer.set_cookie(
        _flash_cookie(site),
        site.runtime.tokens.lasting(FLASH, str(session_id), kind, line),
        max_age=300,
        secure=_has_tls(site),
        httponly=True,
        samesite="lax",
    )


def flash_in(site: Site, request: Request, *, session_id: int) -> Flash | None:
    """Return the line to show on this page, None for none, or for one of another session."""
    token = request.cookies.get(_flash_cookie(site))
    if not token:
        return None
    try:
        whose, kind, line = site.runtime.tokens.read_lasting(FLASH, token)
    except (BadToken, ValueError):
        return None
    return Flash(line, kind == "good") if whose == str(session_id) else None


def forget_flash(site: Site, request: Request, answer: Response) -> None:
    """Have the browser forget the line that was shown."""
    if _flash_cookie(site) in request.cookies:
        answer.delete_cookie(
            _flash_cookie(site), secure=_has_tls(site), httponly=True, samesite="lax"
        )


def _flash_cookie(site: Site) -> str:
    return session_cookie(site) + "-said"


def _has_tls(site: Site) -> bool:
    return site.runtime.settings.base_url.startswith("https://")
