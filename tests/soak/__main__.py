"""`make soak`: half an hour of issues every minute while parts are killed and servers misbehave.

A minute stands for an hour: the schedule is hourly at every minute. Afterwards the books of every
issue have to balance against what the mail server took, no due moment may lack its run, and no
process may have grown. Parts are killed in the first two thirds; then they are left alive, so that
there is time to grow in, while servers go on misbehaving and pages are asked for. Real processes, a
real Redis server, SQLite.
"""

import argparse
import os
import random
import re
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import select

from alerts.clock import SystemClock
from alerts.database import Database
from alerts.delivery.books import audit
from alerts.delivery.models import Delivery, DeliveryState
from alerts.delivery.returned import BounceRise
from alerts.newsletters.models import Issue, IssueState, Run, RunOutcome
from benchmarks.readers import add_readers
from tests.factories import an_article
from tests.functional.installation import Installation, free_port, wait_for
from tests.functional.moody_smtp import Moods, MoodySmtp, kind
from tests.functional.servers import RedisServer
from tests.functional.troubled import LEASE_SECONDS, Troubled, pool_of
from tests.soak.growth import Growth

NEWSLETTER, FREQUENCY = "gp-alert", "immediate"
READERS = 120
EVERY_MINUTE = "RRULE:FREQ=HOURLY;BYMINUTE=" + ",".join(map(str, range(60))) + " UTC"
PAGES = ("/", "/archive/", "/archive/gp-alert/feed.atom", "/subscribe", "/readyz", "/metrics")
_BETWEEN_FAULTS = (8.0, 25.0)
# A run whose task was lost with the broker is looked for after ten minutes.
_SETTLES_WITHIN = 900.0
_LAST_RUN_WITHIN = 240.0
# Of the minutes, in which parts are killed.
_STORMY = 2 / 3
_KILLING = ("child", "child", "worker", "beat")
_TROUBLING = ("redis", "moody", "moody", "kind", "slow")
_IN_A_MESSAGE_ID = re.compile(r"\.(\d+)\.(\d+)@")
_OVER = (IssueState.SENT, IssueState.CANCELLED, IssueState.DRAFT)


