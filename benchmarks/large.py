"""The cases with many subscribers: what a message costs, and how soon the first one is out."""

import time
from dataclasses import dataclass, replace

from sqlalchemy import select

from alerts.newsletters.models import Issue
from benchmarks.letters import Letter
from benchmarks.newsroom import NEWSLETTER, Newsroom
from benchmarks.processes import BadRun, MemoryWatch, cpu_seconds, wait_for
from benchmarks.report import Line, Target
from benchmarks.sink import Watch
from benchmarks.workshop import Sizes, Workshop

_PROCESSES = 2
_CONNECTIONS = 10
# The shortest message that the templates make: its frame is what most of it is.
_SHORTEST = Letter(articles=1, sentences=4)
_WARMING = "warming"
_WARM_READERS = 1_500
_MOST_MEGABYTES = 150
_PATIENCE = 900.0
_FIRST_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class _Cost:
    """What an issue cost: CPU microseconds a message, and the largest worker process in MB."""

    workers: float
    postgres: float
    megabytes: float
    rate: float


def full(sizes: Sizes) -> Sizes:
    """Return sizes with the whole million of messages, as long as elsewhere."""
    return replace(sizes, large=1_000_000, whole_letters=True)


def scale(workshop: Workshop) -> list[Line]:
    """Measure CPU and memory at many subscribers against few."""
    sizes = workshop.sizes
    few: list[_Cost] = []
    many: list[_Cost] = []
    # The few on both sides of the many, which take by far the longest.
    for readers, costs in ((sizes.small, few), (sizes.large, many), (sizes.small, few)):
        costs.append(_cost(workshop, readers))
    length = "of full length" if sizes.whole_letters else "as short as the templates make them"
    notes = [
        f"{sizes.large:,} messages against {sizes.small:,}, {length}",
        "PostgreSQL's: " + _against([c.postgres for c in many], [c.postgres for c in few]),
        "msg/s: " + _against([c.rate for c in many], [c.rate for c in few]),
    ]
    memory = [c.megabytes for c in many]
    return [
        Line(
            "scale: CPU",
            "µs/msg",
            Target(1.1, at_most=True),
            [c.workers for c in many],
            [c.workers for c in few],
            notes,
        ),
        Line(
            "scale: memory",
            "MB",
            Target(1.1, at_most=True),
            memory,
            [c.megabytes for c in few],
            ["peak of the largest worker process"],
        ),
        Line("scale: memory at peak", "MB", Target(_MOST_MEGABYTES, at_most=True), memory),
    ]


def _against(many: list[float], few: list[float]) -> str:
    many_mean, few_mean = sum(many) / len(many), sum(few) / len(few)
    return f"{many_mean:,.0f} against {few_mean:,.0f}, ratio {many_mean / few_mean:.3g}"


def _cost(workshop: Workshop, readers: int) -> _Cost:
    letter = workshop.letter if workshop.sizes.whole_letters else _SHORTEST
    newsletters = (NEWSLETTER, _WARMING)
    url = workshop.mail_url(_CONNECTIONS)
    with workshop.newsroom(mail_url=url, newsletters=newsletters) as room:
        room.add_readers(readers)
        room.add_readers(_WARM_READERS, newsletter=_WARMING)
        articles = room.add_articles(letter)
        with room.workers(processes=_PROCESSES) as pids, MemoryWatch(pids) as memory:
            # What a process does once in its life is none of a message's cost.
            warming = room.approved(articles, newsletter=_WARMING)
            room.send(warming, workshop.sink, readers=_WARM_READERS)
            issue = room.approved(articles)
            before = cpu_seconds(pids), cpu_seconds([workshop.postgres.pid])
            sending = room.send(issue, workshop.sink, readers=readers)
            after = cpu_seconds(pids), cpu_seconds([workshop.postgres.pid])
    return _Cost(
        workers=(after[0] - before[0]) / readers * 1e6,
        postgres=(after[1] - before[1]) / readers * 1e6,
        megabytes=max(memory.peaks.values()) / 1e6,
        rate=sending.window.rate,
    )


def first(workshop: Workshop) -> list[Line]:
    """Measure how long it takes from the command to the first message at the sink."""
    readers = workshop.sizes.first
    from_command: list[float] = []
    from_start: list[float] = []
    with workshop.newsroom(mail_url=workshop.mail_url(_CONNECTIONS)) as room:
        room.add_readers(readers)
        articles = room.add_articles(workshop.letter)
        with room.workers(processes=_PROCESSES):
            for _ in range(_FIRST_ROUNDS):
                whole, inner = _first(room, workshop, articles, readers=readers)
                from_command.append(whole)
                from_start.append(inner)
    target = Target(2.0, at_most=True)
    return [
        Line("first message", "s", target, from_command, notes=[f"{readers:,} subscribers"]),
        Line("first, without start", "s", target, from_start, notes=[_FROM_ROW]),
    ]


_FROM_ROW = "from the moment that the command wrote down as the issue's start"


def _first(
    room: Newsroom, workshop: Workshop, articles: list[int], *, readers: int
) -> tuple[float, float]:
    """Return the seconds to the first message, from the command's start and from the issue's."""
    issue = room.approved(articles)
    with Watch(workshop.sink) as watch:
        started = time.time()
        room.command("issue", "send", str(issue))
        wait_for(lambda: watch.first, "the first message", seconds=_PATIENCE)
        room.command("issue", "pause", str(issue))
        _check_paused(room, issue, watch, readers=readers)
    with room.database() as database, database.read() as session:
        # The commands tell it to the second only.
        begun = session.execute(select(Issue.started_at).where(Issue.id == issue)).scalar_one()
    if begun is None:
        raise BadRun("the issue never began")
    seen = watch.window().first
    return seen - started, seen - begun.timestamp()


def _check_paused(room: Newsroom, issue: int, watch: Watch, *, readers: int) -> None:
    """Wait until what went out is written down; raises BadRun unless the books balance then.

    A long audience is taken in parts, and no further while an issue is paused.
    """

    def settled() -> bool:
        audit = room.json("issue", "audit", str(issue))
        if not audit["balanced"] or not 0 < audit["audience"] <= readers:
            raise BadRun(f"the books do not balance: {audit}")
        sent: int = audit["sent"]
        return sent == watch.messages

    wait_for(settled, "the agreement of the paused issue's books with the sink's count")
