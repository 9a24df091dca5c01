"""An article comes in, becomes an issue, and every subscriber gets it or is on the books."""

import csv
import re
import signal
from collections import Counter
from collections.abc import Callable, Iterable
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import httpx
import pytest

from tests.functional.installation import ARTICLES, Installation, Mailbox, free_port, wait_for

Install = Callable[..., Installation]
Mails = list[tuple[str, bytes]]
UNCONFIRMED = 10
# More connections than two worker processes open.
WIRES = 40
LINK = re.compile(r"https://alerts\.example\.org/unsubscribe/[\w.~-]+")

pytestmark = pytest.mark.processes


def write_readers(path: Path, readers: int) -> None:
    """Write readers of everything, and a few who never confirmed."""
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["email", "name", "newsletters", "status"])
        for number in range(readers):
            name = f"Zoë Ångström {number}" if number % 7 == 0 else f"Reader {number}"
            rows.writerow([f"reader{number}@example.org", name, "", "confirmed"])
        for number in range(UNCONFIRMED):
            rows.writerow([f"silent{number}@example.org", "", "", "unconfirmed"])


def prepare(installation: Installation, newsletter: str, *, readers: int) -> str:
    """Take in articles and readers, approve an issue of a newsletter; return its id."""
    added = installation.json("article", "add", str(ARTICLES))
    assert [len(added[name]) for name in ("added", "refused")] == [3, 0]
    file = installation.folder / "readers.csv"
    write_readers(file, readers)
    imported = installation.json("subscriber", "import", str(file), "--consent", "asked for it")
    assert imported["added"] == readers + UNCONFIRMED
    issue = installation.run("issue", "draft", newsletter).strip()
    installation.run("issue", "approve", issue)
    return issue


def parse(mails: Iterable[tuple[str, bytes]]) -> list[EmailMessage]:
    """Read mails as a mail program would."""
    return [_message(raw) for _, raw in mails]


def _message(raw: bytes) -> EmailMessage:
    message = message_from_bytes(raw, policy=default)
    assert isinstance(message, EmailMessage)
    return message


def of_issues(mails: Mails) -> Mails:
    """Return the mails of issues: whoever has not confirmed yet is asked to, meanwhile."""
    return [mail for mail in mails if b"\nList-Id:" in mail[1]]


def check_mails(mails: Mails, *, newsletter: str, readers: int) -> None:
    """Hold every mail of an issue against what its reader is owed."""
    mails = of_issues(mails)
    assert sorted(Counter(recipient for recipient, _ in mails).values()) == [1] * readers
    messages = parse(mails)
    assert len({message["Message-ID"] for message in messages}) == readers
    links = []
    for message in messages:
        assert not message.defects
        html, text = (message.get_body((kind,)) for kind in ("html", "plain"))
        assert html is not None
        assert text is not None
        contents = [part.get_content() for part in (html, text)]
        header = str(message["List-Unsubscribe"])
        [link] = LINK.findall(header)
        links.append(link)
        assert header == f"<{link}>"
        assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert f"<{newsletter}." in str(message["List-Id"])
        assert message["Date"]
        assert all("@@" not in content for content in contents)
        assert all(LINK.search(content) for content in contents)
    assert len(set(links)) == readers


def test_a_thousand_readers_get_one_mail_each(install: Install, smtp: tuple[Mailbox, int]) -> None:
    mailbox, port = smtp
    installation = install(
        mail_url=f"smtp://127.0.0.1:{port}?tls=off",
        base_url="https://alerts.example.org",
        sender="GP Alerts <alerts@example.org>",
    )
    issue = prepare(installation, "africa-this-week", readers=1_000)
    sent = installation.json("issue", "send", issue, "--wait")
    assert sent["state"] == "sent"
    assert sent["audit"]["balanced"] is True
    assert (sent["audit"]["audience"], sent["audit"]["sent"]) == (1_000, 1_000)
    assert sent["rate"] > 0
    check_mails(mailbox.mails, newsletter="africa-this-week", readers=1_000)
    # Once more changes nothing: whoever has it does not get it again.
    assert "was sent already" in installation.run("issue", "send", issue, status=1)
    assert len(of_issues(mailbox.mails)) == 1_000


