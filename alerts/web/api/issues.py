"""`/api/v1/issues`: drafted, looked at, changed; `issue_acts` has what becomes of them."""

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Query
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.responses import Response

from alerts.delivery import books, reporting
from alerts.delivery.publishing import lint_issue, render_issue
from alerts.kept_answers import Answer
from alerts.newsletters.editing import steps
from alerts.newsletters.editing.service import change_composition
from alerts.newsletters.issues import draft_issue, get_issue, issue_json
from alerts.newsletters.models import Issue, IssueState
from alerts.newsletters.service import get_newsletter
from alerts.newsletters.texts import held_issue
from alerts.rendering.reviewing.serialise import parts_json
from alerts.staff.audit import Subject
from alerts.staff.permissions import Permission
from alerts.subscribers.models import Frequency
from alerts.web.api.call import CurrentCall, as_json, respond
from alerts.web.api.conditions import IfMatch, check_match, shown, tag_of
from alerts.web.api.paging import Cursor, Limit, page_of
from alerts.web.api.route import ApiRoute
from alerts.web.api.shapes.common import PathId, acts, looks
from alerts.web.api.shapes.issues import (
    Audit,
    Issues,
    IssueShape,
    IssueTexts,
    Lint,
    NewIssue,
    PreviewShape,
    Report,
)

router = APIRouter(prefix="/v1/issues", tags=["issues"], route_class=ApiRoute)
_P = Permission


@router.get("", **looks(_P.ISSUES_READ, Issues, "List issues"))
def list_issues(
    call: CurrentCall,
    limit: Limit = 50,
    cursor: Cursor = None,
    newsletter: Annotated[str | None, Query(max_length=64)] = None,
    state: IssueState | None = None,
    frequency: Frequency | None = None,
) -> Response:
    """List issues, the newest first."""
    page = page_of(call, limit=limit, cursor=cursor)
    query = select(Issue).order_by(Issue.id.desc()).limit(limit + 1)
    filters = ((Issue.newsletter, newsletter), (Issue.state, state), (Issue.frequency, frequency))
    for column, value in filters:
        if value is not None:
            query = query.where(column == value)
    if (before := page.number()) is not None:
        query = query.where(Issue.id < before)
    with call.read() as session:
        if newsletter is not None:
            get_newsletter(session, newsletter)
        issues = list(session.scalars(query))
        progress = books.progress(session, [issue.id for issue in issues])
        found = [(str(one.id), issue_json(one) | {"progress": progress[one.id]}) for one in issues]
    return page.answer(found)


@router.post("", **acts(_P.ISSUES_EDIT, IssueShape, "Draft an issue", status=201))
def draft(new: NewIssue, call: CurrentCall) -> Response:
    """Draft the next issue from what is due, or from exactly the articles named.

    409 when nothing is new: no issue is made.
    """
    with call.acting() as acting:
        issue = draft_issue(
            acting.session,
            new.newsletter,
            frequency=new.frequency,
            since=new.since,
            until=new.until,
            article_ids=list(dict.fromkeys(new.articles)),
            clock=call.clock,
        )
        acting.record("issue.drafted", Subject("issue", issue.id), newsletter=issue.newsletter)
        document = issue_document(acting.session, issue)
        location = f"{call.site.runtime.settings.base_url}/api/v1/issues/{issue.id}"
        headers = {"Location": location, "ETag": tag_of(document)}
        return acting.answer(document, status=201, headers=headers)


@router.get("/{issue_id:int}", **looks(_P.ISSUES_READ, IssueShape, "Look at an issue"))
def show(issue_id: PathId, call: CurrentCall) -> Response:
    """Return an issue with its articles, and how far it is."""
    with call.read() as session:
        document = issue_document(session, get_issue(session, issue_id))
    return shown(call, document)


@router.patch(
    "/{issue_id:int}",
    **acts(_P.ISSUES_EDIT, IssueShape, "Change a draft", conditional=True),
)
def change(
    issue_id: PathId, texts: IssueTexts, call: CurrentCall, if_match: IfMatch = None
) -> Response:
    """Change subject and preheader of a draft, and what it says of its pieces.

    What is left out stays.
    """
    words = texts.model_dump(exclude_none=True, exclude={"articles"})
    pieces = [one.model_dump(exclude_unset=True) for one in texts.articles]
    with call.acting() as acting:
        issue = held_issue(acting.session, issue_id)
        check_match(if_match, issue_document(acting.session, issue))
        change_composition(
            acting.session,
            issue_id,
            lambda composition, _: steps.with_words(replace(composition, **words), pieces),
            actor=call.caller.actor,
            clock=call.clock,
        )
        document = issue_document(acting.session, get_issue(acting.session, issue_id))
        return acting.answer(document, headers={"ETag": tag_of(document)})


@router.get("/{issue_id:int}/lint", **looks(_P.ISSUES_READ, Lint, "Check an issue"))
def lint(issue_id: PathId, call: CurrentCall) -> Response:
    """Return what is wrong with an issue, errors first; errors keep it from being approved."""
    settings, renderer = call.site.runtime.settings, call.site.renderer
    with call.read() as session:
        issue = get_issue(session, issue_id)
        found = lint_issue(session, issue, settings=settings, renderer=renderer)
    findings = [
        {
            "level": one.level,
            "rule": one.rule,
            "message": one.message,
            "fix": one.fix,
            "within": parts_json(one),
        }
        for one in found
    ]
    errors = sum(one.level == "error" for one in found)
    return respond(Answer(200, as_json({"findings": findings, "errors": errors})))


@router.get("/{issue_id:int}/preview", **looks(_P.ISSUES_READ, PreviewShape, "Preview an issue"))
def preview(issue_id: PathId, call: CurrentCall) -> Response:
    """Return subject, HTML and plain text; slots hold what differs from reader to reader."""
    settings, renderer = call.site.runtime.settings, call.site.renderer
    with call.read() as session:
        issue = get_issue(session, issue_id)
        edition = render_issue(session, issue, settings=settings, renderer=renderer)
    document = {"subject": edition.subject, "html": edition.html, "text": edition.text}
    return respond(Answer(200, as_json(document)))


@router.get("/{issue_id:int}/audit", **looks(_P.REPORTS_READ, Audit, "See the books of an issue"))
def audit(issue_id: PathId, call: CurrentCall) -> Response:
    """Return how everybody in the audience ended; `balanced` says whether the rows add up."""
    with call.read() as session:
        get_issue(session, issue_id)
        return respond(Answer(200, as_json(books.audit(session, issue_id).to_json())))


@router.get("/{issue_id:int}/report", **looks(_P.REPORTS_READ, Report, "Report on an issue"))
def report(issue_id: PathId, call: CurrentCall) -> Response:
    """Return an issue's books with all that is known of its way."""
    with call.read() as session:
        issue = get_issue(session, issue_id)
        found = reporting.report(session, issue, now=call.clock.now())
        document = issue_json(issue) | found
    done = document["audience"] - document["pending"]
    document["progress"] = {"audience": document["audience"], "done": done}
    return respond(Answer(200, as_json(document)))


def issue_document(session: Session, issue: Issue) -> dict[str, Any]:
    """Return an issue in the form that scripts read, with how far it is."""
    return issue_json(issue) | {"progress": books.progress(session, [issue.id])[issue.id]}
