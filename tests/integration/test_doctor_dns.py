"""DKIM, DMARC, alignment, MX, PTR and host names, judged over a real name server."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from alerts.config import Settings
from alerts.operations.doctor.dkim import check_dkim, record_of
from alerts.operations.doctor.dmarc import Dmarc, Sending, check_alignment, check_dmarc
from alerts.operations.doctor.findings import Check, Finding, Level, worst
from alerts.operations.doctor.hosts import check_host_name, check_mx, check_ptr, check_sender
from alerts.operations.doctor.spf.checks import Outlets
from tests.data.operations.name_server import asking

Records = dict[tuple[str, str], str | Sequence[str]]
Private = RSAPrivateKey | Ed25519PrivateKey
ED = Ed25519PrivateKey.generate()
RSA = generate_private_key(65537, 2048)
SHORT = generate_private_key(65537, 1024)  # noqa: S505 - as short as is still accepted
KEY_AT = ("s1._domainkey.example.org", "TXT")
OURS = Outlets(("192.0.2.25",), certain=True)
GUESSED = Outlets(("192.0.2.25",))


def signing(folder: Path, *keys: Private) -> Settings:
    paths = []
    for number, key in enumerate(keys, start=1):
        path = folder / f"{number}.pem"
        form = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path.write_bytes(key.private_bytes(*form))
        paths.append(path)
    return Settings(
        sender="News <news@example.org>",
        dkim_key_file=tuple(paths),
        dkim_selector=tuple(f"s{number}" for number in range(1, len(keys) + 1)),
        dkim_domain="example.org",
    )


def keys_checked(folder: Path, record: str | Sequence[str], key: Private = RSA) -> list[Finding]:
    records: Records = {KEY_AT: record} if record else {}
    with asking(records) as names:
        findings = check_dkim(names, signing(folder, key))
    assert {finding.check for finding in findings} == {Check.DKIM}
    return findings


def test_keys_that_are_published(tmp_path: Path) -> None:
    records: Records = {
        KEY_AT: record_of(RSA.public_key()),
        ("s2._domainkey.example.org", "TXT"): record_of(ED.public_key()),
    }
    with asking(records) as names:
        findings = check_dkim(names, signing(tmp_path, RSA, ED))
    assert [finding.level for finding in findings] == [Level.OK, Level.OK]


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("v=DKIM1; ", ""),
        lambda text: text.replace("; ", ";") + ";",
        lambda text: text.replace("p=", "p = "),
        lambda text: text[:100] + " " + text[100:],
        lambda text: text.replace("k=rsa", "h=sha1:sha256; s=email; t=s; n=a note"),
    ],
)
def test_a_record_may_be_written_in_many_ways(tmp_path: Path, change: object) -> None:
    assert callable(change)
    findings = keys_checked(tmp_path, str(change(record_of(RSA.public_key()))))
    assert worst(findings) is Level.OK


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ("", "has no key"),
        ("v=spf1 -all", "has no key"),
        ("v=DKIM1; p=", "revoked"),
        (record_of(SHORT.public_key()), "another key"),
        (record_of(ED.public_key()), "another key"),
        (record_of(RSA.public_key())[:-30], "no key; it may have been cut"),
        ("v=DKIM1; k=rsa; p=!!!", "no key"),
        ("v=DKIM1; k=dsa; p=AAAA", "does not fit"),
        ("v=DKIM2; p=AAAA", "v=DKIM1"),
        ("p=AAAA; v=DKIM1", "beginning"),
        ("v=DKIM1; h=sha1; p=AAAA", "sha256"),
        ("v=DKIM1; s=tlsrpt; p=AAAA", "email"),
        ("v=DKIM1; p=AAAA; p=BBBB", "twice"),
        ("v=DKIM1; p=AAAA; nonsense", "no tag=value"),
        (["v=DKIM1; p=AAAA", "v=DKIM1; p=BBBB"], "2 keys"),
    ],
    # Keys are made anew: their records would name a test differently in each process.
    ids=[str(number) for number in range(15)],
)
def test_keys_that_are_wrong(tmp_path: Path, record: str | Sequence[str], words: str) -> None:
    [finding] = keys_checked(tmp_path, record)
    assert finding.level is Level.ERROR
    assert words in finding.what
    assert finding.mend


def test_a_missing_record_is_told_whole(tmp_path: Path) -> None:
    [finding] = keys_checked(tmp_path, "")
    assert finding.mend.endswith(record_of(RSA.public_key()))


def test_a_key_on_trial(tmp_path: Path) -> None:
    [finding] = keys_checked(tmp_path, record_of(RSA.public_key()) + "; t=y:s")
    assert (finding.level, "on trial" in finding.what) == (Level.WARNING, True)


def test_a_short_key_and_one_that_is_too_short(tmp_path: Path) -> None:
    findings = keys_checked(tmp_path, record_of(SHORT.public_key()), SHORT)
    assert [finding.level for finding in findings] == [Level.WARNING, Level.OK]
    assert "1024 bits, 2048 are advised" in findings[0].what
    settings = signing(tmp_path, RSA)
    settings.dkim_key_file[0].write_text(_TOO_SHORT)
    with asking({}) as names:
        [finding] = check_dkim(names, settings)
    assert (finding.level, "512 bits" in finding.what) == (Level.ERROR, True)


def test_nothing_is_said_of_keys_where_none_signs(tmp_path: Path) -> None:
    with asking({}) as names:
        assert check_dkim(names, Settings()) == []


def test_a_key_that_could_not_be_asked_for(tmp_path: Path) -> None:
    with asking({}, all="SERVFAIL") as names:
        [finding] = check_dkim(names, signing(tmp_path, RSA))
    assert (finding.level, finding.known) == (Level.NOTE, False)


def dmarc(
    record: str | Sequence[str], *, at: str = "example.org", of: str = "example.org"
) -> tuple[list[Finding], Dmarc | None]:
    records: Records = {(f"_dmarc.{at}", "TXT"): record} if record else {}
    with asking(records) as names:
        return check_dmarc(names, of)


def test_a_good_policy() -> None:
    findings, policy = dmarc("v=DMARC1; p=reject; rua=mailto:d@example.org; adkim=s")
    assert [finding.level for finding in findings] == [Level.OK]
    assert policy == Dmarc("reject", strict_dkim=True, reports="mailto:d@example.org")


def test_the_policy_of_the_organisation_serves_below_it() -> None:
    for at, of in (("example.org", "a.news.example.org"), ("gp.org.in", "news.gp.org.in")):
        record = f"v=DMARC1; p=reject; sp=quarantine; rua=mailto:d@{at}"
        findings, policy = dmarc(record, at=at, of=of)
        assert worst(findings) is Level.OK
        assert policy is not None
        assert policy.policy == "quarantine"
    assert dmarc(record, at="co.uk", of="gp.co.uk")[1] is None


def test_a_policy_that_only_watches_is_a_note() -> None:
    findings, _ = dmarc("v=DMARC1; p=none; pct=50")
    assert [finding.level for finding in findings] == [Level.OK, *[Level.NOTE] * 3]


def test_reports_that_go_nowhere() -> None:
    findings, _ = dmarc("v=DMARC1; p=reject; rua=reports@example.org")
    assert [finding.what for finding in findings if finding.level is Level.NOTE] == [
        "_dmarc.example.org: rua=reports@example.org is no mailto: address, so that no report comes"
    ]


@pytest.mark.parametrize("agreed", [True, False])
def test_reports_go_only_where_they_are_wanted(*, agreed: bool) -> None:
    rua = "rua=mailto:a@news.example.org, mailto:b@reports.example.net!10m"
    records: Records = {("_dmarc.example.org", "TXT"): f"v=DMARC1; p=reject; {rua}"}
    if agreed:
        records["example.org._report._dmarc.reports.example.net", "TXT"] = "v=DMARC1;"
    with asking(records) as names:
        findings, _ = check_dmarc(names, "example.org")
    notes = [one.what for one in findings if one.level is Level.NOTE]
    told = ["reports on example.org are to go to reports.example.net, which has not agreed"]
    assert notes == ([] if agreed else told)


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ("", "no DMARC record"),
        ("v=DMARC2; p=none", "no DMARC record"),
        ("v=DMARC1; rua=mailto:d@example.org", "p=(missing)"),
        ("v=DMARC1; p=block", "p=block"),
        ("v=DMARC1; p=none; p=reject", "twice"),
        ("v=DMARC1; p", "no tag=value"),
        (["v=DMARC1; p=none", "v=DMARC1; p=reject"], "2 DMARC records"),
    ],
)
def test_policies_that_are_none(record: str | Sequence[str], words: str) -> None:
    [finding], policy = dmarc(record)
    assert (finding.level, policy) == (Level.ERROR, None)
    assert words in finding.what
    assert finding.mend


def test_a_policy_that_could_not_be_asked_for() -> None:
    with asking({}, all="SERVFAIL") as names:
        [finding], policy = check_dmarc(names, "example.org")
    assert (finding.known, policy) == (False, None)


STRICT = Dmarc("none", strict_dkim=True, strict_spf=True)


@pytest.mark.parametrize(
    ("envelope", "signed_by", "policy", "level"),
    [
        ("example.org", "example.org", None, Level.OK),
        ("bounce.example.org", "mail.example.org", None, Level.OK),
        ("bounce.example.org", "example.org", STRICT, Level.WARNING),
        ("relay.example.net", "example.org", None, Level.WARNING),
        ("example.org", "", None, Level.WARNING),
        ("relay.example.net", "", None, Level.ERROR),
        ("bounce.example.org", "mail.example.org", STRICT, Level.ERROR),
        ("relay.example.net", "example.net", None, Level.ERROR),
        (None, None, None, Level.NOTE),
        (None, "example.org", None, Level.NOTE),
    ],
)
def test_alignment(
    envelope: str | None, signed_by: str | None, policy: Dmarc | None, level: Level
) -> None:
    finding = check_alignment(Sending("example.org", envelope, signed_by), policy)
    assert (finding.check, finding.level) == (Check.ALIGNMENT, level)
    assert finding.mend or level is Level.OK


WORLD: Records = {
    ("example.org", "MX"): ["10 mx.example.org.", "20 lost.example.org."],
    ("good.example.org", "MX"): "10 mx.example.org.",
    ("bad.example.org", "MX"): "10 lost.example.org.",
    ("null.example.org", "MX"): "0 .",
    ("own.example.org", "MX"): "10 here.example.org.",
    ("here.example.org", "A"): "127.0.0.1",
    ("here.example.org", "AAAA"): "::",
    ("web.example.org", "A"): "192.0.2.80",
    ("none.example.org", "TXT"): "here, but nothing else",
    ("mx.example.org", "A"): "192.0.2.25",
    ("25.2.0.192.in-addr.arpa", "PTR"): "mx.example.org.",
    ("26.2.0.192.in-addr.arpa", "PTR"): "mx.example.org.",
}


@pytest.mark.parametrize(
    ("domain", "level", "words"),
    [
        ("good.example.org", Level.OK, "bounces go to mx.example.org"),
        ("example.org", Level.WARNING, "lost.example.org has no address"),
        ("bad.example.org", Level.ERROR, "bounces are lost"),
        ("null.example.org", Level.ERROR, "takes no mail"),
        ("own.example.org", Level.ERROR, "no address on the net; bounces are lost"),
        ("web.example.org", Level.WARNING, "no MX record"),
        ("none.example.org", Level.ERROR, "neither MX nor address"),
        ("gone.example.net", Level.ERROR, "neither MX nor address"),
    ],
)
def test_the_way_back_for_bounces(domain: str, level: Level, words: str) -> None:
    with asking(WORLD) as names:
        finding = check_mx(names, domain)
    assert (finding.level, words in finding.what) == (level, True), finding


@pytest.mark.parametrize(
    ("address", "level", "guessed"),
    [
        ("192.0.2.25", Level.OK, Level.OK),
        # The name does not lead back.
        ("192.0.2.26", Level.ERROR, Level.WARNING),
        # No name at all.
        ("192.0.2.27", Level.ERROR, Level.WARNING),
        ("2001:db8::27", Level.ERROR, Level.WARNING),
    ],
)
def test_the_names_of_addresses(address: str, level: Level, guessed: Level) -> None:
    with asking(WORLD) as names:
        for certain, expected in ((True, level), (False, guessed)):
            [finding] = check_ptr(names, Outlets((address,), certain=certain))
            assert finding.level is expected


def test_addresses_that_nobody_knows() -> None:
    with asking(WORLD) as names:
        [finding] = check_ptr(names, Outlets())
    assert (finding.level, finding.known) == (Level.NOTE, False)


@pytest.mark.parametrize(
    ("announced", "outlets", "level"),
    [
        ("mx.example.org", OURS, Level.OK),
        ("MX.example.org.", GUESSED, Level.OK),
        ("web.example.org", GUESSED, Level.OK),
        ("web.example.org", OURS, Level.NOTE),
        ("gone.example.org", GUESSED, Level.WARNING),
        ("localhost", GUESSED, Level.WARNING),
        ("mail.local", GUESSED, Level.WARNING),
        ("[192.0.2.25]", GUESSED, Level.WARNING),
        ("", GUESSED, Level.WARNING),
    ],
)
def test_what_the_relay_calls_itself(announced: str, outlets: Outlets, level: Level) -> None:
    with asking(WORLD) as names:
        assert check_host_name(names, announced, outlets).level is level


@pytest.mark.parametrize(
    ("domain", "level"),
    [
        ("example.org", Level.OK),
        ("none.example.org", Level.OK),
        ("gone.example.net", Level.ERROR),
        ("localhost", Level.ERROR),
        ("newsroom.local", Level.ERROR),
        ("gmail.com", Level.ERROR),
        ("yahoo.co.in", Level.ERROR),
    ],
)
def test_the_senders_domain(domain: str, level: Level) -> None:
    with asking(WORLD) as names:
        assert check_sender(names, domain).level is level


def test_what_could_not_be_asked_of_hosts_is_a_note() -> None:
    with asking({}, all="SERVFAIL") as names:
        findings = [
            check_sender(names, "example.org"),
            check_mx(names, "example.org"),
            *check_ptr(names, OURS),
            check_host_name(names, "mx.example.org", OURS),
        ]
    assert [(one.level, one.known) for one in findings] == [(Level.NOTE, False)] * 4


# A key of 512 bits, which nothing was ever signed with.
_TOO_SHORT = """-----BEGIN PRIVATE KEY-----
MIIBVAIBADANBgkqhkiG9w0BAQEFAASCAT4wggE6AgEAAkEAzAJrUNvIzyfv1QVT
xk8S3Q+oEU3/DN7Cu4TATrDIOnNtuQhgyOFzKA+CkGklLX0FvumOkA/MwPK3Aplk
merHbwIDAQABAkBqXUSIdt6+qurPHKTt+uIx4WzWAN1eX3IWBIOjQ2ZRmlcpn/Za
dfn2eIwxAwvsRf94OmMbobK9zS2D3Kim+VoRAiEA/5q86ZvfK+uG/EB3ijWCb/Y6
F7dlq0sgE5dp2JK9sscCIQDMUz2z2/avSM05EFVdNVNJbfTPK+GurxYJGiYroQce
GQIhAPfF3wSxZXfku5hBQd/HGSdBT3T4AeU3UOPM7fzT2nG3AiAE1ed87TS+Wzu4
IQHULeHlt/t2N7SknLIpzvueRrZTaQIgBqidcUw3QzukZg6e8ZuMB8lETbDNCjDb
Y5jcZ8YiTb8=
-----END PRIVATE KEY-----
"""
