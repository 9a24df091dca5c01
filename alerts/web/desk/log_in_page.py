"""The page with the form to log in, and where it may lead."""

from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.responses import Response

from alerts.web.desk.frame import outside_page
from alerts.web.forms import form_token
from alerts.web.site import Site

HOME = "/desk/"
LOG_IN_PURPOSE = "desk-login"
_LONGEST = 2000
# They are steps of the log-in itself.
_STEPS = frozenset({"/desk/login", "/desk/code", "/desk/logout"})


def own_path(wanted: str) -> str:
    """Return where to go after the log-in: the page asked for if it is the desk's, else its first.

    An address of another host, however it is written, is none of ours.
    """
    if len(wanted) > _LONGEST or not wanted.isascii() or not wanted.isprintable():
        return HOME
    path = wanted.partition("?")[0]
    if "\\" in wanted or "//" in path or "/." in path or not path.startswith(HOME):
        return HOME
    try:
        parts = urlsplit(wanted)
    except ValueError:
        return HOME
    is_foreign = bool(parts.scheme or parts.netloc)
    return HOME if is_foreign or path.rstrip("/") in _STEPS else wanted


def log_in_page(
    site: Site,
    *,
    email: str = "",
    wanted: str = HOME,
    kept: str = "",
    notice: str = "",
    problem: str = "",
    status: int = HTTPStatus.OK,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return the page with the form to log in; `kept` is a form that comes after it."""
    runtime = site.runtime
    context = {
        "email": email,
        "wanted": own_path(wanted),
        "kept": kept,
        "notice": notice,
        "problem": problem,
        "form_token": form_token(runtime.tokens, runtime.clock, LOG_IN_PURPOSE),
    }
    return outside_page(site, "login.html", context, status=status, headers=headers)
