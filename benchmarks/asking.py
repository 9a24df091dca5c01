"""Readers at the pages while there are a million of them, and the audience of as many taken.

The time is the server's: the application is called in this process, without a network between.
The reference is the same page with a thousand subscribers: their number is to cost nothing.
"""

import asyncio
import os
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import httpx
from fastapi import FastAPI
from sqlalchemy import select, text

from alerts.articles.models import Article, ArticleState
from alerts.clock import SystemClock
from alerts.config import Settings
from alerts.database import Database
from alerts.delivery.preparation import prepare_issue
from alerts.delivery.publishing import approve_issue
from alerts.migrations import upgrade
from alerts.newsletters.issues import draft_issue, get_issue, move
from alerts.newsletters.lifecycle import Event
from alerts.newsletters.service import ensure_built_in
from alerts.paths import templates_dir
from alerts.rendering.service import Renderer
from alerts.runtime import Runtime
from alerts.subscribers.links import SubscriberLinks
from alerts.subscribers.models import Subscriber
from alerts.task_queue import RecordingTaskQueue
from alerts.tokens import Tokens
from alerts.web.app import create_app
from benchmarks.readers import add_readers
from benchmarks.servers import open_postgres

_FEW, _MANY = 1_000, int(os.environ.get("READERS", "1000000"))
_WISHES = ("", "west-africa", "east-africa", "south-asia", "africa;topic=security")
_ASKED = 200
_PAGE_TARGET, _AUDIENCE_TARGET = 0.020, 15.0
_KEY = "a-key-for-this-measurement-of-more-than-32-characters"
_NEWSLETTER = "gp-alert"


def run() -> None:
    """Print the milliseconds of a page and of one click, few and many; and the audience."""
    with open_postgres() as server:
        figures = {}
        for count in (_FEW, _MANY):
            with server.database() as url, tempfile.TemporaryDirectory() as folder:
                figures[count] = _measure(url, Path(folder), count)
    for name in ("preferences page", "one-click POST"):
        few, many = figures[_FEW][name], figures[_MANY][name]
        print(
            f"  {name}: {many * 1000:.1f} ms with {_MANY:,} subscribers, {few * 1000:.1f} ms with"
            f" {_FEW:,} ({many / few:.2f} x); target: under {_PAGE_TARGET * 1000:.0f} ms,"
            f" {_verdict(many < _PAGE_TARGET)}"
        )
    taken = figures[_MANY]["audience"]
    print(
        f"  audience of {_MANY:,} with {len(_WISHES)} wishes: {taken:.1f} s; target: under"
        f" {_AUDIENCE_TARGET:.0f} s, {_verdict(taken < _AUDIENCE_TARGET)}"
    )


def _verdict(reached: bool) -> str:
    return "reached" if reached else "not reached"


def _measure(url: str, folder: Path, count: int) -> dict[str, float]:
    database = Database(url)
    upgrade(database)
    settings = Settings(data_dir=folder, database_url=url, secret_key=(_KEY,))
    clock = SystemClock()
    runtime = Runtime(settings, clock, database, Tokens(settings.secret_key))
    with database.transaction() as session:
        ensure_built_in(session, clock=clock)
    add_readers(database, count, newsletter=_NEWSLETTER, wishes=_WISHES)
    links = SubscriberLinks(runtime.tokens, settings.base_url)
    with database.read() as session:
        # Some of all over the table, as readers are.
        step = max(1, count // _ASKED)
        people = session.scalars(
            select(Subscriber.public_id).where(Subscriber.id % step == 0).limit(_ASKED)
        ).all()
    application = create_app(runtime, queue=RecordingTaskQueue())
    pages = [links.preferences_url(one) for one in people]
    clicks = [links.unsubscribe_url(one, newsletter=_NEWSLETTER) for one in people]
    figures = {
        "audience": _audience(database, settings, clock),
        "preferences page": asyncio.run(_each(application, pages, _get)),
        "one-click POST": asyncio.run(_each(application, clicks, _click)),
    }
    database.dispose()
    return figures


async def _each(
    application: FastAPI,
    addresses: list[str],
    ask: Callable[[httpx.AsyncClient, str], Awaitable[httpx.Response]],
) -> float:
    """Return the median seconds of a request."""
    took = []
    transport = httpx.ASGITransport(application)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
        for address in addresses:
            started = time.perf_counter()
            answer = await ask(client, address)
            took.append(time.perf_counter() - started)
            answer.raise_for_status()
    return sorted(took)[len(took) // 2]


async def _get(client: httpx.AsyncClient, address: str) -> httpx.Response:
    return await client.get(address)


async def _click(client: httpx.AsyncClient, address: str) -> httpx.Response:
    return await client.post(address, data={"List-Unsubscribe": "One-Click"})


def _audience(database: Database, settings: Settings, clock: SystemClock) -> float:
    """Return the seconds from an approved issue to a ledger with everybody in it."""
    renderer = Renderer(templates_dir("email"))
    with database.transaction() as session:
        session.add(_article(clock))
        session.flush()
        issue_id = draft_issue(session, _NEWSLETTER, clock=clock).id
        approve_issue(
            session, issue_id, by="bench", settings=settings, renderer=renderer, clock=clock
        )
        move(session, issue_id, Event.SEND, clock=clock)
    started = time.perf_counter()
    queue = RecordingTaskQueue()
    while True:
        prepare_issue(
            database,
            issue_id,
            renderer=renderer,
            base_url=settings.base_url,
            clock=clock,
            queue=queue,
        )
        with database.read() as session:
            if get_issue(session, issue_id).audience_at is not None:
                break
    seconds = time.perf_counter() - started
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE deliveries"))
    return seconds


def _article(clock: SystemClock) -> Article:
    now = clock.now()
    return Article(
        identity="measured",
        likeness="measured",
        title="A piece about Mali",
        standfirst="A standfirst.",
        body_html="<p>A body.</p>",
        body_text="A body.",
        regions=["west-africa", "africa"],
        countries=["ML"],
        topics=["security"],
        words=900,
        state=ArticleState.PUBLISHED,
        published_on=(now - timedelta(days=1)).date(),
        published_precision="day",
        checksum="measured",
        noticed_at=now,
        updated_at=now,
        authors=[],
        parts=[],
        related=[],
        flags=[],
        printed={},
    )
