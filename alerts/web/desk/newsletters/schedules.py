"""When a newsletter comes: its schedules set, looked ahead at, paused; and what their runs came to.

A schedule is told by its frequency and its name, in the address as in the command line.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy.orm import Session
from starlette.responses import Response

from alerts.errors import AlertsError, Conflict, Invalid, NotFound, Refused
from alerts.newsletters.definitions import NewsletterDefinition
from alerts.newsletters.missed import USUAL, parse_missed
from alerts.newsletters.models import Newsletter, Schedule
from alerts.newsletters.previews import Preview, preview
from alerts.newsletters.rules import parse_rule
from alerts.newsletters.runs import recent_runs
from alerts.newsletters.schedules import (
    check_name,
    get_schedule,
    remove_schedule,
    set_paused,
    set_schedule,
)
from alerts.newsletters.service import definition_of, get_newsletter
from alerts.staff.audit import Subject, record
from alerts.staff.permissions import Permission
from alerts.subscribers.models import Frequency
from alerts.web.desk.failures import DeskRoute
from alerts.web.desk.frame import Desk, PostedForm, requires
from alerts.web.desk.newsletters.looking import HERE, Reading
from alerts.web.desk.words import sentence
from alerts.web.forms import Fields

router = APIRouter(prefix="/newsletters", route_class=DeskRoute)
Scheduling = Annotated[Desk, requires(Permission.SCHEDULES_EDIT)]
Word = Annotated[str, Query(max_length=80)]
_SHORT, _LONG, _RUNS = 3, 10, 25


@dataclass(frozen=True, slots=True)
class _Typed:
    """A schedule's form as it was typed; `was` is what stood there when it was opened."""

    frequency: str
    name: str = ""
    rule: str = ""
    missed: str = ""
    was: str = ""
    is_new: bool = True
    problems: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, fields: Fields) -> "_Typed":
        """Return what was posted."""
        return cls(
            frequency=fields.one("frequency"),
            name=fields.one("name"),
            rule=fields.one("rule"),
            missed=fields.one("missed"),
            was=fields.one("was"),
            is_new=fields.one("is_new") == "yes",
        )


@router.get("/{slug}/schedules")
def show(desk: Reading, slug: str) -> Response:
    """Show the schedules with the next moments of each, and the last runs."""
    now = desk.site.runtime.clock.now()
    with desk.site.runtime.database.read() as session:
        newsletter = get_newsletter(session, slug)
        definition = definition_of(newsletter)
        runs = recent_runs(session, slug, limit=_RUNS)
        found = [
            {"schedule": one, "coming": [] if one.paused else _coming(one.rule, now, _SHORT)}
            for one in newsletter.schedules
        ]
    context = {"definition": definition, "schedules": found, "runs": runs, "usual": USUAL}
    return desk.page("newsletter/schedules.html", context)


@router.get("/{slug}/schedules/set")
def edit(desk: Scheduling, slug: str, frequency: Word = "", name: Word = "") -> Response:
    """Show the form of a schedule, or of a new one."""
    with desk.site.runtime.database.read() as session:
        definition = definition_of(get_newsletter(session, slug))
        if not frequency:
            return _form(desk, definition, _Typed(definition.default_frequency))
        one = get_schedule(session, slug, _frequency(frequency), name)
    shown = _Typed(frequency, name, one.rule, one.missed, _state(one), is_new=False)
    return _form(desk, definition, shown)


@router.post("/{slug}/schedules/set")
def save(desk: Scheduling, fields: PostedForm, slug: str) -> Response:
    """Set a schedule; or only show what it would bring, where that was asked for."""
    typed = _Typed.of(fields)
    clock = desk.site.runtime.clock
    with desk.site.runtime.database.read() as session:
        definition = definition_of(get_newsletter(session, slug))
    problems = _problems(typed, definition)
    if problems or fields.one("intent") == "look":
        return _form(desk, definition, typed, problems=problems)
    try:
        with desk.site.runtime.database.transaction() as session:
            _refuse_stale(session, slug, typed)
            schedule = set_schedule(
                session,
                slug,
                typed.rule,
                frequency=_frequency(typed.frequency),
                name=typed.name,
                missed=typed.missed or USUAL,
                clock=clock,
            )
            _note(desk, session, "schedule.set", schedule)
            words = f"{_called(schedule)}: {schedule.rule}."
    except Conflict as error:
        return _form(desk, definition, typed, problems={"": sentence(error)}, is_stale=True)
    except (Invalid, Refused) as error:
        return _form(desk, definition, typed, problems={"": sentence(error)})
    return desk.done(_at(slug), words)


@router.post("/{slug}/schedules/pause")
def pause(desk: Scheduling, fields: PostedForm, slug: str) -> Response:
    """Make no issues by a schedule until it is resumed."""
    return _pause(desk, fields, slug, paused=True)


@router.post("/{slug}/schedules/resume")
def resume(desk: Scheduling, fields: PostedForm, slug: str) -> Response:
    """Make issues by a schedule again, from its next moment on."""
    return _pause(desk, fields, slug, paused=False)


