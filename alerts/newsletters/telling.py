"""What other programs are told of an issue: the state it is in now."""

from sqlalchemy.orm import Session

from alerts.clock import Clock, rfc3339
from alerts.newsletters.models import Issue
from alerts.outbox.events import EventKind
from alerts.outbox.writing import announce


def tell_state(session: Session, issue: Issue, *, clock: Clock) -> None:
    """Write down, in the transaction of the change, that an issue is now in its state."""
    data = {
        "id": issue.id,
        "newsletter": issue.newsletter,
        "frequency": issue.frequency.value,
        "state": "drafted" if issue.state == "draft" else issue.state.value,
        "subject": issue.subject,
        "number": _text(issue.number),
        "volume": _text(issue.volume),
        "volume_number": _text(issue.volume_number),
        "send_at": rfc3339(issue.send_at),
        "attention": issue.attention,
    }
    kind = EventKind(f"issue.{data['state']}")
    announce(session, kind, data | {"state": issue.state.value}, at=clock.now())


def _text(number: int | None) -> str | None:
    return None if number is None else str(number)
