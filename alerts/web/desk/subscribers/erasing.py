"""Erasing a person, once their address was typed again."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter
from starlette.responses import Response

from alerts.errors import Invalid
from alerts.inbound.erasing import erase_person, wipe
from alerts.staff.audit import Subject, record
from alerts.staff.permissions import Permission
from alerts.staff.sessions import require_recent
from alerts.subscribers.addresses import parse_address
from alerts.subscribers.models import Subscriber
from alerts.web.desk.failures import DeskRoute
from alerts.web.desk.frame import Desk, PostedForm, requires
from alerts.web.desk.subscribers.one import get_subscriber

HERE = "/desk/subscribers"
Erasing = Annotated[Desk, requires(Permission.SUBSCRIBERS_ERASE)]
router = APIRouter(prefix="/subscribers", route_class=DeskRoute)


@router.get("/{subscriber_id}/erase")
def ask(desk: Erasing, subscriber_id: int) -> Response:
    """Ask for the address once more."""
    with desk.site.runtime.database.read() as session:
        return _page(desk, get_subscriber(session, subscriber_id))


@router.post("/{subscriber_id}/erase")
def erase(desk: Erasing, fields: PostedForm, subscriber_id: int) -> Response:
    """Remove a person's data everywhere; totals stay, and a fingerprint keeps the address out."""
    runtime, typed = desk.site.runtime, fields.one("email")
    require_recent(desk.visit, runtime.clock)
    with runtime.database.transaction() as session:
        subscriber = get_subscriber(session, subscriber_id)
        address = subscriber.email
        if not _is_theirs(typed, subscriber):
            return _page(desk, subscriber, typed=typed, problem="That is not their address.")
        keys = runtime.settings.secret_key
        erase_person(session, subscriber, keys=keys, way="desk", clock=runtime.clock)
        subject = Subject("subscriber", subscriber_id)
        record(session, desk.actor, "subscriber.erased", subject, clock=runtime.clock)
    wipe(runtime.database, address, desk.site.caught)
    desk.site.counts.forget()
    return desk.done(HERE, f"Subscriber {subscriber_id} is erased, everywhere and for good.")


def _is_theirs(typed: str, subscriber: Subscriber) -> bool:
    try:
        return parse_address(typed).key == subscriber.email_key
    except Invalid:
        return False


def _page(desk: Desk, subscriber: Subscriber, *, typed: str = "", problem: str = "") -> Response:
    context = {"person": subscriber, "typed": typed, "problem": problem}
    status = HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK
    return desk.page("subscriber/erase.html", context, status=status)
