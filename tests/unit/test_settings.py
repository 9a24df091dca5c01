"""Wrong settings stop the program with their name and what would be right, and show no secret."""

from pathlib import Path

import pytest

from alerts.config import load_settings
from alerts.database import database_url
from alerts.delivery.transports.factory import check_mail_urls
from alerts.errors import Invalid

PASSWORD = "hunter2"


@pytest.fixture(autouse=True)
def _at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ALERTS_DATA_DIR", str(tmp_path))


WRONG = [
    ("BASE_URL", f"https://me:{PASSWORD}@alerts.example.org", "https://alerts.example.org is nee"),
    ("BASE_URL", "https://alerts.example.org:99999", "https://alerts.example.org is needed"),
    ("BASE_URL", "https://alerts.example.org#top", "https://alerts.example.org is needed"),
    ("REDIS_URL", f"redis://:{PASSWORD}@127.0.0.1:99999", "redis://host:6379/0"),
    ("REDIS_URL", "redis://127.0.0.1/first", "redis://host:6379/0"),
    ("REDIS_URL", f"redis:/:{PASSWORD}@127.0.0.1", "redis://host:6379/0"),
    ("SENDER", f"http://me:{PASSWORD}@host:99999/", "is no sender such as"),
    ("SENDER", "GP Alerts <alerts@example..org>", "is no sender such as"),
    ("REPLIES_TO", "GP Alerts <al erts@example.org>", "is no sender such as"),
    ("REPLIES_TO", "(" * 3000, "is no sender such as"),
    ("ALARM_TO", "smtp://ops@example.org", "is no address such as ops@example.org"),
    ("ALARM_TO", "ops@example.org:25", "is no address such as ops@example.org"),
    ("CANARY", "canary@-example-", "is no address such as ops@example.org"),
    ("KEEP_DEPARTED", "740000 days", "100 years at most would be right, or for ever"),
    ("KEEP_LEDGER", "0 days", "is no span of time"),
    ("FETCH_HOSTS", "https://wiki.example.org/", "is no host's name such as wiki.example.org"),
]


@pytest.mark.parametrize(("name", "value", "right"), WRONG)
def test_a_wrong_setting_is_named_with_what_would_be_right(
    name: str, value: str, right: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"ALERTS_{name}", value)
    with pytest.raises(Invalid) as caught:
        load_settings()
    said = str(caught.value)
    assert said.startswith(f"setting ALERTS_{name}=")
    assert right in said
    if name.endswith("_URL"):
        assert PASSWORD not in said


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KEEP_LOG", "366 days"),
        ("LOG_LEVEL", "loud"),
        ("ALARM_TO", "ops@example.org nobody"),
        ("LEASE_SECONDS", "1"),
    ],
)
def test_what_is_wrong_is_shown_as_it_was_written(
    name: str, value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = f"setting ALERTS_{name}={value!r} is wrong: "
    monkeypatch.setenv(f"ALERTS_{name}", value)
    with pytest.raises(Invalid) as caught:
        load_settings()
    assert str(caught.value).startswith(said)
    monkeypatch.delenv(f"ALERTS_{name}")
    (tmp_path / ".env").write_text(f'ALERTS_{name}="{value}"\n')
    with pytest.raises(Invalid) as caught:
        load_settings()
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BASE_URL", "http://[::1]:8000/alerts/"),
        ("REDIS_URL", f"rediss://me:{PASSWORD}@redis.example.org:6380/15?ssl_cert_reqs=none"),
        ("REDIS_URL", "unix:///run/redis/redis.sock?db=2"),
        ("SENDER", "Röportaj <alerts@xn--bcher-kva.example>"),
        ("SENDER", "Bücher <alerts@bücher.example>"),
        ("SENDER", "alerts+news@localhost"),
        ("ALARM_TO", "ops@example.org o'neill@example.org"),
        ("FETCH_HOSTS", "wiki 10.0.0.3 ::1 wiki.example.org"),
    ],
)
def test_what_is_right_is_taken(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"ALERTS_{name}", value)
    assert getattr(load_settings(), name.lower())


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite://", "name a file"),
        ("sqlite:///:memory:", "name a file"),
        (f"postgresql://me:{PASSWORD}@db/alerts?nonsense=1", 'invalid connection option "nonse'),
        (f"mysql://me:{PASSWORD}@db/alerts", "mysql is not supported"),
        ("alerts.db", "no database URL"),
    ],
)
def test_a_database_that_is_none_is_named(url: str, said: str) -> None:
    with pytest.raises(Invalid, match=said) as caught:
        database_url(url)
    assert str(caught.value).startswith("setting ALERTS_DATABASE_URL is wrong: ")
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("smtps://", "the host is missing"),
        (f"smtp://me:{PASSWORD}@host:99999", "a number from 1 to 65535"),
        ("smtp://host?tls=maybe", "tls=maybe is unknown"),
        ("smtp://host?rte=14/s", "option 'rte' is unknown"),
        ("smtp://host?rate=fast", "fast"),
        ("ses://", "region"),
    ],
)
def test_a_wrong_mail_url_is_found_before_anything_is_sent(
    url: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALERTS_MAIL_URL", url)
    with pytest.raises(Invalid, match=said) as caught:
        check_mail_urls(load_settings())
    assert str(caught.value).startswith("setting ALERTS_MAIL_URL=(hidden) is wrong: ")
    assert PASSWORD not in str(caught.value)
