"""Mail that comes back: how many a second are taken in over SMTP, and how many worked off."""

import logging
import multiprocessing
import resource
import smtplib
import socket
import tempfile
import threading
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path

import structlog
from sqlalchemy import insert, select

from alerts.clock import SystemClock
from alerts.config import Settings
from alerts.database import Database
from alerts.delivery.models import Delivery, DeliveryState
from alerts.delivery.return_paths import ReturnPaths
from alerts.inbound.incoming import Desk
from alerts.inbound.models import InboundMail, MailState
from alerts.inbound.service import Intake
from alerts.inbound.serving import inbound_server
from alerts.inbound.working import work_off
from alerts.migrations import upgrade
from alerts.newsletters.models import Issue, IssueState
from alerts.newsletters.service import ensure_built_in
from alerts.request_limits import RequestLimits
from alerts.subscribers.models import Frequency, Subscriber
from alerts.task_queue import RecordingTaskQueue
from benchmarks.readers import add_readers

_MAILS = 5_000
_CONNECTIONS = 16
_WORKERS = 2
_IN_A_TASK = 20
_KEY = "a-key-for-benchmarks-of-more-than-32-characters"
_BOUNCES = "bounces@bounce.example.org"
_TARGETS = {"taken in": 500, "worked off": 200}
_LINES = "It was returned by the mail server of the reader, which says why above.\r\n" * 40


def run() -> None:
    """Print both rates on SQLite, with clients, server and workers all on this machine."""
    with tempfile.TemporaryDirectory(prefix="alerts-returning-") as folder:
        url = f"sqlite:///{Path(folder, 'alerts.db')}"
        numbers = _prepare(url)
        before = _cpu()
        seconds = _take_in(url, numbers)
        _show("taken in", seconds, _cpu() - before, f"over SMTP, {_CONNECTIONS} connections")
        before = _cpu()
        seconds = _work_off(url)
        _show("worked off", seconds, _cpu() - before, f"{_WORKERS} processes, each a hard bounce")


def _show(what: str, seconds: float, cpu: float, how: str) -> None:
    rate, target = _MAILS / seconds, _TARGETS[what]
    verdict = "reached" if rate >= target else "not reached"
    each = f"{cpu / _MAILS * 1_000:.1f} ms of CPU each"
    print(f"  {what}: {rate:6,.0f} mails/s, {each} ({how}; target {target}, {verdict})")


def _cpu() -> float:
    """Return the seconds of CPU of the processes that ended: the server's, or the workers'."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _prepare(url: str) -> list[int]:
    """Fill a database with readers who each got one issue; return the deliveries."""
    database, clock = Database(url), SystemClock()
    upgrade(database)
    with database.transaction() as session:
        ensure_built_in(session, clock=clock)
    add_readers(database, _MAILS, newsletter="gp-alert")
    now = clock.now()
    with database.transaction() as session:
        issue = Issue(
            newsletter="gp-alert",
            frequency=Frequency.IMMEDIATE,
            state=IssueState.SENT,
            number=1,
            subject="GP Alert",
            until=now,
            created_at=now,
            started_at=now,
        )
        session.add(issue)
        session.flush()
        rows = [
            {
                "issue_id": issue.id,
                "subscriber_id": reader,
                "state": DeliveryState.SENT,
                "attempts": 1,
                "last_attempt_at": now,
            }
            for reader in session.scalars(select(Subscriber.id))
        ]
        numbers = list(session.scalars(insert(Delivery).returning(Delivery.id), rows))
    database.dispose()
    return numbers


def _take_in(url: str, numbers: Sequence[int]) -> float:
    """Return the seconds until every bounce was answered with 250."""
    here, there = multiprocessing.Pipe()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    context = multiprocessing.get_context("spawn")
    server = context.Process(target=_serve, args=(url, port, there), daemon=True)
    server.start()
    here.recv()
    paths = ReturnPaths((_KEY,), _BOUNCES)
    shares = [numbers[at::_CONNECTIONS] for at in range(_CONNECTIONS)]
    clients = [threading.Thread(target=_bring, args=(port, paths, share)) for share in shares]
    start = time.perf_counter()
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    seconds = time.perf_counter() - start
    here.send("stop")
    server.join()
    return seconds


def _serve(url: str, port: int, pipe: Connection) -> None:
    database = Database(url)
    intake = Intake(database, RecordingTaskQueue(), SystemClock(), keep=None)
    with inbound_server(intake, host="127.0.0.1", port=port, lmtp=False):
        pipe.send("ready")
        pipe.recv()
    database.dispose()


def _bring(port: int, paths: ReturnPaths, numbers: Sequence[int]) -> None:
    with smtplib.SMTP("127.0.0.1", port, timeout=120) as client:
        for number in numbers:
            client.sendmail("", [paths.address(number)], _bounce(number))


def _bounce(number: int) -> bytes:
    """Return a report of some five kilobytes, as mail servers send them."""
    return (
        f"From: MAILER-DAEMON@mx.example.net\r\nTo: {_BOUNCES}\r\n"
        f"Subject: Undelivered Mail Returned to Sender\r\nMessage-ID: <{number}@mx.example.net>\r\n"
        "MIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nI'm sorry to have to inform you that your message"
        f" could not be delivered.\r\n\r\n<r{number}@example.org>: host mx.example.org said:\r\n"
        f"    550 5.1.1 <r{number}@example.org>: user unknown\r\n\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.net\r\n"
        f"\r\nFinal-Recipient: rfc822; r{number}@example.org\r\nAction: failed\r\nStatus: 5.1.1\r\n"
        f"Diagnostic-Code: smtp; 550 5.1.1 <r{number}@example.org>: user unknown\r\n\r\n"
        f"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: GP Alert\r\n\r\n{_LINES}\r\n--b--\r\n"
    ).encode()


def _work_off(url: str) -> float:
    """Return the seconds in which workers read every mail and suppressed its reader."""
    database = Database(url)
    with database.read() as session:
        waiting = list(session.scalars(select(InboundMail.id).order_by(InboundMail.id)))
    context = multiprocessing.get_context("spawn")
    pipes = []
    for at in range(_WORKERS):
        here, there = multiprocessing.Pipe()
        worker = context.Process(target=_work, args=(url, waiting[at::_WORKERS], there))
        worker.start()
        pipes.append((worker, here))
    for _, pipe in pipes:
        pipe.recv()
    start = time.perf_counter()
    for _, pipe in pipes:
        pipe.send("go")
    for worker, _ in pipes:
        worker.join()
    seconds = time.perf_counter() - start
    with database.read() as session:
        states = set(session.scalars(select(InboundMail.state)))
    database.dispose()
    if states != {MailState.DONE}:
        raise RuntimeError(f"not every mail was worked off: {states}")
    return seconds


def _quiet() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))


def _work(url: str, mails: Sequence[int], pipe: Connection) -> None:
    _quiet()
    database, clock = Database(url), SystemClock()
    settings = Settings(secret_key=(_KEY,), bounce_domain=_BOUNCES)
    limits = RequestLimits(database, "", clock, secret=_KEY)
    desk = Desk(database=database, settings=settings, clock=clock, limits=limits)
    pipe.send("ready")
    pipe.recv()
    for at in range(0, len(mails), _IN_A_TASK):
        work_off(desk, *mails[at : at + _IN_A_TASK])
    database.dispose()
