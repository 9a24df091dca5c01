"""Writing results to the ledger: in one statement on PostgreSQL, in one call on SQLite."""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    CursorResult,
    Integer,
    String,
    Text,
    Update,
    and_,
    bindparam,
    case,
    cast,
    false,
    func,
    select,
    true,
    update,
)
from sqlalchemy.orm import Session

from alerts.database import UtcDateTime
from alerts.delivery.models import Delivery, DeliveryState
from alerts.delivery.outcome import SENT_AGAIN, Fate, Outcome, Verdict

# Only what is under way is written. PostgreSQL must not reckon with how rare that state is: its
# counts are taken now and then, mostly when no issue is going out, and say that one row at most is
# in it. It would read every row in the state, and hold each against each result: seconds for a
# group of 500. Of a CASE it knows nothing, and looks each row up by its number.
_UNDER_WAY = case((Delivery.state == DeliveryState.SENDING, true()), else_=false())
# ASCII's unit separator, which no answer has any use for.
_BETWEEN = "\x1f"
_COLUMNS = {
    "delivery_id": BigInteger(),
    "new_state": Delivery.state.type,
    "why": String(),
    "later": UtcDateTime(),
    "answer": Text(),
    "untried": Integer(),
}


def record(
    session: Session, verdicts: Iterable[tuple[int, Verdict, Outcome]], *, now: datetime
) -> int:
    """Write what came of claimed deliveries; one that was put off before a try counts none.

    Returns how many were still under way; the others were written down by somebody else, and stay
    as they are.
    """
    postgresql = session.get_bind().dialect.name == "postgresql"
    accepted: dict[int, str] = {}
    rows = []
    for delivery_id, verdict, outcome in verdicts:
        if postgresql and verdict.state is DeliveryState.SENT:
            accepted[delivery_id] = outcome.answer
            continue
        answer = _storable(outcome.answer)
        rows.append(
            {
                "delivery_id": delivery_id,
                "new_state": verdict.state,
                "why": verdict.reason,
                "later": verdict.not_before,
                "answer": answer or None,
                "untried": int(outcome.fate is Fate.POSTPONED),
            }
        )
    written = _record_accepted(session, accepted, now=now) if accepted else 0
    if rows and postgresql:
        columns = {name: [row[name] for row in rows] for name in _COLUMNS}
        written += _written(session, _RECORD_ALL, {**columns, "at": now})
    elif rows:
        written += _written(session, _RECORD_EACH, [{**row, "at": now} for row in rows])
    return written


def written_at(session: Session, delivery_ids: Sequence[int], *, now: datetime) -> AbstractSet[int]:
    """Return those of these deliveries that were written down at this very moment."""
    same = and_(Delivery.id.in_(delivery_ids), Delivery.last_attempt_at == now)
    return set(session.scalars(select(Delivery.id).where(same)))


def _written(session: Session, statement: Update, given: Any) -> int:  # noqa: ANN401 - rows or one
    result = session.execute(statement, given)
    assert isinstance(result, CursorResult)  # noqa: S101 - what an UPDATE gives
    return result.rowcount


def _record_accepted(session: Session, answers: Mapping[int, str], *, now: datetime) -> int:
    """Write what nearly all deliveries come to, with the least to carry: two texts for all rows."""
    told = _BETWEEN.join(answers.values())
    if told.count(_BETWEEN) != len(answers) - 1:
        told = _BETWEEN.join(answer.replace(_BETWEEN, " ") for answer in answers.values())
    numbers = ",".join(map(str, answers))
    given = {"numbers": numbers, "told": _storable(told), "at": now}
    return _written(session, _RECORD_ACCEPTED, given)


def _storable(text: str) -> str:
    """Return text without NUL, the one character that PostgreSQL does not store."""
    return text.replace("\0", "\ufffd")


def _statement(
    key: ColumnElement[int],
    state: ColumnElement[DeliveryState],
    why: ColumnElement[str],
    later: ColumnElement[datetime],
    answer: ColumnElement[str],
    untried: ColumnElement[int],
) -> Update:
    return (
        update(Delivery.__table__)  # type: ignore[arg-type]  # typed as FromClause
        .where(Delivery.id == key, _UNDER_WAY)
        .values(
            state=state,
            # Put off untried, it may still have arrived the last time.
            reason=case((_still_in_doubt(state, untried), SENT_AGAIN), else_=why),
            not_before=later,
            last_answer=_of_somebody(answer),
            last_attempt_at=bindparam("at", type_=UtcDateTime()),
            attempts=Delivery.attempts - untried,
        )
    )


def _still_in_doubt(
    state: ColumnElement[DeliveryState], untried: ColumnElement[int]
) -> ColumnElement[bool]:
    waits = and_(state == DeliveryState.PENDING, untried > 0)
    return and_(Delivery.reason == SENT_AGAIN, waits)


def _of_somebody(answer: ColumnElement[str]) -> ColumnElement[str | None]:
    """Return an answer, or NULL where its reader was erased meanwhile: it may name the address."""
    return case((Delivery.subscriber_id.is_not(None), answer))


def _record_each() -> Update:
    return _statement(*(bindparam(name, type_=kind) for name, kind in _COLUMNS.items()))


def _record_all() -> Update:
    """Return the same for any number of rows at once, given as arrays."""
    rows = select(
        *(
            func.unnest(bindparam(name, type_=ARRAY(kind))).label(name)
            for name, kind in _COLUMNS.items()
        )
    ).subquery("recorded")
    return _statement(*(rows.c[name] for name in _COLUMNS))


def _record_accepted_all() -> Update:
    """Return the statement of PostgreSQL that takes ids and answers as two joined texts."""
    rows = select(
        func.unnest(
            cast(func.string_to_array(bindparam("numbers", type_=Text()), ","), ARRAY(BigInteger))
        ).label("number"),
        # An empty answer is stored as none.
        func.unnest(
            func.string_to_array(bindparam("told", type_=Text()), _BETWEEN, ""),
            type_=Text(),
        ).label("answer"),
    ).subquery("recorded")
    return (
        update(Delivery.__table__)  # type: ignore[arg-type]  # typed as FromClause
        .where(Delivery.id == rows.c.number, _UNDER_WAY)
        .values(
            state=DeliveryState.SENT,
            reason=None,
            not_before=None,
            last_answer=_of_somebody(rows.c.answer),
            last_attempt_at=bindparam("at", type_=UtcDateTime()),
        )
    )


_RECORD_EACH = _record_each()
_RECORD_ALL = _record_all()
_RECORD_ACCEPTED = _record_accepted_all()
