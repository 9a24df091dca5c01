"""Several faults at once, and people who act in the middle of them."""

import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import func, select

from alerts.delivery.models import Delivery, DeliveryState
from alerts.newsletters.models import IssueState
from alerts.subscribers.models import Subscriber
from tests.functional.moody_smtp import Act, Step
from tests.functional.servers import PostgresServer
from tests.functional.troubled import LEASE_SECONDS, NEWSLETTER, Troubled, pool_of

Trouble = Callable[..., Troubled]

pytestmark = [pytest.mark.faults, pytest.mark.processes, pytest.mark.timeout(600)]
READERS, CONNECTIONS = 2_000, 8
CLOSING = Act(b"421 4.3.2 going down\r\n", hangs_up=True)


class Refusing:
    """A server that refuses whoever it is told to, and closes while it is told to."""

    def __init__(self, says: str = "5.7.1") -> None:
        self.says = says
        self.closing = False
        self.refuses: Callable[[str], bool] = lambda _: False

    def __call__(self, step: Step, recipient: str) -> Act | None:
        """Return what to do at this step."""
        if self.closing and step in {Step.GREETING, Step.MAIL}:
            return CLOSING
        if step is Step.RCPT and self.refuses(recipient):
            return Act(f"550 {self.says} <{recipient}> is refused\r\n".encode())
        return None


def every_tenth(recipient: str) -> bool:
    return recipient.partition("@")[0].endswith("7")


def send_by_two(troubled: Troubled) -> None:
    """Begin an issue that two workers send."""
    troubled.prepare(READERS)
    troubled.start("one", "worker")
    troubled.start("two", "worker")
    troubled.send()


