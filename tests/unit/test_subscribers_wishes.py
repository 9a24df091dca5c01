"""Addresses, wishes and links: what is the same, what is refused, what cannot be forged."""

import string
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from itsdangerous import URLSafeSerializer

from alerts.errors import Invalid
from alerts.regions import REGIONS
from alerts.subscribers.addresses import parse_address
from alerts.subscribers.details import check_time_zone, clean_name
from alerts.subscribers.links import SubscriberLinks
from alerts.subscribers.models import Frequency
from alerts.subscribers.preferences import Habits
from alerts.subscribers.wishes import Offer, canonical_wish, choose_offers, parse_frequency
from alerts.tokens import UNSUBSCRIBE, BadToken, Tokens

BASE = "https://alerts.example.org"
WEEKLY = Offer("africa-this-week", "Africa", "", (Frequency.WEEKLY,), Frequency.WEEKLY)
ALERT = Offer(
    "gp-alert", "GP Alert", "", (Frequency.IMMEDIATE, Frequency.DAILY), Frequency.IMMEDIATE
)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ama@Example.org", "ama@example.ORG"),
        (" ama@example.org ", "ama@example.org"),
        ("ama@bücher.example", "ama@xn--bcher-kva.example"),
        ("zoe\u0308@example.org", "zo\u00eb@example.org"),
    ],
)
def test_one_mailbox_has_one_key(one: str, other: str) -> None:
    assert parse_address(one).key == parse_address(other).key


def test_tags_are_part_of_an_address() -> None:
    assert parse_address("ama+news@example.org").key != parse_address("ama@example.org").key


@pytest.mark.parametrize(
    "text",
    [
        *("", "ama", "ama@", "@example.org", "a b@example.org", "ama@exa mple.org"),
        *("ama@example.org\r\nBcc: x@y.org", "ama@example.org, li@example.org"),
        "a" * 400 + "@example.org",
    ],
)
def test_what_is_no_address_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(Invalid, match="no email address") as refused:
        parse_address(text)
    assert "\n" not in str(refused.value)


@given(st.text(max_size=100))
def test_any_text_is_an_address_or_refused_and_a_key_is_its_own_key(text: str) -> None:
    try:
        address = parse_address(text)
    except Invalid:
        return
    assert parse_address(address.display).key == address.key
    assert "\n" not in address.display


@given(st.lists(st.sampled_from(sorted(REGIONS)), max_size=6))
def test_a_wish_is_one_text_whatever_its_order(slugs: list[str]) -> None:
    wish = canonical_wish(slugs)
    assert canonical_wish(reversed(slugs)) == wish
    assert canonical_wish(REGIONS[slug].name for slug in slugs) == wish
    assert canonical_wish(wish.split(";")) == wish


def test_a_region_inside_a_wished_one_adds_nothing() -> None:
    assert canonical_wish(["Africa", "West Africa", "europe"]) == "africa;europe"
    with pytest.raises(Invalid, match="no region 'Atlantis'"):
        canonical_wish(["Atlantis"])


def test_frequencies_are_words() -> None:
    assert parse_frequency(" Weekly ") is Frequency.WEEKLY
    assert parse_frequency("") is None
    with pytest.raises(Invalid, match="no frequency 'hourly'"):
        parse_frequency("hourly")


def test_a_frequency_that_is_not_offered_falls_back_to_the_usual_one() -> None:
    assert WEEKLY.frequency_for(Frequency.IMMEDIATE) is Frequency.WEEKLY
    assert ALERT.frequency_for(Frequency.DAILY) is Frequency.DAILY
    assert ALERT.frequency_for(None) is Frequency.IMMEDIATE


def test_newsletters_are_chosen_by_name_each_once() -> None:
    offered = {offer.slug: offer for offer in (ALERT, WEEKLY)}
    assert choose_offers(offered, []) == [ALERT, WEEKLY]
    assert choose_offers(offered, ["gp-alert", "gp-alert"]) == [ALERT]
    with pytest.raises(Invalid, match="no newsletter 'nothing'; there are gp-alert"):
        choose_offers(offered, ["nothing"])


