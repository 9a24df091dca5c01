"""Looking at what a restored system believes to be due, and letting it go on.

A copy knows nothing of what its original did after it was made. For each thing that is due a
person says whether it is sent, or skipped: then it counts as done by the original.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from alerts.clock import Clock, rfc3339
from alerts.delivery.books import audit
from alerts.delivery.models import Batch, BatchState, Delivery, DeliveryState
from alerts.delivery.owed import GIVEN_UP_AFTER
from alerts.delivery.tallies import recount
from alerts.errors import Invalid, Refused
from alerts.holding import hold_of, lift_hold
from alerts.newsletters.models import Issue, IssueState, Run, RunOutcome, Schedule
from alerts.newsletters.scheduling import leave_out
from alerts.subscribers.models import Subscriber, Subscription

LEFT_OUT = "left out after a restore"
ALL = "all"
_CONFIRMATIONS, _WELCOMES = "confirmations", "welcomes"


@dataclass(frozen=True, slots=True)
class DueThing:
    """Something that would be sent, or lead to it, if the hold were lifted now.

    `key` names it (`schedule:3`, `run:7`, `issue:5`, `confirmations`, `welcomes`).
    """

    key: str
    due_at: datetime | None
    text: str

    def to_json(self) -> dict[str, Any]:
        """Return it in the form that scripts read."""
        return {"key": self.key, "due_at": rfc3339(self.due_at), "text": self.text}


def due_things(session: Session, *, clock: Clock) -> list[DueThing]:
    """Return everything that waits for the hold to end, half-sent issues first."""
    now = clock.now()
    return [
        *_issues(session, now),
        *_runs(session),
        *_schedules(session, now),
        *_mails(session),
    ]


def release(
    session: Session,
    *,
    send: Collection[str] = (),
    skip: Collection[str] = (),
    clock: Clock,
) -> list[DueThing]:
    """Skip what is to be skipped and lift the hold; return what was due.

    Every due thing has to be named by its key, or all by `all`, which leaves those to one side
    that the other side names. Raises Refused when something is undecided, or nothing is held,
    Invalid for a key that is not due.
    """
    if hold_of(session) is None:
        raise Refused("nothing is held: this system sends what is due by itself")
    things = due_things(session, clock=clock)
    skipped = _decided([thing.key for thing in things], send=send, skip=skip)
    for thing in things:
        if thing.key in skipped:
            _skip(session, thing, clock=clock)
    _owe_from_now(session, clock.now())
    lift_hold(session)
    return things


def _decided(keys: Sequence[str], *, send: Collection[str], skip: Collection[str]) -> set[str]:
    named = set(send) | set(skip)
    for key in sorted(named - set(keys) - {ALL}):
        raise Invalid(f"{key!r} is not due; `alerts release` shows what is")
    for key in sorted(set(send) & set(skip)):
        raise Invalid(f"{key!r} cannot be both sent and skipped")
    open_ = [key for key in keys if key not in named]
    if open_ and ALL not in named:
        raise Refused(f"undecided: {', '.join(open_)}; name each in --send or --skip, or `all`")
    return set(skip) & set(keys) | (set(open_) if ALL in skip else set())


def _issues(session: Session, now: datetime) -> list[DueThing]:
    due = session.scalars(
        select(Issue)
        .where(
            (Issue.state == IssueState.SENDING)
            | ((Issue.state == IssueState.SCHEDULED) & (Issue.send_at <= now))
        )
        .order_by(Issue.id)
    )
    return [
        DueThing(f"issue:{one.id}", one.send_at or one.started_at, _issue_text(session, one))
        for one in due
    ]


def _issue_text(session: Session, issue: Issue) -> str:
    name = f"{issue.newsletter} {issue.frequency.value} “{issue.subject}”"
    if issue.state is IssueState.SCHEDULED:
        return f"{name} was to start; nobody has it as far as this copy knows"
    books = audit(session, issue.id)
    if issue.audience_at is None:
        return f"{name} had just begun: {books.sent} had it, and its audience is not whole"
    told = f"{name} is half sent: {books.sent} had it, {books.pending} of {books.audience} wait"
    on_the_way = session.scalar(
        select(func.count())
        .select_from(Delivery)
        .where(Delivery.issue_id == issue.id, Delivery.state == DeliveryState.SENDING)
    )
    if on_the_way:
        # The journal that knows better stayed on the first machine.
        told += f"; {on_the_way} of them were being handed over and may have it already"
    return told


def _runs(session: Session) -> list[DueThing]:
    claimed = select(Run).where(Run.outcome == RunOutcome.CLAIMED).order_by(Run.id)
    return [
        DueThing(
            f"run:{run.id}", run.due_at, f"{run.newsletter} {run.frequency.value} had no issue yet"
        )
        for run in session.scalars(claimed)
    ]


def _schedules(session: Session, now: datetime) -> list[DueThing]:
    due = session.scalars(
        select(Schedule)
        .where(Schedule.paused.is_(False), Schedule.next_at <= now)
        .order_by(Schedule.id)
    )
    return [
        DueThing(
            f"schedule:{one.id}",
            one.next_at,
            f"{one.newsletter} {one.frequency.value} ({one.rule}); once released: {one.missed}",
        )
        for one in due
    ]


def _mails(session: Session) -> list[DueThing]:
    found = []
    for key, column, words in (
        (_CONFIRMATIONS, Subscriber.confirmation_due_at, "asked to be mailed a link"),
        (_WELCOMES, Subscription.welcome_due_at, "have no welcome yet"),
    ):
        count, first = session.execute(
            select(func.count(), func.min(column)).where(_before_hold(session, column))
        ).one()
        if count:
            found.append(DueThing(key, first, f"{count} {words}"))
    return found


def _before_hold(
    session: Session, column: InstrumentedAttribute[datetime | None]
) -> ColumnElement[bool]:
    """Match what was owed before the restore; what was asked for since is owed for certain.

    What nobody wanted any more when the copy was made is not due.
    """
    hold = hold_of(session)
    if hold is None:
        return column.is_not(None)
    return (column <= hold.since) & (column > hold.backup_of - GIVEN_UP_AFTER)


def _owe_from_now(session: Session, now: datetime) -> None:
    """Let mails that are to be sent be owed since now: the time of the hold is nobody's fault.

    They would be too old to be wanted otherwise, a day after they were asked for.
    """
    hold = hold_of(session)
    if hold is None:
        return
    for model, column in (
        (Subscriber, Subscriber.confirmation_due_at),
        (Subscription, Subscription.welcome_due_at),
    ):
        waited = (column <= now) & (column > hold.backup_of - GIVEN_UP_AFTER)
        _change(session, model, waited, **{column.key: now})


def _skip(session: Session, thing: DueThing, *, clock: Clock) -> None:
    kind, _, number = thing.key.partition(":")
    if kind == "issue":
        _skip_issue(session, int(number), clock=clock)
    elif kind == "run":
        _change(session, Run, Run.id == int(number), outcome=RunOutcome.MISSED, reason=LEFT_OUT)
    elif kind == "schedule":
        leave_out(session, int(number), reason=LEFT_OUT, clock=clock)
    elif kind == _CONFIRMATIONS:
        owed = _before_hold(session, Subscriber.confirmation_due_at)
        _change(session, Subscriber, owed, confirmation_due_at=None)
    else:
        owed = _before_hold(session, Subscription.welcome_due_at)
        _change(session, Subscription, owed, welcome_due_at=None, welcomed_at=clock.now())


def _skip_issue(session: Session, issue_id: int, *, clock: Clock) -> None:
    """Let an issue count as sent by the original: cancelled, its articles would be due again."""
    now = clock.now()
    _change(
        session,
        Delivery,
        (Delivery.issue_id == issue_id)
        & Delivery.state.in_([DeliveryState.PENDING, DeliveryState.SENDING]),
        state=DeliveryState.SKIPPED,
        reason=LEFT_OUT,
        not_before=None,
    )
    recount(session, issue_id, now=now)
    _change(
        session,
        Batch,
        Batch.issue_id == issue_id,
        state=BatchState.DONE,
        lease_until=None,
        not_before=None,
        # Whoever held a lease of it holds it no more.
        fence=Batch.fence + 1,
    )
    _change(
        session,
        Issue,
        Issue.id == issue_id,
        state=IssueState.SENT,
        started_at=func.coalesce(Issue.started_at, now),
        audience_at=func.coalesce(Issue.audience_at, now),
        finished_at=now,
        attention=f"{LEFT_OUT}: what went out after the backup is known to the first system alone",
    )


def _change(session: Session, model: type, where: ColumnElement[bool], **values: object) -> None:
    session.execute(
        update(model).where(where).values(values).execution_options(synchronize_session=False)
    )
