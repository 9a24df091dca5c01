"""A route of the API: who asks is known, may do it, and is understood, before a handler runs."""

import hashlib
import json
from collections.abc import Callable, Coroutine, Iterator
from http import HTTPStatus
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response
from typing_extensions import override

from alerts.kept_answers import Answer, Keyed, check_key, kept_answer
from alerts.staff.permissions import Permission
from alerts.web.api.access import authenticate, spend_rate
from alerts.web.api.call import Call, Replayed, respond
from alerts.web.api.problems import WrongField
from alerts.web.site import Site, site_of

_WITH_BODY = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_DEEPEST = 100


class ApiRoute(APIRoute):
    """A route for programs with a token; its permission stands in its `security`."""

    @override
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler, with everything before it that all routes have in common."""
        handle = super().get_route_handler()
        permission, push = permission_of(self), _takes_push(self)
        known = {one.alias for one in self.dependant.query_params}

        async def answered(request: Request) -> Response:
            site = site_of(request)
            caller = await run_in_threadpool(authenticate, request, site)
            request.state.rate = await run_in_threadpool(spend_rate, caller, site)
            caller.require(permission, push=push)
            _check_query(request, known)
            body = await request.body() if request.method in _WITH_BODY else b""
            document = _read_body(request, body)
            keyed = _keyed(request, caller.key, body, document)
            request.state.call = Call(site, request, caller, keyed)
            try:
                if keyed is not None:
                    await run_in_threadpool(_replay, site, keyed)
                response = await handle(request)
            except Replayed as again:
                response = respond(again.answer)
                response.headers["Idempotency-Replayed"] = "true"
            response.headers.update(request.state.rate)
            return response

        return answered


def permission_of(route: APIRoute) -> Permission:
    """Return what a program has to be allowed to do, as the route's description says."""
    security = (route.openapi_extra or {})["security"]
    return Permission(security[0]["token"][0])


def _takes_push(route: APIRoute) -> bool:
    return any("push" in one for one in (route.openapi_extra or {})["security"])


def _replay(site: Site, keyed: Keyed) -> None:
    with site.runtime.database.read() as session:
        known: Answer | None = kept_answer(session, keyed, clock=site.runtime.clock)
    if known is not None:
        raise Replayed(known)


def _keyed(request: Request, caller: str, body: bytes, document: object) -> Keyed | None:
    """Return the request's key with what it asks for: the same document in any order or spacing."""
    key = request.headers.get("Idempotency-Key")
    if key is None or request.method != "POST":
        return None
    check_key(key)
    content = json.dumps(document, sort_keys=True) if body else ""
    asked = f"{request.url.path}?{request.url.query}\n{content}"
    return Keyed(caller, key, hashlib.sha256(asked.encode()).hexdigest())


def _check_query(request: Request, known: set[str]) -> None:
    for name, value in request.query_params.multi_items():
        if name not in known:
            there = ", ".join(sorted(known)) or "none here"
            raise WrongField(_printable(name), f"there is no such parameter; there are: {there}")
        if not _is_clean(value):
            raise WrongField(name, "holds a character that no text has")
    if not all(_is_clean(str(value)) for value in request.path_params.values()):
        raise HTTPException(HTTPStatus.NOT_FOUND, "there is nothing at this address")


def _read_body(request: Request, body: bytes) -> object:
    """Return a body's document; raises 415 for another type, and WrongField."""
    if not body:
        return None
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise HTTPException(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "a body is sent as JSON, with Content-Type: application/json",
        )
    try:
        document = json.loads(body, parse_constant=_no_number)
        _check_depth(document)
    except RecursionError as error:
        raise HTTPException(HTTPStatus.BAD_REQUEST, "lists within lists without end") from error
    except ValueError as error:
        raise WrongField("body", f"this is no JSON: {' '.join(str(error).split())}") from error
    for place, text in _texts(document):
        if not _is_clean(text):
            raise WrongField(place or "body", "holds a character that no text has")
    return document


def _no_number(text: str) -> object:
    raise ValueError(f"{text} is no number in JSON")


def _check_depth(document: object) -> None:
    level, depth = [document], 0
    while level:
        depth += 1
        if depth > _DEEPEST:
            raise RecursionError
        level = [inner for one in level for inner in _inner(one)]


def _inner(document: object) -> list[object]:
    if isinstance(document, dict):
        return list(document.values())
    return document if isinstance(document, list) else []


def _texts(document: object, place: str = "") -> Iterator[tuple[str, str]]:
    """Yield all texts of a document with the place of each."""
    if isinstance(document, str):
        yield place, document
    elif isinstance(document, dict):
        for name, value in document.items():
            yield place, name
            yield from _texts(value, f"{place}.{_printable(name)}".lstrip("."))
    elif isinstance(document, list):
        for number, value in enumerate(document):
            yield from _texts(value, f"{place}.{number}".lstrip("."))


def _is_clean(text: str) -> bool:
    """Tell whether a text can be kept: no NUL (PostgreSQL), no half of a pair (UTF-8)."""
    return "\0" not in text and not any("\ud800" <= one <= "\udfff" for one in text)


def _printable(text: str) -> str:
    return "".join(one if one.isprintable() else "?" for one in text[:80])
