"""Several hosts work on one issue: each with a data folder of its own, and one of them dies."""

from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from alerts.delivery.models import Delivery, DeliveryState
from tests.functional.installation import Installation, wait_for
from tests.functional.troubled import Troubled

Trouble = Callable[..., Troubled]
Install = Callable[..., Installation]

pytestmark = [pytest.mark.faults, pytest.mark.processes, pytest.mark.timeout(900)]
READERS = 6_000


def another_host(troubled: Troubled, install: Install) -> Installation:
    """Return a host with the settings of the first one, and nothing of its files."""
    settings = {
        name.removeprefix("ALERTS_").lower(): value
        for name, value in troubled.installation.environment.items()
        if name.startswith("ALERTS_") and name != "ALERTS_DATA_DIR"
    }
    return install(**settings)


def claimed(troubled: Troubled) -> int:
    """Return how many deliveries workers hold at this moment."""
    with troubled.database.read() as session:
        query = select(func.count()).where(Delivery.state == DeliveryState.SENDING)
        return session.scalar(query) or 0


@pytest.mark.parametrize("uncertain", ["resend", "hold"])
def test_a_host_that_dies_is_taken_over_by_another_that_cannot_read_its_journal(
    trouble: Trouble, install: Install, empty_postgres: str, redis_url: str, uncertain: str
) -> None:
    troubled = trouble(
        database_url=empty_postgres, redis_url=redis_url, secret_key="k" * 40, connections=8
    )
    # So slow that both hosts have something in hand when one of them dies.
    troubled.server.delay = 0.02
    troubled.prepare(READERS, uncertain=uncertain)
    host = another_host(troubled, install)
    doomed = host.start("worker")
    troubled.start("worker", "worker")
    troubled.send()
    spools = [one.folder / "var" / "spool" for one in (host, troubled.installation)]
    wait_for(lambda: all(list(spool.glob("*.journal")) for spool in spools), seconds=120)
    troubled.until_taken(READERS // 4)
    host.kill(doomed)
    doubtful = claimed(troubled)
    troubled.server.delay = 0.0
    troubled.until_sent()
    # Nobody else knows what came of the messages that the dead host had claimed.
    books = troubled.check(READERS, most_copies=doubtful if uncertain == "resend" else 0)
    if uncertain == "resend":
        assert books.sent == READERS
    else:
        assert books.sent + books.uncertain == READERS
        assert books.uncertain <= doubtful


def test_a_host_that_joins_takes_its_share_of_a_running_issue(
    trouble: Trouble, install: Install, empty_postgres: str, redis_url: str
) -> None:
    troubled = trouble(
        database_url=empty_postgres, redis_url=redis_url, secret_key="k" * 40, connections=8
    )
    troubled.server.delay = 0.02
    troubled.prepare(READERS)
    troubled.start("worker", "worker")
    troubled.send()
    troubled.until_taken(READERS // 10)
    alone = troubled.server.most_open
    assert alone <= 8
    # However long the second one takes to start, there is something left to do.
    troubled.server.delay = 1.0
    host = another_host(troubled, install)
    host.start("worker")
    spool = host.folder / "var" / "spool"
    wait_for(lambda: list(spool.glob("*.journal")), seconds=240)
    troubled.until(
        lambda: troubled.server.most_open > alone, what="a connection of the second host"
    )
    troubled.server.delay = 0.0
    troubled.until_sent(seconds=400)
    assert troubled.server.most_open <= 16, "the connections of a host are its own"
    assert troubled.check(READERS, most_copies=0).sent == READERS