class Soak:
    """One installation under trouble, and what is held against it in the end."""

    def __init__(self, trouble: Troubled, redis: RedisServer, seed: int) -> None:
        self.trouble, self.redis = trouble, redis
        self.random = random.Random(seed)
        self.seed = seed
        self.faults: Counter[str] = Counter()
        self.growth = Growth()
        self.answers: Counter[int] = Counter()
        self.ended_alone: list[str] = []
        self.resumed = 0
        self.web = free_port()
        self.began = self.ended = datetime.now(UTC)

    @property
    def database(self) -> Database:
        """The installation's database."""
        return self.trouble.database

    def prepare(self, folder: Path) -> None:
        """Make the newsletter automatic and due every minute; add its readers; start the parts."""
        run = self.trouble.installation.run
        run("init")
        definition = folder / "newsletter.toml"
        text = run("newsletter", "export", NEWSLETTER)
        text = re.sub(r'approval = "\w+"', 'approval = "automatic"', text)
        definition.write_text(text)
        run("newsletter", "apply", str(definition))
        for slug in ("africa-this-week", NEWSLETTER):
            run("schedule", "pause", slug)
        run("schedule", "set", NEWSLETTER, EVERY_MINUTE, "--frequency", FREQUENCY)
        run("schedule", "resume", NEWSLETTER, "--frequency", FREQUENCY)
        add_readers(self.database, READERS, newsletter=NEWSLETTER)
        self.trouble.start("web", "web", "--port", str(self.web))
        self.trouble.start("beat", "beat")
        self.trouble.start("worker", "worker")
        self.began = datetime.now(UTC)

    def suffer(self, minutes: float) -> None:
        """Let articles appear, pages be asked for and faults happen for so many minutes."""
        began = time.monotonic()
        ends, calm = began + 60 * minutes, began + 60 * minutes * _STORMY
        next_fault, next_article = began + 20, began
        while (now := time.monotonic()) < ends:
            if now >= next_article:
                next_article = now + 45
                with self.database.transaction() as session:
                    article = an_article(session, SystemClock())
                    article.identity = article.likeness = f"soak-{self.seed}-{time.time_ns()}"
            if now >= next_fault:
                self.fault([*_KILLING, *_TROUBLING] if now < calm else _TROUBLING)
                next_fault = time.monotonic() + self.random.uniform(*_BETWEEN_FAULTS)
            self.look_after()
            self.resume_paused()
            self.visit()
            self.growth.look({name: part.pid for name, part in self.trouble.parts.items()})
            time.sleep(0.5)

    def look_after(self) -> None:
        """Start a part again that ended by itself, as systemd does; that is held against it."""
        for name, part in list(self.trouble.parts.items()):
            status = part.poll()
            if status is not None:
                self.ended_alone.append(f"{name} ended by itself with status {status}")
                self.trouble.start_again(name)

    def resume_paused(self) -> None:
        """Go on with issues of which too much came back, as a person does who has looked.

        A server whose moods refuse by policy at random makes such rises. Whatever else pauses an
        issue is held against it in the end: it does not settle.
        """
        with self.database.read() as session:
            paused = session.execute(
                select(Issue.id, Issue.attention)
                .join(BounceRise, BounceRise.issue_id == Issue.id)
                .where(Issue.state == IssueState.PAUSED, BounceRise.waits)
            ).all()
        for number, why in paused:
            print(f"issue {number} is resumed; it was {why}", flush=True)
            self.trouble.installation.run("issue", "resume", str(number))
            self.resumed += 1

    def visit(self) -> None:
        """Ask for a page, as readers and Prometheus do; 0 counts those that got no answer."""
        address = f"http://127.0.0.1:{self.web}{self.random.choice(PAGES)}"
        try:
            with urllib.request.urlopen(address, timeout=20) as answer:
                answer.read()
                self.answers[answer.status] += 1
        except urllib.error.HTTPError as error:
            self.answers[error.code] += 1
        except OSError:
            self.answers[0] += 1

    def fault(self, kinds: Sequence[str]) -> None:
        """Let one thing of these kinds go wrong."""
        name = self.random.choice(kinds)
        self.faults[name] += 1
        match name:
            case "child":
                self.trouble.kill_child("worker", self.random)
            case "worker" | "beat":
                self.trouble.kill(name)
            case "redis":
                self.redis.kill()
                time.sleep(self.random.uniform(1, 10))
                self.redis.start()
            case "moody":
                self.trouble.server.mood = Moods(self.random.randrange(10**6), often=0.03)
            case "kind":
                self.trouble.server.mood = kind
                self.trouble.server.delay = 0.0
            case _:
                self.trouble.server.delay = 0.02

    def settle(self) -> None:
        """Let all come to rest: no new runs, a kind server, and whatever waits brought forward."""
        self.trouble.server.mood, self.trouble.server.delay = kind, 0.0
        self.ended = datetime.now(UTC).replace(second=0, microsecond=0)
        deadline = time.monotonic() + _LAST_RUN_WITHIN
        while time.monotonic() < deadline and self.ended not in self.due():
            self.look_after()
            time.sleep(1)
        self.trouble.installation.run("schedule", "pause", NEWSLETTER, "--frequency", FREQUENCY)
        deadline = time.monotonic() + _SETTLES_WITHIN
        while left := self.unsettled():
            assert time.monotonic() < deadline, f"these did not end: {self.standings(left)}"
            for number in left:
                self.trouble.issue = number
                self.trouble.hurry()
            self.trouble.sweep()
            self.look_after()
            self.resume_paused()
            time.sleep(1)

    def unsettled(self) -> list[int]:
        """Return the issues that are not over; a run that is begun counts as issue 0."""
        with self.database.read() as session:
            issues = session.scalars(select(Issue.id).where(Issue.state.not_in(_OVER))).all()
            begun = session.scalars(select(Run.id).where(Run.outcome == RunOutcome.CLAIMED)).all()
        return [*issues, *(0 for _ in begun)]

    def standings(self, issues: Sequence[int]) -> list[str]:
        """Return how issues stand, in a line each."""
        with self.database.read() as session:
            found = session.scalars(select(Issue).where(Issue.id.in_(issues))).all()
            return [
                f"{issue.id} {issue.state} {issue.attention} {audit(session, issue.id)}"
                for issue in found
            ]

    def check(self) -> list[str]:
        """Return what is wrong, in lines; none where all is as it should be."""
        return [
            *self.ended_alone,
            *self.wrong_books(),
            *self.missing_runs(),
            *self.growth.grown(),
        ]

    def wrong_books(self) -> list[str]:
        """Hold the ledger of every issue against itself and against what the server took."""
        found = []
        taken: dict[int, set[int]] = {}
        for name in self.trouble.server.accepted:
            match = _IN_A_MESSAGE_ID.search(name)
            if match:
                taken.setdefault(int(match[1]), set()).add(int(match[2]))
        with self.database.read() as session:
            for issue_id in session.scalars(select(Issue.id).order_by(Issue.id)):
                books = audit(session, issue_id)
                if not books.settled:
                    found.append(f"issue {issue_id}: the books do not balance: {books}")
                rows = session.execute(
                    select(Delivery.id, Delivery.state).where(Delivery.issue_id == issue_id)
                ).all()
                sent = {n for n, state in rows if state is DeliveryState.SENT}
                doubtful = {n for n, state in rows if state is DeliveryState.UNCERTAIN}
                took = taken.get(issue_id, set())
                if not sent <= took <= sent | doubtful:
                    found.append(f"issue {issue_id}: sent {len(sent)}, the server took {len(took)}")
        return found

    def missing_runs(self) -> list[str]:
        """Return the minutes from when all was set up to the last that have no run."""
        due = self.due()
        moment = self.began.replace(second=0, microsecond=0) + timedelta(minutes=1)
        wanted = []
        while moment <= self.ended:
            wanted.append(moment)
            moment += timedelta(minutes=1)
        return [f"no run was made for {each:%H:%M}" for each in wanted if each not in due]

    def due(self) -> set[datetime]:
        """Return the moments that there is a run for."""
        with self.database.read() as session:
            return set(session.scalars(select(Run.due_at).where(Run.newsletter == NEWSLETTER)))

    def story(self) -> str:
        """Return what happened, in a few lines."""
        with self.database.read() as session:
            outcomes = Counter(one.value for one in session.scalars(select(Run.outcome)))
            states = Counter(one.value for one in session.scalars(select(Issue.state)))
            ledger = Counter(one.value for one in session.scalars(select(Delivery.state)))
        server = self.trouble.server
        return (
            f"seed {self.seed}; faults {dict(self.faults)}\nruns {dict(outcomes)};"
            f" issues {dict(states)}; ledger {dict(ledger)}\n"
            f"{server.messages} messages taken, {server.copies} of them copies;"
            f" pages answered {dict(self.answers)};"
            f" {self.resumed} times an issue was paused for bounces and resumed\n"
            f"{self.growth.story()}"
        )