def test_a_pause_ends_on_the_readers_own_calendar() -> None:
    until = datetime(2027, 1, 9, 18, 30, tzinfo=UTC)
    assert Habits("Asia/Kolkata", paused_until=until).words() == (
        "time zone Asia/Kolkata, paused until 2027-01-10"
    )
    assert Habits(paused_until=until).words() == "paused until 2027-01-09"


def test_details_are_checked() -> None:
    assert check_time_zone("asia/kolkata") == "Asia/Kolkata"
    assert check_time_zone(" ") is None
    with pytest.raises(Invalid, match="no time zone 'Mars/Base'"):
        check_time_zone("Mars/Base")
    assert clean_name(" Ama\r\n Boateng\0 ") == "Ama Boateng"
    assert clean_name("  ") is None


def test_lasting_tokens_are_those_of_the_library(tokens: Tokens) -> None:
    keys = ["an-old-key-of-more-than-thirty-two-characters", "a-key-of-more-than-thirty-two-chars"]
    ours = Tokens(tuple(keys))
    theirs = URLSafeSerializer(keys, salt="alerts.unsubscribe")
    for parts in (("Zx9_-abc", "gp-alert", "17"), ("ä", "", ""), ()):
        assert ours.lasting(UNSUBSCRIBE, *parts) == theirs.dumps(list(parts))
        assert ours.read_lasting(UNSUBSCRIBE, theirs.dumps(list(parts))) == parts
    long = ("a" * 500,)
    assert ours.read_lasting(UNSUBSCRIBE, ours.lasting(UNSUBSCRIBE, *long)) == long
    with pytest.raises(BadToken):
        tokens.read_lasting(UNSUBSCRIBE, ours.lasting(UNSUBSCRIBE, "x"))


def test_a_link_is_read_back_and_no_other_is(tokens: Tokens) -> None:
    links = SubscriberLinks(tokens, BASE)
    url = links.unsubscribe_url("abc", newsletter="gp-alert", issue_id=7)
    token = url.removeprefix(f"{BASE}/unsubscribe/")
    read = links.read_unsubscribe(token)
    assert (read.public_id, read.newsletter, read.issue_id) == ("abc", "gp-alert", 7)
    other = SubscriberLinks(Tokens(("another-key-of-more-than-32-characters-here",)), BASE)
    with pytest.raises(BadToken):
        other.read_unsubscribe(token)
    with pytest.raises(BadToken):
        links.read_preferences(token)


def test_one_signature_is_written_in_one_way_alone() -> None:
    tokens = Tokens(("a-key-for-tests-only-of-more-than-32-characters",))
    lasting, expiring = tokens.lasting(UNSUBSCRIBE, "abc"), tokens.expiring("abc")
    assert tokens.read_lasting(UNSUBSCRIBE, lasting) == ("abc",)
    assert tokens.read_expiring(expiring, within=timedelta(hours=1)) == ("abc",)
    # The last character of 20 octets in Base64 carries four bits of six.
    for other in string.ascii_letters + string.digits + "-_é=":
        if other != lasting[-1]:
            with pytest.raises(BadToken):
                tokens.read_lasting(UNSUBSCRIBE, lasting[:-1] + other)
        if other != expiring[-1]:
            with pytest.raises(BadToken):
                tokens.read_expiring(expiring[:-1] + other, within=timedelta(hours=1))
    with pytest.raises(BadToken):
        tokens.read_lasting(UNSUBSCRIBE, f"{lasting}é")


@given(st.integers(min_value=0), st.characters())
def test_a_changed_token_is_worth_nothing(place: int, character: str) -> None:
    links = SubscriberLinks(Tokens(("a-key-for-tests-only-of-more-than-32-characters",)), BASE)
    token = links.unsubscribe_url("abc").removeprefix(f"{BASE}/unsubscribe/")
    place %= len(token)
    forged = token[:place] + character + token[place + 1 :]
    assume(forged != token)
    with pytest.raises(BadToken):
        links.read_unsubscribe(forged)
