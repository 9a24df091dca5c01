"""TLS and logins: who is at the other end, and what is told to whom."""

import asyncio
import base64
import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from alerts.delivery.outcome import Fate
from alerts.delivery.transports.base import Outgoing, TransportDown
from alerts.delivery.transports.smtp import SmtpServer, SmtpTransport
from alerts.delivery.transports.smtp.server import tls_context
from tests.data.delivery.certificate import self_signed
from tests.data.delivery.smtp_notes import Notes, hand_over, messages
from tests.data.delivery.smtp_server import ScriptedServer

SECRET = "p@ss w\u00f6rd"
OFFERED = SmtpServer("localhost", 0, connections=2, command_seconds=5)
WITH_PASSWORD = replace(OFFERED, username="desk", password=SECRET)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    return self_signed(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def stranger(certificate: tuple[ssl.SSLContext, Path]) -> ssl.SSLContext:
    """A certificate that nobody vouches for."""
    return certificate[0]


@pytest.fixture
def trusted(
    certificate: tuple[ssl.SSLContext, Path], monkeypatch: pytest.MonkeyPatch
) -> Iterator[ssl.SSLContext]:
    """The same, on a machine that trusts it."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[1]))
    tls_context.cache_clear()
    yield certificate[0]
    tls_context.cache_clear()


@pytest.mark.parametrize("fast_loop", [False, True])
@pytest.mark.parametrize("offers", [(), ("PIPELINING",), ("PIPELINING", "CHUNKING")])
def test_tls_that_is_merely_offered_is_taken_from_anyone(
    stranger: ssl.SSLContext, offers: tuple[str, ...], *, fast_loop: bool
) -> None:
    server = ScriptedServer(offers, tls=stranger)
    notes = hand_over(server, messages(20), OFFERED, fast_loop=fast_loop)
    assert notes.fates == {Fate.ACCEPTED: 20}
    assert "STARTTLS" in server.commands
    # What was learnt before is forgotten (RFC 3207 section 4.2).
    assert [c.partition(" ")[0] for c in server.commands[:3]] == ["EHLO", "STARTTLS", "EHLO"]


def test_off_means_off(stranger: ssl.SSLContext) -> None:
    server = ScriptedServer(tls=stranger)
    assert hand_over(server, messages(2), replace(OFFERED, tls="off")).fates[Fate.ACCEPTED] == 2
    assert "STARTTLS" not in server.commands


@pytest.mark.parametrize(
    "way",
    [
        replace(OFFERED, tls="required"),
        replace(OFFERED, tls="implicit"),
        WITH_PASSWORD,
        replace(WITH_PASSWORD, tls="required"),
        replace(WITH_PASSWORD, tls="implicit"),
    ],
)
@pytest.mark.parametrize("fast_loop", [False, True])
def test_who_has_to_be_known_shows_a_certificate(
    stranger: ssl.SSLContext, way: SmtpServer, *, fast_loop: bool
) -> None:
    secrets = (SECRET,) if way.password else ()
    server = ScriptedServer(tls=stranger, implicit=way.tls == "implicit", secrets=secrets)
    notes = hand_over(server, messages(3), way, down="self-signed", fast_loop=fast_loop)
    assert notes.outcomes == {}
    assert server.logins == []


@pytest.mark.parametrize("tls", ["offered", "required", "implicit"])
def test_a_server_that_is_known_gets_the_password_under_tls(
    trusted: ssl.SSLContext, tls: str
) -> None:
    server = ScriptedServer(tls=trusted, implicit=tls == "implicit", secrets=(SECRET,))
    notes = hand_over(server, messages(6), replace(WITH_PASSWORD, tls=tls))
    assert notes.fates == {Fate.ACCEPTED: 6}
    assert set(server.logins) == {("desk", SECRET, True)}


def test_a_certificate_of_somebody_else_is_none(trusted: ssl.SSLContext) -> None:
    server = ScriptedServer(tls=trusted)
    way = replace(OFFERED, host="127.0.0.1", tls="required")
    hand_over(server, messages(1), way, down=r"not valid for '127\.0\.0\.1'|IP address mismatch")


@pytest.mark.parametrize("way", [WITH_PASSWORD, replace(OFFERED, tls="required")])
def test_nobody_talks_us_out_of_tls(way: SmtpServer) -> None:
    server = ScriptedServer(("PIPELINING", "AUTH PLAIN LOGIN"))
    hand_over(server, messages(1), way, down="STARTTLS extension not supported")
    assert not any(command.startswith("AUTH") for command in server.commands)


@pytest.mark.parametrize("answer", ["454 4.7.0 TLS not available", "hello", "!"])
def test_tls_that_fails_is_told_at_once(stranger: ssl.SSLContext, answer: str) -> None:
    def broken(stage: str, _recipient: str, _count: int) -> str | None:
        return answer if stage == "starttls" else ""

    server = ScriptedServer(answers=broken, tls=stranger)
    said = {"454 4.7.0 TLS not available": "454 4.7.0", "hello": "hello", "!": "EOF|lost"}[answer]
    hand_over(server, messages(1), OFFERED, down=said)


def test_commands_injected_before_tls_are_not_heard(stranger: ssl.SSLContext) -> None:
    def injected(stage: str, _recipient: str, _count: int) -> str | None:
        return "220 go ahead\r\n250-evil\r\n250 CHUNKING" if stage == "starttls" else ""

    server = ScriptedServer(answers=injected, tls=stranger)
    notes = hand_over(server, messages(2), OFFERED)
    assert notes.fates == {Fate.ACCEPTED: 2}
    assert not any(command.startswith("BDAT") for command in server.commands)


@pytest.mark.parametrize("kinds", ["PLAIN", "LOGIN", "LOGIN PLAIN", "XOAUTH2 LOGIN"])
def test_a_password_goes_the_way_a_server_knows(trusted: ssl.SSLContext, kinds: str) -> None:
    server = ScriptedServer(("PIPELINING", f"AUTH {kinds}"), tls=trusted, secrets=(SECRET,))
    assert hand_over(server, messages(2), WITH_PASSWORD).fates == {Fate.ACCEPTED: 2}
    assert set(server.logins) == {("desk", SECRET, True)}


@pytest.mark.parametrize("kinds", ["PLAIN", "LOGIN"])
def test_a_wrong_password_is_told_without_the_password(kinds: str) -> None:
    # This server repeats what it was told, as no server should.
    server = ScriptedServer(("PIPELINING", f"AUTH {kinds}"), secrets=("another",))
    way = replace(WITH_PASSWORD, tls="off")

    async def work() -> str:
        async with server.running() as port:
            transport = SmtpTransport(replace(way, port=port))
            with pytest.raises(TransportDown) as caught:
                await transport.deliver(messages(1), Notes())
            await transport.close()
            return str(caught.value)

    said = asyncio.run(work())
    assert "refuses our login: 535 5.7.8 desk is not known" in said
    encoded = base64.b64encode(SECRET.encode()).decode()
    both = base64.b64encode(f"\0desk\0{SECRET}".encode()).decode()
    assert not any(form in said for form in (SECRET, encoded, both))


def test_a_server_that_knows_no_login_is_told(stranger: ssl.SSLContext) -> None:
    server = ScriptedServer(tls=stranger)
    way = replace(WITH_PASSWORD, tls="off")
    hand_over(server, messages(1), way, down="AUTH extension is not supported")


PLAIN_WAY = SmtpServer("", 0, tls="off", connections=3)


def elsewhere(count: int) -> list[Outgoing]:
    """Return messages to readers of four domains, in turn."""
    return [
        m._replace(recipient=f"r{m.delivery_id}@d{m.delivery_id % 4}.org") for m in messages(count)
    ]


def test_a_server_that_wants_a_login_we_do_not_have_refuses_no_reader() -> None:
    server = ScriptedServer(secrets=(SECRET,))
    said = r"refuses our mail without a login: 530 5\.7\.0 log in first"
    assert hand_over(server, messages(20), PLAIN_WAY, down=said).outcomes == {}


@pytest.mark.parametrize("offers", [(), ("PIPELINING",), ("PIPELINING", "CHUNKING")])
@pytest.mark.parametrize("stage", ["mail", "rcpt", "data", "end"])
@pytest.mark.parametrize("said", ["530 5.7.1 Authentication required", "535 5.7.8 wrong"])
def test_an_answer_of_logins_ends_no_delivery_wherever_it_comes(
    offers: tuple[str, ...], stage: str, said: str
) -> None:
    if stage == "data" and "CHUNKING" in offers:
        pytest.skip("there is no DATA")

    def stern(at: str, _recipient: str, _count: int) -> str | None:
        return said if at == stage else ""

    server = ScriptedServer(offers, stern)
    notes = hand_over(server, messages(30), PLAIN_WAY, down=f"without a login: {said[:9]}")
    # The content of one a connection was out; they wait in the ledger.
    assert len(notes.outcomes) <= (3 if stage == "end" else 0)
    assert notes.fates.keys() <= {Fate.POSTPONED}
    assert all(0 < outcome.wait <= 60 for outcome in notes.outcomes.values())


@pytest.mark.parametrize("stage", ["rcpt", "end"])
@pytest.mark.parametrize(
    "said",
    ["554 5.7.1 Relay access denied", "454 4.7.1 Relay access denied", "550 relay not permitted"],
)
def test_a_relay_that_carries_nothing_for_us_is_left_alone(stage: str, said: str) -> None:
    def stern(at: str, _recipient: str, _count: int) -> str | None:
        return said if at == stage else ""

    down = f"refuses our mail without a login: {said}"
    notes = hand_over(ScriptedServer(answers=stern), elsewhere(100), PLAIN_WAY, down=down)
    # Eight in a row are needed, and each connection has one under way.
    assert notes.fates.keys() == {Fate.POSTPONED}
    assert 8 <= notes.fates[Fate.POSTPONED] <= 8 + 3


BLOCKED = "550 5.7.1 Service unavailable; client blocked for its reputation"


def test_a_server_whose_policy_meets_everybody_is_not_held_against_readers() -> None:
    def stern(at: str, _recipient: str, _count: int) -> str | None:
        return BLOCKED if at == "rcpt" else ""

    server = ScriptedServer(answers=stern)
    notes = hand_over(server, elsewhere(100), PLAIN_WAY, down=f"refuses our mail: {BLOCKED}")
    assert notes.fates.keys() == {Fate.POSTPONED}
    assert 8 <= notes.fates[Fate.POSTPONED] <= 8 + 3


def test_a_policy_that_meets_some_is_theirs_once_others_are_served() -> None:
    def picky(at: str, recipient: str, _count: int) -> str | None:
        number = int(recipient.partition("@")[0].removeprefix("r") or 0)
        return BLOCKED if at == "rcpt" and (number == 1 or number > 20) else ""

    notes = hand_over(ScriptedServer(answers=picky), elsewhere(60), PLAIN_WAY)
    assert notes.fates == {Fate.POSTPONED: 1, Fate.ACCEPTED: 19, Fate.PERMANENT: 40}


def test_a_policy_against_one_domain_is_not_suspected_for_ever() -> None:
    def stern(at: str, _recipient: str, _count: int) -> str | None:
        return BLOCKED if at == "rcpt" else ""

    notes = hand_over(ScriptedServer(answers=stern), messages(60), PLAIN_WAY)
    assert notes.fates == {Fate.POSTPONED: 30, Fate.PERMANENT: 30}


def test_a_relay_that_carries_to_some_domains_alone_holds_up_nobody_else() -> None:
    def picky(at: str, recipient: str, _count: int) -> str | None:
        elsewhere = at == "rcpt" and not recipient.endswith("@x.org")
        return "554 5.7.1 Relay access denied" if elsewhere else ""

    others = [m._replace(recipient=f"r{m.delivery_id}@far.org") for m in messages(80)[:40]]
    notes = hand_over(ScriptedServer(answers=picky), [*others, *messages(80)[40:]], PLAIN_WAY)
    assert notes.fates == {Fate.POSTPONED: 40, Fate.ACCEPTED: 40}


def test_a_token_is_read_anew_for_each_connection(trusted: ssl.SSLContext, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("first\n")
    server = ScriptedServer(
        ("PIPELINING", "AUTH XOAUTH2"), tls=trusted, secrets=("first", "second")
    )
    way = replace(OFFERED, username="desk@example.org", token_file=token, connections=1)

    async def work() -> None:
        async with server.running() as port:
            for text in ("first", "second\n"):
                token.write_text(text)
                transport = SmtpTransport(replace(way, port=port))
                await transport.deliver(messages(3), Notes())
                await transport.close()

    asyncio.run(work())
    assert [secret for _, secret, _ in server.logins] == ["first", "second"]


def test_a_token_that_ran_out_is_told_without_the_token(
    trusted: ssl.SSLContext, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("old-token")
    server = ScriptedServer(("PIPELINING", "AUTH XOAUTH2"), tls=trusted, secrets=("new-token",))
    way = replace(OFFERED, username="desk@example.org", token_file=token)

    async def work() -> str:
        async with server.running() as port:
            transport = SmtpTransport(replace(way, port=port))
            with pytest.raises(TransportDown) as caught:
                await transport.deliver(messages(1), Notes())
            await transport.close()
            return str(caught.value)

    said = asyncio.run(work())
    assert "535 5.7.8" in said
    assert "old-token" not in said


@pytest.mark.parametrize(("text", "said"), [(None, "No such file"), ("\n", "holds no token")])
def test_a_token_file_without_token_keeps_the_mail(
    trusted: ssl.SSLContext, tmp_path: Path, text: str | None, said: str
) -> None:
    token = tmp_path / "token"
    if text is not None:
        token.write_text(text)
    way = replace(OFFERED, username="desk@example.org", token_file=token)
    server = ScriptedServer(("PIPELINING", "AUTH XOAUTH2"), tls=trusted, secrets=("x",))
    assert hand_over(server, messages(1), way, down=said).outcomes == {}
