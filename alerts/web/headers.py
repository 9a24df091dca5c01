"""Security headers on every answer, and HEAD answered wherever GET is."""

from http import HTTPStatus
from urllib.parse import urlsplit, urlunsplit

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
# A page with the frame in which a caught mail is shown.
FRAMING_POLICY = PAGE_POLICY + "; frame-src 'self'"
# The desk's pages: scripts that are files of ours, what they ask of us, and mails in frames.
DESK_POLICY = FRAMING_POLICY + "; script-src 'self'; connect-src 'self'"
# A mail as a page: pictures and its own styles, links that open beside it, and nothing else. No
# script runs and no form is sent, whatever stands in it; its origin is no origin of ours.
MAIL_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation; "
    "default-src 'none'; img-src data: https: http:; style-src 'unsafe-inline'; "
    "form-action 'none'; frame-ancestors 'self'"
)
_EVERYWHERE = {
    "Content-Security-Policy": PAGE_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
# In a request's scope: it asked for the head alone, whatever its method says further in.
HEAD_ASKED = "alerts.head"
# Links of one person: kept by no cache, found by no search engine.
PERSONAL = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex, nofollow"}


class SecurityHeaders:
    """ASGI middleware that adds the headers an answer did not set itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; complete the headers of its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def completed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _EVERYWHERE.items():
                    headers.setdefault(name, value)
                if message["status"] == HTTPStatus.TEMPORARY_REDIRECT:
                    headers["Location"] = _path_of(headers["Location"])
            await send(message)

        await self._app(scope, receive, completed)


def _path_of(location: str) -> str:
    """Return where a redirect leads on this site.

    The router's own, which adds or takes off the slash at an address's end, names the host that the
    request asked for; and that anybody may write.
    """
    parts = urlsplit(location)
    return urlunsplit(("", "", "/" + parts.path.lstrip("/"), parts.query, ""))


class HeadAsGet:
    """ASGI middleware that answers HEAD as GET; the server leaves out the body.

    Link scanners and mail clients ask HEAD first, and take a 405 for a dead link.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a HEAD request on as GET, every other as it is."""
        if scope["type"] == "http" and scope["method"] == "HEAD":
            scope = {**scope, "method": "GET", HEAD_ASKED: True}
        await self._app(scope, receive, send)
