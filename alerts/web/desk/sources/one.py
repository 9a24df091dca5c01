"""One source: how it fares, what it brought in and what not, and what may be done about it."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter
from starlette.responses import Response

from alerts.articles.sources.service import (
    call_for_poll,
    entry_counts_of,
    get_source,
    interval_of,
    pause_source,
    refused_entries,
    remove_source,
    resume_source,
    set_interval,
    taken_entries,
)
from alerts.errors import Invalid
from alerts.staff.audit import Subject, record
from alerts.staff.permissions import Permission
from alerts.task_queue import Queue, Task
from alerts.web.desk.failures import DeskRoute
from alerts.web.desk.frame import Desk, PostedForm, requires
from alerts.web.desk.sources.words import line_of
from alerts.web.desk.words import sentence

HERE = "/desk/sources"
_MOST_SHOWN = 50
Editing = Annotated[Desk, requires(Permission.SOURCES_EDIT)]
router = APIRouter(prefix="/sources", route_class=DeskRoute)


@router.get("/{source_id}")
def show(desk: Editing, source_id: int) -> Response:
    """Show a source with the pages it showed last, and those not taken in, with the reasons."""
    return _page(desk, source_id)


@router.post("/{source_id}/poll")
def poll(desk: Editing, fields: PostedForm, source_id: int) -> Response:  # noqa: ARG001 - the form's token is checked
    """Have a source looked at now; a worker does it."""
    clock = desk.site.runtime.clock
    with desk.site.runtime.database.transaction() as session:
        call_for_poll(session, source_id, clock=clock)
        record(session, desk.actor, "source.polled", Subject("source", source_id), clock=clock)
    away = not desk.site.queue.enqueue(Task.POLL_SOURCE, source_id, queue=Queue.INBOUND)
    line = "It is looked at as soon as a worker runs." if away else "It is looked at now."
    return desk.done(f"{HERE}/{source_id}", f"{line} Load this page again in a moment.")


@router.post("/{source_id}/pause")
def pause(desk: Editing, fields: PostedForm, source_id: int) -> Response:  # noqa: ARG001 - the form's token is checked
    """Look at a source no longer by itself."""
    clock = desk.site.runtime.clock
    with desk.site.runtime.database.transaction() as session:
        pause_source(session, source_id)
        record(session, desk.actor, "source.paused", Subject("source", source_id), clock=clock)
    return desk.done(f"{HERE}/{source_id}", "Paused: it is not looked at until it is resumed.")


@router.post("/{source_id}/resume")
def resume(desk: Editing, fields: PostedForm, source_id: int) -> Response:  # noqa: ARG001 - the form's token is checked
    """Look at a source again, from now on."""
    clock = desk.site.runtime.clock
    with desk.site.runtime.database.transaction() as session:
        resume_source(session, source_id, clock=clock)
        record(session, desk.actor, "source.resumed", Subject("source", source_id), clock=clock)
    desk.site.queue.enqueue(Task.POLL_SOURCE, source_id, queue=Queue.INBOUND)
    return desk.done(f"{HERE}/{source_id}", "Resumed: it is looked at now, and at its pace again.")


@router.post("/{source_id}/interval")
def change_interval(desk: Editing, fields: PostedForm, source_id: int) -> Response:
    """Look at a source at another pace."""
    clock, typed = desk.site.runtime.clock, fields.one("every")
    try:
        every = interval_of(typed)
    except Invalid as error:
        return _page(desk, source_id, every=typed, problem=sentence(error))
    with desk.site.runtime.database.transaction() as session:
        set_interval(session, source_id, every=every, clock=clock)
        subject = Subject("source", source_id)
        record(session, desk.actor, "source.interval.changed", subject, clock=clock, every=typed)
    return desk.done(f"{HERE}/{source_id}", f"From now on it is looked at every {typed}.")


@router.post("/{source_id}/remove")
def remove(desk: Editing, fields: PostedForm, source_id: int) -> Response:  # noqa: ARG001 - the form's token is checked
    """Forget a source; its articles stay."""
    clock = desk.site.runtime.clock
    with desk.site.runtime.database.transaction() as session:
        url = remove_source(session, source_id).url
        subject = Subject("source", source_id)
        record(session, desk.actor, "source.removed", subject, clock=clock, url=url)
    return desk.done(HERE, f"{url} is looked at no longer. Its articles stay.")


def _page(desk: Desk, source_id: int, *, every: str = "", problem: str = "") -> Response:
    with desk.site.runtime.database.read() as session:
        source = get_source(session, source_id)
        counts = entry_counts_of(session, source_id)
        line = line_of(source, counts, now=desk.site.runtime.clock.now())
        context = {
            "source": line,
            "every": every or line.every,
            "taken": taken_entries(session, source_id, limit=_MOST_SHOWN),
            "refused": refused_entries(session, source_id, limit=_MOST_SHOWN),
            "problem": problem,
        }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK
    return desk.page("source/one.html", context, status=status)
