"""The settings of looking after the system: what is taken, and what is said of the rest."""

from datetime import timedelta

import pytest

from alerts.config import load_settings
from alerts.errors import Invalid


def test_nobody_is_told_without_settings() -> None:
    settings = load_settings()
    assert settings.alarm_to == ()
    assert settings.alarm_webhook == ""
    assert settings.keep_ledger == timedelta(days=400)


def test_several_addresses_a_webhook_and_a_canary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALERTS_ALARM_TO", "ops@example.org night@example.org ops@example.org")
    monkeypatch.setenv("ALERTS_ALARM_WEBHOOK", "https://chat.example.org/hooks/1")
    monkeypatch.setenv("ALERTS_ALARM_WEBHOOK_SECRET", "s" * 24)
    monkeypatch.setenv("ALERTS_CANARY", "canary@alerts.example.org")
    monkeypatch.setenv("ALERTS_CANARY_WITHIN", "45 minutes")
    monkeypatch.setenv("ALERTS_KEEP_LEDGER", "for ever")
    settings = load_settings()
    assert settings.alarm_to == ("ops@example.org", "night@example.org")
    assert settings.canary_within == timedelta(minutes=45)
    assert settings.keep_ledger is None


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("ALARM_TO", "ops", "is no address"),
        ("ALARM_TO", "ops@example.org,night@example.org", "separated by spaces"),
        ("ALARM_WEBHOOK", "chat.example.org/hooks/s3cret", "https://chat.example.org"),
        ("CANARY", "canary", "is no address"),
        ("CANARY", "a+b@example.org", "without a +"),
        ("CANARY_WITHIN", "2 days", "between a minute and a day"),
        ("CANARY_WITHIN", "soon", "no span of time"),
        ("KEEP_LEDGER", "0", "or for ever"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(f"ALERTS_{name}", value)
    with pytest.raises(Invalid, match=f"setting ALERTS_{name}=.* is wrong: .*{said}") as raised:
        load_settings()
    assert "s3cret" not in str(raised.value)


def test_a_webhook_needs_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALERTS_ALARM_WEBHOOK", "https://chat.example.org/hooks/s3cret")
    with pytest.raises(Invalid, match=r"ALERTS_ALARM_WEBHOOK_SECRET=\(hidden\) is wrong"):
        load_settings()
