"""Adding a subscriber by hand: with a mail to confirm, or on a basis that somebody answers for."""

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.responses import Response

from alerts.errors import Invalid, NotFound, Refused
from alerts.newsletters.service import offers
from alerts.staff.audit import Subject, record
from alerts.staff.permissions import Permission
from alerts.staff.sessions import NotAllowed
from alerts.subscribers.addresses import parse_address
from alerts.subscribers.exclusion import refuse_suppressed
from alerts.subscribers.models import Frequency, Subscriber, SubscriberState
from alerts.subscribers.queries import find_subscriber
from alerts.subscribers.service import AddResult, add_subscriber
from alerts.subscribers.typos import suggested_address
from alerts.subscribers.wishes import choose_offers
from alerts.task_queue import Queue, Task
from alerts.web.desk.failures import DeskRoute
from alerts.web.desk.frame import Desk, PostedForm, requires
from alerts.web.desk.words import sentence
from alerts.web.forms import Fields
from alerts.web.words import HOW_OFTEN

HERE = "/desk/subscribers"
WAY = "desk"
# What goes on record for whoever is asked by mail: the words they agree to stand in that mail.
ASKED = "Entered at the desk; asked by mail to confirm."
_LONGEST_BASIS = 500
Reading = Annotated[Desk, requires(Permission.SUBSCRIBERS_READ)]
router = APIRouter(prefix="/subscribers", route_class=DeskRoute)


@dataclass
class NewReader:
    """What stands in the form; `problems` by field."""

    email: str = ""
    name: str = ""
    newsletters: tuple[str, ...] = ()
    frequency: str = ""
    basis: str = ""
    is_confirmed: bool = False
    problems: dict[str, str] = field(default_factory=dict)

    @classmethod
    def posted(cls, fields: Fields) -> "NewReader":
        """Return what was posted."""
        return cls(
            email=fields.one("email"),
            name=fields.one("name"),
            newsletters=tuple(fields.every("newsletter")),
            frequency=fields.one("frequency"),
            basis=fields.one("basis"),
            is_confirmed=fields.one("how") == "confirmed",
        )


@router.get("/add")
def form(desk: Reading) -> Response:
    """Show the form."""
    return _page(desk, NewReader())


@router.post("/add")
def add(desk: Reading, fields: PostedForm) -> Response:
    """Add a subscriber: most get a mail to confirm; who may write may answer for a consent."""
    new = NewReader.posted(fields)
    if new.is_confirmed and not desk.may(Permission.SUBSCRIBERS_WRITE):
        raise NotAllowed("only ops and admins add readers without a mail to confirm; ask them")
    _check(new)
    if new.problems:
        return _page(desk, new)
    clock = desk.site.runtime.clock
    try:
        with desk.site.runtime.database.transaction() as session:
            result = _added(desk, session, new)
            number = result.subscriber.id
            subject = Subject("subscriber", number)
            how = "confirmed" if new.is_confirmed else "asked"
            record(
                session,
                desk.actor,
                "subscriber.added",
                subject,
                clock=clock,
                how=how,
                newsletters=new.newsletters,
            )
    except (Invalid, Refused) as error:
        new.problems["email"] = sentence(error)
        return _page(desk, new)
    desk.site.counts.forget()
    if result.subscriber.confirmation_due_at is not None:
        desk.site.queue.enqueue(Task.SEND_CONFIRMATION, number, queue=Queue.TRANSACTIONAL)
    return desk.done(f"{HERE}/{number}", _said(result, new))


def _check(new: NewReader) -> None:
    if not new.newsletters:
        new.problems["newsletter"] = "Choose at least one newsletter."
    if new.is_confirmed and not new.basis:
        new.problems["basis"] = "Say on what basis they are mailed; it is kept on record."
    if len(new.basis) > _LONGEST_BASIS:
        new.problems["basis"] = f"At most {_LONGEST_BASIS} characters, please."
    try:
        parse_address(new.email)
    except Invalid as error:
        new.problems["email"] = sentence(error)


def _added(desk: Desk, session: Session, new: NewReader) -> AddResult:
    refuse_suppressed(session, new.email, keys=desk.site.runtime.settings.secret_key)
    if not new.is_confirmed and (known := _confirmed(session, new.email)):
        # Nobody but themselves, or somebody who answers for it, changes what a reader gets.
        raise Refused(f"{known.email} reads already; what they get they change by their own link")
    return add_subscriber(
        session,
        email=new.email,
        offers=choose_offers(offers(session), new.newsletters),
        name=new.name,
        frequency=new.frequency,
        confirmed=new.is_confirmed,
        consent=new.basis if new.is_confirmed else ASKED,
        way=WAY,
        clock=desk.site.runtime.clock,
    )


def _confirmed(session: Session, email: str) -> Subscriber | None:
    try:
        known = find_subscriber(session, email)
    except NotFound:
        return None
    return known if known.state is SubscriberState.CONFIRMED else None


def _said(result: AddResult, new: NewReader) -> str:
    line = {"added": "Added.", "updated": "Updated."}.get(result.kind, "They were known already.")
    if result.subscriber.confirmation_due_at is not None:
        line += " A mail asks them to confirm."
    meant = suggested_address(new.email)
    return f"{line} Was {meant} meant?" if meant else line


def _page(desk: Desk, new: NewReader) -> Response:
    wrong = bool(new.problems)
    with desk.site.runtime.database.read() as session:
        offered = offers(session)
    context = {
        "new": new,
        "offers": offered,
        "frequencies": [(frequency.value, HOW_OFTEN[frequency]) for frequency in Frequency],
        "problem": "Nobody was added; please look below." if wrong else "",
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if wrong else HTTPStatus.OK
    return desk.page("subscriber/add.html", context, status=status)