@router.post("/{slug}/schedules/remove")
def remove(desk: Scheduling, fields: PostedForm, slug: str) -> Response:
    """Remove a schedule; its runs stay on record."""
    clock = desk.site.runtime.clock
    with desk.site.runtime.database.transaction() as session:
        schedule = get_schedule(
            session, slug, _frequency(fields.one("frequency")), fields.one("name")
        )
        words = _called(schedule)
        _note(desk, session, "schedule.removed", schedule)
        remove_schedule(
            session, slug, frequency=schedule.frequency, name=schedule.name, clock=clock
        )
    return desk.done(_at(slug), f"{words} is removed.")


def _pause(desk: Desk, fields: Fields, slug: str, *, paused: bool) -> Response:
    with desk.site.runtime.database.transaction() as session:
        schedule = set_paused(
            session,
            slug,
            paused=paused,
            frequency=_frequency(fields.one("frequency")),
            name=fields.one("name"),
            clock=desk.site.runtime.clock,
        )
        _note(desk, session, "schedule.paused" if paused else "schedule.resumed", schedule)
        words = _called(schedule)
    return desk.done(_at(slug), f"{words} {'is paused' if paused else 'goes on'}.")


def _note(desk: Desk, session: Session, act: str, schedule: Schedule) -> None:
    record(
        session,
        desk.actor,
        act,
        Subject("newsletter", schedule.newsletter),
        clock=desk.site.runtime.clock,
        frequency=schedule.frequency.value,
        name=schedule.name,
        rule=schedule.rule,
    )


def _problems(typed: _Typed, definition: NewsletterDefinition) -> dict[str, str]:
    """Return what is wrong with each field."""
    found = {}
    looks: dict[str, Callable[[], object]] = {
        "rule": lambda: parse_rule(typed.rule, zone=definition.time_zone),
        "missed": lambda: parse_missed(typed.missed or USUAL),
        "name": lambda: check_name(typed.name),
        "frequency": lambda: _frequency(typed.frequency),
    }
    for name, look in looks.items():
        try:
            look()
        except AlertsError as error:
            found[name] = sentence(error)
    return found


def _refuse_stale(session: Session, slug: str, typed: _Typed) -> None:
    """Raise Conflict when the schedule is not as it was when its form was opened.

    Two who set it at the same moment wait for each other on the newsletter's row.
    """
    session.get(Newsletter, slug, with_for_update=True)
    try:
        now = _state(get_schedule(session, slug, _frequency(typed.frequency), typed.name))
    except NotFound:
        now = ""
    if typed.is_new and now:
        raise Conflict(
            "there is such a schedule already; give this one a name of its own, or change that one"
        )
    if not typed.is_new and now != typed.was:
        shown = now.replace("\n", "; missed runs: ") or "it was removed"
        raise Conflict(
            f"somebody else has changed this schedule since you opened the page: {shown}. Press"
            " the button again to put yours in its place"
        )


def _state(schedule: Schedule) -> str:
    return f"{schedule.rule}\n{schedule.missed}"


def _coming(rule: str, now: datetime, count: int) -> list[Preview]:
    try:
        return preview(parse_rule(rule), count=count, after=now)
    except Invalid:
        # A zone that a newer time zone database dropped: the runs tell of it.
        return []


def _form(
    desk: Desk,
    definition: NewsletterDefinition,
    typed: _Typed,
    *,
    problems: dict[str, str] | None = None,
    is_stale: bool = False,
) -> Response:
    found = problems or {}
    coming: list[Preview] = []
    understood = ""
    if typed.rule and "rule" not in found:
        rule = parse_rule(typed.rule, zone=definition.time_zone)
        understood = rule.text
        coming = preview(rule, count=_LONG, after=desk.site.runtime.clock.now())
    was, is_new = typed.was, typed.is_new
    if is_stale:
        was, is_new = _now(desk, definition.slug, typed)
    context = {
        "definition": definition,
        "typed": typed,
        "was": was,
        "is_new": is_new,
        "problems": found,
        # The frequency has no field in the form of a schedule that is there already.
        "problem": found.get("", "" if is_new else found.get("frequency", "")),
        "understood": understood,
        "coming": coming,
        "usual": USUAL,
    }
    status = HTTPStatus.OK
    if found:
        status = HTTPStatus.CONFLICT if is_stale else HTTPStatus.UNPROCESSABLE_ENTITY
    return desk.page("newsletter/schedule.html", context, status=status)


def _now(desk: Desk, slug: str, typed: _Typed) -> tuple[str, bool]:
    """Return the schedule's state now, and whether the form still makes a new one."""
    if typed.is_new:
        return "", True
    with desk.site.runtime.database.read() as session:
        try:
            one = get_schedule(session, slug, _frequency(typed.frequency), typed.name)
        except NotFound:
            return "", True
        return _state(one), False


def _frequency(text: str) -> Frequency:
    try:
        return Frequency(text)
    except ValueError as error:
        raise Invalid(f"{text[:40]!r} is no frequency; {', '.join(Frequency)} would be") from error


def _called(schedule: Schedule) -> str:
    name = f" “{schedule.name}”" if schedule.name else ""
    return f"The {schedule.frequency} schedule{name}"


def _at(slug: str) -> str:
    return f"{HERE}/{slug}/schedules"
