"""Mailboxes as their URLs name them."""

from datetime import timedelta
from pathlib import Path

import pytest

from alerts.config import Settings, load_settings
from alerts.errors import Invalid
from alerts.mailbox_urls import MailboxUrl, Protocol, Then, parse_mailbox_url


def test_a_mailbox_is_read_whole() -> None:
    found = parse_mailbox_url(
        "imaps://re%40x.example:p%2Fw%3A@mail.example.org:1993/Bounces/2026"
        "?every=5m&then=move:Done&ca=/etc/own.pem"
    )
    assert found == MailboxUrl(
        Protocol.IMAPS,
        "Bounces/2026",
        host="mail.example.org",
        port=1993,
        user="re@x.example",
        password="p/w:",
        then=Then.MOVE,
        move_to="Done",
        every=timedelta(minutes=5),
        ca_file=Path("/etc/own.pem"),
    )
    assert found.shown == "imaps://re@x.example@mail.example.org:1993/Bounces/2026"
    assert "p/w" not in repr(found)


@pytest.mark.parametrize(
    ("url", "then", "port", "plain"),
    [
        ("imaps://u:p@h", Then.FLAG, 993, False),
        ("imap://u:p@h", Then.FLAG, 143, False),
        ("imap://u:p@127.0.0.1", Then.FLAG, 143, True),
        ("imap://u:p@127.0.0.1?tls=required", Then.FLAG, 143, False),
        ("pop3s://u:p@h", Then.DELETE, 995, False),
        ("pop3://u:p@h?tls=off", Then.DELETE, 110, True),
        ("maildir:///var/mail/x", Then.FLAG, 0, False),
        ("mbox:///var/mail/x?then=delete", Then.DELETE, 0, False),
    ],
)
def test_what_is_not_said_is_what_loses_least(url: str, then: Then, port: int, plain: bool) -> None:
    found = parse_mailbox_url(url)
    assert (found.then, found.port, found.plain) == (then, port, plain)


@pytest.mark.parametrize(
    "url",
    [
        "secret-word",
        "ftp://u:secret@h",
        "imaps://u@h/INBOX",
        "imaps://:secret@h",
        "imaps://u:secret@",
        "imaps://u:secret@h:notaport",
        "imaps://u:secret@h?then=burn",
        "imaps://u:secret@h?then=move:",
        "imaps://u:secret@h?every=1s",
        "imaps://u:secret@h?every=soon",
        "imaps://u:secret@h?color=red",
        "imaps://u:secret@h?tls=off",
        "imap://u:secret@h?tls=maybe",
        "pop3s://u:secret@h/INBOX",
        "pop3s://u:secret@h?then=flag",
        "maildir://relative/path",
        "maildir:///",
        "mbox:///x?then=move:y",
    ],
)
def test_what_is_wrong_is_told_without_the_password(
    url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(Invalid) as told:
        parse_mailbox_url(url)
    assert "secret" not in str(told.value)
    monkeypatch.setenv("ALERTS_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("ALERTS_INBOUND_URL", f"imaps://u:p@other {url}")
    with pytest.raises(Invalid, match=r"ALERTS_INBOUND_URL=\(hidden\) is wrong: URL 2"):
        load_settings()


def test_a_mailbox_is_known_by_its_place_and_stands_there_once() -> None:
    one, other = (parse_mailbox_url(f"imaps://u:{word}@h/I?every=1m") for word in "ab")
    assert one.key == other.key
    with pytest.raises(ValueError, match="twice"):
        Settings(inbound_url=("imaps://u:a@h/I", "imaps://u:b@h/I?then=delete"))
