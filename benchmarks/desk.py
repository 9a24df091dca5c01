"""Every page of the desk and of the archive, with years of a large newsroom behind it.

The time is the server's: the application is called in this process, without a network between.
Beside it stands the CPU time of this process and of the database: on a busy machine it says what
the page would take on one that has nothing else to do.
Each round comes two minutes after the one before, so that counts which are kept for a minute are
made anew in each, and what is slow for the first who looks is seen.

READERS and ARTICLES in the environment make it smaller, to try it.
"""

import asyncio
import os
import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from io import BytesIO
from pathlib import Path
from statistics import median
from typing import Any

import httpx
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from sqlalchemy import Engine, event

from alerts.config import Settings
from alerts.database import Database
from alerts.migrations import upgrade
from alerts.runtime import Runtime
from alerts.staff.audit import COMMAND_LINE
from alerts.staff.guard import make_guard
from alerts.staff.models import SessionStage
from alerts.staff.permissions import Role
from alerts.staff.service import add_account
from alerts.staff.sessions import begin_session
from alerts.subscribers.uploads.service import keep_upload
from alerts.task_queue import RecordingTaskQueue
from alerts.tokens import Tokens
from alerts.web.app import create_app
from benchmarks.desk_addresses import ARTICLES, READERS, SITEMAPS, addresses
from benchmarks.processes import BadRun, descendants
from benchmarks.servers import open_postgres
from benchmarks.years import LEDGERS, Issues, fill

_ROUNDS = 7
_TARGET = 0.100
_STEP = timedelta(minutes=2)
_KEY = "a-key-for-this-measurement-of-more-than-32-characters"
_BASE = "http://127.0.0.1:8000"
# Pages of one reader are in `asking`; others show nothing that the newsroom's size could slow down,
# or are files of any length.
_OTHERS = re.compile(
    r"/(healthz|readyz|metrics|confirm|preferences|unsubscribe|c/|embed|caught|sample|api|static"
    r"|inbound|robots\.txt|subscribe|desk/password|desk/subscribers/(count|export\.csv|import/.*\.csv))"
)


class LaterClock:
    """The machine's clock, moved on between the rounds."""

    def __init__(self) -> None:
        self._later = timedelta()

    def now(self) -> datetime:
        """Return the moment in UTC."""
        return datetime.now(UTC) + self._later

    def move_on(self) -> None:
        """Let two minutes go by."""
        self._later += _STEP


@dataclass
class Page:
    """What one address took in each round, in seconds.

    `cpu` is this process's and the database's together, `queries` until the database had answered.
    """

    route: str
    address: str
    took: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    queries: list[float] = field(default_factory=list)
    statements: int = 0
    status: int = 0

    @property
    def usual(self) -> float:
        """The median."""
        return median(self.took)

    @property
    def is_file(self) -> bool:
        """Whether it is saved and not looked at: a table, which waits until all is counted."""
        return self.address.partition("?")[0].endswith(".csv")

    @property
    def is_there(self) -> bool:
        """Whether the page was shown, and no failure.

        Somebody who is logged in owes no code, a system that is not held releases nothing, and a
        small archive has neither a second page nor several sitemaps.
        """
        led_on = self.route in {"/desk/login", "/desk/code", "/desk/operations/release"}
        few = "page=" in self.address or self.route == SITEMAPS[1]
        return self.status == HTTPStatus.OK or ((led_on or few) and self.status in {303, 404})

    def text(self) -> str:
        """Return the page as a line of the report."""
        usual, worst, cpu, queries = (
            1_000 * one
            for one in (self.usual, max(self.took), median(self.cpu), median(self.queries))
        )
        late = "" if self.usual < _TARGET else "  a file" if self.is_file else "  too slow"
        late = late if self.is_there else f"  answered {self.status}"
        return (
            f"  {usual:8.1f} {worst:8.1f} {cpu:8.1f} {queries:8.1f} {self.statements:4}"
            f"  {self.address}{late}"
        )


@dataclass
class _Asked:
    """What the database was asked since it was last reset; `pid` is its first process."""

    pid: int
    seconds: float = 0.0
    statements: int = 0

    def cpu(self) -> float:
        """Return the CPU seconds that this process and the database's have used."""
        return time.process_time() + sum(map(_on_cpu, descendants(self.pid)))


