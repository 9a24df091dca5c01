"""Mail URLs: what is read from them, and one clear line, without secrets, for what is wrong."""

import pytest

from alerts.config import Settings, load_settings
from alerts.config_sending import MAIL_SCHEMES
from alerts.delivery.transports.factory import MAKERS, make_transport
from alerts.delivery.transports.limited import LimitedTransport
from alerts.delivery.transports.pool import PoolTransport
from alerts.delivery.transports.providers.ses import region_of
from alerts.delivery.transports.urls import read_mail_url, transport_names
from alerts.errors import Invalid

SECRET = "S3cr3t"


def test_every_scheme_has_a_maker() -> None:
    assert set(MAKERS) == set(MAIL_SCHEMES)


def test_the_parts_of_a_url_are_decoded() -> None:
    url = read_mail_url("ses://AKIA:a%2Fb%2Bc%40d@eu-west-1?weight=3&name=bulk&connections=20")
    assert (url.host, url.username, url.password) == ("eu-west-1", "AKIA", "a/b+c@d")
    assert (url.name, url.weight, url.connections(default=8)) == ("bulk", 3, 20)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("sendgrid://SG.AbC_d-E", "SG.AbC_d-E"),
        ("sendgrid://SG.AbC@api", "SG.AbC"),
        ("postmark://AbC-1?stream=news", "AbC-1"),
        ("postmark://Ab%3AC", "Ab:C"),
    ],
)
def test_a_key_keeps_its_capitals_and_is_never_a_name(text: str, key: str) -> None:
    url = read_mail_url(text)
    assert url.username == key
    assert url.name == text.partition(":")[0]
    assert key not in repr(url)


def test_names_are_the_given_ones_else_host_or_provider() -> None:
    urls = (
        "smtp://u:p@Relay.example.org:587",
        "smtp://other.example.org?name=own",
        "ses://K:S@eu-west-1",
        "mailgun://K@mg.example.org",
    )
    names = transport_names(Settings(mail_url=urls))
    assert names == {"relay.example.org", "own", "ses", "mailgun"}


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("eu-west-1", "eu-west-1"),
        ("us-gov-west-1", "us-gov-west-1"),
        ("email.eu-west-1.amazonaws.com", "eu-west-1"),
        ("email-fips.us-east-1.amazonaws.com", "us-east-1"),
        ("example.org", None),
        ("email.eu-west-1.amazonaws.com.evil.org", None),
        ("", None),
    ],
)
def test_the_region_follows_from_the_host(host: str, region: str | None) -> None:
    assert region_of(host) == region


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (f"ses://AK:{SECRET}@nowhere", "region such as"),
        (f"ses://{SECRET}@eu-west-1", "secret key"),
        (f"ses://AK:{SECRET}/x@eu-west-1", "%2F"),
        (f"ses://AK:{SECRET}#x@eu-west-1", "# %23"),
        (f"ses://AK:{SECRET}%0a@eu-west-1", "secret key"),
        (f"mailgun://{SECRET}", "API key"),
        (f"mailgun://{SECRET}@mg.example.org?region=mars", "region=us or region=eu"),
        ("mailgun://mg.example.org", "API key"),
        ("postmark://", "server token"),
        (f"postmark://{SECRET}?streem=x", "option 'streem' is unknown; known are connections"),
        (f"smtp://user:p?{SECRET}1@host", "? %3F"),
        (f"smtp://user?{SECRET}1@host", "option (hidden)"),
        (f"smtp://user:{SECRET}:x@[::1", "host or the port"),
        (f"sendgrid://{SECRET}?region=eu&region=eu", "twice"),
        (f"sendgrid://{SECRET}?endpoint=ftp://x", "endpoint="),
        (f"sendgrid://{SECRET}?endpoint=http://u:{SECRET}@x", "endpoint="),
        (f"sendgrid://{SECRET}?endpoint=http://x:99999", "endpoint="),
        (f"sendgrid://{SECRET}?weight=-1", "weight=-1 is no number from 0 to 1000"),
        (f"sendgrid://{SECRET}?weight=²", "weight="),
        (f"sendgrid://{SECRET}?weight=1{'0' * 5000}", "weight="),
        (f"sendgrid://{SECRET}?name=Not This", "name="),
        (f"sendgrid://{SECRET}?name=", "name="),
        (f"sendgrid://{SECRET}?connections=0", "connections=0"),
        ("catcher://?rate=4/s", "option 'rate'"),
        (f"smtp://u:{SECRET}@h?tls=off&ca=/etc/hosts", "ca= and tls=off contradict each other"),
        (f"smtp://u:{SECRET}@h?ca=/nowhere.pem", "ca= names no file with certificates in PEM"),
        (f"smtps://u:{SECRET}@h?ca=/etc/hosts", "ca= names no file with certificates in PEM"),
        (f"sendgrid://{SECRET}?ca=/etc/hosts", "option 'ca' is unknown"),
    ],
)
def test_a_wrong_url_is_told_in_one_line_without_its_secret(url: str, reason: str) -> None:
    with pytest.raises(Invalid) as caught:
        make_transport(Settings(mail_url=(url,)), redis_url="redis://unused")
    line = str(caught.value)
    assert reason in line
    assert SECRET not in line
    assert "\n" not in line
    assert line.startswith("setting ALERTS_MAIL_URL=(hidden) is wrong: ")


def test_of_several_urls_the_wrong_one_is_named() -> None:
    settings = Settings(mail_url=("smtp://here.example.org", "smtp://there.example.org?wait=9"))
    with pytest.raises(Invalid, match="URL 2: option 'wait' is unknown"):
        make_transport(settings, redis_url="redis://unused")


def test_two_of_one_name_are_refused() -> None:
    settings = Settings(mail_url=("smtp://host:25", "smtp://host:26"))
    with pytest.raises(Invalid, match="URL 2: two transports are named host"):
        make_transport(settings, redis_url="redis://unused")


def test_an_unknown_scheme_is_refused_without_showing_what_stands_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ALERTS_MAIL_URL", f"smtp://host postmrak://{SECRET}")
    with pytest.raises(Invalid) as caught:
        load_settings()
    assert "URL 2 is no catcher://, smtp://" in str(caught.value)
    assert SECRET not in str(caught.value)


def test_the_catcher_alone_stands_for_every_transport() -> None:
    alone = make_transport(Settings(), redis_url="redis://unused")
    assert isinstance(alone, LimitedTransport)
    shared = Settings(mail_url=("catcher://?weight=0", "smtp://host"))
    assert isinstance(make_transport(shared, redis_url="redis://unused"), PoolTransport)
