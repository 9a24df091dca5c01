"""The whole examination: a house in order, a house in ruins, and the command that shows them."""

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from typer.testing import CliRunner, Result
from typing_extensions import override

from alerts.cli.whole import app
from alerts.clock import FixedClock, SystemClock
from alerts.config import Settings
from alerts.database import Database
from alerts.delivery.transports.smtp.server import tls_context
from alerts.holding import put_on_hold
from alerts.newsletters.models import Newsletter
from alerts.newsletters.service import ensure_built_in
from alerts.operations.doctor.certificates import Certificate
from alerts.operations.doctor.dkim import record_of
from alerts.operations.doctor.findings import GROUPS, Check, Finding, Level
from alerts.operations.doctor.machine import Space
from alerts.operations.doctor.names import DnsNames
from alerts.operations.doctor.ports import Ports
from alerts.operations.doctor.relay import Seen
from alerts.operations.doctor.rules import RULES, Provider, Verdict, judge
from alerts.operations.doctor.service import Diagnosis, diagnose
from alerts.operations.doctor.web import Answer, HttpWeb, Unreachable, Web
from tests.data.delivery.certificate import self_signed
from tests.data.delivery.signing import RSA
from tests.data.operations.name_server import asking, zone_of
from tests.data.operations.relay import PASSWORD, running_relay
from tests.data.operations.web_server import NOBODY, UP, web_server
from tests.functional.installation import free_port

NOW = datetime.now(UTC)
KEY = "kd83hS0w-qLm2Vn5Zt7XcBr9PfYaGe1uJiT4oH6s"
ROOMY = Space(total=100 * 1024**3, free=60 * 1024**3)
BASE_URL = "https://alerts.example.org"
Records = dict[tuple[str, str], str | Sequence[str]]
GOOD_ZONE: Records = {
    ("example.org", "TXT"): "v=spf1 ip4:192.0.2.25 -all",
    ("example.org", "MX"): "10 mx.example.org.",
    ("mx.example.org", "A"): "192.0.2.25",
    ("25.2.0.192.in-addr.arpa", "PTR"): "mx.example.org.",
    ("_dmarc.example.org", "TXT"): "v=DMARC1; p=reject; rua=mailto:dmarc@example.org",
    ("s1._domainkey.example.org", "TXT"): record_of(RSA.public_key()),
}


@dataclass
class Pages(Web):
    """A web as it should be, its clock `apart` from ours."""

    apart: timedelta = timedelta()
    away: bool = False

    @override
    def ask(self, url: str, *, method: str = "GET") -> Answer:
        if self.away:
            raise Unreachable("no network")
        status, headers, body = NOBODY if "/unsubscribe/" in url else UP
        told = f"{NOW + self.apart:%a, %d %b %Y %H:%M:%S GMT}"
        lower = {name.lower(): value for name, value in headers.items()}
        return Answer(status, NOW, {**lower, "date": told}, body)

    @override
    def certificate(self, url: str) -> Certificate | None:
        return None if self.away else Certificate(NOW + timedelta(days=80))


@dataclass
class Practice:
    """Settings and ports of a house that is in order; tests spoil them."""

    settings: Settings
    ports: Ports

    def diagnosis(self) -> Diagnosis:
        return diagnose(self.settings, self.ports)


