"""The page on which an issue is composed: one form, saved by its script or by its button."""

from dataclasses import replace
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from sqlalchemy.orm import Session
from starlette.responses import JSONResponse, RedirectResponse, Response

from alerts.clock import rfc3339
from alerts.errors import AlertsError
from alerts.newsletters.definitions import NewsletterDefinition
from alerts.newsletters.editing import steps
from alerts.newsletters.editing.composing import composition_of, section_keys
from alerts.newsletters.editing.composition import TextEntry, WrongField
from alerts.newsletters.editing.merging import bring_together
from alerts.newsletters.editing.service import (
    Saved,
    StaleIssue,
    change_composition,
    save_composition,
)
from alerts.newsletters.editing.versions import get_version
from alerts.newsletters.issues import get_issue
from alerts.newsletters.models import Issue, IssueState, VersionKind
from alerts.newsletters.service import definition_of, get_newsletter
from alerts.web.desk.failures import DeskRoute, show_kept
from alerts.web.desk.frame import Desk, PostedForm
from alerts.web.desk.issues.compose_page import ComposePage, show_composition
from alerts.web.desk.issues.form import LARGEST_COMPOSITION, PostedComposition, read_composition
from alerts.web.desk.issues.one import HERE, Editing, IssueId, Reading, is_reopenable
from alerts.web.desk.issues.pulling import article_at
from alerts.web.desk.issues.stepping import Stepping, Taken, piece_from, section_in, take_step
from alerts.web.desk.issues.view import preview_of
from alerts.web.desk.kept import kept_form
from alerts.web.desk.words import sentence
from alerts.web.forms import Fields
from alerts.web.headers import PERSONAL

_LARGEST = 2**63 - 1
_SAVED = {
    "propose": "Saved, with subject and preheader as proposed.",
    "merge": "Brought together, and saved.",
}
# Buttons that lead to what may be pulled in.
_LOOKS = frozenset({"find", "parts"})
router = APIRouter(prefix="/issues", route_class=DeskRoute)


@router.get("/{issue_id}/compose")
def show(
    desk: Reading,
    issue_id: IssueId,
    find: Annotated[str | None, Query(max_length=200)] = None,
    roundup: Annotated[int | None, Query(ge=1, le=_LARGEST)] = None,
    opened: Annotated[str, Query(max_length=40)] = "",
) -> Response:
    """Show an issue as it can be composed; or, where it is no draft, why it cannot."""
    words = None if find is None else find.replace("\0", "").strip()
    with desk.site.runtime.database.read() as session:
        issue, definition = _issue(session, issue_id)
        if issue.state is not IssueState.DRAFT:
            context = {"issue": issue, "newsletter": definition, "can_reopen": is_reopenable(issue)}
            return desk.page("issue/closed.html", context)
        page = ComposePage(
            composition_of(issue, definition), words=words, roundup=roundup, opened=opened
        )
        return show_composition(desk, session, issue, definition, page)


@router.post("/{issue_id}/compose", max_body_size=LARGEST_COMPOSITION)
def save(desk: Editing, fields: PostedForm, issue_id: IssueId) -> Response:
    """Save what was composed, and take the step that the button pressed asks for."""
    posted = _meant(read_composition(fields), fields)
    try:
        saved, line, where = _save(desk, issue_id, posted, fields)
    except AlertsError as error:
        return _show_again(desk, issue_id, posted, fields, error)
    here = f"{HERE}/{issue_id}/compose"
    if posted.step in _LOOKS:
        query = {"find": fields.one("find")} if posted.step == "find" else {"roundup": posted.about}
        found = f"{here}?{urlencode(query)}#pull-in"
        return RedirectResponse(found, HTTPStatus.SEE_OTHER, headers=PERSONAL)
    if posted.step == "url":
        return _pull(desk, issue_id, saved, fields)
    return desk.done(f"{here}{where}", line)


@router.post("/{issue_id}/compose/auto", max_body_size=LARGEST_COMPOSITION)
def save_by_script(desk: Editing, fields: PostedForm, issue_id: IssueId) -> Response:
    """Save what was composed while somebody goes on; the answer is for the page's script."""
    posted = read_composition(fields)
    runtime = desk.site.runtime
    try:
        with runtime.database.transaction() as session:
            saved = save_composition(
                session,
                issue_id,
                posted.composition,
                base=posted.base,
                kind=VersionKind.AUTO,
                actor=desk.actor,
                request=f"{posted.page}.{posted.request}" if posted.page else posted.request,
                page=posted.page,
                clock=runtime.clock,
            )
    except AlertsError as error:
        return _told(error)
    composition = saved.composition
    texts = [one for one in composition.entries if isinstance(one, TextEntry)]
    return _json(
        {
            "version": saved.version,
            "at": rfc3339(runtime.clock.now()),
            "subject": composition.subject,
            "preheader": composition.preheader,
            "previews": {text.key: str(preview_of(text.markdown)) for text in texts},
        }
    )


