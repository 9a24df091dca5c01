"""SIGTERM ends each part in peace: what is in hand is finished, and nothing is lost."""

import os
import signal
import smtplib
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import httpx
import pytest

from alerts.database import Database
from alerts.operations.alarms.beats import BEAT, beats
from tests.functional.installation import Installation, free_port, wait_for
from tests.functional.servers import PostgresServer
from tests.functional.test_whole_way import check_mails, of_issues, prepare

pytestmark = pytest.mark.processes
Install = Callable[..., Installation]


def answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            return True
    except OSError:
        return False


def ready(address: str) -> bool:
    try:
        return httpx.get(f"{address}/readyz", timeout=30).status_code == 200
    except httpx.TransportError:
        return False


def is_taken(client: smtplib.SMTP) -> bool:
    """End a mail, and tell whether the server says that it has it."""
    try:
        client.send(b"\r\n.\r\n")
        return client.getreply()[0] == 250
    except (smtplib.SMTPException, OSError):
        return False


def ended(process: "subprocess.Popen[bytes]", *, seconds: float = 100) -> int:
    """Tell a part to end, and return its status."""
    os.kill(process.pid, signal.SIGTERM)
    return process.wait(seconds)


def test_the_web_part_finishes_the_request_in_hand(install: Install) -> None:
    port = free_port()
    house = install()
    house.run("init")
    web = house.start("web", "--port", str(port))
    wait_for(lambda: ready(f"http://127.0.0.1:{port}"))
    body = b"email=nobody"
    head = (
        f"POST /subscribe HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(head.encode() + body[:4])
        time.sleep(0.5)
        os.kill(web.pid, signal.SIGTERM)
        wait_for(lambda: not answers(port))
        connection.sendall(body[4:])
        answer = b""
        while piece := connection.recv(65_536):
            answer += piece
    assert answer.startswith(b"HTTP/1.1 4")
    assert b"</html>" in answer
    assert web.wait(60) == 0


def test_the_beat_ends_at_once_and_goes_on_where_it_was(install: Install) -> None:
    house = install()
    house.run("init")
    database = Database(f"sqlite:///{house.folder / 'var' / 'alerts.db'}")

    def last_sign() -> datetime | None:
        with database.read() as session:
            return beats(session).get(BEAT)

    seen = None
    for _ in range(2):
        beat = house.start("beat")
        wait_for(lambda before=seen: last_sign() != before)  # type: ignore[misc]  # a default
        seen = last_sign()
        assert ended(beat) == 0
    database.dispose()


def test_mail_that_was_taken_is_stored_and_what_was_not_is_kept_by_its_sender(
    install: Install,
) -> None:
    port = free_port()
    house = install(inbound_port=str(port))
    house.run("init")
    inbound = house.start("inbound", "serve")
    wait_for(lambda: answers(port))
    taken = 0
    with smtplib.SMTP("127.0.0.1", port, timeout=60) as client:
        half = smtplib.SMTP("127.0.0.1", port, timeout=60)
        half.helo()
        half.mail("ama@example.org")
        half.rcpt("alerts@example.org")
        half.putcmd("data")
        assert half.getreply()[0] == 354
        half.send(b"Subject: half\r\n\r\nnever to be ended")
        for number in range(20):
            message = f"From: a{number}@example.org\r\nSubject: hello {number}\r\n\r\nx"
            client.sendmail(f"a{number}@example.org", "alerts@example.org", message)
            taken += 1
        assert ended(inbound) == 0
        # Whoever brings the half mail is told nothing good: they come again.
        assert not is_taken(half)
        half.close()
        client.close()
    assert len(house.json("inbound", "list", "--limit", "100")) == taken == 20


def in_the_middle(
    install: Install, smtp: tuple[object, int], port: int
) -> tuple[Installation, str, "subprocess.Popen[bytes]", list[tuple[str, bytes]]]:
    """Return a house whose `alerts up` has sent a sixth of an issue, and the mails so far."""
    mailbox, mail_port = smtp
    mails: list[tuple[str, bytes]] = mailbox.mails  # type: ignore[attr-defined]  # a Mailbox
    house = install(
        mail_url=f"smtp://127.0.0.1:{mail_port}?tls=off&rate=60/s",
        base_url="https://alerts.example.org",
        sender="GP Alerts <alerts@example.org>",
    )
    issue = prepare(house, "gp-alert", readers=400)
    up = house.start("up", "--port", str(port))
    wait_for(lambda: ready(f"http://127.0.0.1:{port}"), seconds=120)
    house.run("issue", "send", issue)
    wait_for(lambda: len(mails) > 60, seconds=120)
    return house, issue, up, mails


def test_the_whole_tree_ends_in_the_middle_of_an_issue_and_takes_it_up_again(
    install: Install, smtp: tuple[object, int]
) -> None:
    port = free_port()
    house, issue, up, mails = in_the_middle(install, smtp, port)
    assert ended(up) == 0
    got = len(of_issues(mails))
    assert got < 400
    audit = house.json("issue", "audit", issue)
    assert audit["balanced"]
    # All that the server took is on the books: nothing was on its way when it ended.
    assert audit["sent"] == got
    assert not answers(port)
    up = house.start("up", "--port", str(port))
    wait_for(lambda: house.json("issue", "show", issue)["state"] == "sent", seconds=180)
    assert ended(up) == 0
    assert Counter(recipient for recipient, _ in mails).most_common(1)[0][1] == 1
    check_mails(mails, newsletter="gp-alert", readers=400)


def running(house: Installation) -> dict[int, str]:
    """Return the processes of an installation, whoever's children they are: number and command."""
    data_dir = house.environment["ALERTS_DATA_DIR"]
    ours = f"ALERTS_DATA_DIR={data_dir}".encode()
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            told = (folder / "environ").read_bytes().split(b"\0")
            # Redis writes its title where its environment was; it works in its own folder.
            if ours in told or (folder / "cwd").readlink().is_relative_to(data_dir):
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                found[int(folder.name)] = command
    return found


def test_a_killed_supervisor_takes_its_parts_along_in_peace(
    install: Install, smtp: tuple[object, int]
) -> None:
    """As the kernel does when memory is short; nobody is there to stop the parts, or Redis."""
    port = free_port()
    house, issue, up, mails = in_the_middle(install, smtp, port)
    parts = " ".join(running(house).values())
    assert all(name in parts for name in (" web ", " worker ", " beat ", "redis-server"))
    up.kill()
    up.wait()
    wait_for(lambda: not running(house), seconds=120)
    got = len(of_issues(mails))
    assert got < 400
    audit = house.json("issue", "audit", issue)
    # Nothing was cut off on its way: what was in hand was finished.
    assert (audit["balanced"], audit["sent"], audit["uncertain"]) == (True, got, 0)
    again = house.start("up", "--port", str(port))
    wait_for(lambda: house.json("issue", "show", issue)["state"] == "sent", seconds=180)
    assert ended(again) == 0
    check_mails(mails, newsletter="gp-alert", readers=400)


def test_init_waits_for_a_database_that_comes_up_late(
    install: Install, postgres: PostgresServer
) -> None:
    """As on a host that comes up sooner than its database; the parts wait for this to end."""
    house = install(database_url=postgres.url)
    postgres.stop("fast")
    assert "does not answer" in house.run("init", status=1)
    waiting = house.start("init", "--wait")
    log = house.folder / "parts.log"
    wait_for(lambda: "waiting for the database" in log.read_text())
    assert waiting.poll() is None
    postgres.start()
    assert waiting.wait(100) == 0
    assert log.read_text().count("waiting for the database") == 1
    assert house.json("subscriber", "list") == []
