"""The short way for plain addresses is exactly as strict as the library that decides."""

import unicodedata

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from alerts.errors import Invalid
from alerts.subscribers.addresses import EmailAddress, parse_address, plain_address

LOCAL_SIGNS = "aZ09_!#$%&'*+-/=?^`{|}~."
DOMAIN_SIGNS = "aZz09-."
ENDS = ["org", "COM", "test", "local", "arpa", "onion", "invalid", "localhost", "x1", "1x", "c-d"]
LABELS = st.text(DOMAIN_SIGNS, min_size=1, max_size=6) | st.sampled_from(
    ["a" * 63, "a" * 64, "xn--bcher-kva", "xn--a", "ab--c", "a-", "-a", "example", "arpa", ""]
)
LOCALS = st.text(LOCAL_SIGNS, min_size=1, max_size=8) | st.sampled_from(
    ["Info", "POSTMASTER", "a" * 64, "a" * 240, "a" * 241, "a..b", ".a", "a.", '"a b"', "ä", ""]
)
DOMAINS = st.builds(
    lambda labels, end: ".".join([*labels, end]),
    st.lists(LABELS, max_size=5),
    st.sampled_from(ENDS),
)
NEARLY = st.builds(lambda local, domain: f"{local}@{domain}", LOCALS, DOMAINS)
SIGNS = ["", " ", "\n", "\0", "@", "..", "<", ">", '"', ",", "-", "é", "\u0338", "\uff20"]


def spoil(text: str, place: int, sign: str) -> str:
    place %= len(text) + 1
    return text[:place] + sign + text[place:]


SPOILT = st.builds(spoil, NEARLY, st.integers(0, 300), st.sampled_from(SIGNS))
USUAL = st.from_regex(r"\A[a-z]{1,8}[.+_-]?[a-z0-9]{1,8}@[a-z0-9-]{1,12}\.[a-zA-Z]{2,4}\Z")


def by_the_library(text: str) -> EmailAddress:
    checked = validate_email(text, check_deliverability=False)
    local = unicodedata.normalize("NFC", checked.local_part).casefold()
    return EmailAddress(checked.normalized, f"{local}@{checked.ascii_domain.lower()}")


@settings(max_examples=3_000, deadline=None)
@given(SPOILT | NEARLY | USUAL | st.text(max_size=30))
@example("a@b.c")
@example("a@b.c\n")
@example("a@example.-a")
@example("a@1.2.3.4")
@example("a@localhost")
@example("a@x.localhost")
@example("Info@Example.org")
@example("a@" + "a." * 125 + "org")
@example("a" * 242 + "@example.org")
@example("a" * 243 + "@example.org")
def test_the_short_way_takes_nothing_that_the_library_does_not(text: str) -> None:
    found = plain_address(text)
    assume(found is not None)
    assert found == by_the_library(text)


@settings(max_examples=3_000, deadline=None)
@given(SPOILT | NEARLY | USUAL)
def test_both_ways_come_to_the_same(text: str) -> None:
    try:
        expected = by_the_library(text.strip())
    except EmailNotValidError:
        with pytest.raises(Invalid):
            parse_address(text)
        return
    # Control characters and what is longer than a column are refused before the library is asked.
    assert parse_address(text) == expected


@settings(max_examples=500)
@given(USUAL)
def test_usual_addresses_take_the_short_way(text: str) -> None:
    domain = text.partition("@")[2].lower()
    odd = ("--" in domain, "-." in domain, "@-" in text)
    assume(not any(odd) and not domain.endswith((".test", ".arpa")))
    assert plain_address(text) is not None
