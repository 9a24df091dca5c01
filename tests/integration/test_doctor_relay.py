"""A relay looked at: real servers with and without TLS, certificates good and bad, logins."""

import asyncio
import ssl
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from alerts.delivery.transports.smtp import SmtpServer
from alerts.delivery.transports.smtp.server import tls_context
from alerts.operations.doctor.findings import Check, Finding, Level
from alerts.operations.doctor.relay import Seen, check_relay
from alerts.operations.doctor.relay_look import look_at
from tests.data.delivery.certificate import self_signed
from tests.data.delivery.smtp_server import ScriptedServer
from tests.data.operations.relay import PASSWORD, running_relay

NOW = datetime.now(UTC)
SECONDS = 10.0


@pytest.fixture
def trust(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> object:
    """Make certificates that this machine trusts."""

    def make(days: float = 90, name: str = "localhost") -> ssl.SSLContext:
        context, path = self_signed(tmp_path, name, days=days)
        monkeypatch.setenv("SSL_CERT_FILE", str(path))
        tls_context.cache_clear()
        return context

    yield make
    tls_context.cache_clear()


def judged(server: SmtpServer) -> dict[Check, Finding]:
    found = check_relay(server, look_at(server, seconds=SECONDS), now=NOW)
    return {finding.check: finding for finding in found}


def levels(findings: dict[Check, Finding]) -> dict[Check, Level]:
    return {check: finding.level for check, finding in findings.items()}


@pytest.mark.parametrize("implicit", [False, True])
def test_a_good_relay(trust: object, *, implicit: bool) -> None:
    assert callable(trust)
    limit = 20 * 1024 * 1024
    with running_relay(trust(), implicit=implicit, data_size_limit=limit) as (relay, way):
        server = replace(way, username="desk", password=PASSWORD)
        seen = look_at(server, seconds=SECONDS)
        findings = {one.check: one for one in check_relay(server, seen, now=NOW)}
    # aiosmtpd offers no pipelining, and the last finding about limits says so.
    assert levels(findings) == {
        Check.RELAY: Level.OK,
        Check.RELAY_TLS: Level.OK,
        Check.RELAY_CERTIFICATE: Level.OK,
        Check.RELAY_LOGIN: Level.OK,
        Check.RELAY_LIMITS: Level.NOTE,
    }
    assert (seen.announced, seen.offers["size"]) == ("mx.example.org", str(limit))
    assert "TLSv1" in findings[Check.RELAY_TLS].what
    assert (relay.logins, relay.mails) == (["desk"], 0)


def test_a_wrong_password_is_told_without_it(trust: object) -> None:
    assert callable(trust)
    with running_relay(trust()) as (relay, server):
        finding = judged(replace(server, username="desk", password="wrong one"))[Check.RELAY_LOGIN]
    assert (finding.level, relay.logins) == (Level.ERROR, [])
    assert "535" in finding.what
    assert "wrong one" not in finding.what


def test_no_login_is_tried_where_none_is_wanted(trust: object) -> None:
    assert callable(trust)
    with running_relay(trust()) as (relay, server):
        finding = judged(server)[Check.RELAY_LOGIN]
    assert (finding.known, relay.logins) == (False, [])


@pytest.mark.parametrize(
    ("days", "level", "words"),
    [(90, Level.OK, "valid until"), (13, Level.WARNING, "expires on"), (-1, None, "expired on")],
)
@pytest.mark.parametrize("tls", ["offered", "required", "implicit"])
def test_certificates_and_their_days(
    trust: object, days: float, level: Level | None, words: str, tls: str
) -> None:
    assert callable(trust)
    with running_relay(trust(days), implicit=tls == "implicit") as (_, server):
        finding = judged(replace(server, tls=tls))[Check.RELAY_CERTIFICATE]
    needed = Level.WARNING if tls == "offered" else Level.ERROR
    assert finding.level is (level or needed)
    assert words in finding.what


def test_a_certificate_that_nobody_vouches_for(tmp_path: Path) -> None:
    with running_relay(self_signed(tmp_path, days=90)[0]) as (_, server):
        offered = judged(server)[Check.RELAY_CERTIFICATE]
        required = judged(replace(server, tls="required"))[Check.RELAY_CERTIFICATE]
    assert (offered.level, required.level) == (Level.WARNING, Level.ERROR)
    assert "self-signed" in offered.what


def test_a_certificate_for_another_name(trust: object) -> None:
    assert callable(trust)
    with running_relay(trust(name="mx.example.org")) as (_, server):
        finding = judged(replace(server, tls="required"))[Check.RELAY_CERTIFICATE]
    assert finding.level is Level.ERROR
    assert "localhost" in finding.what


@pytest.mark.parametrize(("tls", "level"), [("offered", Level.NOTE), ("required", Level.ERROR)])
def test_a_relay_without_tls(tls: str, level: Level) -> None:
    with running_relay() as (_, server):
        findings = judged(replace(server, tls=tls))
    assert findings[Check.RELAY_TLS].level is level
    assert Check.RELAY_CERTIFICATE not in findings


@pytest.mark.parametrize(
    ("server", "offers", "level"),
    [
        (SmtpServer("relay.example.org", 25), {}, Level.WARNING),
        (SmtpServer("relay.example.org", 25, tls="off"), {"starttls": ""}, Level.WARNING),
        (SmtpServer("127.0.0.1", 25, tls="off"), {"starttls": ""}, Level.NOTE),
        (SmtpServer("relay.example.org", 25, username="desk"), {}, Level.ERROR),
    ],
)
def test_what_no_tls_means_far_and_near(
    server: SmtpServer, offers: dict[str, str], level: Level
) -> None:
    found = check_relay(server, Seen(offers=offers), now=NOW)
    assert [one.level for one in found if one.check is Check.RELAY_TLS] == [level]


def test_a_password_in_clear() -> None:
    far = SmtpServer("relay.example.org", 25, tls="off", username="desk", password="x")
    for server, level in ((far, Level.WARNING), (replace(far, host="::1"), Level.OK)):
        found = check_relay(server, Seen(login=""), now=NOW)
        assert [one.level for one in found if one.check is Check.RELAY_LOGIN] == [level]


@pytest.mark.parametrize(
    ("size", "level"),
    [(100_000, Level.ERROR), (1_000_000, Level.WARNING), (10_485_760, Level.OK), (0, Level.OK)],
)
def test_limits_on_size(size: int, level: Level) -> None:
    seen = Seen(offers={"size": str(size), "pipelining": ""})
    found = check_relay(SmtpServer("localhost", 25), seen, now=NOW)
    assert [one.level for one in found if one.check is Check.RELAY_LIMITS] == [level]


def test_nobody_there() -> None:
    with running_relay() as (_, server):
        pass
    [finding] = judged(server).values()
    assert (finding.check, finding.level) == (Check.RELAY, Level.ERROR)
    assert finding.mend


@pytest.mark.parametrize(
    ("stage", "answer"),
    [
        ("greeting", "554 5.7.1 go away!"),
        ("greeting", None),
        ("ehlo", "250 " + "x" * 100_000),
        ("ehlo", "!"),
        ("starttls", "454 4.7.0 TLS not available"),
        ("starttls", None),
    ],
)
def test_a_relay_that_misbehaves(stage: str, answer: str | None, tmp_path: Path) -> None:
    script = ScriptedServer(
        answers=lambda at, _recipient, _count: answer if at == stage else "",
        tls=self_signed(tmp_path)[0],
    )

    async def work() -> dict[Check, Finding]:
        async with script.running() as port:
            server = SmtpServer("localhost", port)
            return await asyncio.to_thread(
                lambda: {
                    one.check: one
                    for one in check_relay(server, look_at(server, seconds=0.5), now=NOW)
                }
            )

    [finding] = asyncio.run(work()).values()
    assert (finding.check, finding.level) == (Check.RELAY, Level.ERROR)
    assert len(finding.what) < 300
    assert finding.what.isprintable()
