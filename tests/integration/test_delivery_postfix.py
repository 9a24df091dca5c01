"""Handing messages to a real Postfix: what it offers is used, and what it limits is kept."""

import asyncio
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from alerts.delivery.outcome import Fate
from alerts.delivery.transports.base import Outgoing, TransportDown
from alerts.delivery.transports.smtp import SmtpServer, SmtpTransport
from tests.data.delivery.postfix import needs_root
from tests.data.delivery.relay_postfix import LARGEST, PASSWORD, USER, RelayPostfix
from tests.data.delivery.smtp_notes import Notes

pytestmark = [needs_root, pytest.mark.timeout(300)]
PLAIN = (
    b"From: GP <alerts@example.org>\r\nTo: <%s>\r\nMessage-ID: <m.%d@example.org>\r\n"
    b"Date: Mon, 23 Nov 2026 06:00:00 +0000\r\nSubject: x\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: %s\r\n\r\n"
    b".a dot\r\n..two dots\r\n.\r\n%s\r\n" + b"a line of the text, and not the last\r\n" * 300
)
LETTERS = "Ghana – उषा".encode()


@pytest.fixture(scope="module")
def relay() -> Iterator[RelayPostfix]:
    with RelayPostfix() as relay:
        yield relay


def content_of(number: int, recipient: str, *, eight_bit: bool) -> bytes:
    encoding, letters = (b"8bit", LETTERS) if eight_bit else (b"7bit", b"Ghana")
    return PLAIN % (recipient.encode(), number, encoding, letters)


def letters(*recipients: str, first: int = 1) -> list[Outgoing]:
    return [
        Outgoing(
            number,
            "alerts@example.org",
            recipient,
            lambda eight, n=number, r=recipient: content_of(n, r, eight_bit=eight),  # type: ignore[misc]  # bound
            envelope_id=f"mgx1.7.{number}@example.org",
        )
        for number, recipient in enumerate(recipients, start=first)
    ]


def readers(count: int, domain: str = "readers.example") -> list[str]:
    return [f"r{number}@{domain}" for number in range(1, count + 1)]


def way(relay: RelayPostfix, trait: str, **options: object) -> SmtpServer:
    server = SmtpServer("localhost", relay.ports[trait], connections=4, ca_file=relay.ca)
    return replace(server, **options)  # type: ignore[arg-type]  # each by its name


def hand_over(server: SmtpServer, messages: Sequence[Outgoing]) -> tuple[Notes, str]:
    """Deliver; return what was told, and why it gave up if it did."""
    notes = Notes()

    async def work() -> str:
        transport = SmtpTransport(server)
        try:
            async with asyncio.timeout(120):
                await transport.deliver(messages, notes)
        except TransportDown as down:
            return str(down)
        finally:
            await transport.close()
        return ""

    return notes, asyncio.run(work())


@pytest.mark.parametrize(
    ("trait", "options", "ends", "eight_bit"),
    [
        ("usual", {}, "bdat", True),
        ("usual", {"tls": "required"}, "bdat", True),
        ("no-tls", {"tls": "off", "ca_file": None}, "bdat", True),
        ("no-chunking", {}, "data", True),
        ("in-step", {}, "data", True),
        ("old", {}, "data", False),
    ],
)
def test_everything_that_it_offers_is_used_and_nothing_else(
    relay: RelayPostfix, trait: str, options: dict[str, object], ends: str, *, eight_bit: bool
) -> None:
    before = relay.sessions(trait)
    notes, why = hand_over(way(relay, trait, **options), letters(*readers(60)))
    assert (why, notes.fates) == ("", {Fate.ACCEPTED: 60})
    mails = relay.mails()
    arrived = {
        name[1]: mail.partition(b"From: GP")[2]
        for mail in mails
        if (name := re.search(rb"^Delivered-To: (\S+)", mail, re.MULTILINE))
    }
    assert arrived == {
        r.encode(): content_of(n, r, eight_bit=eight_bit)
        .partition(b"From: GP")[2]
        .replace(b"\r\n", b"\n")
        for n, r in enumerate(readers(60), start=1)
    }
    assert len(mails) == 60
    relay.until_sessions_end(trait)
    told = relay.sessions(trait) - before
    assert {name: told[name] for name in ("mail", "rcpt", ends)} == {
        "mail": 60,
        "rcpt": 60,
        ends: 60,
    }
    # Connections are used again and again, and left with a word; one may come too late for any.
    assert 1 <= told["quit"] <= told["sessions"] <= 4
    assert bool(told["starttls"]) == (options.get("tls") != "off")


@pytest.mark.parametrize(
    ("trait", "options", "said"),
    [
        ("usual", {"ca_file": None, "tls": "required"}, "self-signed certificate"),
        ("smtps", {"ca_file": None, "tls": "implicit"}, "self-signed certificate"),
        ("usual", {"host": "127.0.0.1"}, r"mismatch, certificate is not valid for '127\.0\.0\.1'"),
        ("smtps", {"host": "127.0.0.1", "tls": "implicit"}, "certificate is not valid for"),
        ("expired", {"tls": "required"}, "certificate has expired"),
        ("expired-smtps", {"tls": "implicit"}, "certificate has expired"),
        ("no-tls", {}, "STARTTLS extension not supported"),
        ("submission", {"tls": "off", "ca_file": None}, "530 5.7.0 Must issue a STARTTLS"),
    ],
)
def test_who_is_not_the_one_gets_no_mail(
    relay: RelayPostfix, trait: str, options: dict[str, object], said: str
) -> None:
    server = way(relay, trait, **options)
    if trait.startswith("expired"):
        server = replace(server, ca_file=relay.expired_ca)
    notes, why = hand_over(server, letters("a@readers.example"))
    assert notes.outcomes == {}
    assert re.search(said, why), why
    assert "\n" not in why


