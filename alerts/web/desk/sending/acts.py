"""What is pressed on the page of sending: each act once, with its line in the log."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query
from starlette.responses import RedirectResponse, Response

from alerts.delivery import dispatch
from alerts.delivery.estimates import (
    FRESH_FOR,
    audience_look,
    expected_end,
    look_since_approval,
)
from alerts.delivery.kept import AudienceLook
from alerts.delivery.preview import issue_envelope
from alerts.delivery.publishing import approve_issue, render_issue
from alerts.delivery.trial import TEST_GROUP, Trial, addresses_of, one_address, send_trials
from alerts.errors import AlertsError, Invalid, NotFound, Refused
from alerts.newsletters.issues import get_issue, issue_alone
from alerts.newsletters.models import Issue, IssueState
from alerts.newsletters.service import definition_of, get_newsletter
from alerts.rendering.withdrawals import retract_withdrawn
from alerts.staff.audit import Subject, record
from alerts.staff.permissions import Permission
from alerts.web.desk.failures import DeskRoute
from alerts.web.desk.frame import Desk, PostedForm, requires
from alerts.web.desk.sending.look import span_in_words
from alerts.web.desk.sending.moments import Typed, read_moment
from alerts.web.desk.sending.page import address_of, here, send_page
from alerts.web.desk.words import sentence
from alerts.web.forms import Fields
from alerts.web.words import counted, moment_in_words

Sending = Annotated[Desk, requires(Permission.ISSUES_SEND)]
Approving = Annotated[Desk, requires(Permission.ISSUES_APPROVE)]
Text = Annotated[str, Query(max_length=40)]
router = APIRouter(prefix="/issues/{issue_id}", route_class=DeskRoute)

NOW, LATER = "now", "later"


@router.post("/send/test")
def test(desk: Sending, fields: PostedForm, issue_id: int) -> Response:
    """Send test mails to one address, or to a group; they change nothing."""
    runtime = desk.site.runtime
    with runtime.database.read() as session:
        issue = get_issue(session, issue_id)
        definition = definition_of(get_newsletter(session, issue.newsletter))
        group = fields.one("group")
        try:
            addresses = (
                addresses_of(session, definition, group, clock=runtime.clock)
                if group
                else one_address(fields.one("to"))
            )
        except (Invalid, NotFound) as error:
            where = "group" if group else "to"
            return send_page(desk, issue_id, problems={where: sentence(error)}, typed=fields)
        rendered = render_issue(
            session, issue, settings=runtime.settings, renderer=desk.site.renderer
        )
        envelope = issue_envelope(session, issue, settings=runtime.settings, clock=runtime.clock)
    trials = asyncio.run(
        send_trials(
            rendered,
            addresses,
            envelope=envelope,
            settings=runtime.settings,
            redis_url=desk.site.queue.redis_url,
            clock=runtime.clock,
        )
    )
    with runtime.database.transaction() as session:
        went = sum(not trial.problem for trial in trials)
        about = Subject("issue", issue_id)
        what = "address" if not group else "test group" if group == TEST_GROUP else "segment"
        record(session, desk.actor, "issue.tested", about, clock=runtime.clock, to=what, sent=went)
    return _tested(desk, issue_id, trials, fields)


def _tested(desk: Desk, issue_id: int, trials: list[Trial], fields: Fields) -> Response:
    failed = [trial for trial in trials if trial.problem]
    if not failed:
        whom = trials[0].address if len(trials) == 1 else f"{len(trials)} addresses"
        return desk.done(here(issue_id), f"A test mail went to {whom}.")
    went = len(trials) - len(failed)
    first = failed[0]
    why = f"The test mail to {first.address} did not go: {first.problem}."
    if went or len(failed) > 1:
        why += f" Of {len(trials)} test mails {went} went."
    where = "group" if fields.one("group") else "to"
    return send_page(desk, issue_id, problems={where: why}, typed=fields)


@router.post("/send/approve")
def approve(desk: Approving, fields: PostedForm, issue_id: int) -> Response:
    """Freeze the issue as it was when the page was opened: what is approved is what is sent."""
    runtime = desk.site.runtime
    version = fields.one("version")
    try:
        with runtime.database.transaction() as session:
            edition = approve_issue(
                session,
                issue_id,
                by=f"account {desk.visit.account_id}",
                settings=runtime.settings,
                renderer=desk.site.renderer,
                clock=runtime.clock,
                actor=desk.actor,
                version=int(version) if version.isdecimal() else None,
            )
            record(
                session,
                desk.actor,
                "issue.approved",
                Subject("issue", issue_id),
                clock=runtime.clock,
                checksum=edition.checksum,
            )
    except Refused as error:
        return send_page(desk, issue_id, problems={"approve": sentence(error)})
    # Who sends it next is told to how many, and waits for nothing.
    audience_look(runtime.database, issue_id, clock=runtime.clock, anew=True)
    return desk.done(here(issue_id), "The issue is approved. Nothing has left yet.")


@dataclass(frozen=True, slots=True)
class _When:
    """When an issue is to leave, as it was asked for; `typed` is None for now."""

    zone: str
    typed: Typed | None

    @property
    def problems(self) -> dict[str, str]:
        return self.typed.problems if self.typed else {}


@router.get("/send/confirm")
def confirm(
    desk: Sending, issue_id: int, when: Text = NOW, day: Text = "", time: Text = ""
) -> Response:
    """Show what is about to happen: to how many, from when on, until when; it is not done yet."""
    runtime = desk.site.runtime
    fields = Fields((("when", when), ("day", day), ("time", time)))
    with runtime.database.read() as session:
        issue = issue_alone(session, issue_id)
        definition = definition_of(get_newsletter(session, issue.newsletter))
    if issue.state not in {IssueState.APPROVED, IssueState.SCHEDULED}:
        return RedirectResponse(here(issue_id), 303)
    asked = _asked(desk, fields, definition.time_zone)
    if asked.problems:
        return send_page(desk, issue_id, problems=asked.problems, typed=fields)
    audience = _audience(desk, issue_id)
    with runtime.database.read() as session:
        expected = expected_end(
            session,
            definition,
            issue,
            mailed=audience.mailed,
            settings=runtime.settings,
            clock=runtime.clock,
        )
    zone = ZoneInfo(definition.time_zone)
    start = asked.typed.at if asked.typed and asked.typed.at else runtime.clock.now()
    start = start if asked.typed else start + definition.grace_span
    last = start + timedelta(seconds=expected.seconds) if expected.seconds is not None else None
    context = {
        "issue": issue,
        "address": address_of(issue_id),
        "definition": definition,
        "asked": asked,
        "audience": audience,
        "expected": expected,
        "starts": moment_in_words(start.astimezone(zone)),
        "ends": moment_in_words(last.astimezone(zone)) if last else "",
        "takes": span_in_words(expected.seconds) if expected.seconds is not None else "",
        "fields": fields,
    }
    return desk.page("send/confirm.html", context)


def _audience(desk: Desk, issue_id: int) -> AudienceLook:
    """Return who would get an issue: where that is long ago, it is counted anew beside the page."""
    runtime = desk.site.runtime
    with runtime.database.read() as session:
        known = look_since_approval(session, issue_alone(session, issue_id))
    if known is not None and runtime.clock.now() - known.counted_at <= FRESH_FOR:
        return known
    counted = desk.site.counts.get(
        f"audience {issue_id}",
        lambda: audience_look(runtime.database, issue_id, clock=runtime.clock),
        clock=runtime.clock,
    )
    if counted is not None:
        return counted.value
    return known or audience_look(runtime.database, issue_id, clock=runtime.clock)


@router.post("/send/count")
def count_again(desk: Sending, fields: PostedForm, issue_id: int) -> Response:
    """Count the audience anew, and go back to the page that asked for it."""
    audience_look(desk.site.runtime.database, issue_id, clock=desk.site.runtime.clock, anew=True)
    query = urlencode({name: fields.one(name) for name in ("when", "day", "time")})
    return RedirectResponse(f"{here(issue_id)}/confirm?{query}", 303)


@router.post("/send/start")
def start(desk: Sending, fields: PostedForm, issue_id: int) -> Response:
    """Set the issue off: at the moment named, or as soon as its grace is over."""
    runtime = desk.site.runtime
    with runtime.database.transaction() as session:
        retracted = retract_withdrawn(session, clock=runtime.clock)
    for one in retracted:
        if one.id == issue_id:
            raise Refused(f"the issue changed just now: {one.attention}")
    with runtime.database.read() as session:
        issue = get_issue(session, issue_id)
        definition = definition_of(get_newsletter(session, issue.newsletter))
    asked = _asked(desk, fields, definition.time_zone)
    if asked.problems:
        return send_page(desk, issue_id, problems=asked.problems, typed=fields)
    try:
        with runtime.database.transaction() as session:
            issue = dispatch.set_off(
                session,
                issue_id,
                at=asked.typed.at if asked.typed else None,
                actor=desk.actor,
                clock=runtime.clock,
            )
    except (Invalid, Refused) as error:
        return send_page(desk, issue_id, problems={"start": sentence(error)}, typed=fields)
    dispatch.hand_on(desk.site.queue, issue)
    return desk.done(here(issue_id), _set_off_in_words(issue, asked))


def _set_off_in_words(issue: Issue, asked: _When) -> str:
    if issue.state is IssueState.SENDING or issue.send_at is None:
        return "The issue is on its way."
    if asked.typed is None:
        return "The issue leaves in a moment. Until then it can be taken back."
    return f"The issue leaves on {moment_in_words(issue.send_at.astimezone(ZoneInfo(asked.zone)))}."


def _asked(desk: Desk, fields: Fields, zone: str) -> _When:
    if fields.one("when") != LATER:
        return _When(zone, None)
    now = desk.site.runtime.clock.now()
    return _When(zone, read_moment(fields.one("day"), fields.one("time"), zone=zone, now=now))


@router.post("/send/undo")
def undo(desk: Sending, fields: PostedForm, issue_id: int) -> Response:  # noqa: ARG001 - the form's token is checked
    """Take a planned issue back; it stays approved."""
    return _act(desk, issue_id, dispatch.take_back, "Taken back: nothing has left.")


@router.post("/send/pause")
def pause(desk: Sending, fields: PostedForm, issue_id: int) -> Response:  # noqa: ARG001 - the form's token is checked
    """Stop the issue; what is on the wire ends first."""
    line = "The issue is paused. Whoever has it has it; the others wait until you go on."
    return _act(desk, issue_id, dispatch.pause, line)


@router.post("/send/resume")
def resume(desk: Sending, fields: PostedForm, issue_id: int) -> Response:  # noqa: ARG001 - the form's token is checked
    """Go on with a paused issue."""
    return _act(desk, issue_id, dispatch.resume, "The issue goes on.")


@router.post("/send/cancel")
def cancel(desk: Sending, fields: PostedForm, issue_id: int) -> Response:
    """Call the issue off, once the box beside the button is ticked."""
    if fields.one("sure") != "yes":
        why = "Tick the box first: what is cancelled cannot go on."
        return send_page(desk, issue_id, problems={"sure": why})
    with desk.site.runtime.database.read() as session:
        is_draft = get_issue(session, issue_id).state is IssueState.DRAFT
    line = "The issue is cancelled. Nobody else gets it."
    if is_draft:
        line = "The draft is dropped: its pieces and its number go to the next one."
    return _act(desk, issue_id, dispatch.cancel, line)


@router.post("/send/retry")
def retry(desk: Sending, fields: PostedForm, issue_id: int) -> Response:
    """Try those again that failed for the reasons ticked."""
    runtime = desk.site.runtime
    reasons, uncertain = fields.every("reason"), fields.one("uncertain") == "yes"
    if not reasons and not uncertain:
        return send_page(
            desk, issue_id, problems={"reason": "Tick at least one reason."}, typed=fields
        )
    try:
        with runtime.database.transaction() as session:
            retried = dispatch.retry(
                session,
                issue_id,
                reasons=reasons,
                uncertain=uncertain,
                actor=desk.actor,
                clock=runtime.clock,
            )
            issue = get_issue(session, issue_id)
    except (Invalid, Refused) as error:
        return send_page(desk, issue_id, problems={"reason": sentence(error)}, typed=fields)
    if not retried.deliveries:
        return desk.done(here(issue_id), "Nobody is left to be tried again.", is_good=False)
    dispatch.hand_on(desk.site.queue, issue)
    return desk.done(here(issue_id), f"{counted(retried.deliveries, 'reader')} tried again.")


def _act(desk: Desk, issue_id: int, act: Callable[..., Issue], line: str) -> Response:
    runtime = desk.site.runtime
    try:
        with runtime.database.transaction() as session:
            issue = act(session, issue_id, actor=desk.actor, clock=runtime.clock)
    except NotFound:
        raise
    except AlertsError as error:
        # It went on by itself, or somebody else was quicker: the page shows how it stands.
        return desk.done(here(issue_id), sentence(error), is_good=False)
    dispatch.hand_on(desk.site.queue, issue)
    return desk.done(here(issue_id), line)
