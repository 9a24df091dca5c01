"""A worker is killed at random moments while it makes totals of old ledgers.

`SEED=7 make faults ARGS=tests/functional/test_faults_removal.py` kills at other moments.
"""

import os
import random
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, text, update

from alerts.delivery.books import audit
from alerts.delivery.models import Batch, Delivery
from alerts.operations.models import PruningRound
from alerts.operations.removals import last_removal
from alerts.operations.rounds import owed_turns
from alerts.task_queue import Queue, Task
from tests.factories import add_sent_issue
from tests.functional.troubled import Troubled

Trouble = Callable[..., Troubled]

pytestmark = [pytest.mark.faults, pytest.mark.processes, pytest.mark.timeout(900)]
ISSUES, READERS, KILLS = 3, 50_000, 6
SEED = int(os.environ.get("SEED", "1"))

# Of all ends, tries and editions; every tenth reader was erased.
_LEDGER = """
    INSERT INTO deliveries (issue_id, batch_id, subscriber_id, edition_id, state, reason, attempts)
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :readers)
    SELECT :issue, :batch, CASE WHEN i % 10 > 0 THEN i END, CASE WHEN i % 3 > 0 THEN i % 3 END,
        CASE i % 5 WHEN 0 THEN 'failed' WHEN 1 THEN 'skipped' WHEN 2 THEN 'uncertain'
            ELSE 'sent' END,
        CASE i % 5 WHEN 0 THEN '550 5.1.1' WHEN 1 THEN 'unsubscribed' WHEN 2 THEN 'a crash' END,
        i % 2
    FROM n
"""
# What is known of each issue, in the ledger and in its totals, as one statement sees it.
_KNOWN = """
    SELECT issue_id, state, coalesce(reason, '') AS reason, attempts, coalesce(edition_id, 0),
        count(*) FROM deliveries GROUP BY 1, 2, 3, 4, 5
    UNION ALL
    SELECT issue_id, state, reason, attempts, edition_id, count FROM delivery_totals
"""


def old_ledgers(troubled: Troubled) -> list[int]:
    """Write issues with their ledgers down that were sent long ago; return their numbers."""
    long_ago = troubled.clock.now() - timedelta(days=500)
    numbers = []
    with troubled.database.transaction() as session:
        for _ in range(ISSUES):
            issue, batch = add_sent_issue(session, long_ago)
            values = {"issue": issue, "batch": batch, "readers": READERS}
            session.execute(text(_LEDGER), values)
            numbers.append(issue)
    return numbers


def known(troubled: Troubled, issues: list[int]) -> tuple[Counter[tuple[Any, ...]], list[Any]]:
    """Return how many of each kind there are, and each issue's audit, of one moment."""
    found: Counter[tuple[Any, ...]] = Counter()
    with troubled.database.transaction(snapshot=True) as session:
        for *alike, count in session.execute(text(_KNOWN)):
            found[tuple(alike)] += count
        return found, [audit(session, number).to_json() for number in issues]


def left(troubled: Troubled) -> int:
    with troubled.database.read() as session:
        return session.scalar(select(func.count()).select_from(Delivery)) or 0


def until_fewer(troubled: Troubled, than: int) -> None:
    deadline = time.monotonic() + 120
    while left(troubled) >= than:
        assert time.monotonic() < deadline, f"nothing more was removed of {than}"
        time.sleep(0.02)


def take_up(troubled: Troubled) -> None:
    """Have what was broken off go on, as the sweeper does when ten minutes are over."""
    with troubled.database.transaction() as session:
        session.execute(
            update(PruningRound)
            .where(PruningRound.ended_at.is_(None))
            .values(seen_at=troubled.clock.now() - timedelta(hours=1))
        )
        turns = owed_turns(session, clock=troubled.clock)
    for turn in turns:
        troubled.queue.enqueue(Task.PRUNE, turn.round_id, turn.number, queue=Queue.DIGESTS)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_removal_that_is_killed_goes_on_and_counts_nothing_twice(
    trouble: Trouble, redis_url: str, kind: str, request: pytest.FixtureRequest
) -> None:
    settings = {"redis_url": redis_url}
    if kind == "postgresql":
        settings["database_url"] = request.getfixturevalue("empty_postgres")
    troubled = trouble(**settings)
    troubled.installation.run("init")
    issues = old_ledgers(troubled)
    before = known(troubled, issues)
    assert [books["balanced"] for books in before[1]] == [True] * ISSUES
    choice = random.Random(SEED)  # noqa: S311 - only which moments
    troubled.start("worker", "worker")
    troubled.queue.enqueue(Task.PRUNE, queue=Queue.PREPARATION)
    for number in range(KILLS):
        until_fewer(troubled, left(troubled))
        time.sleep(choice.random())
        if number % 2:
            # Its parent notices, and starts another.
            assert troubled.kill_child("worker", choice)
        else:
            troubled.kill("worker")
        assert left(troubled) > 0, "all of it was removed before the last kill"
        assert known(troubled, issues) == before, f"after kill {number + 1}"
        take_up(troubled)
    until_fewer(troubled, 1)
    deadline = time.monotonic() + 120
    while (state := removal(troubled))[0] != "done":
        assert time.monotonic() < deadline, state
        time.sleep(0.1)
    # What a killed turn had removed is in no count of the round: it says less, never more.
    assert 0 < state[1]["deliveries"] <= ISSUES * READERS
    assert known(troubled, issues) == before
    with troubled.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Batch)) == 0


def removal(troubled: Troubled) -> tuple[str, dict[str, int]]:
    """Return how the last removal stands, and what went."""
    with troubled.database.read() as session:
        found = last_removal(session, now=troubled.clock.now())
    assert found is not None
    return found.state, dict(found.counts)
