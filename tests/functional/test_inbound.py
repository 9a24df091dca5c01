"""A reader writes back, the mail server hands it over, and a worker does what it says."""

import os
import signal
import smtplib
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select

from alerts.database import Database
from alerts.subscribers.models import Subscriber, SubscriberState
from tests.functional.installation import Installation, free_port, wait_for

pytestmark = pytest.mark.processes


def _send(port: int, sender: str) -> None:
    with smtplib.SMTP("127.0.0.1", port, timeout=60) as client:
        client.sendmail(
            sender,
            ["alerts@example.org"],
            f"From: {sender}\r\nTo: alerts@example.org\r\nSubject: unsubscribe\r\n\r\n".encode(),
        )


def _listens(port: int) -> bool:
    try:
        with smtplib.SMTP("127.0.0.1", port, timeout=60):
            return True
    except OSError:
        return False


def test_who_writes_unsubscribe_is_unsubscribed(install: Callable[..., Installation]) -> None:
    port = free_port()
    installation = install(inbound_port=str(port), worker_processes="1")
    readers = installation.folder / "readers.csv"
    readers.write_text("email,status\nama@example.org,confirmed\nbo@example.org,confirmed\n")
    installation.run("subscriber", "import", str(readers), "--consent", "on paper")
    process = installation.start("up", "--port", str(free_port()))
    wait_for(lambda: _listens(port))
    _send(port, "ama@example.org")

    def state(email: str) -> str:
        shown: str = installation.json("subscriber", "show", email)["state"]
        return shown

    wait_for(lambda: state("ama@example.org") == "unsubscribed")
    assert state("bo@example.org") == "confirmed"
    [mail] = installation.json("inbound", "list")
    assert (mail["state"], mail["kind"], mail["way"]) == ("done", "command", "smtp")
    os.kill(process.pid, signal.SIGTERM)
    assert process.wait(timeout=100) == 0
    assert not _listens(port)


def test_without_a_port_there_is_nothing_to_serve(install: Callable[..., Installation]) -> None:
    said = install().run("inbound", "serve", status=1)
    assert said.startswith("alerts: there is nothing to listen on: give --port or --lmtp-port")
    assert len(said.splitlines()) == 1


def test_mail_in_a_maildir_is_fetched_and_worked_on(
    install: Callable[..., Installation], tmp_path: Path
) -> None:
    box = tmp_path / "Maildir"
    for name in ("new", "cur", "tmp"):
        (box / name).mkdir(parents=True)
    installation = install(inbound_url=f"maildir://{box}?every=10s", worker_processes="1")
    readers = installation.folder / "readers.csv"
    readers.write_text("email,status\nama@example.org,confirmed\n")
    installation.run("subscriber", "import", str(readers), "--consent", "on paper")
    process = installation.start("up", "--port", str(free_port()))
    mail = b"From: ama@example.org\r\nTo: alerts@example.org\r\nSubject: unsubscribe\r\n\r\n"
    (box / "new" / "1").write_bytes(mail)
    database = Database(f"sqlite:///{installation.folder / 'var' / 'alerts.db'}")

    def left() -> bool:
        with database.read() as session:
            states = session.scalars(select(Subscriber.state)).all()
        return states == [SubscriberState.UNSUBSCRIBED]

    wait_for(left, seconds=200)
    database.dispose()
    assert [path.name for path in (box / "cur").iterdir()] == ["1:2,S"]
    assert list((box / "new").iterdir()) == []
    os.kill(process.pid, signal.SIGTERM)
    assert process.wait(timeout=100) == 0
