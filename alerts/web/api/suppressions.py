"""`/api/v1/suppressions`: what is not mailed, why, and lifting it with a reason on record."""

from typing import Annotated, Any

from fastapi import APIRouter, Path
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.responses import Response

from alerts.clock import rfc3339
from alerts.kept_answers import Answer
from alerts.staff.audit import Subject
from alerts.staff.permissions import Permission
from alerts.subscribers import exclusion
from alerts.subscribers.addresses import parse_address
from alerts.subscribers.models import BlockedDomain
from alerts.subscribers.suppression import address_hash, suppressed
from alerts.web.api.call import Call, CurrentCall, as_json, respond
from alerts.web.api.paging import Cursor, Limit, page_of
from alerts.web.api.route import ApiRoute
from alerts.web.api.shapes.common import Given, Reason, acts, example, looks
from alerts.web.api.shapes.readers import (
    Address,
    DomainBlock,
    DomainOutcome,
    Domains,
    Lifted,
    Lifting,
    Suppressing,
    SuppressionShape,
)
from alerts.web.api.subscribers import WAY

router = APIRouter(prefix="/v1/suppressions", tags=["suppressions"], route_class=ApiRoute)
_P = Permission
PathDomain = Annotated[str, Path(min_length=1, max_length=253, examples=["example.org"])]


class Unblocking(Given, json_schema_extra=example({"reason": "it was mended"})):
    """Why a domain is mailed again."""

    reason: Reason


@router.post("/check", **acts(_P.SUBSCRIBERS_READ, SuppressionShape, "See whether one is mailed"))
def check(wanted: Address, call: CurrentCall) -> Response:
    """Say whether an address is mailed, and what is on record about it."""
    with call.read() as session:
        return respond(Answer(200, as_json(_document(call, session, wanted.email))))


@router.post("", **acts(_P.SUBSCRIBERS_WRITE, SuppressionShape, "Never mail an address again"))
def suppress(wanted: Suppressing, call: CurrentCall) -> Response:
    """Never mail an address again, whoever asks; once is enough."""
    keys = call.site.runtime.settings.secret_key
    with call.acting() as acting:
        exclusion.suppress(
            acting.session,
            wanted.email,
            reason=wanted.reason,
            keys=keys,
            way=WAY,
            clock=call.clock,
        )
        acting.record("address.suppressed", _subject(call, wanted.email), reason=wanted.reason)
        return acting.answer(_document(call, acting.session, wanted.email))


@router.post("/lift", **acts(_P.SUBSCRIBERS_WRITE, Lifted, "Let an address be mailed again"))
def lift(wanted: Lifting, call: CurrentCall) -> Response:
    """Let an address be mailed again: its reader goes on where they were."""
    keys = call.site.runtime.settings.secret_key
    with call.acting() as acting:
        was = exclusion.lift(
            acting.session,
            wanted.email,
            reason=wanted.reason,
            keys=keys,
            way=WAY,
            clock=call.clock,
        )
        acting.record("address.lifted", _subject(call, wanted.email), reason=wanted.reason)
        return acting.answer(_document(call, acting.session, wanted.email) | {"was": was})


@router.get("/domains", **looks(_P.SUBSCRIBERS_READ, Domains, "List blocked domains"))
def domains(call: CurrentCall, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """List the domains at which nobody is mailed."""
    page = page_of(call, limit=limit, cursor=cursor)
    query = select(BlockedDomain).order_by(BlockedDomain.domain).limit(limit + 1)
    if page.after is not None:
        query = query.where(BlockedDomain.domain > page.after)
    with call.read() as session:
        found = [
            (one.domain, {"domain": one.domain, "reason": one.reason, "at": rfc3339(one.at)})
            for one in session.scalars(query)
        ]
    return page.answer(found)


@router.post(
    "/domains", **acts(_P.SUBSCRIBERS_WRITE, DomainOutcome, "Mail nobody at a domain", status=201)
)
def block(wanted: DomainBlock, call: CurrentCall) -> Response:
    """Mail nobody at a domain or below it."""
    with call.acting() as acting:
        stopped = exclusion.block_domain(
            acting.session, wanted.domain, reason=wanted.reason, way=WAY, clock=call.clock
        )
        what = Subject("domain", wanted.domain)
        acting.record("domain.blocked", what, reason=wanted.reason, subscribers=stopped)
        return acting.answer({"domain": wanted.domain, "subscribers": stopped}, status=201)


@router.post(
    "/domains/{domain}/unblock",
    **acts(_P.SUBSCRIBERS_WRITE, DomainOutcome, "Lift the block of a domain"),
)
def unblock(domain: PathDomain, why: Unblocking, call: CurrentCall) -> Response:
    """Lift the block of a domain; readers there go on where they were."""
    keys = call.site.runtime.settings.secret_key
    with call.acting() as acting:
        going_on = exclusion.unblock_domain(
            acting.session, domain, reason=why.reason, keys=keys, way=WAY, clock=call.clock
        )
        what = Subject("domain", domain)
        acting.record("domain.unblocked", what, reason=why.reason, subscribers=going_on)
        return acting.answer({"domain": domain, "subscribers": going_on})


def _subject(call: Call, email: str) -> Subject:
    """Return an address as the log may name it: the keyed hash that the list itself holds."""
    key = call.site.runtime.settings.secret_key[-1]
    return Subject("address", address_hash(key, parse_address(email).key))


def _document(call: Call, session: Session, email: str) -> dict[str, Any]:
    keys = call.site.runtime.settings.secret_key
    address = parse_address(email)
    changes = exclusion.changes_of(session, email, keys=keys)
    return {
        "email": address.display,
        "reason": suppressed(session, [address.key], keys=keys).get(address.key),
        "changes": [
            {"at": rfc3339(one.at), "action": one.action, "reason": one.reason, "way": one.way}
            for one in changes
        ],
    }
