"""Limits as a person writes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.config import load_settings
from alerts.errors import Invalid
from alerts.mailbox_providers import normal_domain, provider_of
from alerts.rates import (
    DomainLimit,
    Quota,
    Rate,
    parse_domain_limits,
    parse_quota,
    parse_quotas,
    parse_rate,
)

SPANS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}


@given(st.integers(1, 999_999_999), st.sampled_from(sorted(SPANS)))
def test_a_rate_is_read_in_each_of_its_forms(messages: int, unit: str) -> None:
    rate = parse_rate(f" {messages}/{unit} ")
    assert rate == Rate(messages, SPANS[unit])
    assert parse_rate(str(rate)) == rate


@given(st.text(max_size=12))
def test_any_text_is_a_rate_or_refused(text: str) -> None:
    try:
        rate = parse_rate(text)
    except Invalid:
        return
    assert rate.interval > 0
    assert text.strip().isascii()


@pytest.mark.parametrize(
    "text",
    ["", "14", "14/", "/s", "0/s", "-1/s", "1e3/s", "14 /s", "14/s/s", "١٤/s", "1/S", "nan/s"],
)
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="14/s"):
        parse_rate(text)


def test_a_quota_is_whole_messages_by_the_hour_or_day() -> None:
    assert parse_quotas("2000/h,50000/d") == (Quota(2000, 3600), Quota(50000, 86400))
    for text in ("2000/s", "500/min", "0/h", "1.5/h", "many", ""):
        with pytest.raises(Invalid, match="2000/h or 50000/d"):
            parse_quota(text)
    with pytest.raises(Invalid, match="twice"):
        parse_quotas("2000/h,3000/h")


@given(st.integers(1, 10**9 - 1), st.sampled_from(["h", "d"]))
def test_a_quota_is_written_as_it_is_read(messages: int, unit: str) -> None:
    assert str(parse_quota(f"{messages}/{unit}")) == f"{messages}/{unit}"


def test_limits_by_domain_are_rates_by_the_second_and_quotas_by_the_hour() -> None:
    words = ("gmail.com=20/s", "Hotmail.com=5/s,100/m,1000/h", "*=10/s", "münchen.example=1/s")
    assert parse_domain_limits(words) == (
        DomainLimit("gmail.com", (Rate(20, 1),)),
        DomainLimit("outlook.com", (Rate(5, 1), Rate(100, 60)), (Quota(1000, 3600),)),
        DomainLimit("*", (Rate(10, 1),)),
        DomainLimit("xn--mnchen-3ya.example", (Rate(1, 1),)),
    )


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["gmail.com"], "gmail.com=20/s or"),
        (["gmail.com="], "rate ''"),
        (["=20/s"], "'' is no domain"),
        (["yahoo.*=20/s"], "is no domain"),
        (["a b=1/s"], "is no domain"),
        (["x" * 64 + ".org=1/s"], "is no domain"),
        (["a.org=1/s,2/s"], "same span twice"),
        (["a.org=1.5/h"], "quota"),
        (["gmail.com=1/s", "googlemail.com=2/s"], "gmail.com and googlemail.com are served by one"),
        (["*=1/s", "*=2/s"], "stands there twice"),
    ],
)
def test_a_wrong_limit_by_domain_says_what_would_be_right(words: list[str], reason: str) -> None:
    with pytest.raises(Invalid, match=reason.replace("*", r"\*")):
        parse_domain_limits(words)


@given(st.lists(st.text(max_size=30), max_size=3))
def test_any_words_are_limits_or_refused(words: list[str]) -> None:
    try:
        limits = parse_domain_limits(words)
    except Invalid:
        return
    assert len({limit.provider for limit in limits}) == len(words)


def test_the_setting_is_read_and_a_wrong_one_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALERTS_DOMAIN_LIMITS", "gmail.com=20/s  *=10/s")
    assert load_settings().domain_limits == ("gmail.com=20/s", "*=10/s")
    monkeypatch.setenv("ALERTS_DOMAIN_LIMITS", "gmail.com=fast")
    with pytest.raises(Invalid, match=r"ALERTS_DOMAIN_LIMITS.*'fast'.*14/s"):
        load_settings()


@pytest.mark.parametrize(
    ("domain", "provider"),
    [
        ("GoogleMail.com", "gmail.com"),
        ("gmail.com.", "gmail.com"),
        ("live.co.uk", "outlook.com"),
        ("hotmail.fr", "outlook.com"),
        ("msn.com", "outlook.com"),
        ("yahoo.co.in", "yahoo.com"),
        ("yahoo.com.br", "yahoo.com"),
        ("ymail.com", "yahoo.com"),
        # These only look alike.
        ("yahoo.co.jp", "yahoo.co.jp"),
        ("yahoo.example.org", "yahoo.example.org"),
        ("live.example.com", "live.example.com"),
        ("notgmail.com", "notgmail.com"),
        ("me.com", "icloud.com"),
        ("mac.com", "icloud.com"),
        ("nias.res.in", "nias.res.in"),
    ],
)
def test_the_domains_of_one_provider_count_as_one(domain: str, provider: str) -> None:
    assert provider_of(domain) == provider


@given(st.text(max_size=300))
def test_any_text_has_a_provider_no_longer_than_a_domain(text: str) -> None:
    provider = provider_of(text)
    assert len(provider) <= 253
    assert provider_of(provider) == provider_of(provider.lower())


@given(st.from_regex(r"[a-z0-9]{1,20}(\.[a-z0-9]{1,20}){1,3}", fullmatch=True))
def test_a_domain_is_itself_in_normal_form(domain: str) -> None:
    assert normal_domain(domain.upper() + ".") == domain
