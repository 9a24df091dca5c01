"""The tools of the measurements, with real sockets, processes and databases."""

import json
import os
import signal
import smtplib
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
from sqlalchemy import func, select

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.newsletters.service import ensure_built_in
from alerts.subscribers.models import Frequency, Subscriber, Subscription
from benchmarks import desk
from benchmarks.delay import far_away
from benchmarks.processes import (
    BadRun,
    background,
    cpu_seconds,
    descendants,
    peak_memory,
    run,
    wait_for,
)
from benchmarks.readers import add_readers
from benchmarks.sink import Watch, open_sink
from benchmarks.source import run_smtplib, run_source
from benchmarks.visitors import Plan
from tests.conftest import REPOSITORY
from tests.data.rendering import samples
from tests.data.web.running import running_site

_PARENT = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("started", flush=True)
time.sleep(600)
"""
_PARENT_OF_BUSY = """
import subprocess, sys, time
subprocess.run([sys.executable, "-c", "sum(range(10**7))"])
print("ended", flush=True)
time.sleep(600)
"""


def test_messages_pass_the_delay_line_unchanged_and_are_counted(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    content = b"Subject: long\r\n\r\n" + b"0123456789\r\n" * 40_000
    with (
        open_sink(tmp_path, keep=kept) as sink,
        far_away(sink.port, seconds=0.001, folder=tmp_path) as server,
        Watch(sink) as watch,
    ):
        for _ in range(2):
            with (
                smtplib.SMTP("127.0.0.1", server.port) as one,
                smtplib.SMTP("127.0.0.1", server.port) as two,
            ):
                one.sendmail("a@example.org", ["b@example.org"], content)
                two.sendmail("a@example.org", ["b@example.org"], content)
        wait_for(lambda: watch.messages == 4, "the count")
        assert server.peak() >= 2
        assert server.peak() == 0
    assert watch.window().messages == 4
    assert {path.read_bytes() for path in kept.iterdir()} == {content}


def test_the_references_send_what_they_were_asked_for(tmp_path: Path) -> None:
    with open_sink(tmp_path) as sink:
        sent = run_source(sink, messages=50, size=2_000, connections=5)
        by_smtplib = run_smtplib(sink, port=sink.port, messages=30, size=2_000, connections=4)
        assert sink.messages() == 80
    assert (sent.messages, by_smtplib.messages) == (50, 30)


def test_our_own_sink_and_sender_stand_in_where_postfix_is_missing(tmp_path: Path) -> None:
    with open_sink(tmp_path, postfix=False) as sink:
        sent = run_source(sink, messages=50, size=2_000, connections=5, postfix=False)
    assert sent.messages == 50


def test_a_watch_that_saw_nothing_is_no_measurement(tmp_path: Path) -> None:
    with open_sink(tmp_path) as sink, Watch(sink) as watch:
        pass
    with pytest.raises(BadRun, match="no message came"):
        watch.window()


def test_a_program_ends_with_all_its_children(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with background([sys.executable, "-c", _PARENT], log) as process:
        wait_for(lambda: "started" in log.read_text(), "the start of the child")
        family = descendants(process.pid)
        peaks = peak_memory([process.pid])
        assert cpu_seconds([process.pid]) >= 0
    assert len(family) == 2
    assert set(peaks) == set(family)
    assert min(peaks.values()) > 1_000_000
    wait_for(lambda: not any(map(_lives, family)), "the end of the whole family")


def test_cpu_of_children_that_ended_is_counted(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with background([sys.executable, "-c", _PARENT_OF_BUSY], log) as process:
        wait_for(lambda: "ended" in log.read_text(), "the end of the child")
        assert len(descendants(process.pid)) == 1
        assert cpu_seconds([process.pid]) > 0.05


def test_a_program_that_fails_says_so_in_one_line() -> None:
    with pytest.raises(BadRun, match="ended with status 3: out of order"):
        run([sys.executable, "-c", "import sys; print('out of\\norder'); sys.exit(3)"])


def test_readers_are_added_in_bulk_and_can_be_added_to(
    database: Database, clock: FixedClock, backend: str
) -> None:
    with database.transaction() as session:
        ensure_built_in(session, clock=clock)
    wishes = ("",) if backend == "sqlite" else ("east-africa", "south-asia", "west-africa")
    add_readers(database, 90, newsletter="gp-alert", wishes=wishes)
    add_readers(database, 10, newsletter="africa-this-week")
    with database.read() as session:
        rows = session.execute(
            select(Subscription.newsletter, Subscription.wish, func.count())
            .join(Subscriber, Subscriber.id == Subscription.subscriber_id)
            .group_by(Subscription.newsletter, Subscription.wish)
        ).all()
        lengths = set(session.scalars(select(func.length(Subscriber.public_id))))
    dealt = {("gp-alert", wish): 90 // len(wishes) for wish in wishes}
    assert {(slug, wish): n for slug, wish, n in rows} == dealt | {("africa-this-week", ""): 10}
    assert lengths == {16}


def test_visitors_ask_until_they_are_told_to_stop(
    database: Database, clock: FixedClock, tmp_path: Path
) -> None:
    with running_site(database, clock, tmp_path) as site:
        site.add_issue(samples.africa_this_week(), 86, frequency=Frequency.WEEKLY)
        people = [site.subscribe("gp-alert", email=f"{n}@example.org") for n in range(40)]
        port = int(site.url.rpartition(":")[2])
        plan = Plan(
            port=port,
            people=40,
            newsletter="gp-alert",
            archive=["/archive/", "/archive/africa-this-week/86"],
            preferences=[site.links.preferences_url(one.public_id) for one in people] * 9,
            one_click=[site.links.unsubscribe_url(one.public_id) for one in people] * 9,
        )
        withdrawn = len(site.consents())
        path = tmp_path / "plan.json"
        path.write_text(json.dumps(asdict(plan)).replace(site.url, ""))
        command = [sys.executable, "-m", "benchmarks.visitors", str(path)]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, cwd=REPOSITORY, text=True
        ) as process:
            wait_for(lambda: len(site.consents()) > withdrawn + 2, "visits")
            process.send_signal(signal.SIGTERM)
            said = json.loads(process.communicate(timeout=60)[0])
    # This clock stands still: a form seems to be sent at once, which is not taken, and counted.
    assert set(said["failed"]) <= {"sign-up"}
    assert len(said["seconds"]["one click"]) > 2
    assert all(0 < seconds < 60 for times in said["seconds"].values() for seconds in times)
    assert said["cpu"] > 0


def _lives(pid: int) -> bool:
    """Tell whether a process runs; one that nobody waited for yet (Z) does not."""
    path = Path(f"/proc/{pid}/stat")
    return path.exists() and path.read_text().rpartition(")")[2].split()[0] != "Z"


def test_every_page_of_the_desk_has_an_address_and_is_there(copied_postgres: str) -> None:
    pages = desk.measure(
        copied_postgres, readers=200, articles=200, rounds=1, server_pid=os.getpid(), ledgers=3
    )
    assert [page.text() for page in pages if not page.is_there] == []
    assert all(page.took and page.statements for page in pages if page.status == 200)
