"""Looking at the issues under way: which has stopped, and which will end late.

Whether one has stopped is looked up in the ledger, in a few batches, and only for an issue that has
stood still for a quarter of an hour.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session

from alerts.delivery.books import held_until
from alerts.delivery.estimates import limits_seconds
from alerts.delivery.limits.rules import Limits, tells_of_a_limit
from alerts.delivery.models import Batch, BatchState, Delivery, DeliveryState
from alerts.delivery.outcome import WAITS
from alerts.delivery.tallies import standings
from alerts.newsletters.models import IssueState
from alerts.newsletters.service import definition_of, get_newsletter
from alerts.operations.alarms import kinds
from alerts.operations.alarms.kinds import Kind, Trouble, at
from alerts.operations.situation import IssueUnderWay, Situation
from alerts.subscribers.models import Frequency

_BATCHES_LOOKED_INTO = 20


def stalled_issues(session: Session, situation: Situation) -> Iterator[Trouble]:
    """Yield the issues of which nothing has come for a while though they are due to move."""
    now = situation.now
    for issue in situation.issues:
        still = now - issue.since > kinds.STALLED_AFTER
        if issue.state is IssueState.SENDING and still and _should_move(session, issue, now):
            what = (
                f"issue {issue.id} of {issue.newsletter}: nothing has come of it since"
                f" {at(issue.since)}, and {_left(issue)}"
            )
            mend = (
                "See whether the mail server answers, with `alerts doctor`, and what the worker"
                " logs."
                if issue.open
                else "See with `alerts status` whether a worker runs; its log says what went wrong."
            )
            yield Trouble(Kind.ISSUE_STALLED, f"issue:{issue.id}", what, mend)


def _left(issue: IssueUnderWay) -> str:
    if issue.open:
        return "1 batch is left" if issue.open == 1 else f"{issue.open:,} batches are left"
    return "it does not end" if issue.done else "its readers are not written down yet"


def slow_issues(
    session: Session, situation: Situation, limits: Sequence[Limits]
) -> Iterator[Trouble]:
    """Yield the issues that the limits stated for transports make late, by how many are left."""
    sending = [issue for issue in situation.issues if issue.state is IssueState.SENDING]
    standing = standings(session, [issue.id for issue in sending])
    for issue in sending:
        left = standing[issue.id].pending if issue.id in standing else 0
        if left:
            trouble = _slow(session, issue, left, limits, situation.now)
            if trouble:
                yield trouble


def _slow(
    session: Session, issue: IssueUnderWay, left: int, limits: Sequence[Limits], now: datetime
) -> Trouble | None:
    definition = definition_of(get_newsletter(session, issue.newsletter))
    goes_on = held_until(session, issue.id, now=now) or now
    seconds = limits_seconds(limits, definition, left, now=goes_on)
    waits = goes_on - now > kinds.WAITS_ON_PURPOSE and _is_held_by_limit(session, issue)
    worth = definition.worth_sending_at(Frequency(issue.frequency))
    end = goes_on + timedelta(seconds=seconds)
    last = "the one reader who is left" if left == 1 else f"the last of {left:,} who are left"
    if not (seconds or waits) or end <= issue.started_at + worth * kinds.LATE_PART:
        return None
    what = (
        f"issue {issue.id} of {issue.newsletter}: by the limits stated for sending, {last}"
        f" gets it about {at(end)}"
    )
    given_up = issue.started_at + worth
    if end > given_up:
        what += f"; from {at(given_up)} on it is not worth sending, and who is left gets nothing"
    mend = (
        "Hold `rate=`, `quota=` and `warmup=` in ALERTS_MAIL_URL, and the newsletter's `rate`,"
        " against what the provider allows, or add a transport. Where it is meant, nothing is to"
        " be done."
    )
    return Trouble(Kind.ISSUE_SLOW, f"issue:{issue.id}", what, mend)


def _is_held_by_limit(session: Session, issue: IssueUnderWay) -> bool:
    batches = select(Batch.id).where(Batch.issue_id == issue.id, Batch.state != BatchState.DONE)
    numbers = session.scalars(batches.order_by(Batch.id).limit(_BATCHES_LOOKED_INTO)).all()
    return bool(_limited(session, numbers))


def _limited(session: Session, batches: Sequence[int]) -> set[int]:
    """Return those of the batches that a limit of ours keeps back."""
    told = session.execute(
        select(Delivery.batch_id, Delivery.reason)
        .where(Delivery.batch_id.in_(batches), Delivery.state == DeliveryState.PENDING)
        .where(Delivery.reason.startswith(WAITS))
        .distinct()
    )
    return {batch for batch, reason in told if batch and tells_of_a_limit(reason or "")}


def _should_move(session: Session, issue: IssueUnderWay, now: datetime) -> bool:
    """Tell whether an issue that stands still is due to move: it does not wait on purpose.

    A batch that a dead server sent back waits for a minute, and its readers for nothing. One that
    a limit keeps back waits until a moment that is known, and is late only after it.
    """
    if issue.open == 0:
        # The audience is not taken yet, or the last batch did not end the issue.
        return True
    soon, late = now + kinds.WAITS_ON_PURPOSE, now - kinds.STALLED_AFTER
    batches = (
        select(Batch.id, Batch.not_before)
        .where(
            Batch.issue_id == issue.id,
            Batch.state != BatchState.DONE,
            or_(Batch.not_before.is_(None), Batch.not_before <= soon),
        )
        .order_by(Batch.id)
        .limit(_BATCHES_LOOKED_INTO)
    )
    found = session.execute(batches).all()
    waiting = [number for number, until in found if until and until > late]
    on_purpose = _limited(session, waiting)
    numbers = [number for number, _ in found if number not in on_purpose]
    overdue = or_(Delivery.not_before.is_(None), Delivery.not_before <= late)
    left = (DeliveryState.PENDING, DeliveryState.SENDING)
    waits_for_nothing = exists().where(
        Delivery.batch_id.in_(numbers), Delivery.state.in_(left), overdue
    )
    return bool(session.scalar(select(waits_for_nothing)))
