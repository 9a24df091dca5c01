"""Who may ask: a program with a token of the staff's, or one with a push token in the settings."""

import hmac
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus

from fastapi import Request
from starlette.exceptions import HTTPException

from alerts.request_limits import Limit
from alerts.staff.addresses import network_of
from alerts.staff.api_tokens import token_visit_of
from alerts.staff.audit import Actor
from alerts.staff.models import ActorKind
from alerts.staff.permissions import Permission
from alerts.staff.sessions import NotAllowed
from alerts.web.site import Site, origin_of

_BEARER = "bearer "
_MINUTE = timedelta(minutes=1)
# What a token from ALERTS_PUSH_TOKENS is for: handing articles in, and looking at them.
PUSH_MAY = frozenset({Permission.ARTICLES_READ, Permission.ARTICLES_WRITE})


@dataclass(frozen=True, slots=True)
class Caller:
    """A program that asks: how it is known, what it may do, who acts for the audit log."""

    key: str
    name: str
    permissions: frozenset[Permission]
    actor: Actor

    pushes: bool = False

    def require(self, permission: Permission, *, push: bool) -> None:
        """Raise NotAllowed when it may not do something; `push` lets push tokens do it."""
        if self.pushes and not push:
            raise NotAllowed(
                "a push token hands articles in, and no more; this needs a token gpa_…"
            )
        if permission not in self.permissions:
            raise NotAllowed(
                f"this token may not do this; it needs the scope {permission}, and an owner who may"
                " do it too"
            )


def authenticate(request: Request, site: Site) -> Caller:
    """Return who asks; raises 401 (RFC 6750) without a token that is in force."""
    given = request.headers.get("Authorization", "")
    token = given[len(_BEARER) :].strip() if given.lower().startswith(_BEARER) else ""
    origin = origin_of(request)
    visit = token_visit_of(site.guard, token, address=origin)
    if visit is not None:
        name = f"API token “{visit.name}”"
        return Caller(f"token {visit.token_id}", name, visit.permissions, visit.actor)
    pushing = _push_token(token, site)
    if pushing is not None:
        actor = Actor(ActorKind.PROGRAM, network=network_of(origin))
        return Caller(f"push {pushing}", "push token", PUSH_MAY, actor, pushes=True)
    challenge = 'Bearer realm="api"' + (', error="invalid_token"' if token else "")
    why = "this token is unknown, expired or revoked" if token else "no token was given"
    raise HTTPException(
        HTTPStatus.UNAUTHORIZED,
        f"{why}; send `Authorization: Bearer gpa_…`, from `alerts staff token` or your account at"
        " the desk",
        headers={"WWW-Authenticate": challenge},
    )


def spend_rate(caller: Caller, site: Site) -> dict[str, str]:
    """Count a request; return the headers that say what is left, or raise 429 with them."""
    at_most = site.runtime.settings.api_rate
    spent = site.limits.spend(f"api {caller.key}", Limit("api", at_most, _MINUTE))
    headers = {
        "RateLimit-Policy": f'"token";q={at_most};w={int(_MINUTE.total_seconds())}',
        "RateLimit": f'"token";r={spent.left};t={spent.resets_in}',
    }
    if not spent.allowed:
        raise HTTPException(
            HTTPStatus.TOO_MANY_REQUESTS,
            f"more than {at_most} requests in a minute; go on in {spent.resets_in} s",
            headers=headers | {"Retry-After": str(spent.resets_in)},
        )
    return headers


def _push_token(token: str, site: Site) -> int | None:
    """Return which push token this is; all are compared, in constant time: none tells a guess."""
    known = site.runtime.settings.push_tokens
    matches = [hmac.compare_digest(token.encode(), one.encode()) for one in known]
    return matches.index(True) if any(matches) else None