@pytest.mark.parametrize(
    ("trait", "tls", "method"),
    [
        ("submission", "offered", "PLAIN"),
        ("submission", "required", "PLAIN"),
        ("smtps", "implicit", "PLAIN"),
        ("by-login", "required", "LOGIN"),
    ],
)
def test_it_knows_us_by_our_password(
    relay: RelayPostfix, trait: str, tls: str, method: str
) -> None:
    server = way(relay, trait, tls=tls, username=USER, password=PASSWORD)
    notes, why = hand_over(server, letters("a@readers.example"))
    assert (why, notes.fates) == ("", {Fate.ACCEPTED: 1})
    relay.until_logged(
        rf"{trait}/smtpd\S+ \w+: client=.*sasl_method={method}, sasl_username={USER}"
    )
    assert len(relay.mails()) == 1


@pytest.mark.parametrize("trait", ["submission", "by-login"])
def test_a_wrong_password_is_told_in_its_words(relay: RelayPostfix, trait: str) -> None:
    server = way(relay, trait, username=USER, password="wrong-one")
    notes, why = hand_over(server, letters("a@readers.example"))
    assert notes.outcomes == {}
    assert "535 5.7.8 Error: authentication failed" in why
    assert "wrong-one" not in why


def test_letters_beyond_ascii_go_to_a_server_that_takes_them(relay: RelayPostfix) -> None:
    recipients = ("उषा@readers.example", "plain@readers.example")
    notes, why = hand_over(way(relay, "usual"), letters(*recipients))
    assert (why, notes.fates) == ("", {Fate.ACCEPTED: 2})
    found = {re.search(rb"^Delivered-To: (\S+)", m, re.MULTILINE)[1] for m in relay.mails()}  # type: ignore[index]
    assert found == {recipient.encode() for recipient in recipients}
    notes, why = hand_over(way(relay, "old"), letters(*recipients))
    assert [notes.outcomes[n].fate for n in (1, 2)] == [Fate.PERMANENT, Fate.ACCEPTED]
    assert notes.outcomes[1].reason == "5.6.7"
    assert len(relay.mails()) == 1


@pytest.mark.parametrize(("trait", "asked"), [("usual", False), ("old", True)])
def test_a_message_that_is_too_large_ends_alone(
    relay: RelayPostfix, trait: str, *, asked: bool
) -> None:
    """Where the limit is told, nothing is handed over; where it is not, the answer is a refusal."""
    small, huge = letters("a@readers.example", "b@readers.example", "c@readers.example"), b"x" * 70
    text = content_of(2, "b@readers.example", eight_bit=False) + (huge + b"\r\n") * (LARGEST // 70)
    messages = [small[0], small[1]._replace(content=lambda _: text), small[2]]
    notes, why = hand_over(way(relay, trait, connections=1), messages)
    assert why == ""
    fates = [notes.outcomes[number].fate for number in (1, 2, 3)]
    assert fates == [Fate.ACCEPTED, Fate.PERMANENT, Fate.ACCEPTED]
    refused = notes.outcomes[2]
    assert (2 in notes.begun, bool(refused.code)) == (asked, asked)
    assert refused.reason == "5.3.4"
    assert len(relay.mails()) == 2


def test_its_report_names_the_reader_and_the_message(relay: RelayPostfix) -> None:
    notes, why = hand_over(way(relay, "usual"), letters("gone@readers.example"))
    assert (why, notes.fates) == ("", {Fate.ACCEPTED: 1})
    relay.until_logged("sender non-delivery notification")
    [report] = relay.mails("back")
    assert b"\nOriginal-Envelope-Id: mgx1.7.1@example.org\n" in report
    assert b"\nOriginal-Recipient: rfc822;gone@readers.example\n" in report
    # RET=HDRS: the text stays where it is.
    assert b"a line of the text" not in report


def test_no_more_connections_are_held_than_it_lets_in(relay: RelayPostfix) -> None:
    server = way(relay, "two-connections", connections=20)
    notes, why = hand_over(server, letters(*readers(400)))
    assert (why, notes.fates) == ("", {Fate.ACCEPTED: 400})
    assert len(relay.mails()) == 400
    relay.until_sessions_end("two-connections")
    turned_away = len(re.findall("Connection concurrency limit exceeded", relay.log()))
    # Found out once or twice, not with every message.
    assert turned_away <= 6


def test_a_limit_on_messages_stops_us_and_touches_no_reader(relay: RelayPostfix) -> None:
    notes, why = hand_over(way(relay, "metered"), letters(*readers(100)))
    assert "450 4.7.1 Error: too much mail from 127.0.0.1" in why
    assert notes.fates == {Fate.ACCEPTED: 20}
    assert len(relay.mails()) == 20


def test_a_limit_on_recipients_stops_us_before_everybody_is_refused(relay: RelayPostfix) -> None:
    domains = ("readers.example", "many.example", "others.example")
    recipients = [r for row in zip(*(readers(100, d) for d in domains), strict=True) for r in row]
    notes, why = hand_over(way(relay, "few-recipients"), letters(*recipients))
    assert "450 4.7.1 Error: too many recipients from 127.0.0.1" in why
    assert notes.fates[Fate.ACCEPTED] == 20
    # Those who had their answer, and one on each connection.
    assert notes.fates[Fate.TEMPORARY] <= 8 + 4
    assert len(relay.mails()) == 20
