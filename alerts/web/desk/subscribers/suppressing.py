"""What is not mailed, whoever asks: addresses and domains, each with its reason."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy.orm import Session
from starlette.responses import Response

from alerts.errors import AlertsError, Invalid
from alerts.staff.audit import Subject, record
from alerts.staff.permissions import Permission
from alerts.subscribers import exclusion
from alerts.subscribers.addresses import parse_address
from alerts.subscribers.models import SuppressionChange
from alerts.subscribers.queries import by_key
from alerts.subscribers.suppression import address_hash, suppressed
from alerts.web.desk.failures import DeskRoute
from alerts.web.desk.frame import Desk, PostedForm, requires
from alerts.web.desk.subscribers.queries import suppressed_subscribers, suppressions_by_reason
from alerts.web.desk.words import sentence
from alerts.web.forms import Fields
from alerts.web.words import counted

HERE = "/desk/subscribers/suppressions"
WAY = "desk"
_LARGEST = 2**63 - 1
# So much of a fingerprint as the log needs to tell one from another.
_SHOWN_OF_HASH = 16
Reading = Annotated[Desk, requires(Permission.SUBSCRIBERS_READ)]
Writing = Annotated[Desk, requires(Permission.SUBSCRIBERS_WRITE)]
router = APIRouter(prefix="/subscribers/suppressions", route_class=DeskRoute)


@dataclass(frozen=True, slots=True)
class _LookedUp:
    """What is on record about an address; `why` is None where it is mailed."""

    email: str
    why: str | None
    changes: list[SuppressionChange]
    subscriber_id: int | None


@router.get("")
def show(
    desk: Reading,
    email: Annotated[str, Query(max_length=320)] = "",
    before: Annotated[int | None, Query(ge=1, le=_LARGEST)] = None,
) -> Response:
    """Show who is not mailed, which domains are blocked, and what is on record of an address."""
    return _page(desk, email=email.strip().replace("\0", ""), before=before)


@router.post("/address")
def add_address(desk: Writing, fields: PostedForm) -> Response:
    """Never mail an address again."""
    email, reason = fields.one("email"), fields.one("reason")
    runtime = desk.site.runtime
    keys = runtime.settings.secret_key
    try:
        with runtime.database.transaction() as session:
            exclusion.suppress(
                session, email, reason=reason, keys=keys, way=WAY, clock=runtime.clock
            )
            _note(desk, session, email, "suppression.added", reason)
    except Invalid as error:
        return _page(desk, fields=fields, problem=sentence(error), at="address")
    desk.site.counts.forget()
    return desk.done(HERE, "Suppressed: nothing goes to that address.")


@router.post("/address/lift")
def lift_address(desk: Writing, fields: PostedForm) -> Response:
    """Let an address be mailed again."""
    email, reason = fields.one("email"), fields.one("reason")
    runtime = desk.site.runtime
    keys = runtime.settings.secret_key
    try:
        with runtime.database.transaction() as session:
            was = exclusion.lift(
                session, email, reason=reason, keys=keys, way=WAY, clock=runtime.clock
            )
            _note(desk, session, email, "suppression.lifted", reason)
    except AlertsError as error:
        return _page(desk, email=email, fields=fields, problem=sentence(error), at="lift")
    desk.site.counts.forget()
    return desk.done(HERE, f"Lifted: the address is mailed again. It was not because: {was}.")


@router.post("/domain")
def block(desk: Writing, fields: PostedForm) -> Response:
    """Mail nobody at a domain, or below it."""
    domain, reason = fields.one("domain"), fields.one("reason")
    runtime = desk.site.runtime
    try:
        with runtime.database.transaction() as session:
            stopped = exclusion.block_domain(
                session, domain, reason=reason, way=WAY, clock=runtime.clock
            )
            subject = Subject("domain", domain)
            record(
                session, desk.actor, "domain.blocked", subject, clock=runtime.clock, reason=reason
            )
    except AlertsError as error:
        return _page(desk, fields=fields, problem=sentence(error), at="domain")
    desk.site.counts.forget()
    return desk.done(HERE, f"Blocked. That stops {counted(stopped, 'subscriber')}.")


@router.post("/domain/lift")
def unblock(desk: Writing, fields: PostedForm) -> Response:
    """Lift the block of a domain."""
    domain, reason = fields.one("domain"), fields.one("reason")
    runtime = desk.site.runtime
    keys = runtime.settings.secret_key
    try:
        with runtime.database.transaction() as session:
            going_on = exclusion.unblock_domain(
                session, domain, reason=reason, keys=keys, way=WAY, clock=runtime.clock
            )
            subject = Subject("domain", domain)
            record(
                session, desk.actor, "domain.unblocked", subject, clock=runtime.clock, reason=reason
            )
    except AlertsError as error:
        return _page(desk, fields=fields, problem=sentence(error), at=f"domain {domain}")
    desk.site.counts.forget()
    return desk.done(HERE, f"Lifted. {counted(going_on, 'subscriber')} can be mailed again.")


def _note(desk: Desk, session: Session, email: str, act: str, reason: str) -> None:
    """Write the act down without the address: its subscriber, else a piece of its fingerprint."""
    key = parse_address(email).key
    subscriber = by_key(session, key)
    hashed = address_hash(desk.site.runtime.settings.secret_key[-1], key)[:_SHOWN_OF_HASH]
    kind, number = ("subscriber", subscriber.id) if subscriber else ("address", hashed)
    subject = Subject(kind, number)
    record(session, desk.actor, act, subject, clock=desk.site.runtime.clock, reason=reason)


def _page(
    desk: Desk,
    *,
    email: str = "",
    before: int | None = None,
    fields: Fields | None = None,
    problem: str = "",
    at: str = "",
) -> Response:
    keys = desk.site.runtime.settings.secret_key
    with desk.site.runtime.database.read() as session:
        looked_up = None
        if email and not problem:
            try:
                looked_up = _look_up(session, email, keys=keys)
            except Invalid as error:
                problem, at = sentence(error), "look"
        lines, older = suppressed_subscribers(session, keys=keys, before=before)
        context = {
            "lines": lines,
            "older": f"?before={older}" if older else "",
            "is_later": before is not None,
            "domains": exclusion.blocked_domains(session),
            "reasons": suppressions_by_reason(session),
            "email": email,
            "looked_up": looked_up,
            "typed": fields or Fields(),
            "problem": problem,
            "problem_at": at,
        }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK
    return desk.page("subscriber/suppressions.html", context, status=status)


def _look_up(session: Session, email: str, *, keys: tuple[str, ...]) -> _LookedUp:
    address = parse_address(email)
    subscriber = by_key(session, address.key)
    return _LookedUp(
        email=address.display,
        why=suppressed(session, [address.key], keys=keys).get(address.key),
        changes=list(exclusion.changes_of(session, email, keys=keys)),
        subscriber_id=subscriber.id if subscriber else None,
    )