@pytest.fixture
def practice(
    database: Database,
    redis_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Practice]:
    """Run a name server and a relay, on real stores."""
    from cryptography.hazmat.primitives import serialization as form

    context, certificate = self_signed(tmp_path, days=90)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    tls_context.cache_clear()
    key = tmp_path / "dkim.pem"
    key.touch(mode=0o600)
    no_lock = form.NoEncryption()
    key.write_bytes(RSA.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, no_lock))
    with ExitStack() as stack:
        names = stack.enter_context(asking(GOOD_ZONE))
        _, server = stack.enter_context(running_relay(context, data_size_limit=2**24))
        login = quote(f"desk:{PASSWORD}", safe=":")
        settings = Settings(
            data_dir=tmp_path,
            database_url=database.url.render_as_string(hide_password=False),
            redis_url=redis_url,
            mail_url=(f"smtp://{login}@localhost:{server.port}?tls=required",),
            base_url=BASE_URL,
            sender="News <news@example.org>",
            secret_key=(KEY,),
            dkim_key_file=(key,),
            dkim_selector=("s1",),
            dkim_domain="example.org",
            sending_addresses=("192.0.2.25",),
        )
        ports = Ports(
            SystemClock(),
            names,
            Pages(),
            space=lambda _: ROOMY,
            env_file=tmp_path / ".env",
        )
        yield Practice(settings, ports)
    tls_context.cache_clear()


def told(diagnosis: Diagnosis, *levels: Level) -> dict[Check, str]:
    return {one.check: one.what for one in diagnosis.findings if one.level in levels}


def test_a_house_in_order(practice: Practice) -> None:
    found = practice.diagnosis()
    assert told(found, Level.WARNING, Level.ERROR) == {}
    assert {finding.check for finding in found.findings} == set(Check)
    unknown = [one.rule.rule for one in found.rules if one.verdict is not Verdict.PASSED]
    assert sorted(unknown) == sorted(rule.rule for rule in RULES if not rule.checks)


def test_the_domain_that_bounces_come_back_to_is_the_one_in_the_envelope(
    practice: Practice,
) -> None:
    practice.settings = practice.settings.model_copy(
        update={"bounce_domain": "returns@bounce.example.org"}
    )
    wrong = told(practice.diagnosis(), Level.ERROR)
    assert wrong[Check.MX].startswith("bounce.example.org has neither MX nor address")
    assert wrong[Check.SPF].startswith("bounce.example.org has no SPF record")
    there: Records = {
        ("bounce.example.org", "TXT"): "v=spf1 ip4:192.0.2.25 -all",
        ("bounce.example.org", "MX"): "10 mx.example.org.",
    }
    with asking(GOOD_ZONE | there) as names:
        practice.ports = replace(practice.ports, names=names)
        found = practice.diagnosis()
    assert told(found, Level.WARNING, Level.ERROR) == {}
    well = [one.what for one in found.findings if one.check in {Check.MX, Check.ALIGNMENT}]
    assert any("bounce.example.org: bounces go to mx.example.org" in what for what in well)
    assert any("SPF by the envelope's bounce.example.org" in what for what in well)


def test_without_a_network_nothing_is_blamed_on_dns(practice: Practice) -> None:
    with zone_of({}).served() as server:
        pass
    names = DnsNames(server, seconds=0.3)
    practice.ports = replace(practice.ports, names=names, web=Pages(away=True))
    found = practice.diagnosis()
    dns = [one for one in found.findings if one.check in GROUPS["DNS"]]
    assert {(one.level, one.known) for one in dns if one.check is not Check.ALIGNMENT} == {
        (Level.NOTE, False)
    }
    assert set(told(found, Level.ERROR)) == {Check.HEALTH}
    gmail = [one for one in found.rules if Check.SPF in one.rule.checks]
    assert {one.verdict for one in gmail} == {Verdict.UNKNOWN}


def test_senders_of_newsletters_are_looked_at_too(practice: Practice, database: Database) -> None:
    with database.transaction() as session:
        ensure_built_in(session, clock=FixedClock(NOW))
        newsletter = session.get(Newsletter, "gp-alert")
        assert newsletter is not None
        newsletter.definition = newsletter.definition | {"sender": "GP <gp@elsewhere.example.net>"}
    found = practice.diagnosis()
    assert "elsewhere.example.net" in told(found, Level.ERROR)[Check.SENDER]
    failed = {one.rule.rule for one in found.rules if one.verdict is Verdict.FAILED}
    assert "From aligned with SPF or DKIM" in failed


