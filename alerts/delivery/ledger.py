"""All SQL on the deliveries of one batch: claim, read, record; the caller holds its lease."""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any, NamedTuple, cast

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    String,
    Table,
    Text,
    Update,
    and_,
    any_,
    bindparam,
    case,
    func,
    or_,
    select,
    type_coerce,
    update,
)
from sqlalchemy import cast as sql_cast
from sqlalchemy.orm import Session

from alerts.database import UtcDateTime
from alerts.delivery.models import Batch, Delivery, DeliveryState
from alerts.delivery.outcome import SENT_AGAIN, Verdict, waiting_for
from alerts.delivery.tallies import Place, tally, tally_left, tally_verdicts
from alerts.subscribers.models import Subscriber, SubscriberState, Subscription


class Claimed(NamedTuple):
    """A delivery claimed for handing over, with what its message needs of the reader."""

    delivery_id: int
    edition_id: int
    attempts: int
    public_id: str
    email: str
    name: str | None


class _Person(NamedTuple):
    public_id: str
    email: str
    name: str | None
    state: str
    subscribed: bool


@dataclass(frozen=True, slots=True)
class Claim:
    """Deliveries claimed together; `more` tells that others of the batch may be due."""

    deliveries: list[Claimed]
    more: bool

    @property
    def editions(self) -> set[int]:
        """The editions that they need."""
        return {delivery.edition_id for delivery in self.deliveries}


def claim_deliveries(
    session: Session, batch_id: int, *, newsletter: str, limit: int, now: datetime
) -> Claim:
    """Claim the next due deliveries of a leased batch for handing over; none when all are done.

    Consent is checked here, for the second time: a reader who left since the audience was taken
    is skipped with the reason, and nothing is sent. The caller commits before it sends.
    """
    while rows := _mark_sending(session, batch_id, limit=limit, now=now):
        readers = _readers(session, [subscriber for *_, subscriber in rows], newsletter=newsletter)
        gone: dict[int, str] = {}
        deliveries: list[Claimed] = []
        for number, edition, attempts, subscriber in rows:
            reader = readers.get(subscriber)
            why = _why_not(reader)
            if why:
                gone[number] = why
            elif reader:
                who = reader.public_id, reader.email, reader.name
                deliveries.append(Claimed(number, edition, attempts, *who))
        _skip(session, batch_id, gone, now=now)
        if deliveries:
            return Claim(deliveries, more=len(rows) == limit)
    return Claim([], more=False)


def in_doubt(session: Session, batch_id: int) -> list[Claimed]:
    """Return the deliveries that a lost worker had claimed; of an erased reader nothing is told."""
    rows = session.execute(
        select(
            Delivery.id,
            Delivery.edition_id,
            Delivery.attempts,
            Subscriber.public_id,
            Subscriber.email,
            Subscriber.name,
        )
        .outerjoin(Subscriber, Subscriber.id == Delivery.subscriber_id)
        .where(Delivery.batch_id == batch_id, Delivery.state == DeliveryState.SENDING)
        .order_by(Delivery.id)
    )
    return [
        Claimed(number, edition or 0, attempts, public_id or "", email or "", name)
        for number, edition, attempts, public_id, email, name in rows
    ]


def record_accepted(
    session: Session, issue_id: int, delivery_ids: Sequence[int], *, now: datetime
) -> AbstractSet[int]:
    """Write that messages were accepted, by whoever held no lease any more when they were.

    That a server took a message is a fact: it keeps the reader from getting another one. Returns
    those of which it was not known.
    """
    if not delivery_ids:
        return frozenset()
    undecided = and_(
        Delivery.id.in_(delivery_ids),
        Delivery.state.in_((DeliveryState.PENDING, DeliveryState.SENDING, DeliveryState.UNCERTAIN)),
    )
    before = session.execute(
        select(Delivery.id, Delivery.state).where(undecided).order_by(Delivery.id).with_for_update()
    ).all()
    session.execute(
        update(Delivery)
        .where(undecided)
        .values(state=DeliveryState.SENT, reason=None, not_before=None, last_attempt_at=now)
        .execution_options(synchronize_session=False)
    )
    tally_left(session, issue_id, ((state, None, 1) for _, state in before), now=now)
    tally(session, issue_id, {Place(DeliveryState.SENT.value): len(before)}, now=now)
    return {number for number, _ in before}


