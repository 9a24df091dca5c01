"""How the system stands, in pictures and words: for ops."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy.orm import Session
from starlette.responses import Response

from alerts.delivery.transports.suspicion import relays_of, sick_of
from alerts.durations import parse_duration
from alerts.errors import Invalid, NotFound, Refused
from alerts.operations.alarms.books import end_silence, silence
from alerts.operations.doctor.findings import GROUPS
from alerts.operations.examining import ask_for_examination
from alerts.staff.audit import Subject, record
from alerts.staff.permissions import Permission
from alerts.task_queue import Queue, Task
from alerts.web.charts import Chart
from alerts.web.desk.charting import image_of
from alerts.web.desk.failures import DeskRoute
from alerts.web.desk.frame import Desk, PostedForm, requires
from alerts.web.desk.operations_view import (
    OUTCOMES,
    answers_chart,
    hours_chart,
    queues_chart,
    view_of,
)
from alerts.web.desk.words import sentence
from alerts.web.forms import Fields

HERE = "/desk/operations"
SPANS = ("1 hour", "4 hours", "8 hours", "1 day", "3 days", "7 days", "30 days")
Looking = Annotated[Desk, requires(Permission.OPERATIONS_READ)]
Acting = Annotated[Desk, requires(Permission.OPERATIONS_WRITE)]
router = APIRouter(prefix="/operations", route_class=DeskRoute)


@router.get("")
def show(desk: Looking) -> Response:
    """Show how the system stands."""
    return _page(desk)


@router.get("/charts/{name}.svg")
def chart(desk: Looking, name: str, narrow: Annotated[bool, Query()] = False) -> Response:
    """Return a chart as an image: `answers`, `hours` or `queues`."""
    if name not in _CHARTS:
        raise NotFound(f"there is no chart {name[:40]!r}")
    with desk.site.runtime.database.read() as session:
        drawn = _CHARTS[name](desk, session)
    return image_of(drawn, narrow=narrow)


def _answers(desk: Desk, session: Session) -> Chart:
    return answers_chart(session, now=desk.site.runtime.clock.now())


def _hours(desk: Desk, session: Session) -> Chart:
    return hours_chart(session, now=desk.site.runtime.clock.now())


def _queues(desk: Desk, _: Session) -> Chart:
    return queues_chart(desk.site.metrics.queue_lengths())


_CHARTS: dict[str, Callable[[Desk, Session], Chart]] = {
    "answers": _answers,
    "hours": _hours,
    "queues": _queues,
}


@router.post("/alarms/{alarm_id}/silence")
def silence_alarm(desk: Acting, fields: PostedForm, alarm_id: int) -> Response:
    """Tell nobody of an alarm for a time."""
    runtime = desk.site.runtime
    try:
        span = parse_duration(fields.one("span"))
        with runtime.database.transaction() as session:
            alarm = silence(
                session,
                alarm_id,
                span=span,
                reason=fields.one("reason"),
                actor=desk.actor,
                clock=runtime.clock,
            )
    except (Invalid, Refused) as error:
        return _page(desk, problem=sentence(error), typed=(alarm_id, fields))
    return desk.done(HERE, f"Nobody is told of alarm {alarm.id} for {fields.one('span')}.")


@router.post("/alarms/{alarm_id}/unsilence")
def unsilence_alarm(desk: Acting, fields: PostedForm, alarm_id: int) -> Response:  # noqa: ARG001 - the form's token is checked
    """Tell of an alarm again."""
    runtime = desk.site.runtime
    with runtime.database.transaction() as session:
        end_silence(session, alarm_id, actor=desk.actor, clock=runtime.clock)
    return desk.done(HERE, f"Alarm {alarm_id} is told again.")


@router.get("/doctor")
def show_examination(desk: Looking) -> Response:
    """Show what the doctor found the last time."""
    with desk.site.runtime.database.read() as session:
        view = view_of(session, desk.site.runtime)
    result = view.examined.result if view.examined else None
    checks = result["checks"] if result else []
    groups = [
        (title, found)
        for title, names in GROUPS.items()
        if (found := [one for one in checks if one["check"] in names])
    ]
    rules = result["rules"] if result else []
    context = {"view": view, "groups": groups, "rules": rules, "result": result}
    return desk.page("operations_doctor.html", context)


@router.post("/doctor")
def ask_the_doctor(desk: Acting, fields: PostedForm) -> Response:  # noqa: ARG001 - the form's token is checked
    """Have a worker look at everything that decides whether mail arrives."""
    runtime = desk.site.runtime
    with runtime.database.transaction() as session:
        report, is_new = ask_for_examination(session, clock=runtime.clock)
        if is_new:
            about = Subject("doctor", report.id)
            record(session, desk.actor, "doctor.asked", about, clock=runtime.clock)
    if is_new and not desk.site.queue.enqueue(Task.EXAMINE, report.id, queue=Queue.PREPARATION):
        line = "Redis does not take the task: nobody looks before it is there again."
        return desk.done(f"{HERE}/doctor", line, is_good=False)
    return desk.done(f"{HERE}/doctor", "The doctor looks; it takes up to a minute.")


def _page(desk: Desk, *, problem: str = "", typed: tuple[int, Fields] | None = None) -> Response:
    runtime = desk.site.runtime
    now = runtime.clock.now()
    with runtime.database.read() as session:
        context = {
            "view": view_of(session, runtime),
            "charts": {
                "answers": answers_chart(session, now=now),
                "hours": hours_chart(session, now=now),
                "queues": queues_chart(desk.site.metrics.queue_lengths()),
            },
            "outcomes": {name: part.word for name, part in OUTCOMES.items()},
            "spans": SPANS,
            "sick": sick_of(relays_of(runtime.settings, desk.site.queue.redis_url)),
            "problem": problem,
            "typed_for": typed[0] if typed else 0,
            "typed": typed[1] if typed else Fields(),
        }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK
    return desk.page("operations.html", context, status=status)
