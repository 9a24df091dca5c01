"""The cases with a mail server that answers 50 ms late."""

from benchmarks.delay import FarServer, far_away
from benchmarks.newsroom import Newsroom
from benchmarks.processes import BadRun
from benchmarks.report import Line, Target
from benchmarks.source import run_smtplib
from benchmarks.workshop import MESSAGE_BYTES, Workshop

_LATE_SECONDS = 0.05
_MESSAGES = "msg/s"
_CONNECTIONS = 20
_EACH = 10


def latency(workshop: Workshop) -> list[Line]:
    """Measure one worker process with 20 connections against smtplib on 20 connections."""
    sizes = workshop.sizes
    program: list[float] = []
    reference: list[float] = []
    with far_away(workshop.sink.port, seconds=_LATE_SECONDS, folder=workshop.folder) as server:
        url = workshop.mail_url(_CONNECTIONS, port=server.port)
        with workshop.newsroom(mail_url=url) as room:
            room.add_readers(sizes.far)
            articles = room.add_articles(workshop.letter)
            with room.workers(processes=1):
                for _ in range(sizes.rounds):
                    issue = room.approved(articles)
                    dialogue = run_smtplib(
                        workshop.sink,
                        port=server.port,
                        messages=sizes.far_reference,
                        size=MESSAGE_BYTES,
                        connections=_CONNECTIONS,
                    )
                    reference.append(dialogue.rate)
                    server.peak()
                    program.append(room.send(issue, workshop.sink, readers=sizes.far).window.rate)
                    seen = _held(server, _CONNECTIONS)
    counted = f"{sizes.far:,} messages against {sizes.far_reference:,}"
    notes = [f"{counted}, {seen} of {_CONNECTIONS} connections used"]
    return [Line("latency", _MESSAGES, Target(3.5), program, reference, notes)]


def workers(workshop: Workshop) -> list[Line]:
    """Measure two workers of one process and 10 connections against one."""
    sizes = workshop.sizes
    rates: dict[int, list[float]] = {1: [], 2: []}
    with (
        far_away(workshop.sink.port, seconds=_LATE_SECONDS, folder=workshop.folder) as server,
        workshop.newsroom(mail_url=workshop.mail_url(_EACH, port=server.port)) as room,
    ):
        room.add_readers(sizes.far)
        articles = room.add_articles(workshop.letter)
        for _ in range(sizes.rounds):
            for count, found in rates.items():
                found.append(_with_workers(workshop, room, server, articles, count=count))
    notes = [f"{sizes.far:,} messages, {_EACH} connections to each worker"]
    return [Line("workers", _MESSAGES, Target(1.9), rates[2], rates[1], notes)]


def _with_workers(
    workshop: Workshop, room: Newsroom, server: FarServer, articles: list[int], *, count: int
) -> float:
    issue = room.approved(articles)
    server.peak()
    with room.workers(count, processes=1):
        sending = room.send(issue, workshop.sink, readers=workshop.sizes.far)
    _held(server, count * _EACH)
    return sending.window.rate


def _held(server: FarServer, most: int) -> int:
    """Return how many connections were open at once; raises BadRun when they were too many."""
    peak = server.peak()
    if peak > most:
        raise BadRun(f"{peak} connections were open at once, {most} were allowed")
    return peak
