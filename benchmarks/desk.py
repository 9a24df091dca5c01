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
from collections.abc import Iterator, Mapping, Sequence
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
from benchmarks.processes import BadRun, descendants
from benchmarks.servers import open_postgres
from benchmarks.years import LEDGERS, NEWSLETTER, Issues, fill

READERS = int(os.environ.get("READERS", "1000000"))
ARTICLES = int(os.environ.get("ARTICLES", "20000"))
_ROUNDS = 7
_TARGET = 0.100
_STEP = timedelta(minutes=2)
_KEY = "a-key-for-this-measurement-of-more-than-32-characters"
_BASE = "http://127.0.0.1:8000"
_SITEMAP = "/sitemap.xml", "/sitemap-{number}.xml"
# Pages of one reader are in `asking`; others show nothing that the newsroom's size could slow down,
# or are files of any length.
_OTHERS = re.compile(
    r"/(healthz|readyz|metrics|confirm|preferences|unsubscribe|c/|embed|caught|sample|api|static"
    r"|inbound|robots\.txt|subscribe|desk/password|desk/subscribers/(export\.csv|import/.*\.csv))"
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
    def is_there(self) -> bool:
        """Whether the page was shown, and no failure.

        Somebody who is logged in owes no code, a system that is not held releases nothing, and a
        small archive has neither a second page nor several sitemaps.
        """
        led_on = self.route in {"/desk/login", "/desk/code", "/desk/operations/release"}
        few = "page=" in self.address or self.route == _SITEMAP[1]
        return self.status == HTTPStatus.OK or ((led_on or few) and self.status in {303, 404})

    def text(self) -> str:
        """Return the page as a line of the report."""
        usual, worst, cpu, queries = (
            1_000 * one
            for one in (self.usual, max(self.took), median(self.cpu), median(self.queries))
        )
        late = "" if self.usual < _TARGET else "  too slow"
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
    slow = [page for page in pages if page.usual >= _TARGET]
    late = [page for page in pages if max(page.took) >= _TARGET]
    print(
        f"  {len(pages)} pages with {READERS:,} subscribers and {ARTICLES:,} articles; target:"
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
        if context.methods and "GET" in context.methods and not _OTHERS.match(context.path)
    }
    if known != set(table):
        raise BadRun(f"pages without an address, or the other way: {sorted(known ^ set(table))}")
    for route, found in table.items():
        yield from (Page(route, address) for address in found)


def addresses(issues: Issues, upload: int) -> Mapping[str, Sequence[str]]:
    """Return what is asked of each route: usual looks, and those that are harder to answer."""
    return _archive() | _issues(issues) | _newsroom() | _readers(upload) | _house()


def _archive() -> dict[str, Sequence[str]]:
    return {
        "/": ["/"],
        "/archive/": ["/archive/"],
        "/archive/search": [
            "/archive/search",
            "/archive/search?q=zanzibar",
            "/archive/search?q=ferry+crossing",
            '/archive/search?q="ferry+crossing"+word17',
            "/archive/search?q=wor",
            "/archive/search?q=nowhere",
        ],
        **{f"/archive/{kind}": [f"/archive/{kind}"] for kind in ("region", "series", "year")},
        "/archive/author": ["/archive/author"],
        "/archive/region/{slug}": [
            "/archive/region/africa",
            f"/archive/region/africa?page={ARTICLES // 200}",
        ],
        "/archive/series/{slug}": ["/archive/series/series-3"],
        "/archive/author/{slug}": ["/archive/author/author-number-17"],
        "/archive/year/{slug}": [f"/archive/year/{datetime.now(UTC).year}"],
        "/archive/feed.atom": ["/archive/feed.atom"],
        "/archive/feed.json": ["/archive/feed.json"],
        "/archive/{slug}": [f"/archive/{NEWSLETTER}", f"/archive/{NEWSLETTER}?page=2"],
        "/archive/{slug}/{number}": [f"/archive/{NEWSLETTER}/1"],
        "/archive/{slug}/feed.atom": [f"/archive/{NEWSLETTER}/feed.atom"],
        "/archive/{slug}/feed.json": [f"/archive/{NEWSLETTER}/feed.json"],
        _SITEMAP[0]: [_SITEMAP[0]],
        _SITEMAP[1]: ["/sitemap-1.xml"],
    }


def _issues(issues: Issues) -> dict[str, Sequence[str]]:
    room, one = "/desk/issues", "/desk/issues/{issue_id}"
    draft, sent, sending = (f"{room}/{n}" for n in (issues.draft, issues.sent, issues.sending))
    approved, old = (f"{room}/{number}" for number in (issues.approved, issues.old))
    return {
        room: [room, f"{room}?state=sent&newsletter={NEWSLETTER}", f"{room}?before=100"],
        one: [draft, sent, old],
        f"{one}/checks": [f"{draft}/checks", f"{sent}/checks"],
        f"{one}/compose": [f"{draft}/compose"],
        f"{one}/history": [f"{draft}/history"],
        f"{one}/history/{{number}}": [f"{draft}/history/1"],
        f"{one}/look": [f"{draft}/look", f"{approved}/look"],
        f"{one}/look/mail": [f"{draft}/look/mail"],
        f"{one}/look/message.eml": [f"{draft}/look/message.eml"],
        f"{one}/number": [f"{draft}/number"],
        # One that is over tells how it stands and ends; a stream would go on.
        f"{one}/progress": [f"{sent}/progress"],
        f"{one}/report": [f"{sent}/report", f"{sending}/report", f"{old}/report"],
        f"{one}/report.csv": [f"{sent}/report.csv"],
        f"{one}/report/{{chart}}.svg": [f"{sent}/report/{n}.svg" for n in ("ends", "messages")],
        f"{one}/send": [f"{place}/send" for place in (draft, approved, sending, sent)],
        f"{one}/send/confirm": [f"{approved}/send/confirm"],
    }


def _newsroom() -> dict[str, Sequence[str]]:
    articles, newsletters = "/desk/articles", "/desk/newsletters"
    one = f"{newsletters}/{NEWSLETTER}"
    return {
        articles: [
            articles,
            f"{articles}?q=author+number+17",
            f"{articles}?q=nowhere",
            f"{articles}?series=Series+3&region=africa&country=Mali",
            f"{articles}?only=flagged",
            f"{articles}?before=10000",
        ],
        f"{articles}/add": [f"{articles}/add"],
        f"{articles}/{{article_id}}": [f"{articles}/7"],
        f"{articles}/{{article_id}}/edit": [f"{articles}/7/edit"],
        "/desk/sources": ["/desk/sources"],
        "/desk/sources/{source_id}": ["/desk/sources/7"],
        newsletters: [newsletters],
        f"{newsletters}/all/file": [f"{newsletters}/all/file"],
        f"{newsletters}/all/new": [f"{newsletters}/all/new"],
        f"{newsletters}/{{slug}}": [one],
        **{
            f"{newsletters}/{{slug}}/{name}": [f"{one}/{name}"]
            for name in ("change", "export", "schedules", "text")
        },
        f"{newsletters}/{{slug}}/schedules/set": [f"{one}/schedules/set"],
    }


def _readers(upload: int) -> dict[str, Sequence[str]]:
    room, one = "/desk/subscribers", "/desk/subscribers/{subscriber_id}"
    growth, imports = f"{room}/growth", f"{room}/import/{{upload_id}}"
    return {
        room: [
            room,
            f"{room}?begins=gp-alert-77",
            f"{room}?state=suppressed",
            f"{room}?newsletter={NEWSLETTER}",
            f"{room}?segment=fifty",
            f"{room}?segment=west",
            f"{room}?query=signed+up+in+the+last+7+days",
            f"{room}?before={READERS // 2}",
        ],
        f"{room}/add": [f"{room}/add"],
        growth: [growth, f"{growth}?days=365", f"{growth}?newsletter={NEWSLETTER}"],
        f"{growth}.csv": [f"{growth}.csv?days=365"],
        f"{growth}/{{newsletter}}.svg": [f"{growth}/all.svg?days=365"],
        f"{room}/import": [f"{room}/import"],
        imports: [f"{room}/import/{upload}"],
        f"{room}/segments": [f"{room}/segments"],
        f"{room}/segments/{{slug}}": [f"{room}/segments/fifty", f"{room}/segments/west"],
        f"{room}/suppressions": [f"{room}/suppressions"],
        one: [f"{room}/200"],
        f"{one}/data.{{kind}}": [f"{room}/200/data.json", f"{room}/200/data.csv"],
        f"{one}/erase": [f"{room}/200/erase"],
    }


def _house() -> dict[str, Sequence[str]]:
    operations, returned = "/desk/operations", "/desk/returned"
    charts = [f"{operations}/charts/{name}.svg" for name in ("answers", "hours", "queues")]
    return {
        "/desk/login": ["/desk/login"],
        "/desk/code": ["/desk/code"],
        "/desk/": ["/desk/"],
        "/desk/account": ["/desk/account"],
        operations: [operations],
        f"{operations}/charts/{{name}}.svg": charts,
        f"{operations}/doctor": [f"{operations}/doctor"],
        f"{operations}/release": [f"{operations}/release"],
        returned: [returned, f"{returned}?days=366", f"{returned}?kind=bounce&state=done"],
        f"{returned}/chart.svg": [f"{returned}/chart.svg?days=90"],
        f"{returned}/{{mail_id}}": [f"{returned}/7"],
        "/desk/webhooks": ["/desk/webhooks"],
        "/desk/webhooks/{webhook_id}": ["/desk/webhooks/1"],
        "/desk/staff": ["/desk/staff"],
        "/desk/staff/{account_id}": ["/desk/staff/1"],
        "/desk/log": ["/desk/log", "/desk/log?subject=issue:7", "/desk/log?actor=program"],
    }


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
