"""An issue as it is now, held while somebody decides about it."""

from sqlalchemy.orm import Session

from alerts.newsletters.issues import get_issue
from alerts.newsletters.models import Issue


def held_issue(session: Session, issue_id: int) -> Issue:
    """Return an issue as it is now, its row held until the transaction ends; raises NotFound."""
    issue = get_issue(session, issue_id)
    session.refresh(issue, with_for_update=True)
    return issue
