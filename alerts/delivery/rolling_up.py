"""Old ledgers become totals: what a reader got is forgotten, what became of an issue is not.

A row of the ledger goes in the transaction that counts it, so the books balance at every moment,
and a crash in between counts nothing twice.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, exists, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from alerts.database import among, by_index
from alerts.delivery.models import Batch, Delivery, DeliveryState, DeliveryTotal
from alerts.newsletters.models import Issue, IssueState

_ENDED = (IssueState.SENT, IssueState.CANCELLED)
_ENDS = (
    DeliveryState.SENT,
    DeliveryState.FAILED,
    DeliveryState.SKIPPED,
    DeliveryState.UNCERTAIN,
)
_Alike = tuple[DeliveryState, str, int, int]


def old_issues(session: Session, *, before: datetime) -> list[int]:
    """Return the issues that ended before a moment and whose ledger is still there."""
    ended = func.coalesce(Issue.retried_at, Issue.finished_at, Issue.started_at, Issue.created_at)
    old = (
        select(Issue.id)
        .where(Issue.state.in_(_ENDED), ended < before)
        .where(exists().where(Delivery.issue_id == Issue.id, Delivery.state.in_(_ENDS)))
        .order_by(Issue.id)
    )
    with by_index(session):
        return list(session.scalars(old))


@dataclass(slots=True)
class LedgerWalk:
    """One way through an issue's ledger, in the order of its index.

    First come the readers' rows, by their numbers, then those of people who were erased. `after` is
    the reader that it has come to, None among the erased. It goes on from there: what was removed
    stays in PostgreSQL's index until a vacuum, and a walk that began anew for each slice went
    through more of it each time.
    """

    issue_id: int
    after: int | None = 0
    is_over: bool = False

    def step(self, session: Session, limit: int) -> int:
        """Count the next rows into the issue's totals and remove them; returns how many.

        Whoever does it at the same moment counts other rows: a row is counted by who removed it.
        """
        found = session.execute(
            select(Delivery.id, Delivery.subscriber_id)
            .where(Delivery.issue_id == self.issue_id, Delivery.state.in_(_ENDS))
            .where(
                Delivery.subscriber_id.is_(None)
                if self.after is None
                else Delivery.subscriber_id > self.after
            )
            .order_by(Delivery.issue_id, Delivery.subscriber_id)
            .limit(limit)
        ).all()
        if len(found) < limit:
            self.is_over = self.after is None
            self.after = None
        elif self.after is not None:
            self.after = found[-1].subscriber_id
        return _count_and_remove(session, self.issue_id, [row.id for row in found])


def is_rolled_up(session: Session, issue_id: int) -> bool:
    """Tell whether nothing of an issue's ledger is left: then nobody can try any of it again."""
    with by_index(session):
        return not session.scalar(select(exists().where(Delivery.issue_id == issue_id)))


def remove_batches(session: Session, issue_id: int, *, limit: int) -> int:
    """Remove some of the batches of an issue whose ledger is gone; returns how many."""
    some = select(Batch.id).where(Batch.issue_id == issue_id).order_by(Batch.id).limit(limit)
    removed = session.scalars(
        delete(Batch)
        .where(Batch.id.in_(some))
        .returning(Batch.id)
        .execution_options(synchronize_session=False)
    )
    return len(removed.all())


def _count_and_remove(session: Session, issue_id: int, numbers: Sequence[int]) -> int:
    removed = session.execute(
        delete(Delivery)
        .where(among(session, Delivery.id, numbers))
        .returning(Delivery.state, Delivery.reason, Delivery.attempts, Delivery.edition_id)
        .execution_options(synchronize_session=False)
    ).all()
    alike = Counter(
        (state, reason or "", tries, edition or 0) for state, reason, tries, edition in removed
    )
    # In one order everywhere, so that two who do it never wait for each other.
    for group, count in sorted(alike.items()):
        _add(session, issue_id, group, count)
    return len(removed)


def _add(session: Session, issue_id: int, alike: _Alike, count: int) -> None:
    state, reason, attempts, edition = alike
    same = (
        DeliveryTotal.issue_id == issue_id,
        DeliveryTotal.state == state,
        DeliveryTotal.reason == reason,
        DeliveryTotal.attempts == attempts,
        DeliveryTotal.edition_id == edition,
    )
    more = (
        update(DeliveryTotal)
        .where(*same)
        .values(count=DeliveryTotal.count + count)
        .returning(DeliveryTotal.id)
        .execution_options(synchronize_session=False)
    )
    if session.scalars(more).all():
        return
    values = {"state": state, "reason": reason, "attempts": attempts, "edition_id": edition}
    try:
        with session.begin_nested():
            session.execute(insert(DeliveryTotal).values(issue_id=issue_id, **values, count=count))
    except IntegrityError:
        # Somebody else began this total between the two statements.
        session.scalars(more).all()