def run() -> None:
    """Print what each page takes, the slowest first, and whether all are fast enough."""
    with open_postgres() as server, server.database() as url:
        pages = measure(
            url, readers=READERS, articles=ARTICLES, rounds=_ROUNDS, server_pid=server.pid
        )
    print(f"  load while it was measured: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print(f"  {'median':>8} {'worst':>8} {'cpu':>8} {'queries':>8}  no.  ms of a page")
    for page in sorted(pages, key=lambda one: -one.usual):
        print(page.text())
    missing = [page for page in pages if not page.is_there]
    if missing:
        raise BadRun(f"{len(missing)} pages were not shown, {missing[0].address} for one")
    shown = [page for page in pages if not page.is_file]
    slow = [page for page in shown if page.usual >= _TARGET]
    late = [page for page in shown if max(page.took) >= _TARGET]
    print(
        f"  {len(shown)} pages with {READERS:,} subscribers and {ARTICLES:,} articles; target:"
        f" under {_TARGET * 1000:.0f} ms in the median,"
        f" {'not reached' if slow else 'reached'}; over it in the worst round: {len(late)}"
    )


def measure(
    url: str, *, readers: int, articles: int, rounds: int, server_pid: int, ledgers: int = LEDGERS
) -> list[Page]:
    """Fill an empty database with a newsroom, and ask every page in rounds."""
    with opened(url) as (runtime, clock):
        upgrade(runtime.database)
        issues = fill(runtime, readers=readers, articles=articles, ledgers=ledgers)
        return ask(runtime, clock, issues, rounds=rounds, server_pid=server_pid)


@contextmanager
def opened(url: str) -> Iterator[tuple[Runtime, LaterClock]]:
    """Open a newsroom in a database, with a clock that can be moved on."""
    database = Database(url)
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            data_dir=Path(folder), database_url=url, secret_key=(_KEY,), base_url=_BASE
        )
        clock = LaterClock()
        yield Runtime(settings, clock, database, Tokens(settings.secret_key)), clock
    database.dispose()


def ask(
    runtime: Runtime, clock: LaterClock, issues: Issues, *, rounds: int, server_pid: int
) -> list[Page]:
    """Ask every page in rounds; raises BadRun where the table of addresses has gaps."""
    secret, upload = _at_the_desk(runtime)
    application = create_app(runtime, queue=RecordingTaskQueue())
    pages = list(_pages(application, issues, upload))
    with _counted(runtime.database.engine, server_pid) as asked:
        asyncio.run(_ask(application, pages, asked, clock, secret=secret, rounds=rounds))
    application.state.site.caught.close()
    return pages


def _at_the_desk(runtime: Runtime) -> tuple[str, int]:
    """Return the secret of an admin's session, and the number of a file that was handed in."""
    guard = make_guard(runtime.database, runtime.settings, runtime.clock)
    with runtime.database.transaction() as session:
        account = add_account(
            session,
            email="ama@example.org",
            role=Role.ADMIN,
            password_hash=guard.passwords.hash("seven herons wade"),
            actor=COMMAND_LINE,
            clock=runtime.clock,
        )
        begun = begin_session(
            session, guard, account, stage=SessionStage.FULL, network=None, browser=None
        )
    file = BytesIO(b"email,name\nama@example.com,Ama\n")
    upload = keep_upload(runtime.database, file, name="a.csv", by="bench", clock=runtime.clock)
    return begun.secret, upload.id


def _pages(application: FastAPI, issues: Issues, upload: int) -> Iterator[Page]:
    table = addresses(issues, upload)
    known = {
        context.path
        for context in iter_route_contexts(application.routes)
        if context.methods and "GET" in context.methods
        if context.path and not _OTHERS.match(context.path)
    }
    if known != set(table):
        raise BadRun(f"pages without an address, or the other way: {sorted(known ^ set(table))}")
    for route, found in table.items():
        yield from (Page(route, address) for address in found)


async def _ask(
    application: FastAPI,
    pages: Sequence[Page],
    asked: _Asked,
    clock: LaterClock,
    *,
    secret: str,
    rounds: int,
) -> None:
    transport = httpx.ASGITransport(application, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=_BASE) as client:
        client.cookies.set("desk", secret)
        for number in range(rounds + 1):
            for page in pages:
                await _ask_one(client, page, asked, counts=number > 0)
            clock.move_on()


async def _ask_one(client: httpx.AsyncClient, page: Page, asked: _Asked, *, counts: bool) -> None:
    """Ask one page; the first round, which compiles templates and statements, does not count."""
    asked.seconds, asked.statements = 0.0, 0
    cpu, started = asked.cpu(), time.perf_counter()
    answer = await client.get(page.address)
    took, cpu = time.perf_counter() - started, asked.cpu() - cpu
    page.status = answer.status_code
    if counts:
        page.took.append(took)
        page.cpu.append(cpu)
        page.queries.append(asked.seconds)
        page.statements = asked.statements


@contextmanager
def _counted(engine: Engine, server_pid: int) -> Iterator[_Asked]:
    """Count the statements that run on an engine, and the time until each is answered."""
    asked = _Asked(server_pid)

    def before(connection: Any, *_: object) -> None:  # noqa: ANN401 - SQLAlchemy's own
        connection.info["asked_at"] = time.perf_counter()

    def after(connection: Any, *_: object) -> None:  # noqa: ANN401 - SQLAlchemy's own
        asked.seconds += time.perf_counter() - connection.info["asked_at"]
        asked.statements += 1

    event.listen(engine, "before_cursor_execute", before)
    event.listen(engine, "after_cursor_execute", after)
    try:
        yield asked
    finally:
        event.remove(engine, "before_cursor_execute", before)
        event.remove(engine, "after_cursor_execute", after)


def _on_cpu(pid: int) -> float:
    """Return the seconds that a process was on a CPU; 0 for one that is gone."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
