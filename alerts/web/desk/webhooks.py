"""Other programs that are told what happens: for ops and admins."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query
from sqlalchemy.orm import Session
from starlette.responses import Response

from alerts.errors import Invalid, Refused
from alerts.outbox.events import ABOUT, TEST
from alerts.outbox.models import WebhookEndpoint
from alerts.outbox.writing import write_event
from alerts.staff.audit import Subject, record
from alerts.staff.permissions import Permission
from alerts.staff.sessions import require_recent
from alerts.task_queue import Queue, Task
from alerts.web.desk.failures import DeskRoute
from alerts.web.desk.frame import Desk, PostedForm, requires
from alerts.web.desk.words import sentence
from alerts.web.forms import Fields
from alerts.webhooks import endpoints
from alerts.webhooks.delivering import open_deliverer
from alerts.webhooks.queries import deliveries_of, redeliver, with_dead
from alerts.webhooks.serialise import delivery_json, state_of

HERE = "/desk/webhooks"
_LARGEST = 2**63 - 1
_PAGE = 25
Reading = Annotated[Desk, requires(Permission.OPERATIONS_READ)]
Changing = Annotated[Desk, requires(Permission.OPERATIONS_WRITE)]
Number = Annotated[int, Path(ge=1, le=_LARGEST)]
router = APIRouter(prefix="/webhooks", route_class=DeskRoute)


@router.get("")
def show(desk: Reading) -> Response:
    """Show all webhooks, how each does, and the form to add one."""
    return _page(desk)


@router.post("")
def add(desk: Changing, fields: PostedForm) -> Response:
    """Add a webhook, and show the secret that signs what it is told, this once."""
    require_recent(desk.visit, desk.site.runtime.clock)
    runtime = desk.site.runtime
    try:
        with runtime.database.transaction() as session:
            endpoint, secret = endpoints.add_endpoint(
                session,
                url=fields.one("url"),
                events=fields.every("event"),
                name=fields.one("name"),
                addresses=fields.has("addresses"),
                allowed_hosts=runtime.settings.fetch_hosts,
                seal=desk.site.guard.seal,
                clock=runtime.clock,
            )
            told = {"events": endpoint.events, "addresses": endpoint.addresses}
            _record(desk, session, "webhook.added", endpoint.id, **told)
    except (Invalid, Refused) as error:
        return _page(desk, problem=sentence(error), fields=fields)
    return _show_secret(desk, endpoint.id, secret)


@router.get("/{webhook_id}")
def one(
    desk: Reading,
    webhook_id: Number,
    before: Annotated[int | None, Query(ge=1, le=_LARGEST)] = None,
) -> Response:
    """Show one webhook: what it is told, what it was told, and what it answered."""
    return _page_of_one(desk, webhook_id, before=before)


@router.post("/{webhook_id}")
def change(desk: Changing, fields: PostedForm, webhook_id: Number) -> Response:
    """Change where a webhook is told, and of what."""
    runtime = desk.site.runtime
    require_recent(desk.visit, runtime.clock)
    try:
        with runtime.database.transaction() as session:
            endpoint = endpoints.change_endpoint(
                session,
                webhook_id,
                url=fields.one("url"),
                events=fields.every("event"),
                name=fields.one("name"),
                addresses=fields.has("addresses"),
                allowed_hosts=runtime.settings.fetch_hosts,
            )
            events, addresses = endpoint.events, endpoint.addresses
            _record(
                desk, session, "webhook.changed", webhook_id, events=events, addresses=addresses
            )
    except Invalid as error:
        return _page_of_one(desk, webhook_id, problem=sentence(error), fields=fields)
    return desk.done(_at(webhook_id), "The webhook is changed.")


@router.post("/{webhook_id}/test")
def send_test(desk: Changing, fields: PostedForm, webhook_id: Number) -> Response:  # noqa: ARG001 - the form's token is checked
    """Tell a webhook something now, and say what it answered."""
    runtime = desk.site.runtime
    with runtime.database.transaction() as session:
        endpoints.get_endpoint(session, webhook_id)
        data = {"webhook": webhook_id}
        write_event(session, TEST, data, [webhook_id], at=runtime.clock.now())
        ((delivery, _),) = deliveries_of(session, webhook_id, limit=1)
        _record(desk, session, "webhook.tested", webhook_id)
    deliverer = open_deliverer(runtime.database, runtime.settings, runtime.clock)
    try:
        outcome = deliverer.deliver_now(delivery.id)
    finally:
        deliverer.close()
    if outcome.is_good:
        return desk.done(_at(webhook_id), f"It answered {outcome.status}: it works.")
    said = f"{outcome.status or ''} {outcome.text}".strip()[:200]
    return desk.done(_at(webhook_id), f"It did not take the test: {said}", is_good=False)


@router.post("/{webhook_id}/pause")
def pause(desk: Changing, fields: PostedForm, webhook_id: Number) -> Response:  # noqa: ARG001 - the form's token is checked
    """Tell a webhook nothing until it goes on."""
    with desk.site.runtime.database.transaction() as session:
        endpoints.pause_endpoint(session, webhook_id, clock=desk.site.runtime.clock)
        _record(desk, session, "webhook.paused", webhook_id)
    return desk.done(_at(webhook_id), "It is paused; what happens meanwhile waits three days.")


@router.post("/{webhook_id}/resume")
def resume(desk: Changing, fields: PostedForm, webhook_id: Number) -> Response:  # noqa: ARG001 - the form's token is checked
    """Let a webhook go on."""
    with desk.site.runtime.database.transaction() as session:
        endpoints.resume_endpoint(session, webhook_id)
        _record(desk, session, "webhook.resumed", webhook_id)
    desk.site.queue.enqueue(Task.TELL_WEBHOOK, webhook_id, queue=Queue.WEBHOOKS)
    return desk.done(_at(webhook_id), "It goes on.")


@router.post("/{webhook_id}/rotate")
def rotate(desk: Changing, fields: PostedForm, webhook_id: Number) -> Response:  # noqa: ARG001 - the form's token is checked
    """Make a new secret, shown this once; the one before signs a day longer."""
    runtime = desk.site.runtime
    require_recent(desk.visit, runtime.clock)
    with runtime.database.transaction() as session:
        seal = desk.site.guard.seal
        secret = endpoints.rotate_secret(session, webhook_id, seal=seal, clock=runtime.clock)
        _record(desk, session, "webhook.rotated", webhook_id)
    return _show_secret(desk, webhook_id, secret)


@router.post("/{webhook_id}/redeliver")
def tell_again(desk: Changing, fields: PostedForm, webhook_id: Number) -> Response:
    """Tell a webhook something again."""
    number = fields.one("delivery")
    if not (number.isascii() and number.isdecimal() and int(number[:20]) <= _LARGEST):
        raise Invalid("which of the events is to be told again?")
    with desk.site.runtime.database.transaction() as session:
        redeliver(session, webhook_id, int(number), clock=desk.site.runtime.clock)
        _record(desk, session, "webhook.redelivered", webhook_id, delivery=int(number))
    desk.site.queue.enqueue(Task.TELL_WEBHOOK, webhook_id, queue=Queue.WEBHOOKS)
    return desk.done(_at(webhook_id), "It is told again, within half a minute.")


@router.post("/{webhook_id}/remove")
def remove(desk: Changing, fields: PostedForm, webhook_id: Number) -> Response:  # noqa: ARG001 - the form's token is checked
    """Forget a webhook, and what it was told."""
    require_recent(desk.visit, desk.site.runtime.clock)
    with desk.site.runtime.database.transaction() as session:
        endpoint = endpoints.remove_endpoint(session, webhook_id)
        _record(desk, session, "webhook.removed", webhook_id)
    return desk.done(HERE, f"The webhook {endpoint.name or endpoint.url} is removed.")


def _record(desk: Desk, session: Session, act: str, webhook_id: int, **details: object) -> None:
    what = Subject("webhook", webhook_id)
    record(session, desk.actor, act, what, clock=desk.site.runtime.clock, **details)


def _show_secret(desk: Desk, webhook_id: int, secret: str) -> Response:
    context = {
        "title": "The secret of the webhook",
        "about": "The receiver checks with it that what it is told comes from here. Copy it there"
        " now: it is not shown again. A new one can be made at any time.",
        "secret": secret,
        "back": _at(webhook_id),
    }
    return desk.page("once.html", context)


def _at(webhook_id: int) -> str:
    return f"{HERE}/{webhook_id}"


def _page(desk: Desk, *, problem: str = "", fields: Fields | None = None) -> Response:
    with desk.site.runtime.database.read() as session:
        found = endpoints.list_endpoints(session)
        dead = with_dead(session, [endpoint.id for endpoint in found])
    context = {
        "webhooks": [(one, state_of(one), one.id in dead) for one in found],
        "events": ABOUT,
        "typed": fields or Fields(),
        "problem": problem,
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK
    return desk.page("webhooks.html", context, status=status)


def _page_of_one(
    desk: Desk,
    webhook_id: int,
    *,
    before: int | None = None,
    problem: str = "",
    fields: Fields | None = None,
) -> Response:
    with desk.site.runtime.database.read() as session:
        endpoint: WebhookEndpoint = endpoints.get_endpoint(session, webhook_id)
        told = deliveries_of(session, webhook_id, before=before, limit=_PAGE + 1)
    more = len(told) > _PAGE
    typed = fields or Fields(
        (
            ("url", endpoint.url),
            ("name", endpoint.name),
            *((("addresses", "yes"),) if endpoint.addresses else ()),
            *(("event", kind) for kind in endpoint.events),
        )
    )
    context = {
        "webhook": endpoint,
        "state": state_of(endpoint),
        "told": [(event.at, delivery_json((delivery, event))) for delivery, event in told[:_PAGE]],
        "older": f"?before={told[_PAGE - 1][0].id}" if more else "",
        "is_later": before is not None,
        "events": ABOUT,
        "typed": typed,
        "problem": problem,
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK
    return desk.page("webhook.html", context, status=status)
