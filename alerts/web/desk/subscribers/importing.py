"""Importing a file of subscribers: questions, a dry run, the import, the report on each row.

A worker does what takes long; the page tells how far it is.
"""

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter
from starlette.responses import Response, StreamingResponse

from alerts.errors import Invalid, NotFound
from alerts.newsletters.service import offers
from alerts.staff.audit import Subject, record
from alerts.staff.permissions import Permission
from alerts.subscribers.files.columns import FIELDS
from alerts.subscribers.uploads.models import PieceKind, SubscriberUpload, UploadState
from alerts.subscribers.uploads.pieces import read_pieces
from alerts.subscribers.uploads.service import (
    Look,
    drop_upload,
    get_upload,
    keep_upload,
    list_uploads,
    look_at,
    order_check,
    order_import,
)
from alerts.task_queue import Queue, Task
from alerts.web.desk.failures import DeskRoute
from alerts.web.desk.frame import Desk, PostedForm, requires
from alerts.web.desk.uploads import PostedUpload
from alerts.web.desk.words import sentence
from alerts.web.forms import Fields
from alerts.web.headers import PERSONAL
from alerts.web.words import size_in_words

HERE = "/desk/subscribers/import"
LARGEST = 300 * 1024 * 1024
# Larger files are refused in words; this is where a connection is cut off.
_MOST_BODY = 2 * LARGEST
_WORKING = frozenset({UploadState.CHECKING, UploadState.IMPORTING})
_REPORTED = frozenset({UploadState.CHECKED, UploadState.DONE})
_LOOK_AGAIN_SECONDS = 4
_MOST_ASKED = 500
QUESTIONS = {
    "email": "Which column holds the addresses?",
    "name": "The whole name?",
    "first_name": "The first name?",
    "middle_name": "A middle name?",
    "last_name": "The last name?",
    "newsletters": "The newsletters?",
    "frequency": "How often?",
    "regions": "The regions?",
    "time_zone": "The time zone?",
    "status": "Whether they confirmed?",
}
Writing = Annotated[Desk, requires(Permission.SUBSCRIBERS_WRITE)]
router = APIRouter(prefix="/subscribers/import", route_class=DeskRoute)


@dataclass
class Answers:
    """What stands in the form of questions."""

    mapping: dict[str, str]
    newsletters: list[str]
    confirmed: bool
    consent: str
    problems: dict[str, str] = field(default_factory=dict)


@router.get("")
def show(desk: Writing) -> Response:
    """Show the files that were handed in, and the form for another."""
    return _list_page(desk)


@router.post("", max_body_size=_MOST_BODY)
def hand_in(desk: Writing, upload: PostedUpload) -> Response:
    """Keep a file, and go on to the questions about it."""
    if upload.file is None:
        return _list_page(desk, problem="Choose a file.")
    if upload.size > LARGEST:
        return _list_page(desk, problem=f"A file has at most {size_in_words(LARGEST)}.")
    clock, database = desk.site.runtime.clock, desk.site.runtime.database
    by = desk.visit.name or desk.visit.email
    try:
        kept = keep_upload(database, upload.file, name=upload.name, by=by, clock=clock)
    except Invalid as error:
        return _list_page(desk, problem=sentence(error))
    return desk.done(f"{HERE}/{kept.id}", "The file is here. Nothing is imported yet.")


@router.get("/{upload_id}")
def one(desk: Writing, upload_id: int) -> Response:
    """Show where a file stands: the questions, how far it is, or what came of it."""
    return _page(desk, upload_id)


@router.post("/{upload_id}/check")
def check(desk: Writing, fields: PostedForm, upload_id: int) -> Response:
    """Have a worker look what the file would do; nothing is written to any subscriber."""
    answers = _answers(fields)
    try:
        with desk.site.runtime.database.transaction() as session:
            upload = get_upload(session, upload_id)
            order_check(
                upload,
                mapping=answers.mapping,
                newsletters=answers.newsletters,
                confirmed=answers.confirmed,
                consent=answers.consent,
                clock=desk.site.runtime.clock,
            )
    except Invalid as error:
        name = "consent" if "basis" in str(error) else "column-email"
        answers.problems[name] = sentence(error)
        return _page(desk, upload_id, answers=answers)
    desk.site.queue.enqueue(Task.TAKE_UPLOAD, upload_id, queue=Queue.PREPARATION)
    return desk.done(f"{HERE}/{upload_id}", "It is looked at; nothing is written.")


