"""`/api/v1/schedules`: when newsletters go out."""

from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.responses import Response

from alerts.errors import NotFound
from alerts.kept_answers import Answer
from alerts.newsletters.models import Run, Schedule
from alerts.newsletters.previews import preview
from alerts.newsletters.rules import parse_rule
from alerts.newsletters.runs import last_runs, run_json
from alerts.newsletters.schedules import remove_schedule, set_paused, set_schedule
from alerts.newsletters.serialise import coming_json, schedule_json
from alerts.newsletters.service import get_newsletter
from alerts.staff.audit import Subject
from alerts.staff.permissions import Permission
from alerts.web.api.call import Call, CurrentCall, as_json, respond
from alerts.web.api.paging import Cursor, Limit, page_of
from alerts.web.api.route import ApiRoute
from alerts.web.api.shapes.common import PathId, acts, looks
from alerts.web.api.shapes.newsletters import (
    ChangedSchedule,
    Next,
    Runs,
    Schedules,
    ScheduleShape,
    SetSchedule,
)

router = APIRouter(prefix="/v1/schedules", tags=["schedules"], route_class=ApiRoute)
_P = Permission
NewsletterFilter = Annotated[str | None, Query(max_length=64, description="Only of this one.")]


@router.get("", **looks(_P.ISSUES_READ, Schedules, "List schedules"))
def list_schedules(
    call: CurrentCall, limit: Limit = 50, cursor: Cursor = None, newsletter: NewsletterFilter = None
) -> Response:
    """List schedules in the order in which they were made, with what came of each last."""
    page = page_of(call, limit=limit, cursor=cursor)
    query = select(Schedule).order_by(Schedule.id).limit(limit + 1)
    if (after := page.number()) is not None:
        query = query.where(Schedule.id > after)
    with call.read() as session:
        if newsletter is not None:
            get_newsletter(session, newsletter)
            query = query.where(Schedule.newsletter == newsletter)
        schedules = session.scalars(query).all()
        last = last_runs(session, schedules)
        found = [
            (
                str(one.id),
                schedule_json(one)
                | {"last_run": run_json(last[one.id]) if one.id in last else None},
            )
            for one in schedules
        ]
    return page.answer(found)


@router.post("", **acts(_P.SCHEDULES_EDIT, ScheduleShape, "Set a schedule", status=200))
def set_(wanted: SetSchedule, call: CurrentCall) -> Response:
    """Set when a newsletter goes out; with a name it is one more beside the usual one."""
    with call.acting() as acting:
        schedule = set_schedule(
            acting.session,
            wanted.newsletter,
            wanted.rule,
            frequency=wanted.frequency,
            name=wanted.name,
            missed=wanted.missed,
            clock=call.clock,
        )
        what = Subject("newsletter", schedule.newsletter)
        acting.record("schedule.set", what, schedule=schedule.id, rule=schedule.rule)
        return acting.answer(schedule_json(schedule))


@router.get("/{schedule_id:int}", **looks(_P.ISSUES_READ, ScheduleShape, "Look at a schedule"))
def show(schedule_id: PathId, call: CurrentCall) -> Response:
    """Return a schedule."""
    with call.read() as session:
        return respond(Answer(200, as_json(schedule_json(_get(session, schedule_id)))))


@router.patch("/{schedule_id:int}", **acts(_P.SCHEDULES_EDIT, ScheduleShape, "Change a schedule"))
def change(schedule_id: PathId, wanted: ChangedSchedule, call: CurrentCall) -> Response:
    """Change a schedule's rule, or what becomes of missed runs; what is left out stays."""
    with call.acting() as acting:
        one = _get(acting.session, schedule_id)
        schedule = set_schedule(
            acting.session,
            one.newsletter,
            wanted.rule or one.rule,
            frequency=one.frequency,
            name=one.name,
            missed=wanted.missed,
            clock=call.clock,
        )
        what = Subject("newsletter", schedule.newsletter)
        acting.record("schedule.set", what, schedule=schedule_id, rule=schedule.rule)
        return acting.answer(schedule_json(schedule))