def give_back(session: Session, delivery_ids: Sequence[int], *, why: str = "") -> None:
    """Return claimed deliveries that were not handed over; the attempt does not count.

    `why` is what keeps them back, for whoever asks meanwhile.
    """
    if delivery_ids:
        session.execute(
            update(Delivery)
            .where(Delivery.id.in_(delivery_ids), Delivery.state == DeliveryState.SENDING)
            .values(
                state=DeliveryState.PENDING,
                attempts=case((Delivery.attempts > 0, Delivery.attempts - 1), else_=0),
                **({"reason": _waiting(why)} if why else {}),
            )
            .execution_options(synchronize_session=False)
        )


def _waiting(why: str) -> ColumnElement[str]:
    # What may have arrived the last time is still in doubt.
    return case((Delivery.reason == SENT_AGAIN, SENT_AGAIN), else_=waiting_for(why))


def expire(
    session: Session, issue_id: int, delivery_ids: Sequence[int], *, reason: str, now: datetime
) -> None:
    """Fail claimed deliveries that could not be handed over before their issue was too old."""
    rest = _leave_in_doubt(
        session, issue_id, dict.fromkeys(delivery_ids, "too late to try again"), now=now
    )
    if rest:
        failed = session.scalars(
            update(Delivery)
            .where(Delivery.id.in_(rest), Delivery.state == DeliveryState.SENDING)
            .values(state=DeliveryState.FAILED, reason=reason)
            .returning(Delivery.id)
            .execution_options(synchronize_session=False)
        ).all()
        verdict = Verdict(DeliveryState.FAILED, reason)
        tally_verdicts(session, issue_id, [verdict] * len(failed), now=now)


def _leave_in_doubt(
    session: Session, issue_id: int, reasons: Mapping[int, str], *, now: datetime
) -> dict[int, str]:
    """End those among claimed deliveries whose message may have arrived; return the others.

    `reasons` say why none is sent again.
    """
    if not reasons:
        return {}
    doubtful = and_(
        Delivery.id.in_(reasons),
        Delivery.state == DeliveryState.SENDING,
        Delivery.reason == SENT_AGAIN,
    )
    found = set(session.scalars(select(Delivery.id).where(doubtful)))
    for number in found:
        session.execute(
            update(Delivery)
            .where(Delivery.id == number)
            .values(
                state=DeliveryState.UNCERTAIN,
                reason=f"fate unknown, {reasons[number]}",
                attempts=Delivery.attempts - 1,
            )
            .execution_options(synchronize_session=False)
        )
    tally(session, issue_id, {Place(DeliveryState.UNCERTAIN.value): len(found)}, now=now)
    return {number: why for number, why in reasons.items() if number not in found}


def give_back_strays(
    session: Session, batch_id: int, *, known: AbstractSet[int]
) -> AbstractSet[int]:
    """Return deliveries that were claimed in a commit of which the worker never heard.

    The numbers of those `known` that are still under way are returned.
    """
    query = select(Delivery.id).where(
        Delivery.batch_id == batch_id, Delivery.state == DeliveryState.SENDING
    )
    sending = set(session.scalars(query))
    give_back(session, sorted(sending - known))
    return sending & known


def _skip(session: Session, batch_id: int, reasons: Mapping[int, str], *, now: datetime) -> None:
    """Mark deliveries that were just claimed as skipped, each with its reason."""
    if not reasons:
        return
    issue_id = session.execute(select(Batch.issue_id).where(Batch.id == batch_id)).scalar_one()
    rest = _leave_in_doubt(session, issue_id, reasons, now=now)
    if rest:
        session.execute(
            update(Delivery.__table__)  # type: ignore[arg-type]  # typed as FromClause
            .where(Delivery.id == bindparam("delivery_id"))
            .where(Delivery.state == DeliveryState.SENDING)
            .values(
                state=DeliveryState.SKIPPED,
                reason=bindparam("why"),
                attempts=Delivery.attempts - 1,
                last_attempt_at=case((Delivery.attempts > 1, Delivery.last_attempt_at)),
            ),
            [{"delivery_id": number, "why": reason} for number, reason in rest.items()],
        )
        tally(session, issue_id, {Place(DeliveryState.SKIPPED.value): len(rest)}, now=now)


