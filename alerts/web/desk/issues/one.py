"""An issue's own page: how it stands, what is in it; and reopening it."""

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.responses import Response

from alerts.newsletters.editing.versions import last_changed
from alerts.newsletters.issues import build_content, get_issue
from alerts.newsletters.models import Issue, IssueState
from alerts.newsletters.service import get_newsletter
from alerts.rendering.reopening import reopen_issue
from alerts.staff.permissions import Permission
from alerts.web.desk.failures import DeskRoute
from alerts.web.desk.frame import Desk, PostedForm, requires

HERE = "/desk/issues"
REOPENABLE = (IssueState.APPROVED, IssueState.SCHEDULED)
Reading = Annotated[Desk, requires(Permission.ISSUES_READ)]
Editing = Annotated[Desk, requires(Permission.ISSUES_EDIT)]
IssueId = Annotated[int, Path(ge=1, le=2**63 - 1)]
router = APIRouter(prefix="/issues", route_class=DeskRoute)


@router.get("/{issue_id}")
def show(desk: Reading, issue_id: IssueId) -> Response:
    """Show one issue with its sections and pieces."""
    with desk.site.runtime.database.read() as session:
        issue = get_issue(session, issue_id)
        context = {
            "issue": issue,
            "newsletter": get_newsletter(session, issue.newsletter),
            "content": build_content(session, issue),
            "changed": last_changed(session, issue_id),
            "can_reopen": is_reopenable(issue),
        }
        return desk.page("issue/one.html", context)


@router.post("/{issue_id}/reopen")
def reopen(desk: Editing, fields: PostedForm, issue_id: IssueId) -> Response:  # noqa: ARG001 - the form's token is checked
    """Make an approved or scheduled issue a draft again; lead to where it is composed."""
    clock = desk.site.runtime.clock
    with desk.site.runtime.database.transaction() as session:
        reopen_issue(session, issue_id, actor=desk.actor, clock=clock)
    line = "It is a draft again: nothing goes out until somebody approves it once more."
    return desk.done(f"{HERE}/{issue_id}/compose", line)


def is_reopenable(issue: Issue) -> bool:
    """Tell whether an issue may be made a draft again."""
    return issue.state in REOPENABLE