def main() -> int:
    """Soak; the status is 1 when anything is not as it should be."""
    parser = argparse.ArgumentParser(prog="soak")
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    asked = parser.parse_args()
    for name in [name for name in os.environ if name.startswith("ALERTS_")]:
        del os.environ[name]
    with (
        tempfile.TemporaryDirectory(prefix="alerts-soak-") as name,
        RedisServer(Path(name)) as redis,
        MoodySmtp() as server,
    ):
        folder = Path(name) / "house"
        folder.mkdir()
        installation = Installation(
            folder,
            redis_url=redis.url,
            mail_url=f"smtp://127.0.0.1:{server.port}?tls=off&connections=8",
            lease_seconds=str(LEASE_SECONDS * 2),
            base_url="https://alerts.example.org",
            sender="GP Alerts <alerts@example.org>",
        )
        trouble = Troubled(installation, server)
        soak = Soak(trouble, redis, asked.seed)
        try:
            soak.prepare(folder)
            wait_for(lambda: pool_of(trouble.parts["worker"]), seconds=120)
            soak.suffer(asked.minutes)
            soak.settle()
            wrong = soak.check()
            print(soak.story())
        finally:
            trouble.close()
    for line in wrong:
        print(f"WRONG: {line}")
    print("all is as it should be" if not wrong else f"{len(wrong)} things are not as they should")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
