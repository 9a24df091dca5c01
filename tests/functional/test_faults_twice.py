"""What is done twice, or stopped in the middle, is done once."""

import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import httpx
import pytest
from sqlalchemy import select

from alerts.delivery.models import Batch, Delivery, DeliveryState
from alerts.newsletters.issues import get_issue
from alerts.newsletters.models import IssueState
from alerts.task_queue import Queue, Task
from tests.desk_world import token_in
from tests.functional.desk import EMAIL, answers, at_the_desk
from tests.functional.installation import free_port, wait_for
from tests.functional.troubled import NEWSLETTER, Troubled

Trouble = Callable[..., Troubled]

pytestmark = [pytest.mark.faults, pytest.mark.processes, pytest.mark.timeout(900)]
# The audience is taken in two parts, five thousand readers first.
READERS, FIRST_PART = 6_000, 5_000


def test_every_task_is_delivered_three_times_and_two_beats_tick(
    trouble: Trouble, empty_postgres: str, redis_url: str
) -> None:
    troubled = trouble(database_url=empty_postgres, redis_url=redis_url)
    troubled.prepare(READERS)
    # Two send it at the same moment: one does it, the other is told.
    both = [
        subprocess.Popen(
            [sys.executable, "-P", "-m", "alerts.cli", "issue", "send", str(troubled.issue)],
            env=troubled.installation.environment,
            cwd=troubled.installation.folder,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    said = [process.communicate(timeout=240)[1] for process in both]
    assert sorted(process.returncode for process in both) == [0, 1], said
    assert any("is being sent already" in t or "at the same moment" in t for t in said), said
    for _ in range(3):
        troubled.queue.enqueue(Task.PREPARE_ISSUE, troubled.issue, queue=Queue.PREPARATION)
    for name in ("worker one", "worker two"):
        troubled.start(name, "worker")
    for name in ("beat one", "beat two"):
        troubled.start(name, "beat")
    troubled.until(lambda: bool(batches(troubled)), what="the first batches")
    enqueued: set[int] = set()

    def sent() -> bool:
        for batch in set(batches(troubled)) - enqueued:
            enqueued.add(batch)
            for _ in range(3):
                troubled.queue.enqueue(Task.SEND_BATCH, batch, queue=Queue.ALERTS)
        return troubled.state() is IssueState.SENT

    troubled.until(sent, what="the end of the issue")
    # Those of the second part among them.
    assert len(enqueued) > FIRST_PART // 1_000
    assert troubled.check(READERS, most_copies=0).sent == READERS


def without_grace(troubled: Troubled) -> None:
    """Have issues leave the moment they are sent off, from wherever that is."""
    definition = troubled.installation.folder / "newsletter.toml"
    exported = troubled.installation.run("newsletter", "export", NEWSLETTER)
    definition.write_text(exported.replace('grace = "30 seconds"', 'grace = "none"'))
    assert "changed" in troubled.installation.run("newsletter", "apply", str(definition))


def test_an_issue_that_desk_api_and_command_line_send_at_the_same_moment_goes_once(
    trouble: Trouble, empty_postgres: str, redis_url: str
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    troubled = trouble(database_url=empty_postgres, redis_url=redis_url, base_url=url)
    troubled.prepare(READERS)
    without_grace(troubled)
    issue, run = troubled.issue, troubled.installation.run
    troubled.start("web", "web", "--port", str(port))
    troubled.start("worker", "worker")
    wait_for(lambda: answers(url), seconds=240)
    with at_the_desk(troubled.installation, url) as client:
        token = run("staff", "token", EMAIL, "--scope", "issues.send").strip()
        form = {
            "form_token": token_in(client.get(f"/desk/issues/{issue}/send/confirm").text),
            "when": "now",
        }
        ready = Barrier(6)

        def at_desk() -> bool:
            ready.wait()
            page = client.post(f"/desk/issues/{issue}/send/start", data=form)
            return page.status_code == 200

        def by_api() -> bool:
            ready.wait()
            bearer = {"Authorization": f"Bearer {token}"}
            answer = httpx.post(f"{url}/api/v1/issues/{issue}/send", headers=bearer, timeout=240)
            assert answer.status_code in {200, 409}, answer.text
            return answer.status_code == 200

        def by_command() -> bool:
            ready.wait()
            done = subprocess.run(
                [sys.executable, "-P", "-m", "alerts.cli", "issue", "send", str(issue)],
                env=troubled.installation.environment,
                cwd=troubled.installation.folder,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
                timeout=240,
            )
            assert done.returncode in {0, 1}, done.stderr
            assert "Traceback" not in done.stderr
            return done.returncode == 0

        with ThreadPoolExecutor(6) as pool:
            doors = (at_desk, by_api, by_command) * 2
            done = [each.result() for each in [pool.submit(door) for door in doors]]
    assert any(done)
    # Of those who are told whether it was they, one was at most.
    assert sum(done[1:3] + done[4:6]) <= 1
    troubled.until_sent()
    assert troubled.check(READERS, most_copies=0).sent == READERS
    entries = troubled.installation.json("staff", "log")
    # The command line has no account: what it sends stands in no entry.
    assert sum(entry["act"] == "issue.sent" for entry in entries) <= 1


def batches(troubled: Troubled) -> list[int]:
    with troubled.database.read() as session:
        return list(session.scalars(select(Batch.id)))


@pytest.mark.parametrize("stores", ["servers", "embedded"])
def test_a_worker_that_is_stopped_in_full_run_leaves_nothing_in_doubt(
    trouble: Trouble, stores: str, request: pytest.FixtureRequest
) -> None:
    settings: dict[str, str] = {}
    if stores == "servers":
        settings["database_url"] = request.getfixturevalue("empty_postgres")
        settings["redis_url"] = request.getfixturevalue("redis_url")
    troubled = trouble(connections=8, **settings)
    # So slow that it is far from its end at both stops.
    troubled.server.delay = 0.02
    troubled.prepare(READERS, uncertain="hold")
    for stop_at in (READERS // 6, READERS // 2):
        troubled.start("worker", "worker")
        if troubled.state() is IssueState.APPROVED:
            troubled.send()
        troubled.until_taken(stop_at)
        troubled.parts["worker"].send_signal(signal.SIGTERM)
        troubled.parts["worker"].wait(15)
        books = troubled.books()
        assert (books.uncertain, books.failed) == (0, 0)
        assert books.sent == troubled.server.messages < READERS
        with troubled.database.read() as session:
            sending = session.scalars(
                select(Delivery.id).where(Delivery.state == DeliveryState.SENDING)
            ).all()
        assert not sending, "what was not sent was not given back"
    troubled.server.delay = 0.0
    troubled.start("worker", "worker")
    troubled.until_sent()
    assert troubled.check(READERS, most_copies=0).sent == READERS


def how_far(troubled: Troubled) -> tuple[int, bool]:
    """Return up to whom the audience is taken, and whether that is all."""
    with troubled.database.read() as session:
        issue = get_issue(session, troubled.issue)
        return issue.audience_upto, issue.audience_at is not None


def test_a_worker_killed_between_two_parts_of_the_audience_leaves_nobody_out(
    trouble: Trouble, redis_url: str
) -> None:
    readers = 12_000
    troubled = trouble(redis_url=redis_url)
    # So slow that it is far from its end when it is paused.
    troubled.server.delay = 0.5
    troubled.prepare(readers)
    troubled.start("worker", "worker")
    troubled.send()
    troubled.until(lambda: how_far(troubled)[0] > 0, what="the first part of the audience")
    troubled.kill("worker")
    upto, complete = how_far(troubled)
    assert complete or upto == troubled.books().audience == FIRST_PART
    troubled.installation.run("issue", "pause", str(troubled.issue))
    troubled.server.delay = 0.0
    troubled.installation.run("issue", "resume", str(troubled.issue))
    troubled.until_sent()
    # On each connection of two processes a message may have been on the wire.
    assert troubled.check(readers, most_copies=20).sent == readers
