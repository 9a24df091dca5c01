"""What is done about one subscriber: a mail to confirm, leaving, suppressing, lifting."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from alerts.delivery.person import personal_csv
from alerts.errors import Invalid, NotFound, Refused
from alerts.inbound.person import personal_data
from alerts.staff.audit import Subject, record
from alerts.staff.permissions import Permission
from alerts.subscribers import exclusion, service
from alerts.subscribers.models import SubscriberState
from alerts.task_queue import Queue, Task
from alerts.web.desk.failures import DeskRoute
from alerts.web.desk.frame import Desk, PostedForm, requires
from alerts.web.desk.subscribers.one import get_subscriber, person_page
from alerts.web.desk.words import sentence
from alerts.web.headers import PERSONAL

HERE = "/desk/subscribers"
WAY = "desk"
Reading = Annotated[Desk, requires(Permission.SUBSCRIBERS_READ)]
Writing = Annotated[Desk, requires(Permission.SUBSCRIBERS_WRITE)]
router = APIRouter(prefix="/subscribers", route_class=DeskRoute)


@router.get("/{subscriber_id}/data.{kind}")
def data(desk: Reading, subscriber_id: int, kind: str) -> Response:
    """Hand out all that is kept about a person, as JSON or CSV."""
    if kind not in {"json", "csv"}:
        raise NotFound("their data come as data.json or data.csv")
    clock = desk.site.runtime.clock
    with desk.site.runtime.database.transaction() as session:
        document = personal_data(session, get_subscriber(session, subscriber_id))
        subject = Subject("subscriber", subscriber_id)
        record(session, desk.actor, "subscriber.data.taken", subject, clock=clock, kind=kind)
    headers = PERSONAL | {"Content-Disposition": f'attachment; filename="data.{kind}"'}
    if kind == "csv":
        text = personal_csv(document).encode("utf-8-sig")
        return Response(text, media_type="text/csv", headers=headers)
    return JSONResponse(document, headers=headers)


@router.post("/{subscriber_id}/ask")
def ask_again(desk: Writing, fields: PostedForm, subscriber_id: int) -> Response:  # noqa: ARG001 - the form's token is checked
    """Mail the link to confirm once more."""
    clock = desk.site.runtime.clock
    with desk.site.runtime.database.transaction() as session:
        subscriber = get_subscriber(session, subscriber_id)
        if subscriber.state is not SubscriberState.UNCONFIRMED:
            raise Refused(f"{subscriber.email} is {subscriber.state}; there is nothing to confirm")
        subscriber.confirmation_due_at = clock.now()
        subject = Subject("subscriber", subscriber_id)
        record(session, desk.actor, "subscriber.asked", subject, clock=clock)
    desk.site.queue.enqueue(Task.SEND_CONFIRMATION, subscriber_id, queue=Queue.TRANSACTIONAL)
    return desk.done(f"{HERE}/{subscriber_id}", "The mail with the link to confirm is on its way.")


@router.post("/{subscriber_id}/unsubscribe")
def unsubscribe(desk: Writing, fields: PostedForm, subscriber_id: int) -> Response:
    """End one subscription, or all; in force with the next message."""
    clock, newsletter = desk.site.runtime.clock, fields.one("newsletter") or None
    with desk.site.runtime.database.transaction() as session:
        subscriber = get_subscriber(session, subscriber_id)
        changed = service.unsubscribe(
            session, subscriber, newsletter=newsletter, way=WAY, clock=clock
        )
        if changed:
            subject, of = Subject("subscriber", subscriber_id), newsletter or "all"
            record(
                session, desk.actor, "subscriber.unsubscribed", subject, clock=clock, newsletter=of
            )
    desk.site.counts.forget()
    line = "Unsubscribed, at once." if changed else "There was nothing to end."
    return desk.done(f"{HERE}/{subscriber_id}", line)


@router.post("/{subscriber_id}/suppress")
def suppress(desk: Writing, fields: PostedForm, subscriber_id: int) -> Response:
    """Never mail the address again, whoever asks."""
    return _exclude(desk, subscriber_id, fields.one("reason"), lifts=False)


@router.post("/{subscriber_id}/lift")
def lift(desk: Writing, fields: PostedForm, subscriber_id: int) -> Response:
    """Let the address be mailed again; the reason goes on record."""
    return _exclude(desk, subscriber_id, fields.one("reason"), lifts=True)


def _exclude(desk: Desk, subscriber_id: int, reason: str, *, lifts: bool) -> Response:
    clock, keys = desk.site.runtime.clock, desk.site.runtime.settings.secret_key
    change = exclusion.lift if lifts else exclusion.suppress
    act = "subscriber.suppression.lifted" if lifts else "subscriber.suppressed"
    try:
        with desk.site.runtime.database.transaction() as session:
            email = get_subscriber(session, subscriber_id).email
            change(session, email, reason=reason, keys=keys, way=WAY, clock=clock)
            subject = Subject("subscriber", subscriber_id)
            record(session, desk.actor, act, subject, clock=clock, reason=reason)
    except Invalid as error:
        at = "lift" if lifts else "suppress"
        status = HTTPStatus.UNPROCESSABLE_ENTITY
        return person_page(desk, subscriber_id, problem=sentence(error), at=at, status=status)
    desk.site.counts.forget()
    line = "Lifted: the address is mailed again." if lifts else "Suppressed: nothing goes there."
    return desk.done(f"{HERE}/{subscriber_id}", line)
