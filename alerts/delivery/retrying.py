"""Trying again by hand: exactly those that failed, by reason, and those held in doubt."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlalchemy.orm import Session

from alerts.clock import Clock
from alerts.delivery.models import Batch, BatchState, Delivery, DeliveryState
from alerts.errors import Refused
from alerts.newsletters.issues import get_issue, move
from alerts.newsletters.lifecycle import Event
from alerts.newsletters.models import Issue, IssueState

# Without a reason asked for: who was given up, but nobody whose server refused for good.
_GIVEN_UP = ("gave up",)
_RETRIED = frozenset({IssueState.SENT, IssueState.SENDING, IssueState.PAUSED})


@dataclass(frozen=True, slots=True)
class Retried:
    """How many deliveries were taken up again, by the reason they had ended with."""

    issue_id: int
    reasons: dict[str, int]

    @property
    def deliveries(self) -> int:
        """All of them together."""
        return sum(self.reasons.values())


def retry_issue(
    session: Session,
    issue_id: int,
    *,
    reasons: Sequence[str] = (),
    uncertain: bool = False,
    clock: Clock,
) -> Retried:
    """Put failed deliveries back in their batches; each keeps its Message-ID.

    `reasons` are those that the report shows, or how they begin; without any, those that were
    given up. `uncertain` takes up those in doubt as well, whose readers may get a second copy.
    Who left meanwhile is skipped when the batch is claimed. The time for which the newsletter
    goes on trying begins anew. Raises Refused for an issue that was never sent, or cancelled.
    """
    issue = get_issue(session, issue_id)
    if issue.state not in _RETRIED:
        raise Refused(f"issue {issue_id} is {issue.state.value}: there is nothing to try again")
    chosen = _chosen(issue_id, reasons or _GIVEN_UP, uncertain=uncertain)
    counted = session.execute(
        select(func.coalesce(Delivery.reason, ""), func.count())
        .where(chosen)
        .group_by(Delivery.reason)
    )
    found = Retried(issue_id, dict(counted.all()))
    if found.deliveries:
        _take_up(session, issue, chosen, clock=clock)
    return found


def _take_up(session: Session, issue: Issue, chosen: ColumnElement[bool], *, clock: Clock) -> None:
    batches = set(session.scalars(select(Delivery.batch_id).where(chosen).distinct())) - {None}
    session.execute(
        update(Delivery)
        .where(chosen)
        .values(state=DeliveryState.PENDING, reason=None, not_before=None, attempts=0)
        .execution_options(synchronize_session=False)
    )
    # One that a worker holds is looked through when it is released; it goes on by itself.
    session.execute(
        update(Batch)
        .where(Batch.id.in_(batches), Batch.state != BatchState.LEASED)
        .values(state=BatchState.READY, not_before=None, enqueued_at=None)
        .execution_options(synchronize_session=False)
    )
    session.execute(
        update(Issue)
        .where(Issue.id == issue.id)
        .values(retried_at=clock.now())
        .execution_options(synchronize_session=False)
    )
    if issue.state is IssueState.SENT:
        move(session, issue.id, Event.RETRY, clock=clock)


def _chosen(issue_id: int, reasons: Sequence[str], *, uncertain: bool) -> ColumnElement[bool]:
    failed = and_(
        Delivery.issue_id == issue_id,
        Delivery.state == DeliveryState.FAILED,
        or_(*(Delivery.reason.startswith(reason, autoescape=True) for reason in reasons)),
    )
    held = and_(Delivery.issue_id == issue_id, Delivery.state == DeliveryState.UNCERTAIN)
    return or_(failed, held) if uncertain else failed
