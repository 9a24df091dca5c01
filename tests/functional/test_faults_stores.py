"""The servers and disks behind the program fail in the middle of an issue."""

import resource
import time
from collections.abc import Callable

import pytest

from tests.functional.servers import PostgresServer, RedisServer
from tests.functional.troubled import LEASE_SECONDS, Troubled, pool_of

Trouble = Callable[..., Troubled]

pytestmark = [pytest.mark.faults, pytest.mark.processes, pytest.mark.timeout(900)]
READERS = 6_000
REDIS_AWAY_SECONDS = 30
# Bytes that a process may write into a file on the "full" disk: less than a journal reserves.
FULL = 60_000


def test_a_redis_that_is_emptied_and_killed_loses_and_doubles_nothing(
    trouble: Trouble, empty_postgres: str, redis_server: RedisServer
) -> None:
    troubled = trouble(database_url=empty_postgres, redis_url=redis_server.url, connections=8)
    troubled.server.delay = 0.02
    troubled.prepare(READERS)
    troubled.start("worker", "worker")
    troubled.start("beat", "beat")
    troubled.send()
    emptied = 0
    for part in (1, 2, 3):
        troubled.until_taken(part * READERS // 6)
        # A worker goes from batch to batch by itself: at one of these moments there may be nothing.
        emptied += redis_server.empty()
    assert emptied > 0
    troubled.until_taken(READERS * 2 // 3)
    # A worker goes on with what it has begun: so slowly that it does not come to the end meanwhile.
    troubled.server.delay = 0.3
    redis_server.kill()
    # Longer than a lease, and than the time after which a task counts as lost.
    time.sleep(REDIS_AWAY_SECONDS)
    assert troubled.books().pending > 0, "there was nothing left to do when Redis came back"
    troubled.server.delay = 0.0
    redis_server.start()
    troubled.until_sent()
    assert troubled.check(READERS, most_copies=0).sent == READERS


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_postgresql_that_is_restarted_again_and_again_keeps_the_books(
    trouble: Trouble, postgres: PostgresServer, redis_url: str, mode: str
) -> None:
    troubled = trouble(database_url=postgres.url, redis_url=redis_url)
    troubled.prepare(READERS)
    troubled.start("worker", "worker")
    troubled.send()
    for part in (1, 3, 5):
        troubled.until_taken(part * READERS // 6)
        postgres.stop(mode)
        postgres.start()
    troubled.until_sent()
    assert troubled.check(READERS, most_copies=0).sent == READERS


def test_while_the_database_is_away_nothing_goes_out_that_was_not_claimed(
    trouble: Trouble, postgres: PostgresServer, redis_url: str
) -> None:
    # Slow enough that what is claimed would last for longer than a lease.
    troubled = trouble(database_url=postgres.url, redis_url=redis_url, connections=2)
    troubled.server.delay = 0.05
    troubled.prepare(1_500)
    troubled.start("worker", "worker")
    troubled.send()
    troubled.until_taken(200)
    postgres.stop("immediate")
    at_the_stop = len(troubled.server.accepted)
    time.sleep(2 * LEASE_SECONDS)
    after_the_lease = len(troubled.server.accepted)
    time.sleep(LEASE_SECONDS)
    assert len(troubled.server.accepted) == after_the_lease, "it goes on without a ledger"
    # Two groups a process were claimed at most, each of what goes out in a second.
    assert after_the_lease - at_the_stop <= 4 * 50
    troubled.server.delay = 0.0
    postgres.start()
    troubled.until_sent()
    assert troubled.check(1_500, most_copies=0).sent == 1_500


def limit_files(troubled: Troubled, size: int) -> None:
    """Let the worker's processes write no file beyond a size, as on a disk that is full."""
    worker = troubled.parts["worker"]
    for process in [worker.pid, *pool_of(worker)]:
        _, most = resource.prlimit(process, resource.RLIMIT_FSIZE)
        resource.prlimit(process, resource.RLIMIT_FSIZE, (size, most))


def test_without_room_for_the_journal_nothing_goes_out(
    trouble: Trouble, empty_postgres: str, redis_url: str
) -> None:
    troubled = trouble(database_url=empty_postgres, redis_url=redis_url, connections=8)
    # So slow that most of it is left when the disk is full, however long it takes to fill it.
    troubled.server.delay = 0.1
    troubled.prepare(READERS)
    troubled.start("worker", "worker")
    troubled.send()
    troubled.until_taken(READERS // 20)
    limit_files(troubled, FULL)
    troubled.server.delay = 0.0
    troubled.until(troubled.waits, what="that all of it waits")
    books, taken = troubled.books(), troubled.server.messages
    assert (books.sent, books.uncertain, books.failed) == (taken, 0, 0)
    assert books.pending == READERS - taken > 0
    limit_files(troubled, resource.RLIM_INFINITY)
    troubled.until_sent()
    assert troubled.check(READERS, most_copies=0).sent == READERS


def test_without_room_for_the_database_only_what_was_claimed_goes_out(
    trouble: Trouble, redis_url: str
) -> None:
    troubled = trouble(redis_url=redis_url, connections=8)
    # So slow that most of it is left when the disk is full, however long it takes to fill it.
    troubled.server.delay = 0.1
    troubled.prepare(READERS)
    troubled.start("worker", "worker")
    troubled.send()
    troubled.until_taken(READERS // 20)
    limit_files(troubled, FULL)
    troubled.server.delay = 0.0
    time.sleep(2 * LEASE_SECONDS)
    taken = troubled.server.messages
    time.sleep(LEASE_SECONDS)
    assert troubled.server.messages == taken < READERS, "it goes on without a ledger"
    limit_files(troubled, resource.RLIM_INFINITY)
    troubled.until_sent()
    assert troubled.check(READERS, most_copies=0).sent == READERS
