"""SPF records as they are written, well and badly."""

import ipaddress
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.operations.doctor.spf.record import BadSpf, Term, expand, is_spf, read_spf

SENDER = "strong-bad@email.example.com"
FOUR = ipaddress.ip_address("192.0.2.3")
SIX = ipaddress.ip_address("2001:db8::cb01")


def test_a_record_is_read_term_by_term() -> None:
    record = read_spf(
        "v=spf1  IP4:192.0.2.9/24 ?ip6:2001:db8::/32 a mx:example.org/28//64 "
        "include:_spf.example.net ~ALL"
    )
    networks = [str(term.network) for term in record.terms[:2]]
    assert networks == ["192.0.2.0/24", "2001:db8::/32"]
    assert [term.name for term in record.terms] == ["ip4", "ip6", "a", "mx", "include", "all"]
    assert record.terms[3] == Term("+", "mx", "example.org", prefixes=(28, 64))
    assert record.last == Term("~", "all")


def test_a_redirect_is_not_followed_past_all() -> None:
    assert read_spf("v=spf1 redirect=a.example").redirect == "a.example"
    assert read_spf("v=spf1 -all redirect=a.example").redirect == ""
    # Modifiers that nobody knows are passed over (section 6).
    assert read_spf("v=spf1 exp=why.example ip4=192.0.2.1 -all").terms == (Term("-", "all"),)


@pytest.mark.parametrize(
    ("text", "told"),
    [("v=spf1", True), ("V=SPF1 -all", True), ("v=spf10 -all", False), (" v=spf1", False)],
)
def test_what_is_an_spf_record(text: str, *, told: bool) -> None:
    assert is_spf(text) is told


@pytest.mark.parametrize(
    "term",
    [
        *("ip4:192.0.2.0/33", "ip4:2001:db8::1", "ip6:192.0.2.1", "ip4:", "ip4"),
        *("include", "include:", "exists", "a:", "a/33", "mx//129", "a/", "all:x", "all/8"),
        *(
            "inlcude:example.org",
            "--all",
            "-all;",
            "redirect=",
            "redirect=a redirect=b",
            "exists/8",
        ),
    ],
)
def test_what_is_badly_written_is_refused(term: str) -> None:
    with pytest.raises(BadSpf):
        read_spf(f"v=spf1 {term} -all")


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("%{s}", "strong-bad@email.example.com"),
        ("%{o}", "email.example.com"),
        ("%{d4}", "email.example.com"),
        ("%{d1}", "com"),
        ("%{dr}", "com.example.email"),
        ("%{d2r}", "example.email"),
        ("%{l-}", "strong.bad"),
        ("%{lr-}", "bad.strong"),
        ("%{l1r-}", "strong"),
        ("%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"),
        ("%%%_%-", "% %20"),
    ],
)
def test_macros_are_filled_in_as_section_7_4_shows(text: str, expanded: str) -> None:
    assert expand(text, domain="email.example.com", address=FOUR, sender=SENDER) == expanded


def test_an_ipv6_address_goes_in_by_its_digits() -> None:
    found = expand("%{ir}.%{v}", domain="example.com", address=SIX, sender=SENDER)
    assert found == "1.0.b.c." + "0." * 20 + "8.b.d.0.1.0.0.2.ip6"


def test_a_name_that_grew_too_long_loses_its_beginning() -> None:
    found = expand("%{s}." + "x." * 150 + "org", domain="d", address=FOUR, sender=SENDER)
    assert len(found) <= 253
    assert found.endswith(".x.org")


@pytest.mark.parametrize("text", ["%", "%{x}", "%{d0}", "100%{", "%(d)"])
def test_a_macro_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(BadSpf):
        expand(text, domain="example.org", address=FOUR, sender=SENDER)


@given(st.text(max_size=80), st.text(alphabet="%{}sdlior0123456789-._ ", max_size=40))
def test_nothing_else_is_ever_raised(text: str, macro: str) -> None:
    for work in (
        lambda: read_spf(f"v=spf1 {text}"),
        lambda: expand(macro, domain="example.org", address=SIX, sender=SENDER),
    ):
        with suppress(BadSpf):
            assert work() is not None
