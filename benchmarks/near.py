"""The cases with the mail server on the same machine: how many messages a second go out."""

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from sqlalchemy import select

from alerts.config import Settings
from alerts.newsletters.models import Issue
from benchmarks.letters import MOST_ARTICLES, WISHED, Letter, wishes
from benchmarks.naive import Job, run_naive
from benchmarks.newsroom import NEWSLETTER, Newsroom, Sending
from benchmarks.processes import BadRun
from benchmarks.proof import PROOF, prove
from benchmarks.report import Line, Target
from benchmarks.source import run_source
from benchmarks.workshop import MESSAGE_BYTES, Workshop, check_size

_MESSAGES = "msg/s"
# As many connections in all as the reference has; the worker's processes share them.
_CONNECTIONS = 20
_PROCESSES = 2
_SELECTOR, _DOMAIN = "bench", "news.example.org"


def throughput(workshop: Workshop) -> list[Line]:
    """Measure PostgreSQL and Redis against the reference sender."""
    sizes = workshop.sizes
    return [
        _against_source(
            workshop,
            "throughput",
            Target(1.0),
            readers=sizes.readers,
            rounds=sizes.near_rounds,
        )
    ]


def sqlite(workshop: Workshop) -> list[Line]:
    """Measure SQLite and the embedded Redis against the reference sender."""
    readers, rounds = workshop.sizes.readers, workshop.sizes.near_rounds
    return [
        _against_source(
            workshop, "sqlite", Target(0.6), readers=readers, rounds=rounds, sqlite=True
        )
    ]


def signed(workshop: Workshop) -> list[Line]:
    """Measure with an RSA-2048 DKIM signature on each message, the reference unsigned."""
    if "dkim_key_file" not in Settings.model_fields:
        raise BadRun("this program has no setting ALERTS_DKIM_KEY_FILE, it signs nothing")
    settings = {
        "dkim_key_file": str(_new_key(workshop.folder / "dkim.pem")),
        "dkim_selector": _SELECTOR,
        "dkim_domain": _DOMAIN,
    }
    readers, rounds = workshop.sizes.fewer, workshop.sizes.near_rounds
    return [
        _against_source(
            workshop, "signed", Target(0.4), readers=readers, rounds=rounds, settings=settings
        )
    ]


def naive(workshop: Workshop) -> list[Line]:
    """Measure against one Celery task for each subscriber."""
    sizes = workshop.sizes
    program: list[Sending] = []
    reference: list[float] = []
    with workshop.newsroom(mail_url=_mail_url(workshop)) as room:
        articles = _filled(room, workshop.letter, sizes.fewer)
        for _ in range(sizes.rounds):
            issue = room.approved(articles)
            job = _job_for(room, issue, workshop)
            with_baseline = run_naive(
                job,
                room.folder,
                sink=workshop.sink,
                messages=sizes.naive,
                processes=_PROCESSES,
            )
            reference.append(with_baseline.rate)
            with room.workers(processes=_PROCESSES):
                program.append(room.send(issue, workshop.sink, readers=sizes.fewer))
    notes = [f"{sizes.fewer:,} messages against {sizes.naive:,}, {_PROCESSES} processes each"]
    return [_line("naive", Target(25), program, reference, notes)]


def variants(workshop: Workshop) -> list[Line]:
    """Measure many editions of an issue against one, of the same length."""
    sizes = workshop.sizes
    program: list[Sending] = []
    reference: list[Sending] = []
    letter = Letter(MOST_ARTICLES, workshop.letter.sentences)
    with (
        workshop.newsroom(mail_url=_mail_url(workshop)) as one,
        workshop.newsroom(mail_url=_mail_url(workshop)) as many,
    ):
        # The same many articles stand in both issues, and each reader gets four of them.
        alone = _filled(one, letter, sizes.fewer, wished=wishes(1))
        varied = _filled(many, letter, sizes.fewer, wished=wishes(sizes.variants))
        with one.workers(processes=_PROCESSES), many.workers(processes=_PROCESSES):
            for _ in range(sizes.near_rounds):
                issue = one.approved(alone)
                reference.append(one.send(issue, workshop.sink, readers=sizes.fewer))
                _check_editions(one, issue, 1)
                issue = many.approved(varied)
                program.append(many.send(issue, workshop.sink, readers=sizes.fewer))
                _check_editions(many, issue, sizes.variants)
    whole = [one.whole_rate for one in program], [one.whole_rate for one in reference]
    notes = [f"{sizes.variants:,} variants, {sizes.fewer:,} messages, {WISHED} pieces in each"]
    rates = [one.window.rate for one in program], [one.window.rate for one in reference]
    return [
        Line("variants", _MESSAGES, Target(0.8), *rates, notes=notes),
        Line("variants, whole", _MESSAGES, Target(0.8), *whole, notes=[_WHOLE]),
    ]


