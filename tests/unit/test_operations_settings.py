"""The settings of looking after the system: what is taken, and what is said of the rest."""

import os
import stat
from datetime import timedelta
from pathlib import Path

import pytest

from alerts.config import load_settings
from alerts.errors import Invalid


def test_nobody_is_told_without_settings() -> None:
    settings = load_settings()
    assert settings.alarm_to == ()
    assert settings.alarm_webhook == ""
    assert settings.keep_ledger == timedelta(days=400)


def test_nobody_else_looks_into_the_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALERTS_DATA_DIR", str(tmp_path / "var"))
    before = os.umask(0o022)
    try:
        load_settings()
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "var").stat().st_mode) == stat.S_IRWXU


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
        ("KEEP_LOG", "90 days", "367 days at least"),
        ("LOG_LEVEL", "chatty", "'DEBUG', 'INFO', 'WARNING' or 'ERROR'"),
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


def test_how_much_is_logged_and_how_long_the_log_of_acts_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert (load_settings().log_level, load_settings().keep_log) == ("WARNING", None)
    monkeypatch.setenv("ALERTS_LOG_LEVEL", "info")
    monkeypatch.setenv("ALERTS_KEEP_LOG", "800 days")
    assert load_settings().log_level == "INFO"
    assert load_settings().keep_log == timedelta(days=800)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("ALERTS_MAIL_ULR", "ALERTS_MAIL_URL"),
        ("ALERTS_MAILURL", "ALERTS_MAIL_URL"),
        ("ALERTS_SECRET", "ALERTS_SECRET_KEY"),
        ("ALERTS_DKIM_KEYFILE", "ALERTS_DKIM_KEY_FILE"),
    ],
)
def test_a_misspelt_setting_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, name: str, meant: str
) -> None:
    monkeypatch.setenv(name, "s3cret")
    with pytest.raises(Invalid, match=f"no setting {name}: {meant} is probably meant") as raised:
        load_settings()
    assert "s3cret" not in str(raised.value)


def test_a_misspelt_line_of_the_file_stops_the_start_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("ALERTS_BASEURL=https://alerts.example.org\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Invalid, match="no setting ALERTS_BASEURL: ALERTS_BASE_URL is probably"):
        load_settings()


def test_what_other_programs_call_theirs_is_let_be(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ALERTS_HOME", "ALERTS_DEBUG", "ALERTS_CHANNEL", "MAIL_ULR"):
        monkeypatch.setenv(name, "1")
    load_settings()


def test_a_password_in_an_address_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALERTS_REDIS_URL", "http://:s3cret@redis:6379")
    with pytest.raises(Invalid, match=r"ALERTS_REDIS_URL=\(hidden\) is wrong: redis://host"):
        load_settings()


def test_a_folder_that_cannot_be_written_to_is_said_in_a_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("ALERTS_DATA_DIR", str(tmp_path / "file"))
    with pytest.raises(Invalid, match=r"ALERTS_DATA_DIR=.*/file is wrong: .*can be written to"):
        load_settings()
