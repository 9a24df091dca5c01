"""An issue that cannot be made into messages: it is paused, with the reason, until it is mended.

Trying again every minute mends neither a template nor a definition; a database that is away for a
moment does come back, and is no such case.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from sqlalchemy.exc import SQLAlchemyError

from alerts.clock import Clock
from alerts.database import Database
from alerts.errors import AlertsError, Refused
from alerts.newsletters.issues import get_issue, move
from alerts.newsletters.lifecycle import Event
from alerts.newsletters.models import IssueState

log = structlog.get_logger(__name__)

_LONGEST_REASON = 500


class Unsendable(Refused):
    """No messages can be made of an issue before somebody has mended what the line says."""

    def __init__(self, issue_id: int, why: str) -> None:
        super().__init__(" ".join(why.split())[:_LONGEST_REASON])
        self.issue_id = issue_id


@contextmanager
def making(issue_id: int) -> Iterator[None]:
    """Raise Unsendable, in one line, for whatever goes wrong with an issue's texts within.

    What the database raises is passed on: the work is done again when it is there again.
    """
    try:
        yield
    except (SQLAlchemyError, Unsendable):
        raise
    except AlertsError as error:
        raise Unsendable(issue_id, str(error)) from error
    except Exception as defect:
        log.exception("issue_not_made", issue=issue_id)
        raise Unsendable(issue_id, f"a defect: {type(defect).__name__}: {defect}") from defect


def halt_issue(database: Database, issue_id: int, why: str, *, clock: Clock) -> None:
    """Pause an issue that is being sent, with the reason for whoever looks at it.

    Nobody is skipped or failed: whoever has not got it waits until it is resumed. An issue that
    somebody paused at this moment gets the reason too; one that was called off is let be.
    """
    with database.transaction() as session:
        try:
            issue = move(session, issue_id, Event.PAUSE, clock=clock)
        except Refused:
            issue = get_issue(session, issue_id)
            session.refresh(issue)
        if issue.state is IssueState.PAUSED:
            issue.attention = f"{why}{_mend(issue_id)}"
    log.error("issue_halted", issue=issue_id, why=why)


def without_mend(attention: str, issue_id: int) -> str:
    """Return what an issue that paused by itself says, without what to do and without `paused`."""
    return attention.removesuffix(_mend(issue_id)).removeprefix("paused: ")


def _mend(issue_id: int) -> str:
    return f"; mend it, then `alerts issue resume {issue_id}`"
