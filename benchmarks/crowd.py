"""Readers at the pages while an issue goes out: how long the slowest of a hundred answers takes.

Two hundred people at once, each from an address of their own: they sign up, look at their
preferences, leave with one click, read the archive. The web part is a process of its own, and so
are the workers; those who ask share the machine with them.
"""

import asyncio
import random
import re
import sys
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import httpx
from sqlalchemy import select

from alerts.subscribers.links import SubscriberLinks
from alerts.subscribers.models import Subscriber
from alerts.tokens import Tokens
from benchmarks.newsroom import NEWSLETTER, Newsroom
from benchmarks.processes import BadRun, background, free_port, wait_for
from benchmarks.report import Line, Target
from benchmarks.workshop import Workshop

PEOPLE = 200
_CONNECTIONS, _PROCESSES = 10, 2
# Answers under a second feel like answers (the target), and a person needs longer to read a form.
_TARGET_MS = 1_000
_READS_FOR = 2.2
_LOOKS_FOR = (1.0, 5.0)
_LEAST_SECONDS, _PATIENCE = 15.0, 60.0
_SECRET = "a-key-for-this-measurement-of-more-than-32-characters"  # noqa: S105 - of no use to anybody
_TOKEN = re.compile(r'name="form_token" value="([^"]+)"')
_GOOD = frozenset({200, 303})


@dataclass
class Answers:
    """How long answers took, in seconds, by what was asked for; and those that were no answers."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    failed: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def all(self) -> list[float]:
        """Return all times, the shortest first."""
        return sorted(one for times in self.seconds.values() for one in times)

    def notes(self) -> list[str]:
        """Return a line for each thing that was asked for."""
        return [
            f"{name}: {len(times):,} answers, median {percentile(times, 50) * 1000:.0f} ms,"
            f" 99th {percentile(times, 99) * 1000:.0f} ms, {self.failed[name]} failed"
            for name, times in sorted(self.seconds.items())
        ]


def percentile(times: list[float], percent: float) -> float:
    """Return the time within which so many percent of the answers came."""
    if not times:
        raise BadRun("nothing was answered")
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def crowd(workshop: Workshop) -> list[Line]:
    """Measure the pages while nothing is sent, and while an issue goes out."""
    readers = workshop.sizes.fewer
    settings = {"secret_key": _SECRET}
    with workshop.newsroom(mail_url=workshop.mail_url(_CONNECTIONS), settings=settings) as room:
        room.add_readers(readers)
        issue = room.approved(room.add_articles(workshop.letter))
        links = _links(room)
        with room.workers(processes=_PROCESSES), _web(room) as url:
            quiet = asyncio.run(_ask(url, links, lambda: False))
            room.command("issue", "send", str(issue))
            busy = asyncio.run(_ask(url, links, lambda: _is_going_out(room, issue)))
            _wait_for_the_end(room, issue)
    return [
        Line(
            "crowd: 99th percentile",
            "ms",
            Target(_TARGET_MS, at_most=True),
            [percentile(busy.all(), 99) * 1000],
            notes=[
                f"{PEOPLE} people at once while {readers:,} messages went out",
                *busy.notes(),
                f"while nothing was sent: {percentile(quiet.all(), 99) * 1000:.0f} ms",
            ],
        )
    ]


def _links(room: Newsroom) -> Iterator[str]:
    """Return people's numbers, one after the other: nobody leaves twice."""
    with room.database() as database, database.read() as session:
        found = session.scalars(select(Subscriber.public_id).order_by(Subscriber.id.desc())).all()
    return iter(list(found))


@contextmanager
def _web(room: Newsroom) -> Iterator[str]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-P", "-m", "alerts.cli", "web", "--port", str(port)]
    with background(
        command, room.folder / "web.log", environment=room.environment, folder=room.folder
    ):
        wait_for(lambda: _is_ready(url), "the start of the web part", seconds=_PATIENCE)
        yield url


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=_PATIENCE).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def _is_going_out(room: Newsroom, issue: int) -> bool:
    return bool(room.json("issue", "show", str(issue))["state"] == "sending")


def _wait_for_the_end(room: Newsroom, issue: int) -> None:
    wait_for(lambda: not _is_going_out(room, issue), "the end of the issue", seconds=900)
    books = room.json("issue", "audit", str(issue))
    if not books["balanced"] or books["pending"]:
        raise BadRun(f"the books do not balance: {books}")


async def _ask(url: str, links: Iterator[str], goes_on: Callable[[], bool]) -> Answers:
    """Let everybody ask for some seconds at least, and for as long as something goes on."""
    answers, over = Answers(), asyncio.Event()
    maker = SubscriberLinks(Tokens((_SECRET,)), url)
    people = [
        asyncio.create_task(_person(number, url, maker, links, answers, over))
        for number in range(PEOPLE)
    ]
    began = time.monotonic()
    # What is waited for is asked of a command, which sets no event.
    while time.monotonic() - began < _LEAST_SECONDS or await asyncio.to_thread(goes_on):  # noqa: ASYNC110
        await asyncio.sleep(0.5)
    over.set()
    await asyncio.gather(*people)
    return answers


async def _person(
    number: int,
    url: str,
    maker: SubscriberLinks,
    links: Iterator[str],
    answers: Answers,
    over: asyncio.Event,
) -> None:
    """Be one reader, at an address of their own on the loopback interface."""
    chance = random.Random(number)  # noqa: S311 - no secret
    own = f"127.0.{1 + number // 250}.{1 + number % 250}"
    transport = httpx.AsyncHTTPTransport(local_address=own)
    async with httpx.AsyncClient(base_url=url, transport=transport, timeout=_PATIENCE) as client:

        async def timed(name: str, method: str, path: str, **extra: Any) -> httpx.Response:  # noqa: ANN401 - httpx's own
            began = time.perf_counter()
            answer = await client.request(method, path, **extra)
            answers.seconds[name].append(time.perf_counter() - began)
            if answer.status_code not in _GOOD:
                answers.failed[name] += 1
            return answer

        for turn in count():
            if over.is_set():
                return
            match chance.choice(("archive", "archive", "preferences", "one click", "sign-up")):
                case "archive":
                    await timed("archive", "GET", "/archive/")
                case "preferences":
                    link = maker.preferences_url(next(links))
                    await timed("preferences", "GET", link)
                case "one click":
                    link = maker.unsubscribe_url(next(links), newsletter=NEWSLETTER)
                    body = {"List-Unsubscribe": "One-Click"}
                    await timed("one click", "POST", link, data=body)
                case _ if turn == 0:
                    await _sign_up(timed, f"new{number}@example.org")
                case _:
                    await timed("form", "GET", "/subscribe")
            await asyncio.sleep(chance.uniform(*_LOOKS_FOR))


async def _sign_up(timed: Callable[..., Awaitable[httpx.Response]], email: str) -> None:
    page = await timed("form", "GET", "/subscribe")
    found = _TOKEN.search(page.text)
    if found is None:
        raise BadRun("the form to sign up has no token")
    await asyncio.sleep(_READS_FOR)
    form = {"form_token": found[1], "newsletter": NEWSLETTER, "email": email}
    await timed("sign-up", "POST", "/subscribe", data=form)