def test_a_restored_system_that_is_held(practice: Practice, database: Database) -> None:
    with database.transaction() as session:
        put_on_hold(session, since=NOW, backup_of=NOW - timedelta(days=1))
    found = told(practice.diagnosis(), Level.ERROR)
    assert set(found) == {Check.HOLD}
    assert f"a backup of {NOW - timedelta(days=1):%Y-%m-%d %H:%M} UTC" in found[Check.HOLD]


def test_a_clock_that_is_wrong(practice: Practice) -> None:
    practice.ports = replace(practice.ports, web=Pages(apart=timedelta(minutes=10)))
    assert set(told(practice.diagnosis(), Level.ERROR)) == {Check.CLOCK}


def test_stores_that_are_away(practice: Practice, tmp_path: Path) -> None:
    practice.settings = practice.settings.model_copy(
        update={
            "database_url": f"sqlite:///{tmp_path}",
            "redis_url": f"unix://{tmp_path / 'nobody'}",
        }
    )
    assert set(told(practice.diagnosis(), Level.ERROR)) == {Check.DATABASE, Check.REDIS}


def test_without_a_key_the_relay_may_sign(practice: Practice) -> None:
    practice.settings = practice.settings.model_copy(
        update={"dkim_key_file": (), "dkim_selector": (), "dkim_domain": ""}
    )
    found = practice.diagnosis()
    assert set(told(found, Level.WARNING)) == {Check.DKIM, Check.ALIGNMENT}
    dkim = [one.verdict for one in found.rules if one.rule.checks == (Check.DKIM,)]
    assert set(dkim) == {Verdict.UNKNOWN}


@pytest.mark.parametrize(
    ("mail_url", "words"),
    [
        ("smtp://localhost:1?tsl=off", "option 'tsl' is unknown"),
        ("smtp://localhost:1?tls=maybe", "tls=maybe is unknown"),
        ("smtp://localhost:1?rate=fast", "fast"),
        ("smtp://localhost:1 smtp://localhost:2", "two transports are named"),
        ("sendgrid://KEY?endpoint=ftp://x", "endpoint="),
    ],
)
def test_a_mail_url_that_is_wrong(practice: Practice, mail_url: str, words: str) -> None:
    update = {"mail_url": tuple(mail_url.split())}
    practice.settings = practice.settings.model_copy(update=update)
    assert words in told(practice.diagnosis(), Level.ERROR)[Check.RELAY]


def by_provider(practice: Practice, endpoint: str) -> Diagnosis:
    mail_url = (f"postmark://SECRET-TOKEN?endpoint={endpoint}",)
    unsigned = {"dkim_key_file": (), "dkim_selector": (), "dkim_domain": ""}
    practice.settings = practice.settings.model_copy(update={"mail_url": mail_url, **unsigned})
    found = practice.diagnosis()
    assert "SECRET-TOKEN" not in json.dumps(found.as_json())
    return found


def test_a_provider_signs_and_has_the_envelope(practice: Practice) -> None:
    found = by_provider(practice, "https://api.example.net")
    assert told(found, Level.WARNING, Level.ERROR) == {}
    unknown = {one.check for one in found.findings if not one.known}
    assert {Check.SPF, Check.MX, Check.DKIM, Check.ALIGNMENT, Check.PTR} <= unknown
    good = told(found, Level.OK)
    assert "https://api.example.net answers" in good[Check.RELAY]
    assert "valid until" in good[Check.RELAY_CERTIFICATE]


def test_a_provider_over_the_wire(practice: Practice) -> None:
    real = HttpWeb(SystemClock(), seconds=5)
    practice.ports = replace(practice.ports, web=real)
    practice.settings = practice.settings.model_copy(update={"base_url": "http://localhost:1"})
    with web_server({"/": (403, {}, b"no key")}) as (url, asked):
        found = by_provider(practice, url)
        assert Check.RELAY not in told(found, Level.ERROR)
        assert asked == [("GET", "/")]
        # Its clock is one to go by.
        assert "postmark" in told(found, Level.OK)[Check.CLOCK]
    found = by_provider(practice, url)
    assert "does not answer" in told(found, Level.ERROR)[Check.RELAY]


