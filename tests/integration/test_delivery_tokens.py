"""XOAUTH2 at a real Postfix, whose dovecot asks a service whether a token is good."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from alerts.delivery.outcome import Fate
from alerts.delivery.transports.base import Outgoing, TransportDown
from alerts.delivery.transports.smtp import SmtpServer, SmtpTransport
from tests.data.delivery.postfix import needs_root
from tests.data.delivery.relay_postfix import RelayPostfix
from tests.data.delivery.smtp_notes import Notes

pytestmark = [needs_root, pytest.mark.timeout(300)]
USER = "desk@example.org"
MESSAGE = (
    b"From: GP <alerts@example.org>\r\nTo: <r@readers.example>\r\nMessage-ID: <m@example.org>\r\n"
    b"Date: Mon, 23 Nov 2026 06:00:00 +0000\r\nSubject: x\r\n\r\nGhana\r\n"
)


@pytest.fixture(scope="module")
def relay() -> Iterator[RelayPostfix]:
    with RelayPostfix() as relay:
        yield relay


@pytest.fixture
def token(tmp_path: Path) -> Path:
    return tmp_path / "token"


def way(relay: RelayPostfix, token: Path, *, connections: int = 2) -> SmtpServer:
    return SmtpServer(
        "localhost",
        relay.ports["by-token"],
        ca_file=relay.ca,
        username=USER,
        token_file=token,
        connections=connections,
    )


def letters(count: int, *, first: int = 1) -> list[Outgoing]:
    return [
        Outgoing(number, "alerts@example.org", f"r{number}@readers.example", lambda _: MESSAGE)
        for number in range(first, first + count)
    ]


async def why_down(transport: SmtpTransport, messages: list[Outgoing], notes: Notes) -> str:
    """Deliver; return why it gave up, in words, or nothing."""
    try:
        async with asyncio.timeout(120):
            await transport.deliver(messages, notes)
    except TransportDown as down:
        return str(down)
    return ""


def test_a_good_token_lets_us_in(relay: RelayPostfix, token: Path) -> None:
    token.write_text("good-token\n")
    relay.office.good = {"good-token": USER}
    notes = Notes()

    async def work() -> str:
        transport = SmtpTransport(way(relay, token))
        try:
            return await why_down(transport, letters(5), notes)
        finally:
            await transport.close()

    assert asyncio.run(work()) == ""
    assert notes.fates == {Fate.ACCEPTED: 5}
    relay.until_logged(
        rf"by-token/smtpd\S+ \w+: client=.*sasl_method=XOAUTH2, sasl_username={USER}"
    )
    assert len(relay.mails()) == 5


@pytest.mark.parametrize("wrong", ["stale-token", "somebody-elses"])
def test_a_token_that_is_not_good_is_told_in_a_line_without_it(
    relay: RelayPostfix, token: Path, wrong: str
) -> None:
    token.write_text(wrong)
    relay.office.good = {"somebody-elses": "other@example.org"}
    notes = Notes()

    async def work() -> str:
        transport = SmtpTransport(way(relay, token))
        try:
            return await why_down(transport, letters(3), notes)
        finally:
            await transport.close()

    said = asyncio.run(work())
    assert "535 5.7.8 Error: authentication failed" in said
    assert "\n" not in said
    assert wrong not in said
    assert notes.outcomes == {}, "no reader pays for it"


def test_a_token_that_runs_out_on_the_way_stops_nobody_who_is_in_and_is_read_anew(
    relay: RelayPostfix, token: Path
) -> None:
    token.write_text("first-token")
    relay.office.good = {"first-token": USER}
    notes = Notes()

    async def work() -> None:
        transport = SmtpTransport(way(relay, token, connections=1))
        assert await why_down(transport, letters(5), notes) == ""
        # A server asks for the token at the door alone: whoever is in goes on.
        relay.office.good = {}
        assert await why_down(transport, letters(5, first=6), notes) == ""
        await transport.close()
        transport = SmtpTransport(way(relay, token, connections=1))
        said = await why_down(transport, letters(5, first=11), notes)
        assert "535 5.7.8" in said
        assert len(notes.outcomes) == 10
        await transport.close()
        # Whatever renews tokens writes a new one; the next connection takes it.
        relay.office.good = {"second-token": USER}
        await asyncio.to_thread(token.write_text, "second-token")
        transport = SmtpTransport(way(relay, token, connections=1))
        assert await why_down(transport, letters(5, first=11), notes) == ""
        await transport.close()

    asyncio.run(work())
    assert notes.fates == {Fate.ACCEPTED: 15}