@router.delete("/{schedule_id:int}", **acts(_P.SCHEDULES_EDIT, None, "Remove one", status=204))
def remove(schedule_id: PathId, call: CurrentCall) -> Response:
    """Remove a schedule; what it has run stays on record."""
    with call.acting() as acting:
        one = _get(acting.session, schedule_id)
        newsletter, rule = one.newsletter, one.rule
        remove_schedule(
            acting.session, newsletter, frequency=one.frequency, name=one.name, clock=call.clock
        )
        what = Subject("newsletter", newsletter)
        acting.record("schedule.removed", what, schedule=schedule_id, rule=rule)
        return acting.answer(None, status=204)


@router.get("/{schedule_id:int}/next", **looks(_P.ISSUES_READ, Next, "See what comes next"))
def coming(
    schedule_id: PathId,
    call: CurrentCall,
    count: Annotated[int, Query(ge=1, le=100, description="How many.")] = 5,
) -> Response:
    """Return the next moments, with what the clocks do and what is left out meanwhile."""
    with call.read() as session:
        rule = parse_rule(_get(session, schedule_id).rule)
    found = preview(rule, count=count, after=call.clock.now())
    return respond(Answer(200, as_json({"items": [coming_json(one) for one in found]})))


@router.get("/{schedule_id:int}/runs", **looks(_P.ISSUES_READ, Runs, "See what came of runs"))
def runs(
    schedule_id: PathId, call: CurrentCall, limit: Limit = 50, cursor: Cursor = None
) -> Response:
    """List a schedule's runs, the newest first, with the reason where no issue was made."""
    page = page_of(call, limit=limit, cursor=cursor)
    with call.read() as session:
        one = _get(session, schedule_id)
        query = (
            select(Run)
            .where(Run.newsletter == one.newsletter, Run.frequency == one.frequency)
            .where(Run.schedule == one.name)
            .order_by(Run.id.desc())
            .limit(limit + 1)
        )
        if (before := page.number()) is not None:
            query = query.where(Run.id < before)
        found = [(str(run.id), run_json(run)) for run in session.scalars(query)]
    return page.answer(found)


@router.post("/{schedule_id:int}/pause", **acts(_P.SCHEDULES_EDIT, ScheduleShape, "Pause one"))
def pause(schedule_id: PathId, call: CurrentCall) -> Response:
    """Stop making issues on schedule."""
    return _set_paused(call, schedule_id, paused=True)


@router.post(
    "/{schedule_id:int}/resume", **acts(_P.SCHEDULES_EDIT, ScheduleShape, "Go on with a schedule")
)
def resume(schedule_id: PathId, call: CurrentCall) -> Response:
    """Make issues on schedule again."""
    return _set_paused(call, schedule_id, paused=False)


def _set_paused(call: Call, schedule_id: int, *, paused: bool) -> Response:
    with call.acting() as acting:
        one = _get(acting.session, schedule_id)
        schedule = set_paused(
            acting.session,
            one.newsletter,
            paused=paused,
            frequency=one.frequency,
            name=one.name,
            clock=call.clock,
        )
        what = Subject("newsletter", schedule.newsletter)
        word = "paused" if paused else "resumed"
        acting.record(f"schedule.{word}", what, schedule=schedule_id)
        return acting.answer(schedule_json(schedule))


def _get(session: Session, schedule_id: int) -> Schedule:
    schedule = session.get(Schedule, schedule_id)
    if schedule is None:
        raise NotFound(f"there is no schedule {schedule_id}; GET /api/v1/schedules lists them")
    # The newsletter's own list has to know the row that is changed.
    newsletter = get_newsletter(session, schedule.newsletter)
    return next(one for one in newsletter.schedules if one.id == schedule_id)
