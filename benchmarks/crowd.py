"""Readers at the pages while an issue goes out: how long they wait, and how much they slow it.

Two hundred people at once, each from an address of their own: they sign up, look at their
preferences, leave with one click, read the archive. The web part is a process of its own, and so
are the workers, and all who ask are one more (`visitors.py`); they share the machine. The same
issue goes out without them and with them, in turns.
"""

import json
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import httpx
from sqlalchemy import select, update

from alerts.newsletters.models import Issue, IssueState
from alerts.subscribers.links import SubscriberLinks
from alerts.subscribers.models import Subscriber, SubscriberState, Subscription
from alerts.tokens import Tokens
from benchmarks.newsroom import NEWSLETTER, Newsroom
from benchmarks.processes import BadRun, background, cpu_seconds, free_port, wait_for
from benchmarks.report import Line, Target
from benchmarks.sink import Watch
from benchmarks.visitors import ARRIVE_WITHIN, LOOKS_FOR, Answers, Plan
from benchmarks.workshop import Workshop

PEOPLE = 200
_CONNECTIONS, _PROCESSES = 10, 2
_TARGET_MS, _SLOWED = 150, 1.1
_PATIENCE = 60.0
_LOOK_SECONDS = 0.25
# More links than all of them can follow while an issue goes out.
_LINKS = 8_000
_SECRET = "a-key-for-this-measurement-of-more-than-32-characters"  # noqa: S105 - of no use to anybody


@dataclass(frozen=True, slots=True)
class _Web:
    url: str
    port: int
    pid: int


@dataclass(frozen=True, slots=True)
class _Sent:
    """An issue that went out: its seconds by its own row, and how many were to get it."""

    seconds: float
    audience: int


@dataclass(frozen=True, slots=True)
class _Turn:
    """An issue that went out: its seconds, and what people at the pages met with meanwhile."""

    seconds: float
    answers: Answers
    web_cpu: float


def percentile(times: list[float], percent: float) -> float:
    """Return the time within which so many percent of the answers came."""
    if not times:
        raise BadRun("nothing was answered")
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def crowd(workshop: Workshop) -> list[Line]:
    """Measure the pages while an issue goes out, and the issue without anybody at the pages."""
    readers = workshop.sizes.crowd
    alone: list[float] = []
    beside: list[_Turn] = []
    settings = {"secret_key": _SECRET}
    with workshop.newsroom(mail_url=workshop.mail_url(_CONNECTIONS), settings=settings) as room:
        room.add_readers(readers)
        articles = room.add_articles(workshop.letter)
        with room.workers(processes=_PROCESSES), _web(room) as web:
            for turn in range(workshop.sizes.near_rounds):
                alone.append(_alone(room, articles, workshop))
                beside.append(_beside(room, articles, web, workshop, turn=turn))
    times = [percentile(one.answers.all(), 99) * 1000 for one in beside]
    target = Target(_TARGET_MS, at_most=True)
    return [
        Line("crowd: 99th percentile", "ms", target, times, notes=_notes(beside, readers)),
        Line(
            "crowd: the issue",
            "s",
            Target(_SLOWED, at_most=True),
            [one.seconds for one in beside],
            alone,
            notes=["from its start to its end, beside the crowd against alone"],
        ),
    ]


def _notes(turns: list[_Turn], readers: int) -> list[str]:
    shortest, longest = LOOKS_FOR
    lines = [
        f"{PEOPLE} people, each {shortest:.0f} to {longest:.0f} s at a page; {readers:,} messages"
    ]
    for name in sorted({name for turn in turns for name in turn.answers.seconds}):
        times = [one for turn in turns for one in turn.answers.seconds.get(name, ())]
        lines.append(
            f"{name}: {len(times):,} answers, median {percentile(times, 50) * 1000:.0f} ms,"
            f" 99th {percentile(times, 99) * 1000:.0f} ms"
        )
    answers = sum(len(turn.answers.all()) for turn in turns)
    for whose, seconds in (
        ("web part", sum(turn.web_cpu for turn in turns)),
        ("who asks", sum(turn.answers.cpu for turn in turns)),
    ):
        lines.append(f"{whose}: {seconds / answers * 1000:.2f} ms of CPU an answer")
    return lines


def _alone(room: Newsroom, articles: list[int], workshop: Workshop) -> float:
    """Send an issue while nobody is at the pages; return the seconds it took."""
    _have_everybody_back(room)
    sent = _send(room, room.approved(articles), workshop)
    if sent.audience != workshop.sizes.crowd:
        raise BadRun(f"{sent.audience} of {workshop.sizes.crowd} readers were to get the issue")
    return sent.seconds


