"""How far an issue is, live: server-sent events, one look at the database for all who watch.

A stream holds neither a connection nor a thread between two events. It ends with the issue, with
the session of whoever watches, with the server, and after some minutes in any case: the browser
asks again by itself.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from alerts.staff.sessions import open_sessions
from alerts.task_queue import Queue, Task
from alerts.web.desk.failures import DeskRoute
from alerts.web.desk.frame import Desk
from alerts.web.desk.sending.look import Look, look_at
from alerts.web.desk.sending.page import Reading
from alerts.web.headers import HEAD_ASKED, PERSONAL

router = APIRouter(prefix="/issues/{issue_id}", route_class=DeskRoute)

_LOOK_SECONDS = 1.0
# Where no worker comes within this time, tasks would only pile up.
_WOKEN_FOR = timedelta(seconds=10)
# A sign of life where nothing changes: proxies close what is silent.
_SILENT_SECONDS = 15.0
_SESSION_SECONDS = 5.0
_LONGEST_SECONDS = 600.0
_RETRY_MILLISECONDS = 3_000
_MOST_STREAMS = 200
_HEADERS = PERSONAL | {"X-Accel-Buffering": "no"}
_open_streams = 0


@router.get("/progress")
async def progress(desk: Reading, request: Request, issue_id: int) -> Response:
    """Tell how far an issue is, as text/event-stream; a look at it is one document in JSON."""
    first = await _look(desk, issue_id)
    if request.scope.get(HEAD_ASKED):
        return Response(headers=_HEADERS, media_type="text/event-stream")
    if _open_streams >= _MOST_STREAMS:
        return PlainTextResponse(
            "Too many watch already; reload the page to see how far it is.\n", 503, headers=_HEADERS
        )
    return StreamingResponse(
        _events(desk, issue_id, first), headers=_HEADERS, media_type="text/event-stream"
    )


async def _events(desk: Desk, issue_id: int, look: Look) -> AsyncIterator[str]:
    global _open_streams  # noqa: PLW0603 - how many streams this process has open
    _open_streams += 1
    began = checked = told_at = time.monotonic()
    told = ""
    try:
        yield f"retry: {_RETRY_MILLISECONDS}\n\n"
        while True:
            now = time.monotonic()
            document = json.dumps(look.to_json())
            if document != told:
                told, told_at = document, now
                yield f"event: look\ndata: {document}\n\n"
            elif now - told_at >= _SILENT_SECONDS:
                told_at = now
                yield ": still here\n\n"
            is_long = now - began >= _LONGEST_SECONDS or desk.site.looks.is_closed
            if look.is_over or is_long:
                break
            if now - checked >= _SESSION_SECONDS:
                checked = now
                if not await run_in_threadpool(_is_logged_in, desk):
                    yield "event: gone\ndata: {}\n\n"
                    return
            await asyncio.sleep(_LOOK_SECONDS)
            look = await _look(desk, issue_id)
        if look.is_over:
            yield "event: over\ndata: {}\n\n"
    finally:
        _open_streams -= 1


async def _look(desk: Desk, issue_id: int) -> Look:
    seen: Look = await desk.site.looks.get(("issue", issue_id), partial(_read, desk, issue_id))
    return seen


def _read(desk: Desk, issue_id: int) -> Look:
    runtime = desk.site.runtime
    with runtime.database.read() as session:
        look = look_at(session, issue_id, now=runtime.clock.now())
    is_due = look.starts_in == 0
    if is_due and look.send_at is not None and look.now - look.send_at < _WOKEN_FOR:
        # Its grace is over, and somebody watches: it need not wait for the next sweep.
        desk.site.queue.enqueue(Task.SWEEP, queue=Queue.PERIODIC)
    return look


def _is_logged_in(desk: Desk) -> bool:
    """Tell whether the session is still in force; to watch does not keep it so."""
    visit = desk.visit
    with desk.site.runtime.database.read() as session:
        found = open_sessions(desk.site.guard, session, visit.account_id)
    return any(one.id == visit.session_id for one in found)
