"""Processes are killed at random moments, again and again, in the middle of one issue.

A dozen times in `make test`, fifty times in `make faults`. `SEED=7 make faults
ARGS=tests/functional/test_faults_kills.py` kills at other moments.
"""

import os
import random
from collections import Counter
from collections.abc import Callable

import pytest

from tests.functional.troubled import Troubled

Trouble = Callable[..., Troubled]

pytestmark = pytest.mark.processes
READERS = 20_000
CONNECTIONS = 20
WORKERS = ("worker one", "worker two")
# A worker's child dies alone more often than anything else.
VICTIMS = ("child", "child", "worker", "beat", "web", "all")
SEED = int(os.environ.get("SEED", "1"))


def start_all(troubled: Troubled) -> None:
    for name in WORKERS:
        troubled.start(name, "worker")
    troubled.start("beat", "beat")
    troubled.start("web", "web", "--port", "0")


def kill_one(troubled: Troubled, choice: random.Random) -> str:
    """Kill something; return what it was."""
    victim = choice.choice(VICTIMS)
    worker = choice.choice(WORKERS)
    match victim:
        case "child":
            # One that is just starting has no children yet; it will do as well.
            if not troubled.kill_child(worker, choice):
                troubled.kill(worker)
        case "worker":
            troubled.kill(worker)
        case "all":
            troubled.kill(*troubled.parts)
        case _:
            troubled.kill(victim)
    return victim


@pytest.mark.parametrize(
    ("uncertain", "kills"),
    [
        pytest.param("resend", 12, marks=pytest.mark.timeout(600)),
        pytest.param("hold", 4, marks=pytest.mark.timeout(600)),
        pytest.param("resend", 50, marks=[pytest.mark.faults, pytest.mark.timeout(2400)]),
    ],
)
def test_whatever_is_killed_and_when_everybody_is_served_and_on_the_books(
    trouble: Trouble, empty_postgres: str, redis_url: str, uncertain: str, kills: int
) -> None:
    choice = random.Random(SEED)  # noqa: S311 - no secret
    troubled = trouble(database_url=empty_postgres, redis_url=redis_url, connections=CONNECTIONS)
    troubled.prepare(READERS, uncertain=uncertain)
    start_all(troubled)
    troubled.send()
    killed: Counter[str] = Counter()
    for number in range(kills):
        troubled.until_taken(int((number + choice.random()) * READERS / kills))
        killed[kill_one(troubled, choice)] += 1
    troubled.until_sent(seconds=300)
    print(f"seed {SEED}: killed {dict(killed)}, {troubled.server.copies} came twice")  # noqa: T201 - a failure is repeated by its seed
    # A message a connection, of as many as the workers may hold open, at each kill.
    wires = kills * CONNECTIONS * len(WORKERS)
    books = troubled.check(READERS, most_copies=wires if uncertain == "resend" else 0)
    if uncertain == "resend":
        assert books.sent == READERS
        assert len(troubled.server.accepted) == READERS
    else:
        assert books.sent + books.uncertain == READERS
        assert books.uncertain <= wires
        assert books.reasons.keys() <= {"fate unknown, held"}
    assert "sending_failed" not in troubled.log()
