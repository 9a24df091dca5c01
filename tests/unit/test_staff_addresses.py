"""Addresses, names and networks as accounts know them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.errors import Invalid
from alerts.staff.addresses import clean_browser, clean_name, network_of, parse_email, typed_key


def test_an_address_has_one_form_for_comparison() -> None:
    assert parse_email(" Zoe\u0301@B\u00fccher.example ") == (
        "Zo\u00e9@b\u00fccher.example",
        "zo\u00e9@xn--bcher-kva.example",
    )
    assert parse_email("AMA@Example.org")[1] == parse_email("ama@example.ORG")[1]


@pytest.mark.parametrize("text", ["", "ama", "ama@", "a\x1b[31m@example.org", "a" * 400 + "@b.org"])
def test_what_is_no_address_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(Invalid, match="no email address") as refused:
        parse_email(text)
    assert str(refused.value).isprintable()


@given(st.text(max_size=400))
def test_anything_can_be_typed_where_an_address_belongs(text: str) -> None:
    assert typed_key(text) == typed_key(f"  {text} ")


def test_names_are_one_line() -> None:
    assert clean_name("  Ama\n\u202eMensah ") == "Ama Mensah"
    assert clean_name(" \t") is None
    with pytest.raises(Invalid, match="300"):
        clean_name("x" * 301)
    assert clean_browser("Firefox\x00\x1b/140" + "x" * 500) == ("Firefox/140" + "x" * 500)[:200]
    assert clean_browser(None) is None


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("/run/alerts.sock", None),
        ("", None),
        (None, None),
    ],
)
def test_a_host_counts_for_its_network(address: str | None, network: str | None) -> None:
    assert network_of(address) == network