def test_a_worker_killed_in_the_middle_leaves_nobody_out(
    install: Install, smtp: tuple[Mailbox, int]
) -> None:
    mailbox, port = smtp
    installation = install(
        mail_url=f"smtp://127.0.0.1:{port}?tls=off&rate=150/s",
        base_url="https://alerts.example.org",
        sender="GP Alerts <alerts@example.org>",
        lease_seconds="3",
    )
    # What was on the wire is held for a person to decide, and not sent again.
    definition = installation.folder / "gp-alert.toml"
    exported = installation.run("newsletter", "export", "gp-alert")
    definition.write_text(exported.replace('uncertain = "resend"', 'uncertain = "hold"'))
    installation.run("newsletter", "apply", str(definition))
    issue = prepare(installation, "gp-alert", readers=600)
    worker = installation.start("worker")
    installation.run("issue", "send", issue)
    wait_for(lambda: len(mailbox.mails) > 150)
    installation.kill(worker)
    at_the_kill = len(mailbox.mails)
    assert at_the_kill < 600
    before = installation.json("issue", "audit", issue)
    assert before["balanced"] is True
    assert before["pending"] > 0
    sent = installation.json("issue", "send", issue, "--wait")
    audit = sent["audit"]
    assert (audit["balanced"], audit["pending"]) == (True, 0)
    assert audit["sent"] + audit["uncertain"] == 600
    # In doubt is what was on the wire at that moment, a few messages and not the whole batch.
    assert audit["uncertain"] <= WIRES
    assert audit["reasons"].keys() <= {"fate unknown, held"}
    recipients = Counter(recipient for recipient, _ in of_issues(mailbox.mails))
    assert set(recipients.values()) == {1}
    assert audit["sent"] <= len(recipients) <= audit["sent"] + audit["uncertain"]


def test_a_worker_that_is_stopped_gives_its_batch_back(
    install: Install, smtp: tuple[Mailbox, int]
) -> None:
    mailbox, port = smtp
    installation = install(
        mail_url=f"smtp://127.0.0.1:{port}?tls=off&rate=100/s",
        base_url="https://alerts.example.org",
        sender="GP Alerts <alerts@example.org>",
    )
    issue = prepare(installation, "gp-alert", readers=500)
    worker = installation.start("worker")
    installation.run("issue", "send", issue)
    wait_for(lambda: len(mailbox.mails) > 100)
    worker.send_signal(signal.SIGTERM)
    worker.wait(30)
    assert len(mailbox.mails) < 500
    sent = installation.json("issue", "send", issue, "--wait")
    assert sent["audit"]["sent"] == 500
    check_mails(mailbox.mails, newsletter="gp-alert", readers=500)


def test_the_same_on_postgresql_and_a_redis_server(
    install: Install, smtp: tuple[Mailbox, int], empty_postgres: str, redis_url: str
) -> None:
    mailbox, port = smtp
    installation = install(
        database_url=empty_postgres,
        redis_url=redis_url,
        mail_url=f"smtp://127.0.0.1:{port}?tls=off",
        base_url="https://alerts.example.org",
        sender="GP Alerts <alerts@example.org>",
    )
    issue = prepare(installation, "gp-alert", readers=300)
    sent = installation.json("issue", "send", issue, "--wait")
    assert sent["audit"]["sent"] == 300
    check_mails(mailbox.mails, newsletter="gp-alert", readers=300)
    assert not (installation.folder / "var" / "alerts.db").exists()
    assert not (installation.folder / "var" / "redis").exists()


def test_everything_in_one_process_tree(install: Install) -> None:
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    installation = install(base_url=address, catcher_port="0")
    issue = prepare(installation, "gp-alert", readers=200)
    up = installation.start("up", "--port", str(port))
    wait_for(lambda: _status(f"{address}/readyz") == 200)
    installation.run("issue", "send", issue)
    shown = ("issue", "show", issue)
    wait_for(lambda: installation.json(*shown)["state"] == "sent")
    assert installation.json("issue", "audit", issue)["sent"] == 200
    assert "reader1@example.org" in httpx.get(f"{address}/caught/?q=reader1@").text
    # One click, as a mail program does it: a POST, no cookie, no redirect.
    reader = installation.json("subscriber", "show", "reader1@example.org")
    answer = httpx.post(reader["unsubscribe_url"], data={"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200
    assert not answer.cookies
    assert installation.json("subscriber", "show", "reader1@example.org")["state"] == "unsubscribed"
    up.terminate()
    assert up.wait(60) == 0


def _status(url: str) -> int:
    try:
        return httpx.get(url).status_code
    except httpx.TransportError:
        return 0
