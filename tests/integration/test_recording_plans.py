"""What results cost to write, whatever PostgreSQL last counted in the ledger.

The server counts a table's rows by state now and then, most often between two issues. While the
next one goes out it believes that no row is under way, and may choose a plan for that.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import event, func, select, text

from alerts.database import Database
from alerts.delivery.models import Delivery, DeliveryState
from alerts.delivery.outcome import Fate, Outcome, Verdict
from alerts.delivery.recording import record
from tests.conftest import NOW

LEDGER, GROUP = 20_000, 500
FILL = text(
    "INSERT INTO deliveries (issue_id, state, attempts) "
    "SELECT 1, 'sent', 1 FROM generate_series(1, :count)"
)
TAKEN = Outcome(Fate.ACCEPTED, 250, "2.0.0 taken")
REFUSED = Outcome(Fate.PERMANENT, 550, "5.1.1 unknown")


@pytest.fixture
def ledger(copied_postgres: str) -> Iterator[Database]:
    """Return a database whose whole ledger is under way, counted when all of it was sent."""
    database = Database(copied_postgres)
    with database.transaction() as session:
        session.execute(FILL, {"count": LEDGER})
    with database.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("ANALYZE"))
    with database.transaction() as session:
        session.execute(text("UPDATE deliveries SET state = 'sending'"))
    yield database
    database.dispose()


def rows_handled(node: dict[str, Any]) -> float:
    """Return how many rows a plan's parts gave in all, each as often as it was gone through."""
    below = sum(rows_handled(part) for part in node.get("Plans", ()))
    kinds = ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Join Filter")
    return below + sum(float(node.get(kind, 0)) for kind in kinds) * float(node["Actual Loops"])


@pytest.mark.parametrize(
    ("verdict", "outcome"),
    [
        (Verdict(DeliveryState.SENT), TAKEN),
        (Verdict(DeliveryState.FAILED, "unknown_recipient"), REFUSED),
    ],
)
def test_a_group_costs_what_its_rows_cost(
    ledger: Database, verdict: Verdict, outcome: Outcome
) -> None:
    plans: list[dict[str, Any]] = []

    def explained(_c: Any, cursor: Any, statement: str, given: Any, *_: object) -> None:  # noqa: ANN401 - the driver's own
        if statement.startswith("UPDATE deliveries"):
            cursor.execute("SAVEPOINT looked_at")
            cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", given)
            plans.append(cursor.fetchone()[0][0]["Plan"])
            cursor.execute("ROLLBACK TO SAVEPOINT looked_at")

    with ledger.transaction() as session:
        numbers = session.scalars(select(Delivery.id).order_by(Delivery.id).limit(GROUP)).all()
        event.listen(ledger.engine, "before_cursor_execute", explained)
        record(session, [(number, verdict, outcome) for number in numbers], now=NOW)
        event.remove(ledger.engine, "before_cursor_execute", explained)
    assert len(plans) == 1
    # The whole ledger looked through once at most, and the group found, joined and written.
    assert rows_handled(plans[0]) < 3 * LEDGER
    with ledger.read() as session:
        written = select(func.count()).where(Delivery.state == verdict.state)
        assert session.scalar(written) == GROUP