_WHOLE = "over the whole of `alerts issue send --wait`, in which the editions are rendered too"


def _against_source(
    workshop: Workshop,
    name: str,
    target: Target,
    *,
    readers: int,
    rounds: int,
    sqlite: bool = False,
    settings: Mapping[str, str] | None = None,
) -> Line:
    program: list[Sending] = []
    reference: list[float] = []
    newsletters = (NEWSLETTER, PROOF)
    with workshop.newsroom(
        mail_url=_mail_url(workshop), sqlite=sqlite, settings=settings, newsletters=newsletters
    ) as room:
        signed = settings is not None
        letter = workshop.signed_letter if signed else workshop.letter
        articles = _filled(room, letter, readers)
        check_size(room.message_size(room.draft(articles), signed=signed), what="a preview")
        prove(workshop, room, articles, signed=signed)
        with room.workers(processes=_PROCESSES):
            for _ in range(rounds):
                issue = room.approved(articles)
                sent = run_source(
                    workshop.sink,
                    messages=readers,
                    size=MESSAGE_BYTES,
                    connections=_CONNECTIONS,
                )
                reference.append(sent.rate)
                program.append(room.send(issue, workshop.sink, readers=readers))
    return _line(name, target, program, reference, [f"{readers:,} messages"])


def _line(
    name: str,
    target: Target,
    program: list[Sending],
    reference: list[float],
    notes: list[str],
) -> Line:
    whole = Line(name, _MESSAGES, target, [one.whole_rate for one in program], reference)
    said = f"by the whole of `alerts issue send --wait`: {whole.measured:.3g} ×"
    rates = [one.window.rate for one in program]
    return Line(name, _MESSAGES, target, rates, reference, [*notes, said])


def _mail_url(workshop: Workshop) -> str:
    return workshop.mail_url(_CONNECTIONS)


def _filled(
    room: Newsroom, letter: Letter, readers: int, *, wished: Sequence[str] = ("",)
) -> list[int]:
    """Give a newsroom its readers and articles; return the articles' numbers."""
    room.add_readers(readers, wishes=wished)
    return room.add_articles(letter)


def _check_editions(room: Newsroom, issue: int, count: int) -> None:
    """Raise BadRun unless an issue was sent in so many editions, to somebody each."""
    report = room.json("issue", "report", str(issue))
    found = sum(edition["readers"] > 0 for edition in report["editions"])
    if found != count:
        raise BadRun(f"issue {issue} went out in {found} editions instead of {count}")


def _job_for(room: Newsroom, issue: int, workshop: Workshop) -> Job:
    """Return what the baseline needs to send the same issue to the same readers."""
    with room.database() as database, database.read() as session:
        content = session.scalars(select(Issue.content).where(Issue.id == issue)).one()
    return Job(
        redis_url=room.environment["ALERTS_REDIS_URL"].removesuffix("/0") + "/1",
        database_url=room.environment["ALERTS_DATABASE_URL"],
        port=workshop.sink.port,
        base_url=room.environment["ALERTS_BASE_URL"],
        content=content or {},
    )


def _new_key(path: Path) -> Path:
    """Write a new RSA key of 2048 bits as PEM and return its path."""
    # The library comes with the program that signs; without one this is never reached.
    rsa = importlib.import_module("cryptography.hazmat.primitives.asymmetric.rsa")
    forms = importlib.import_module("cryptography.hazmat.primitives.serialization")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(forms.Encoding.PEM, forms.PrivateFormat.PKCS8, forms.NoEncryption())
    )
    return path
