"""The words of a draft that its editors choose: subject and preheader."""

from sqlalchemy.orm import Session

from alerts.errors import Invalid, Refused
from alerts.newsletters.issues import get_issue
from alerts.newsletters.models import Issue, IssueState

_LONGEST = 1_000


def held_issue(session: Session, issue_id: int) -> Issue:
    """Return an issue as it is now, its row held until the transaction ends; raises NotFound."""
    issue = get_issue(session, issue_id)
    session.refresh(issue, with_for_update=True)
    return issue


def change_texts(
    session: Session, issue: Issue, *, subject: str | None = None, preheader: str | None = None
) -> bool:
    """Change the words of a draft, its row held; what is None stays. False when nothing is new.

    Raises Refused for what was approved, and Invalid for an empty subject.
    """
    if issue.state is not IssueState.DRAFT:
        raise Refused(f"issue {issue.id} is {issue.state.value}; only a draft's words are changed")
    before = issue.subject, issue.preheader
    if subject is not None:
        issue.subject = _line(subject)
        if not issue.subject:
            raise Invalid("a subject is needed; it is what readers see first")
    if preheader is not None:
        issue.preheader = _line(preheader)
    session.flush()
    return (issue.subject, issue.preheader) != before


def _line(text: str) -> str:
    line = " ".join("".join(one if one.isprintable() else " " for one in text).split())
    if len(line) > _LONGEST:
        raise Invalid(f"at most {_LONGEST} characters fit, this has {len(line)}")
    return line