def _readers(
    session: Session, subscriber_ids: Sequence[int | None], *, newsletter: str
) -> dict[int, "_Person"]:
    """Return the readers by number, each with whether they still subscribe to the newsletter.

    Two looks by key instead of a join: until its statistics are up to date, as after a large
    import, PostgreSQL reads a whole newsletter's subscriptions for each reader of the join.
    """
    numbers: Any = [number for number in subscriber_ids if number is not None]
    subscribing, people = _LOOKS
    if session.get_bind().dialect.name == "postgresql":
        subscribing, people = _POSTGRESQL_LOOKS
        numbers = f"{{{','.join(map(str, numbers))}}}"
    found = session.scalars(subscribing, {"numbers": numbers, "slug": newsletter})
    subscribed = set(found)
    return {
        number: _Person(public_id, email, name, state, number in subscribed)
        for number, public_id, email, name, state in session.execute(people, {"numbers": numbers})
    }


def _mark_sending(session: Session, batch_id: int, *, limit: int, now: datetime) -> Sequence[Any]:
    """Mark the next due deliveries as being sent; return their id, edition, attempts, reader."""
    given = {"in_batch": batch_id, "most": limit, "at": now}
    return sorted(session.execute(_MARK, given).all(), key=itemgetter(0))


def _why_not(reader: _Person | None) -> str | None:
    if reader is None:
        return "erased"
    if reader.state != _CONFIRMED:
        return reader.state
    return None if reader.subscribed else "unsubscribed"


# What runs for every group of messages is put together once, and of tables alone: to see to a
# statement of mapped classes takes the database layer longer than its rows.
_DELIVERIES = cast("Table", Delivery.__table__)
_SUBSCRIBERS = cast("Table", Subscriber.__table__)
_SUBSCRIPTIONS = cast("Table", Subscription.__table__)
_CONFIRMED = SubscriberState.CONFIRMED.value


def _mark() -> Update:
    """Return the statement that marks the next due deliveries of a batch as being sent."""
    of = _DELIVERIES.c
    now = bindparam("at", type_=UtcDateTime())
    due = and_(
        of.batch_id == bindparam("in_batch"),
        of.state == DeliveryState.PENDING,
        or_(of.not_before.is_(None), of.not_before <= now),
    )
    # The sum keeps PostgreSQL from walking through the whole ledger in the order of its key. By
    # its last row the group is told: a list of a thousand ids would cost more than all the rest.
    group = select(of.id).where(due).order_by(of.id + 0).limit(bindparam("most")).subquery()
    last = select(func.max(group.c.id)).scalar_subquery()
    return (
        update(_DELIVERIES)
        .where(due, of.id <= last)
        .values(state=DeliveryState.SENDING, attempts=of.attempts + 1, last_attempt_at=now)
        .returning(of.id, of.edition_id, of.attempts, of.subscriber_id)
    )


def _looks(among: Callable[[ColumnElement[int]], ColumnElement[bool]]) -> tuple[Any, Any]:
    """Return the queries for those of some readers who subscribe, and for what they are called."""
    reader, of = _SUBSCRIBERS.c, _SUBSCRIPTIONS.c
    subscribing = select(of.subscriber_id).where(
        among(of.subscriber_id),
        # For the same reason: not by the index of the newsletter's audience.
        func.coalesce(of.newsletter, "") == bindparam("slug"),
        of.ended_at.is_(None),
    )
    # As a plain text: to make a state of each costs as much as the row.
    state = type_coerce(reader.state, String())
    people = select(reader.id, reader.public_id, reader.email, reader.name, state)
    return subscribing, people.where(among(reader.id))


def _in_list(column: ColumnElement[int]) -> ColumnElement[bool]:
    return column.in_(bindparam("numbers", expanding=True))


def _in_array(column: ColumnElement[int]) -> ColumnElement[bool]:
    """Return the condition for PostgreSQL, where one text is the least to carry."""
    return column == any_(sql_cast(bindparam("numbers", type_=Text()), ARRAY(BigInteger)))


_MARK = _mark()
_LOOKS = _looks(_in_list)
_POSTGRESQL_LOOKS = _looks(_in_array)