def _save(
    desk: Desk, issue_id: int, posted: PostedComposition, fields: Fields
) -> tuple[Saved, str, str]:
    """Save with the step taken; return what came of it, a line, and where to go on.

    That is the query of the page's address and the place on it.
    """
    runtime = desk.site.runtime
    with runtime.database.transaction() as session:
        issue, definition = _issue(session, issue_id)
        # What was set aside is not in the form.
        known = posted.composition.in_sections(section_keys(definition))
        known = known.following(composition_of(issue, definition))
        version = posted.base + 1
        stepping = Stepping(session, definition, known, posted.about, fields, version)
        # A step is taken from what is saved: one from an older version is told before anything.
        is_current = issue.version == posted.base and issue.state is IssueState.DRAFT
        taken = take_step(posted.step, stepping) if is_current else None
        if is_current and posted.step == "merge" and posted.begun is not None:
            begun = get_version(session, issue_id, posted.begun)
            known = bring_together(begun, composition_of(issue, definition), known).composition
        saved = save_composition(
            session,
            issue_id,
            known if taken is None else taken.composition,
            base=posted.base,
            kind=VersionKind.SAVED if taken is None else VersionKind.AUTO,
            proposes=posted.step == "propose",
            actor=desk.actor,
            request=posted.request,
            page=posted.page,
            clock=runtime.clock,
        )
    if taken is None:
        return saved, _SAVED.get(posted.step, "Saved."), ""
    return saved, taken.line, _going_on(posted.step, taken, fields)


def _going_on(step: str, taken: Taken, fields: Fields) -> str:
    """Return where to go on after a step; what was looked for stays, for the next to be put in."""
    query = {}
    if step == "add" and fields.one("find"):
        query["find"] = fields.one("find")
    if taken.opens:
        query["opened"] = taken.at
    asked = f"?{urlencode(query)}" if query else ""
    return f"{asked}#{anchor(taken.at)}" if taken.at else asked


def _meant(posted: PostedComposition, fields: Fields) -> PostedComposition:
    """Return what the Enter key means in the field it was pressed in: look, take in, or save."""
    if posted.step != "enter":
        return posted
    step = "url" if fields.one("url") else "find" if fields.one("find") else "save"
    return replace(posted, step=step)


def anchor(key: str) -> str:
    """Return the id that a piece or text has on the page."""
    return f"entry-{key.replace('.', '-')}"


def _pull(desk: Desk, issue_id: int, saved: Saved, fields: Fields) -> Response:
    """Take in the article at the address that was typed, and put it into the issue.

    No transaction is open while it is fetched; the issue may have been changed meanwhile.
    """
    runtime = desk.site.runtime
    address = fields.one("url")
    try:
        number = article_at(runtime, address)
        with runtime.database.transaction() as session:
            change_composition(
                session,
                issue_id,
                lambda one, definition: steps.with_piece(
                    one,
                    piece_from(str(number), section_in(fields, definition)),
                    section_keys(definition),
                ),
                actor=desk.actor,
                clock=runtime.clock,
            )
    except AlertsError as error:
        page = ComposePage(saved.composition, problem=sentence(error), wrong="url", address=address)
        with runtime.database.read() as session:
            issue, definition = _issue(session, issue_id)
            return show_composition(desk, session, issue, definition, page)
    where = f"{HERE}/{issue_id}/compose#{anchor(str(number))}"
    return desk.done(where, "Taken in, and put in.")


def _show_again(
    desk: Desk, issue_id: int, posted: PostedComposition, fields: Fields, error: AlertsError
) -> Response:
    """Show the page with all that was typed, and why it was not saved."""
    page = ComposePage(
        posted.composition,
        words=fields.one("find") or None if posted.step == "pick" else None,
        roundup=_roundup(posted),
        problem=sentence(error),
        wrong=error.field if isinstance(error, WrongField) else "",
        wrong_entry=error.entry if isinstance(error, WrongField) else "",
        stale=error if isinstance(error, StaleIssue) else None,
        base=posted.base,
        begun=posted.base if posted.begun is None else posted.begun,
        address=fields.one("url"),
    )
    with desk.site.runtime.database.read() as session:
        issue, definition = _issue(session, issue_id)
        if issue.state is IssueState.DRAFT:
            return show_composition(desk, session, issue, definition, page)
    form = kept_form(f"{HERE}/{issue_id}/compose", fields)
    why = f"{sentence(error)} Nothing was saved. Below is what you typed."
    return show_kept(desk, form, why, status=HTTPStatus.CONFLICT)


def _roundup(posted: PostedComposition) -> int | None:
    """Return the roundup whose pieces were to be picked, so that they are offered again."""
    if posted.step != "pick" or not posted.about.isdecimal():
        return None
    number = int(posted.about)
    return number if number <= _LARGEST else None


def _told(error: AlertsError) -> Response:
    """Tell the page's script why nothing was saved."""
    said: dict[str, Any] = {"line": sentence(error)}
    if isinstance(error, StaleIssue):
        return _json(said | {"stale": True}, HTTPStatus.CONFLICT)
    if isinstance(error, WrongField):
        said |= {"field": error.field, "entry": error.entry}
    return _json(said, HTTPStatus.UNPROCESSABLE_ENTITY)


def _json(document: dict[str, Any], status: HTTPStatus = HTTPStatus.OK) -> Response:
    return JSONResponse(document, status, headers=PERSONAL)


def _issue(session: Session, issue_id: int) -> tuple[Issue, NewsletterDefinition]:
    issue = get_issue(session, issue_id)
    return issue, definition_of(get_newsletter(session, issue.newsletter))
