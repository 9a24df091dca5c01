"""Trying again by hand: exactly those that failed, by reason, and those held in doubt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlalchemy.orm import Session

from alerts.clock import Clock
from alerts.delivery.bounces import Bounce, bounce_of
from alerts.delivery.failed import failed, failed_for
from alerts.delivery.models import Batch, BatchState, Delivery, DeliveryState
from alerts.delivery.rising import note_seen
from alerts.delivery.tallies import tally_left
from alerts.errors import Invalid, Refused
from alerts.newsletters.issues import get_issue, move
from alerts.newsletters.lifecycle import Event
from alerts.newsletters.models import Issue, IssueState

# Without a reason asked for: who was given up, but nobody whose server refused for good.
_GIVEN_UP = "gave up"
_CLASSES = frozenset(bounce.value for bounce in Bounce)
# What may follow a number that is named whole; at the end of a reason nothing does.
_AFTER_A_NUMBER = ("", ".", " ", ":", ",")
# So many reasons are named to whoever asked for another.
_SHOWN = 8
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
    reasons: Sequence[str] | None = None,
    uncertain: bool = False,
    dry_run: bool = False,
    clock: Clock,
) -> Retried:
    """Put failed deliveries back in their batches; each keeps its Message-ID.

    `reasons` are those that the report shows, or how they begin, or classes of bounces (`policy`);
    None stands for those that were given up. `uncertain` takes up those in doubt as well, whose
    readers may get a second copy. Who left meanwhile is skipped when the batch is claimed. The time
    for which the newsletter goes on trying begins anew. `dry_run` only counts. Raises Refused for
    an issue that was never sent, or cancelled, and Invalid for a reason that is empty, or that
    nobody has.
    """
    if not all(reason.strip() for reason in reasons or ()):
        raise Invalid("--reason is empty; name one that `alerts issue report` shows")
    issue = get_issue(session, issue_id)
    if not dry_run:
        # Whoever asks for the same at the same moment waits here, and then finds nothing left;
        # so does whoever would call the issue sent, and then finds batches open.
        session.refresh(issue, with_for_update=True)
    if issue.state not in _RETRIED:
        raise Refused(f"issue {issue_id} is {issue.state.value}: there is nothing to try again")
    there = {one.reason: one.deliveries for one in failed_for(session, issue_id)}
    if reasons is None:
        named = [reason for reason in there if reason.startswith(_GIVEN_UP)]
    else:
        named = [one for asked in reasons for one in _meant(issue_id, asked, there)]
    chosen = _chosen(issue_id, named, uncertain=uncertain)
    counted = session.execute(
        select(func.coalesce(Delivery.reason, ""), func.count())
        .where(chosen)
        .group_by(Delivery.reason)
    )
    found = Retried(issue_id, dict(counted.all()))
    if found.deliveries and not dry_run:
        _take_up(session, issue, chosen, clock=clock)
    return found


def _take_up(session: Session, issue: Issue, chosen: ColumnElement[bool], *, clock: Clock) -> None:
    batches = set(session.scalars(select(Delivery.batch_id).where(chosen).distinct())) - {None}
    # A worker that ends its lease at this moment counts either before us, and the batch is opened
    # again, or after us, and finds what we put back.
    session.execute(
        select(Batch.id).where(Batch.id.in_(batches)).order_by(Batch.id).with_for_update()
    )
    leaving = session.execute(
        select(Delivery.state, Delivery.reason, func.count())
        .where(chosen)
        .group_by(Delivery.state, Delivery.reason)
    )
    tally_left(session, issue.id, list(leaving), now=clock.now())
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
    note_seen(session, issue.id, clock=clock)
    if issue.state is IssueState.SENT:
        move(session, issue.id, Event.RETRY, clock=clock)


def _meant(issue_id: int, asked: str, there: Mapping[str, int]) -> list[str]:
    """Return the reasons of an issue that one means: itself, how they begin, a class of bounces.

    Raises Invalid, with the reasons that there are, for one that nobody has.
    """
    if asked in _CLASSES:
        meant = [reason for reason in there if bounce_of(reason) == asked]
    else:
        meant = [reason for reason in there if _begins(reason, asked)]
    if meant:
        return meant
    shown = ", ".join(f"{reason} ({count})" for reason, count in islice(there.items(), _SHOWN))
    more = f" and {len(there) - _SHOWN} more" if len(there) > _SHOWN else ""
    known = f"the reasons are: {shown}{more}" if there else "nobody failed at all"
    raise Invalid(f"nobody of issue {issue_id} failed for {asked[:100]!r}; {known}")


def _chosen(issue_id: int, reasons: Sequence[str], *, uncertain: bool) -> ColumnElement[bool]:
    for_these = and_(failed(issue_id), func.coalesce(Delivery.reason, "").in_(reasons))
    held = and_(Delivery.issue_id == issue_id, Delivery.state == DeliveryState.UNCERTAIN)
    return or_(for_these, held) if uncertain else for_these


def _begins(reason: str, asked: str) -> bool:
    """Tell whether a reason begins so; a number is named whole: 5.1.1 does not mean 5.1.10."""
    if not reason.startswith(asked):
        return False
    return not asked[-1].isdigit() or reason[len(asked) :][:1] in _AFTER_A_NUMBER
