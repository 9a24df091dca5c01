"""Writing results to the ledger: in one statement on PostgreSQL, in one call on SQLite."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Integer,
    String,
    Text,
    Update,
    bindparam,
    func,
    select,
    update,
)
from sqlalchemy.orm import Session

from alerts.database import UtcDateTime
from alerts.delivery.models import Delivery, DeliveryState
from alerts.delivery.outcome import Fate, Outcome, Verdict

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
) -> None:
    """Write what came of claimed deliveries; one that was put off before a try counts none."""
    rows = [
        {
            "delivery_id": delivery_id,
            "new_state": verdict.state,
            "why": verdict.reason,
            "later": verdict.not_before,
            "answer": outcome.answer or None,
            "untried": int(outcome.fate is Fate.POSTPONED),
        }
        for delivery_id, verdict, outcome in verdicts
    ]
    if not rows:
        return
    if session.get_bind().dialect.name == "postgresql":
        columns = {name: [row[name] for row in rows] for name in _COLUMNS}
        session.execute(_RECORD_ALL, {**columns, "at": now})
    else:
        session.execute(_RECORD_EACH, [{**row, "at": now} for row in rows])


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
        .where(Delivery.id == key, Delivery.state == DeliveryState.SENDING)
        .values(
            state=state,
            reason=why,
            not_before=later,
            last_answer=answer,
            last_attempt_at=bindparam("at", type_=UtcDateTime()),
            attempts=Delivery.attempts - untried,
        )
    )


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


_RECORD_EACH = _record_each()
_RECORD_ALL = _record_all()
