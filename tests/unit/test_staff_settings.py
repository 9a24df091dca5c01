"""How long a log-in lasts, as the operator sets it."""

from datetime import timedelta

import pytest

from alerts.config import load_settings
from alerts.errors import Invalid


def test_a_log_in_lasts_twelve_idle_hours_and_two_weeks_at_most(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = load_settings()
    assert settings.session_idle == timedelta(hours=12)
    assert settings.session_longest == timedelta(days=14)
    monkeypatch.setenv("ALERTS_SESSION_IDLE", "30 minutes")
    monkeypatch.setenv("ALERTS_SESSION_LONGEST", "7d")
    settings = load_settings()
    assert settings.session_idle == timedelta(minutes=30)
    assert settings.session_longest == timedelta(days=7)


@pytest.mark.parametrize("text", ["", "soon", "12", "1 minute", "91 days", "0h"])
def test_other_spans_are_refused_in_one_line(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("ALERTS_SESSION_IDLE", text)
    with pytest.raises(Invalid, match="ALERTS_SESSION_IDLE") as refused:
        load_settings()
    assert "would be right" in str(refused.value)
    assert "\n" not in str(refused.value)