def test_a_worker_is_stopped_while_the_database_restarts_and_the_relay_closes(
    trouble: Trouble, postgres: PostgresServer, redis_url: str
) -> None:
    mood = Refusing()
    troubled = trouble(
        mood=mood, database_url=postgres.url, redis_url=redis_url, connections=CONNECTIONS
    )
    troubled.server.delay = 0.02
    send_by_two(troubled)
    for part in (1, 2, 3):
        troubled.until_taken(part * READERS // 5)
        mood.closing = True
        postgres.stop("immediate" if part % 2 else "fast")
        os.kill(troubled.parts["one"].pid, signal.SIGTERM)
        time.sleep(1)
        mood.closing = False
        postgres.start()
        troubled.parts["one"].wait(120)
        troubled.start_again("one")
    troubled.server.delay = 0.0
    troubled.until_sent()
    # A stop leaves nothing in doubt; neither does a server that says that it closes.
    assert troubled.check(READERS, most_copies=0).sent == READERS


def test_a_worker_that_is_frozen_for_longer_than_its_lease_doubles_what_was_on_the_wire_at_most(
    trouble: Trouble, empty_postgres: str, redis_url: str
) -> None:
    troubled = trouble(database_url=empty_postgres, redis_url=redis_url, connections=CONNECTIONS)
    troubled.server.delay = 0.05
    send_by_two(troubled)
    for part in (1, 2, 3):
        troubled.until_taken(part * READERS // 6)
        frozen = [troubled.parts["one"].pid, *pool_of(troubled.parts["one"])]
        for process in frozen:
            os.kill(process, signal.SIGSTOP)
        time.sleep(3 * LEASE_SECONDS)
        troubled.sweep()
        time.sleep(LEASE_SECONDS)
        for process in frozen:
            os.kill(process, signal.SIGCONT)
    troubled.server.delay = 0.0
    troubled.until_sent()
    # Two processes of its pool, each with so many connections.
    assert troubled.check(READERS, most_copies=3 * 2 * CONNECTIONS).sent == READERS


def test_an_issue_is_paused_resumed_and_cancelled_while_its_workers_die(
    trouble: Trouble, empty_postgres: str, redis_url: str
) -> None:
    troubled = trouble(database_url=empty_postgres, redis_url=redis_url, connections=CONNECTIONS)
    troubled.server.delay = 0.3
    send_by_two(troubled)
    issue, run = str(troubled.issue), troubled.installation.run
    kills = 0
    for part in (1, 2, 3):
        troubled.until_taken(part * READERS // 6)
        run("issue", "pause", issue)
        troubled.kill("one")
        kills += 1
        run("issue", "resume", issue)
        troubled.kill("two")
        kills += 1
    troubled.until_taken(READERS * 2 // 3)
    troubled.kill("one")
    run("issue", "cancel", issue)
    kills += 1
    troubled.until(lambda: troubled.books().pending == 0, what="that nothing is pending")
    # What its journals say comes to the books as workers sweep.
    time.sleep(1)
    spool = troubled.installation.folder / "var" / "spool"
    troubled.until(lambda: not list(spool.glob("*.journal")), what="an empty spool")
    books = troubled.check(READERS, most_copies=kills * 2 * CONNECTIONS)
    assert troubled.state() is IssueState.CANCELLED
    assert books.sent + books.uncertain >= READERS * 2 // 3
    assert books.sent + books.skipped + books.uncertain == READERS
    assert books.uncertain <= kills * 2 * CONNECTIONS, books


def test_the_refused_are_tried_again_while_the_rest_is_being_sent(
    trouble: Trouble, empty_postgres: str, redis_url: str
) -> None:
    mood = Refusing()
    troubled = trouble(
        mood=mood, database_url=empty_postgres, redis_url=redis_url, connections=CONNECTIONS
    )
    troubled.server.delay = 0.02
    mood.refuses = every_tenth
    troubled.prepare(READERS)
    # Of so many refusals it would stop by itself, again and again.
    definition = troubled.installation.folder / "newsletter.toml"
    exported = troubled.installation.run("newsletter", "export", NEWSLETTER)
    definition.write_text(exported.replace('pause_at_bounces = "5%"', 'pause_at_bounces = ""'))
    assert "changed" in troubled.installation.run("newsletter", "apply", str(definition))
    troubled.start("one", "worker")
    troubled.send()
    issue, run = str(troubled.issue), troubled.installation.run
    troubled.until(lambda: troubled.books().failed > 0, what="the first refusals")
    for _ in range(3):
        troubled.kill("one")
        run("issue", "retry", issue, "--reason", "policy")
        troubled.until(lambda: troubled.books().failed > 0, what="refusals once more")
    mood.refuses = lambda _: False
    run("issue", "retry", issue, "--reason", "policy")
    troubled.server.delay = 0.0
    troubled.until_sent()
    if troubled.books().failed:
        # Refused in the moment between.
        run("issue", "retry", issue, "--reason", "policy")
        troubled.until_sent()
    assert troubled.check(READERS, most_copies=3 * 2 * CONNECTIONS).sent == READERS


def test_readers_are_erased_while_their_messages_are_on_the_wire(
    trouble: Trouble, empty_postgres: str, redis_url: str
) -> None:
    mood = Refusing("5.1.1")
    troubled = trouble(
        mood=mood, database_url=empty_postgres, redis_url=redis_url, connections=CONNECTIONS
    )
    troubled.server.delay = 1.0
    mood.refuses = every_tenth
    troubled.prepare(200)
    troubled.start("one", "worker")
    troubled.send()

    def on_the_wire() -> list[str]:
        with troubled.database.read() as session:
            query = (
                select(Subscriber.email)
                .join(Delivery, Delivery.subscriber_id == Subscriber.id)
                .where(Delivery.state == DeliveryState.SENDING)
            )
            return list(session.scalars(query))

    gone: set[str] = set()
    troubled.until(
        lambda: any(map(every_tenth, on_the_wire())) and troubled.server.messages > 0,
        what="a refused one that is not on the books yet",
    )
    for email in list(filter(every_tenth, on_the_wire()))[:4]:
        troubled.installation.run("subscriber", "erase", email, "--yes")
        gone.add(email)
    troubled.server.delay = 0.0
    troubled.until_sent()
    books = troubled.books()
    assert books.settled
    assert books.audience == 200
    with troubled.database.read() as session:
        answers = session.scalars(select(Delivery.last_answer)).all()
        people = session.scalar(select(func.count()).select_from(Subscriber))
    assert people == 200 - len(gone) < 200
    assert not [one for one in answers if one and any(email in one for email in gone)]
    assert troubled.server.copies == 0


def test_the_folder_of_journals_goes_away_and_comes_back(
    trouble: Trouble, empty_postgres: str, redis_url: str
) -> None:
    troubled = trouble(database_url=empty_postgres, redis_url=redis_url, connections=CONNECTIONS)
    troubled.server.delay = 0.02
    troubled.prepare(READERS)
    troubled.start("one", "worker")
    troubled.send()
    spool = troubled.installation.folder / "var" / "spool"
    troubled.until_taken(READERS // 4)
    shutil.rmtree(spool)
    # Now it is no folder any more: no journal can be begun.
    spool.touch()
    time.sleep(3 * LEASE_SECONDS)
    books, taken = troubled.books(), troubled.server.messages
    time.sleep(LEASE_SECONDS)
    assert troubled.server.messages == taken, "something goes out without a journal"
    assert books.uncertain == books.failed == 0
    spool.unlink()
    troubled.server.delay = 0.0
    troubled.until_sent()
    assert troubled.check(READERS, most_copies=0).sent == READERS


def test_two_systems_that_share_a_data_folder_by_mistake_take_nothing_from_each_other(
    trouble: Trouble, empty_postgres: str, redis_url: str, tmp_path: Path
) -> None:
    """Their batches have the same numbers, and their journals lie side by side."""
    first = trouble(database_url=empty_postgres, redis_url=redis_url, connections=CONNECTIONS)
    folder = first.installation.environment["ALERTS_DATA_DIR"]
    second = trouble(
        database_url=f"sqlite:///{tmp_path / 'another.db'}",
        redis_url=f"{redis_url.removesuffix('/0')}/1",
        data_dir=folder,
        connections=CONNECTIONS,
    )
    both = (first, second)
    for one in both:
        one.server.delay = 0.05
        one.prepare(READERS // 2)
        one.start("one", "worker")
    for one in both:
        one.send()
    for part in (1, 2):
        for one in both:
            one.until_taken(part * READERS // 8)
            one.kill("one")
    for one in both:
        one.server.delay = 0.0
        one.until_sent()
        books = one.check(READERS // 2, most_copies=2 * 2 * CONNECTIONS)
        assert books.sent == READERS // 2
    spool = Path(folder) / "spool"
    for one in both:
        one.until(lambda: not list(spool.glob("*.journal")), what="an empty spool")
