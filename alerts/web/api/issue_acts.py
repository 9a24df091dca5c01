"""What becomes of an issue: tested, approved, sent, stopped, tried again."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.responses import Response

from alerts.delivery import dispatch
from alerts.delivery.preview import issue_envelope
from alerts.delivery.publishing import approve_issue, render_issue
from alerts.delivery.retrying import retry_issue
from alerts.delivery.trial import send_test_copy
from alerts.newsletters.issues import get_issue
from alerts.newsletters.models import Issue, IssueState
from alerts.newsletters.texts import held_issue
from alerts.rendering.withdrawals import retract_withdrawn
from alerts.staff.audit import Subject
from alerts.staff.permissions import Permission
from alerts.subscribers.addresses import parse_address
from alerts.task_queue import Queue, Task
from alerts.web.api.call import Acting, Call, CurrentCall
from alerts.web.api.conditions import IfMatch, check_match, tag_of
from alerts.web.api.issues import issue_document
from alerts.web.api.route import ApiRoute
from alerts.web.api.shapes.common import PathId, acts
from alerts.web.api.shapes.issues import (
    Approved,
    IssueShape,
    Retried,
    Retrying,
    ScheduledFor,
    TestCopy,
)

router = APIRouter(prefix="/v1/issues/{issue_id:int}", tags=["issues"], route_class=ApiRoute)
_P = Permission


@router.post("/approve", **acts(_P.ISSUES_APPROVE, Approved, "Approve an issue", conditional=True))
def approve(issue_id: PathId, call: CurrentCall, if_match: IfMatch = None) -> Response:
    """Freeze an issue: what is approved is what is sent. With If-Match, only what was seen."""
    with call.acting() as acting:
        _held(acting, issue_id, if_match)
        edition = approve_issue(
            acting.session,
            issue_id,
            by=call.caller.name,
            settings=call.site.runtime.settings,
            renderer=call.site.renderer,
            clock=call.clock,
            actor=call.caller.actor,
        )
        acting.record("issue.approved", Subject("issue", issue_id), checksum=edition.checksum)
        document = issue_document(acting.session, get_issue(acting.session, issue_id))
        headers = {"ETag": tag_of(document)}
        return acting.answer(document | {"checksum": edition.checksum}, headers=headers)


@router.post("/test", **acts(_P.ISSUES_SEND, None, "Send a test copy", status=204))
def send_test(issue_id: PathId, copy: TestCopy, call: CurrentCall) -> Response:
    """Send a test copy of an issue to an address, at once."""
    address = parse_address(copy.to).display
    settings = call.site.runtime.settings
    with call.read() as session:
        issue = get_issue(session, issue_id)
        rendered = render_issue(session, issue, settings=settings, renderer=call.site.renderer)
        envelope = issue_envelope(session, issue, settings=settings, clock=call.clock)
    # A mail server is spoken to: no transaction is open meanwhile.
    with call.acting_outside() as afterwards:
        sending = send_test_copy(
            rendered,
            address,
            envelope=envelope,
            settings=settings,
            redis_url=call.site.queue.redis_url,
            clock=call.clock,
        )
        asyncio.run(sending)
        answers: list[Response] = []

        def write(acting: Acting) -> None:
            acting.record("issue.tested", Subject("issue", issue_id))
            answers.append(acting.answer(None, status=204))

        afterwards.append(write)
    return answers[0]


@router.post("/send", **acts(_P.ISSUES_SEND, IssueShape, "Send an issue", conditional=True))
def send(issue_id: PathId, call: CurrentCall, if_match: IfMatch = None) -> Response:
    """Send an approved issue: now, or when the grace of its newsletter is over.

    During the grace it is `scheduled`, and `undo` takes it back. What was withdrawn meanwhile makes
    it a draft again (409).
    """
    _retract(call)
    with call.acting() as acting:
        _held(acting, issue_id, if_match)
        return _set_off(acting, issue_id)


@router.post(
    "/schedule", **acts(_P.ISSUES_SEND, IssueShape, "Send an issue later", conditional=True)
)
def schedule(
    issue_id: PathId, when: ScheduledFor, call: CurrentCall, if_match: IfMatch = None
) -> Response:
    """Have an approved issue sent at a moment to come; again with another moment moves it."""
    _retract(call)
    with call.acting() as acting:
        _held(acting, issue_id, if_match)
        return _set_off(acting, issue_id, at=when.send_at)


@router.post("/undo", **acts(_P.ISSUES_SEND, IssueShape, "Take a planned issue back"))
def undo(issue_id: PathId, call: CurrentCall) -> Response:
    """Take a planned issue back before it starts: it stays approved."""
    return _act(call, issue_id, dispatch.take_back)


@router.post("/pause", **acts(_P.ISSUES_SEND, IssueShape, "Stop an issue on its way"))
def pause(issue_id: PathId, call: CurrentCall) -> Response:
    """Stop an issue that is being sent; what is on the wire ends first."""
    return _act(call, issue_id, dispatch.pause)


@router.post("/resume", **acts(_P.ISSUES_SEND, IssueShape, "Go on with a paused issue"))
def resume(issue_id: PathId, call: CurrentCall) -> Response:
    """Go on with a paused issue."""
    return _act(call, issue_id, dispatch.resume)


@router.post("/cancel", **acts(_P.ISSUES_SEND, IssueShape, "Drop an issue, or call it off"))
def cancel(issue_id: PathId, call: CurrentCall) -> Response:
    """Drop a draft, or call off what was not sent yet; every reader left out is on the books."""
    return _act(call, issue_id, dispatch.cancel)


@router.post("/retry", **acts(_P.ISSUES_SEND, Retried, "Try failed deliveries again"))
def retry(issue_id: PathId, call: CurrentCall, wanted: Retrying | None = None) -> Response:
    """Try again those that failed: without reasons, those that were given up."""
    asked = wanted or Retrying()
    chosen: dict[str, Any] = {"reasons": asked.reasons or None, "uncertain": asked.uncertain}
    with call.acting() as acting:
        session, actor = acting.session, call.caller.actor
        if asked.dry_run:
            done = retry_issue(session, issue_id, dry_run=True, clock=call.clock, **chosen)
        else:
            done = dispatch.retry(session, issue_id, actor=actor, clock=call.clock, **chosen)
            acting.enqueue(Task.SWEEP, queue=Queue.PERIODIC)
        return acting.answer(
            {"issue": issue_id, "retried": done.deliveries, "reasons": done.reasons}
        )


def _set_off(acting: Acting, issue_id: int, *, at: datetime | None = None) -> Response:
    issue = dispatch.set_off(
        acting.session, issue_id, at=at, actor=acting.caller.actor, clock=acting.clock
    )
    if issue.state is IssueState.SENDING:
        acting.enqueue(Task.PREPARE_ISSUE, issue_id, queue=Queue.PREPARATION)
    return _answer(acting, issue)


def _act(call: Call, issue_id: int, act: Callable[..., Issue]) -> Response:
    """Do one of the acts that write themselves down in the log."""
    with call.acting() as acting:
        issue = act(acting.session, issue_id, actor=call.caller.actor, clock=call.clock)
        if act is dispatch.resume:
            acting.enqueue(Task.SWEEP, queue=Queue.PERIODIC)
        return _answer(acting, issue)


def _retract(call: Call) -> None:
    """Take out what was withdrawn, in a transaction of its own: that holds whatever comes after."""
    with call.site.runtime.database.transaction() as session:
        retract_withdrawn(session, clock=call.clock)


def _held(acting: Acting, issue_id: int, if_match: str | None) -> Issue:
    issue = held_issue(acting.session, issue_id)
    check_match(if_match, issue_document(acting.session, issue))
    return issue


def _answer(acting: Acting, issue: Issue) -> Response:
    session: Session = acting.session
    document = issue_document(session, issue)
    return acting.answer(document, headers={"ETag": tag_of(document)})
