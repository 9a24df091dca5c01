"""Alarms as they arrive: what is broken, what it is about, since when, and what to do."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from html import unescape
from pathlib import Path

import pytest

from alerts.config import Settings
from alerts.delivery.transports.factory import make_transport
from alerts.mail_server import MailServer
from alerts.operations.alarms.books import settle
from alerts.operations.alarms.kinds import WORDS, Kind, Trouble
from alerts.operations.alarms.trial import tell_trial
from tests.data.delivery.house import House
from tests.data.operations.alarm_bell import OPS, Bell
from tests.functional.installation import Mailbox, free_port

ABOUT = {
    "issue:12": "issue 12",
    "source:3": "source 3",
    "mailbox:1": "mailbox 1",
    "provider:outlook.com": "outlook.com",
    "provider:other": "other providers",
    "relay:mx2.example.org": "mx2.example.org",
    "schedule:4": "",
    "run:9": "",
    "all": "",
}


@pytest.fixture
def post_office() -> Iterator[tuple[str, Mailbox]]:
    """Run a real mail server; return its URL, and what it keeps."""
    kept = Mailbox()
    server = MailServer(kept, hostname="127.0.0.1", port=free_port())
    server.start()
    yield f"smtp://127.0.0.1:{server.port}?tls=off", kept
    server.stop()


@pytest.fixture
def ringing(
    house: House, tmp_path: Path, post_office: tuple[str, Mailbox]
) -> Iterator[tuple[Bell, Mailbox]]:
    url, kept = post_office
    transport = make_transport(Settings(mail_url=(url,)), redis_url="")
    bell = Bell(house.database, house.clock, tmp_path, transport=transport)
    yield bell, kept
    bell.means.run(transport.close())
    bell.close()


def ring(bell: Bell, *troubles: Trouble) -> None:
    """Enter what is broken, and tell of it."""
    with bell.database.transaction() as session:
        settle(session, troubles, targets=(OPS, "webhook"), now=bell.clock.now())
    bell.watch.tell()


def read(raw: bytes) -> tuple[EmailMessage, str, str]:
    """Return a mail, the words of its text and its HTML."""
    message = message_from_bytes(raw, policy=default)
    assert isinstance(message, EmailMessage)
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert isinstance(text, EmailMessage)
    assert isinstance(html, EmailMessage)
    return message, text.get_content().replace("\r\n", "\n"), html.get_content()


def words_of(html: str) -> str:
    body = re.sub(r"</?span[^>]*>", "", html.partition('role="main"')[2])
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


def test_every_kind_arrives_as_a_mail_that_begins_with_what_is_broken(
    ringing: tuple[Bell, Mailbox],
) -> None:
    bell, kept = ringing
    what, mend = "issue 12 of gp-alert rests", "Run `alerts issue watch`."
    ring(bell, *(Trouble(kind, "issue:12", what, mend) for kind in Kind))
    seen = f"First seen on {bell.clock.now():%Y-%m-%d %H:%M} UTC."
    for kind, (recipient, raw) in zip(Kind, kept.mails, strict=True):
        title = WORDS[kind]
        message, text, html = read(raw)
        assert recipient == OPS
        assert message["Subject"] == f"Alarm: {title} (issue 12)"
        assert len(message["Subject"]) < 70, "telephones cut it"
        assert message["Auto-Submitted"] == "auto-generated"
        first = (title.upper(), "Issue 12 of gp-alert rests.", seen, f"What to do: {mend}")
        assert text.split("\n\n")[:4] == list(first)
        assert f"Alarm {title} Issue 12 of gp-alert rests. {seen} What to do: Run" in words_of(html)
        assert "`" not in html
    told = [json.loads(body) for _, body, _ in bell.calls.got]
    assert [(one["title"], one["about"]) for one in told] == [
        (WORDS[kind], "issue 12") for kind in Kind
    ]
    assert all((one["what"], one["mend"]) == (what, mend) for one in told)


def test_mails_of_one_kind_are_told_apart_by_their_subjects(
    ringing: tuple[Bell, Mailbox],
) -> None:
    bell, kept = ringing
    troubles = [Trouble(Kind.ISSUE_SLOW, about, "it is late", "Wait.") for about in ABOUT]
    ring(bell, *troubles)
    subjects = [read(raw)[0]["Subject"] for _, raw in kept.mails]
    ends = [f" ({about})" if about else "" for about in ABOUT.values()]
    assert subjects == [f"Alarm: An issue will end late{end}" for end in ends]


def test_what_is_over_is_told_in_the_past_and_commands_are_shown_as_such(
    ringing: tuple[Bell, Mailbox],
) -> None:
    bell, kept = ringing
    opened = bell.clock.now()
    ring(bell, Trouble(Kind.ISSUE_HALTED, "issue:12", "see `alerts issue report 12`", "See it."))
    bell.clock.advance(timedelta(minutes=6))
    ring(bell)
    message, text, html = read(kept.mails[-1][1])
    assert message["Subject"] == "Over: An issue has paused by itself (issue 12)"
    ended = f"{bell.clock.now():%Y-%m-%d %H:%M} UTC"
    first = f"{opened:%Y-%m-%d %H:%M} UTC"
    assert f"This is over. It was first seen on {first} and ended by {ended}." in " ".join(
        text.split()
    )
    assert "It was: See alerts issue report 12" in words_of(html)
    assert "`" not in html
    assert "What to do" not in text + html


def test_a_trial_says_that_it_is_one(
    house: House, tmp_path: Path, post_office: tuple[str, Mailbox]
) -> None:
    url, kept = post_office
    settings = Settings(data_dir=tmp_path, mail_url=(url,), alarm_to=(OPS,))
    assert tell_trial(house.database, settings, house.clock, "") == [(OPS, "")]
    message, text, _ = read(kept.mails[0][1])
    assert message["Subject"] == "Trial: Alarms reach you"
    assert "This is a trial: nothing is broken, and alarms reach you." in text