@router.post("/{upload_id}/start")
def start(desk: Writing, fields: PostedForm, upload_id: int) -> Response:  # noqa: ARG001 - the form's token is checked
    """Import a file that was looked at."""
    clock = desk.site.runtime.clock
    with desk.site.runtime.database.transaction() as session:
        upload = get_upload(session, upload_id)
        order_import(upload, clock=clock)
        subject = Subject("import", upload_id)
        record(
            session,
            desk.actor,
            "subscriber.imported",
            subject,
            clock=clock,
            file=upload.file_name,
            basis=upload.consent,
        )
    desk.site.queue.enqueue(Task.TAKE_UPLOAD, upload_id, queue=Queue.PREPARATION)
    return desk.done(f"{HERE}/{upload_id}", "The import has begun.")


@router.post("/{upload_id}/drop")
def drop(desk: Writing, fields: PostedForm, upload_id: int) -> Response:  # noqa: ARG001 - the form's token is checked
    """Forget a file; an import that is under way stops."""
    clock = desk.site.runtime.clock
    with desk.site.runtime.database.transaction() as session:
        drop_upload(session, get_upload(session, upload_id))
        subject = Subject("import", upload_id)
        record(session, desk.actor, "subscriber.import.dropped", subject, clock=clock)
    desk.site.counts.forget()
    return desk.done(HERE, "The file is forgotten.")


@router.get("/{upload_id}/report.csv")
def report(desk: Writing, upload_id: int) -> Response:
    """Send what became, or would become, of each row."""
    with desk.site.runtime.database.read() as session:
        upload = get_upload(session, upload_id)
    if upload.state not in _REPORTED:
        raise NotFound("there is no report yet")
    pieces = read_pieces(desk.site.runtime.database, upload_id, PieceKind.REPORT)
    name = f"import-{upload_id}-report.csv"
    return StreamingResponse(
        pieces,
        media_type="text/csv; charset=utf-8",
        headers=PERSONAL | {"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _answers(fields: Fields) -> Answers:
    return Answers(
        mapping={name: fields.one(f"column-{name}") for name in FIELDS},
        newsletters=fields.every("newsletter"),
        confirmed=fields.one("otherwise") == "confirmed",
        consent=fields.one("consent")[:_MOST_ASKED],
    )


def _list_page(desk: Desk, *, problem: str = "") -> Response:
    with desk.site.runtime.database.read() as session:
        uploads = list_uploads(session)
    context = {"uploads": uploads, "largest": size_in_words(LARGEST), "problem": problem}
    status = HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK
    return desk.page("subscriber/import.html", context, status=status)


def _page(desk: Desk, upload_id: int, *, answers: Answers | None = None) -> Response:
    database = desk.site.runtime.database
    with database.read() as session:
        upload = get_upload(session, upload_id)
        offered = offers(session)
    look, problem = None, "Please look at the marked question." if answers else ""
    if upload.state in {UploadState.UPLOADED, UploadState.CHECKED, UploadState.FAILED}:
        try:
            look = look_at(database, upload)
        except Invalid as error:
            problem = sentence(error)
    working = upload.state in _WORKING
    if upload.state is UploadState.DONE:
        desk.site.counts.forget()
    context = {
        "upload": upload,
        "is_working": working,
        "is_reported": upload.state in _REPORTED,
        "look": look,
        "answers": answers or _usual(upload, look),
        "questions": QUESTIONS,
        "offers": offered,
        "problem": problem,
    }
    # A header, since it is no part of the page; whoever likes presses the button instead.
    headers = {"Refresh": str(_LOOK_AGAIN_SECONDS)} if working else {}
    status = HTTPStatus.UNPROCESSABLE_ENTITY if answers else HTTPStatus.OK
    return desk.page("subscriber/import_one.html", context, status=status, headers=headers)


def _usual(upload: SubscriberUpload, look: Look | None) -> Answers:
    """Return the answers as they were given, else as the columns' names suggest."""
    suggested = dict(look.mapping) if look else {}
    return Answers(
        mapping=dict(upload.mapping) or suggested,
        newsletters=list(upload.newsletters),
        confirmed=upload.confirmed,
        consent=upload.consent,
    )
