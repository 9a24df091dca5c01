"""Domains that belong together, and records as they may be written."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.operations.doctor.dkim import BadKeyRecord, read_key_record
from alerts.operations.doctor.dmarc import BadDmarc, Dmarc, read_dmarc
from alerts.operations.doctor.domains import (
    is_aligned,
    is_free_mail,
    is_public,
    organisational_domain,
)
from alerts.operations.doctor.findings import Check, Finding, Level, shown, worst
from alerts.operations.doctor.tags import BadTags, read_tags


@pytest.mark.parametrize(
    ("domain", "organisation"),
    [
        ("gatewayhouse.in", "gatewayhouse.in"),
        ("News.GatewayHouse.in", "gatewayhouse.in"),
        ("a.b.example.org", "example.org"),
        ("mail.gp.org.in", "gp.org.in"),
        ("gp.co.uk", "gp.co.uk"),
        ("mail.web.de", "web.de"),
        ("co.uk", "co.uk"),
        ("localhost", "localhost"),
    ],
)
def test_the_domain_that_was_registered(domain: str, organisation: str) -> None:
    assert organisational_domain(domain) == organisation


def test_domains_that_agree() -> None:
    assert is_aligned("mail.example.org", "News.Example.org", strict=False)
    assert not is_aligned("mail.example.org", "example.org", strict=True)
    assert is_aligned("EXAMPLE.org", "example.org", strict=True)
    assert not is_aligned("a.co.uk", "b.co.uk", strict=False)


@pytest.mark.parametrize(
    ("domain", "public", "free"),
    [
        ("example.org", True, False),
        ("localhost", False, False),
        ("mail.test", False, False),
        ("news.example", False, False),
        ("googlemail.com", True, True),
        ("hotmail.fr", True, True),
        ("web.de", True, True),
    ],
)
def test_whose_a_domain_is(domain: str, *, public: bool, free: bool) -> None:
    assert (is_public(domain), is_free_mail(domain)) == (public, free)


def test_tags() -> None:
    assert read_tags(" V = DKIM1 ;; p= a=b ; ") == {"v": "DKIM1", "p": "a=b"}
    for wrong in ("p", "=x", "a b=c", "p=1; P=2"):
        with pytest.raises(BadTags):
            read_tags(wrong)


def test_a_subdomains_policy() -> None:
    text = "v=DMARC1; p=reject; sp=none; aspf=s; pct=20"
    assert read_dmarc(text) == Dmarc("reject", strict_spf=True, share="20")
    assert read_dmarc(text, for_subdomain=True).policy == "none"
    odd = "v=DMARC1; p=reject; sp=whatever"
    assert read_dmarc(odd, for_subdomain=True).policy == "reject"


@given(st.text(max_size=80), st.sampled_from(["rsa", "ed25519", "dsa", ""]), st.binary(max_size=64))
def test_nothing_else_is_ever_raised(text: str, kind: str, octets: bytes) -> None:
    from base64 import b64encode

    key = b64encode(octets).decode()
    for record in (text, f"v=DKIM1; k={kind}; p={key}", f"v=DKIM1; k={kind}; p={text}"):
        with suppress(BadKeyRecord):
            assert read_key_record(record) is not None
        with suppress(BadDmarc):
            assert read_dmarc(f"v=DMARC1; p=none; {record}").policy == "none"


def test_what_others_said_fits_a_line() -> None:
    assert shown("a\r\nb\x1b[31m\u2028c") == "a b [31m c"
    assert len(shown("x" * 10_000)) == 200
    assert shown(ValueError("why")) == "why"


def test_the_worst_counts() -> None:
    findings = [Finding.note(Check.SPF, "n"), Finding.warning(Check.SPF, "w", "mend")]
    assert worst([]) is Level.OK
    assert worst(findings) is Level.WARNING
    assert worst([Finding.error(Check.SPF, "e", "mend"), *findings]) is Level.ERROR