def _beside(
    room: Newsroom, articles: list[int], web: _Web, workshop: Workshop, *, turn: int
) -> _Turn:
    """Send an issue while people are at the pages."""
    _have_everybody_back(room)
    issue = room.approved(articles)
    plan = _plan(room, web, turn)
    before = cpu_seconds([web.pid])
    with _visitors(room, plan) as process:
        time.sleep(ARRIVE_WITHIN)
        sent = _send(room, issue, workshop)
        answers = _end(process)
    failed = {name: number for name, number in answers.failed.items() if number}
    if failed:
        raise BadRun(f"pages failed while the issue went out: {failed}")
    left = len(answers.seconds["one click"])
    if not 0 <= workshop.sizes.crowd - sent.audience <= left:
        raise BadRun(f"{left} people left, and {sent.audience} were to get the issue")
    return _Turn(sent.seconds, answers, cpu_seconds([web.pid]) - before)


def _send(room: Newsroom, issue: int, workshop: Workshop) -> _Sent:
    """Send an issue to its end, and hold its books against the sink's count."""
    with Watch(workshop.sink) as watch, room.database() as database:
        room.command("issue", "send", str(issue))

        def ended() -> float | None:
            """Return the seconds from the issue's start to its end, None while it goes out."""
            row = select(Issue.started_at, Issue.finished_at).where(Issue.id == issue)
            with database.read() as session:
                started_at, finished_at = session.execute(row).one()
            if started_at is None or finished_at is None:
                return None
            return (finished_at - started_at).total_seconds()

        deadline = time.monotonic() + 900
        while (seconds := ended()) is None:
            if time.monotonic() > deadline:
                raise BadRun("the issue did not come to its end")
            time.sleep(_LOOK_SECONDS)
    books = room.json("issue", "audit", str(issue))
    # Whoever leaves meanwhile gets nothing; confirmations of sign-ups come to the sink too.
    if not books["balanced"] or books["sent"] + books["skipped"] != books["audience"]:
        raise BadRun(f"the books do not balance: {books}")
    if watch.messages < books["sent"]:
        raise BadRun(f"{books['sent']} were sent and the sink took {watch.messages} messages")
    return _Sent(seconds, books["audience"])


def _have_everybody_back(room: Newsroom) -> None:
    """Undo what the one-clicks of an earlier turn ended, and forget who had which issue."""
    with room.database() as database, database.transaction() as session:
        ended = Subscription.ended_at.is_not(None)
        session.execute(update(Subscription).where(ended).values(ended_at=None))
        left = Subscriber.state == SubscriberState.UNSUBSCRIBED
        session.execute(update(Subscriber).where(left).values(state=SubscriberState.CONFIRMED))


def _plan(room: Newsroom, web: _Web, turn: int) -> Plan:
    """Return what the people of a turn ask for; nobody leaves twice in it."""
    maker = SubscriberLinks(Tokens((_SECRET,)), "")
    newest = select(Subscriber.public_id).where(Subscriber.state == SubscriberState.CONFIRMED)
    with room.database() as database, database.read() as session:
        people = session.scalars(newest.order_by(Subscriber.id.desc()).limit(_LINKS)).all()
        number = session.scalars(
            select(Issue.number).where(Issue.state == IssueState.SENT).order_by(Issue.id)
        ).first()
    return Plan(
        port=web.port,
        people=PEOPLE,
        newsletter=NEWSLETTER,
        archive=["/archive/", f"/archive/{NEWSLETTER}", f"/archive/{NEWSLETTER}/{number}"],
        preferences=[maker.preferences_url(one) for one in people],
        one_click=[maker.unsubscribe_url(one, newsletter=NEWSLETTER) for one in people],
        name=f"visitor-{turn}",
    )


@contextmanager
def _visitors(room: Newsroom, plan: Plan) -> Iterator["subprocess.Popen[str]"]:
    """Let people visit until the end of the block."""
    path = room.folder / "plan.json"
    path.write_text(json.dumps(asdict(plan)))
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.visitors", str(path)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _end(process: "subprocess.Popen[str]") -> Answers:
    """Have people stop, and return what they met with."""
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=_PATIENCE)
    if process.returncode:
        raise BadRun(f"whoever asks ended with status {process.returncode}")
    document = json.loads(said)
    return Answers(defaultdict(list, document["seconds"]), document["failed"], document["cpu"])


@contextmanager
def _web(room: Newsroom) -> Iterator[_Web]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-P", "-m", "alerts.cli", "web", "--port", str(port)]
    log = room.folder / "web.log"
    with background(command, log, environment=room.environment, folder=room.folder) as process:
        wait_for(lambda: _is_ready(url), "the start of the web part", seconds=_PATIENCE)
        yield _Web(url, port, process.pid)


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=_PATIENCE).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
