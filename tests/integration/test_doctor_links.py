"""The links in mails, looked at over real web servers; and clocks."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typing_extensions import override

from alerts.clock import FixedClock, SystemClock
from alerts.database import Database
from alerts.operations.doctor.certificates import Certificate
from alerts.operations.doctor.findings import Check, Finding, Level
from alerts.operations.doctor.links import check_links
from alerts.operations.doctor.moments import Reading, check_clock, in_greeting
from alerts.operations.doctor.web import Answer, HttpWeb, Unreachable, Web
from alerts.tokens import Tokens
from tests.data.delivery.certificate import self_signed
from tests.data.operations.web_server import GOOD, NOBODY, UP, Answers, web_server
from tests.data.web.running import running_site

NOW = datetime.now(UTC)
WEB = HttpWeb(SystemClock(), seconds=5)


class Silent(Web):
    """The network is away."""

    @override
    def ask(self, url: str, *, method: str = "GET") -> Answer:
        raise Unreachable(f"{method} {url}: no network")

    @override
    def certificate(self, url: str) -> Certificate | None:
        return None


def judged(base_url: str, tokens: Tokens, *, leaves: bool = True) -> dict[Check, Finding]:
    findings, _ = check_links(WEB, base_url, tokens, leaves=leaves, now=NOW)
    return {finding.check: finding for finding in findings}


def test_a_good_server(tokens: Tokens, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context, path = self_signed(tmp_path, days=90)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    with web_server(context=context) as (url, asked):
        findings = judged(url, tokens)
    # A loopback address is the one thing that no reader reaches.
    assert {check: one.level for check, one in findings.items()} == {
        Check.BASE_URL: Level.ERROR,
        Check.BASE_URL_CERTIFICATE: Level.OK,
        Check.HEALTH: Level.OK,
        Check.UNSUBSCRIBE_LINK: Level.OK,
    }
    assert [method for method, _ in asked] == ["GET", "GET", "HEAD"]


@pytest.mark.parametrize(
    ("url", "leaves", "level"),
    [
        ("https://alerts.gatewayhouse.in", True, Level.OK),
        ("https://8.8.8.8", True, Level.OK),
        ("http://alerts.gatewayhouse.in", True, Level.ERROR),
        ("https://127.0.0.1", True, Level.ERROR),
        ("https://10.0.0.1", True, Level.ERROR),
        ("https://alerts.internal", True, Level.ERROR),
        ("https://localhost", True, Level.ERROR),
        ("http://127.0.0.1:8000", False, Level.NOTE),
    ],
)
def test_where_links_point(url: str, level: Level, tokens: Tokens, *, leaves: bool) -> None:
    findings, health = check_links(Silent(), url, tokens, leaves=leaves, now=NOW)
    assert findings[0].level is level
    assert findings[-1].level is (Level.ERROR if leaves else Level.NOTE)
    assert health is None


@pytest.mark.parametrize(
    ("days", "trusted", "level", "words"),
    [
        (90, True, Level.OK, "valid until"),
        (3, True, Level.WARNING, "expires on"),
        (-3, True, Level.ERROR, "expired on"),
        (90, False, Level.ERROR, "self-signed"),
    ],
)
def test_certificates(
    days: float,
    level: Level,
    words: str,
    tokens: Tokens,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    trusted: bool,
) -> None:
    context, path = self_signed(tmp_path, days=days)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(path))
    with web_server(context=context) as (url, _):
        finding = judged(url, tokens)[Check.BASE_URL_CERTIFICATE]
    assert (finding.level, words in finding.what) == (level, True), finding


def test_nobody_answers(tokens: Tokens) -> None:
    with web_server() as (url, _):
        pass
    findings = judged(url, tokens)
    assert findings[Check.HEALTH].level is Level.ERROR
    assert Check.UNSUBSCRIBE_LINK not in findings
    certificate = judged(url.replace("http:", "https:"), tokens)[Check.BASE_URL_CERTIFICATE]
    assert (certificate.level, certificate.known) == (Level.NOTE, False)


REDIRECT = (301, {"Location": "https://elsewhere.example.org/"}, b"")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((200, {}, b"welcome to nginx"), "200"),
        ((200, {}, b'{"status": "up", "of": "another"}'), "200"),
        ((200, {}, b"[" * 100_000), "200"),
        ((502, {}, b"bad gateway"), "502"),
        (REDIRECT, "301 to https://elsewhere.example.org/"),
    ],
)
def test_another_program_answers(
    answer: tuple[int, dict[str, str], bytes], words: str, tokens: Tokens
) -> None:
    with web_server({**GOOD, "/healthz": answer}) as (url, _):
        finding = judged(url, tokens)[Check.HEALTH]
    assert (finding.level, words in finding.what) == (Level.ERROR, True), finding


@pytest.mark.parametrize(
    ("answers", "level", "words"),
    [
        ({"/unsubscribe": (404, {}, b"no such page")}, Level.ERROR, "404"),
        ({"/unsubscribe": (200, {"X-Robots-Tag": "noindex"}, b"done!")}, Level.ERROR, "200"),
        ({"/unsubscribe": (401, {}, b"who are you?")}, Level.ERROR, "401"),
        ({"/unsubscribe": REDIRECT}, Level.ERROR, "301 to"),
        ({"HEAD /unsubscribe": (405, {}, b""), "/unsubscribe": NOBODY}, Level.WARNING, "405"),
    ],
)
def test_an_unsubscribe_link_that_goes_astray(
    answers: Answers, level: Level, words: str, tokens: Tokens
) -> None:
    with web_server({"/healthz": UP, **answers}) as (url, asked):
        finding = judged(url, tokens)[Check.UNSUBSCRIBE_LINK]
    assert (finding.level, words in finding.what) == (level, True), finding
    assert "POST" not in {method for method, _ in asked}


def test_looking_at_the_real_pages_ends_nothing(
    database: Database, clock: FixedClock, tmp_path: Path
) -> None:
    with running_site(database, clock, tmp_path) as site:
        reader = site.subscribe("gp-alert", "africa-this-week")
        findings = judged(site.url, site.runtime.tokens, leaves=False)
        for method in ("GET", "HEAD"):
            link = site.links.unsubscribe_url(reader.public_id)
            assert WEB.ask(link, method=method).status == 200
        assert set(site.subscriptions()) == {"gp-alert", "africa-this-week"}
        # Signing up left its records, and nothing has come to them.
        assert {record.way for record in site.consents()} == {"test"}
    assert findings[Check.HEALTH].level is Level.OK
    assert findings[Check.UNSUBSCRIBE_LINK].level is Level.OK


@pytest.mark.parametrize(
    ("seconds", "level"),
    [(0, Level.OK), (-5, Level.OK), (6, Level.NOTE), (-60, Level.NOTE), (61, Level.ERROR)],
)
def test_clocks_apart(seconds: int, level: Level) -> None:
    [finding] = check_clock([Reading("the relay", NOW + timedelta(seconds=seconds), NOW)])
    assert (finding.check, finding.level) == (Check.CLOCK, level)
    assert check_clock([])[0].known is False


def test_a_servers_clock_is_read_from_its_answer() -> None:
    with web_server() as (url, _):
        answer = WEB.ask(f"{url}/healthz")
    assert answer.date is not None
    assert abs(answer.date - answer.asked_at) < timedelta(seconds=60)
    for wrong in ("", "yesterday", "Tue, 24 Nov 2026 03:00:00 -0000"):
        assert Answer(200, NOW, {"date": wrong}).date is None


@pytest.mark.parametrize(
    ("greeting", "told"),
    [
        ("mx.example.org ESMTP Sendmail 8.18; Tue, 24 Nov 2026 03:00:00 GMT", True),
        (
            "mx.example.org Microsoft ESMTP MAIL Service ready at Tue, 24 Nov 2026 03:00:00 +0000",
            True,
        ),
        ("mx.example.org ESMTP Postfix (Debian/GNU)", False),
        ("", False),
        ("24 99 2026", False),
    ],
)
def test_a_clock_in_a_greeting(greeting: str, *, told: bool) -> None:
    found = in_greeting(greeting)
    assert (found == datetime(2026, 11, 24, 3, tzinfo=UTC)) is told