def test_each_rule_fails_with_its_check() -> None:
    for rule in RULES:
        for check in rule.checks:
            findings = [Finding.ok(one, "fine") for one in Check if one is not check]
            findings.append(Finding.error(check, "not fine", "mend it"))
            [judged] = [one for one in judge(findings) if one.rule is rule]
            assert (judged.verdict, judged.why) == (Verdict.FAILED, "not fine")
    assert {rule.provider for rule in RULES} == set(Provider)
    assert {one.verdict for one in judge([])} == {Verdict.UNKNOWN}


def test_every_check_has_a_group() -> None:
    assert sorted(check for group in GROUPS.values() for check in group) == sorted(Check)


# The command.


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["doctor", *arguments])


@pytest.fixture
def ruins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Set a house of which nothing is right."""
    with zone_of({("example.org", "TXT"): "v=spf1 +all"}).served() as (host, port):
        for name, value in {
            "DATA_DIR": str(tmp_path / "var"),
            "DNS_SERVER": f"{host}:{port}",
            "MAIL_URL": "smtp://desk:changeme@localhost:1",
            "BASE_URL": "http://localhost:1",
            "SENDER": "News <news@example.org>",
            "SECRET_KEY": "x" * 40,
            "SENDING_ADDRESSES": "192.0.2.25",
        }.items():
            monkeypatch.setenv(f"ALERTS_{name}", value)
        yield


@pytest.mark.usefixtures("ruins")
def test_a_script_reads_what_is_wrong() -> None:
    result = run("--json")
    assert result.exit_code == 1
    document: dict[str, Any] = json.loads(result.stdout)
    assert document["level"] == "error"
    wrong = {one["check"] for one in document["checks"] if one["level"] == "error"}
    assert wrong == {
        *("spf", "dmarc", "mx", "ptr", "relay", "base-url", "health", "secret-key"),
        "default-secrets",
    }
    for one in document["checks"]:
        assert set(one) == {"check", "level", "what", "mend", "link", "known"}
        assert one["link"] == f"docs/deliverability.md#{one['check']}"
        assert one["mend"] or one["level"] not in {"error", "warning"}
    assert {one["result"] for one in document["rules"]} == {"passed", "failed", "unknown"}
    assert "changeme" not in result.stdout


@pytest.mark.usefixtures("ruins")
def test_a_person_reads_what_is_wrong() -> None:
    result = run()
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert [line for line in lines if line in GROUPS] == list(GROUPS)
    assert "  ERR  example.org: the SPF record ends in +all" in result.stdout
    assert "       Write ~all or -all instead." in lines
    assert "       docs/deliverability.md#spf" in lines
    assert "What Gmail asks of bulk senders" in lines
    assert lines[-1].startswith("9 errors")


def test_an_empty_environment_is_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The usual port may be somebody's here, whose answer would be another program's.
    monkeypatch.setenv("ALERTS_BASE_URL", f"http://127.0.0.1:{free_port()}")
    result = run()
    assert result.exit_code == 0, result.stdout
    assert "mail stays on this machine" in result.stdout
    assert "once mail leaves this machine" in result.stdout
    # Looking makes no database.
    assert not (tmp_path / "var" / "alerts.db").exists()


def test_a_wrong_setting_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALERTS_DNS_SERVER", "dns.example.org")
    result = run()
    assert result.exit_code == 1
    assert "IP address of a name server" in str(result.exception)


def test_nothing_that_a_relay_says_breaks_the_page(practice: Practice) -> None:
    loud = Seen(
        announced="\x1b[31m" + "x" * 5_000, offers={"limits": "\x07" * 5_000, "size": "9" * 90}
    )
    practice.ports = replace(practice.ports, relay=lambda _: loud)
    for finding in practice.diagnosis().findings:
        assert finding.what.isprintable()
        assert len(finding.what) < 600
