"""Disk, secrets and the files they stand in."""

import secrets
from pathlib import Path

import pytest

from alerts.config import Settings
from alerts.operations.doctor.findings import Level
from alerts.operations.doctor.machine import (
    Space,
    check_default_secrets,
    check_disk,
    check_env_file,
    check_secret_files,
    check_secret_keys,
    secret_files,
)

GIB = 1024**3
GOOD_KEY = secrets.token_urlsafe(48)


@pytest.mark.parametrize(
    ("total", "free", "level"),
    [
        (100 * GIB, 50 * GIB, Level.OK),
        (100 * GIB, 9 * GIB, Level.WARNING),
        (100 * GIB, GIB - 1, Level.ERROR),
        (2 * GIB, GIB - 1, Level.ERROR),
        (0, 0, Level.ERROR),
    ],
)
def test_room_on_the_disk(total: int, free: int, level: Level) -> None:
    assert check_disk(Path("/data"), Space(total, free)).level is level


@pytest.mark.parametrize(
    ("keys", "level"),
    [
        ((GOOD_KEY,), Level.OK),
        ((secrets.token_hex(32),), Level.OK),
        (("a" * 40,), Level.ERROR),
        (("0123456789" * 4 + "change-me",), Level.ERROR),
        ((GOOD_KEY, "abcabcabcabcabcabcabcabcabcabcabc"), Level.ERROR),
        (("abcdefgh" * 4,), Level.WARNING),
        ((), Level.ERROR),
    ],
)
def test_keys_that_can_be_guessed(keys: tuple[str, ...], level: Level) -> None:
    finding = check_secret_keys(keys)
    assert finding.level is level
    assert not any(key in finding.what + finding.mend for key in keys)


@pytest.mark.parametrize(
    ("settings", "place"),
    [
        ({"database_url": "postgresql://alerts:alerts@db/alerts"}, "ALERTS_DATABASE_URL"),
        ({"database_url": "postgresql://owner:postgres@db/alerts"}, "ALERTS_DATABASE_URL"),
        ({"redis_url": "redis://:Password@redis/0"}, "ALERTS_REDIS_URL"),
        ({"mail_url": "smtp://desk:changeme@relay.example.org"}, "ALERTS_MAIL_URL"),
        ({"push_tokens": "x" * 24}, "ALERTS_PUSH_TOKENS"),
    ],
)
def test_passwords_that_anybody_tries_first(settings: dict[str, str], place: str) -> None:
    finding = check_default_secrets(Settings(**settings))  # type: ignore[arg-type]  # texts are split
    assert finding.level is Level.ERROR
    assert place in finding.what
    assert "changeme" not in finding.what


def test_passwords_that_are_fine() -> None:
    settings = Settings(
        database_url=f"postgresql://alerts:{secrets.token_hex(24)}@db/alerts",
        redis_url=f"redis://:{secrets.token_hex(24)}@redis/0",
        mail_url=(f"smtp://desk:{secrets.token_hex(24)}@relay.example.org",),
        push_tokens=(secrets.token_urlsafe(32),),
    )
    assert check_default_secrets(settings).level is Level.OK
    assert check_default_secrets(Settings()).level is Level.OK
    # Wrong URLs are told of elsewhere.
    odd = Settings(database_url="no url", mail_url=("smtp://host?nonsense",))
    assert check_default_secrets(odd).level is Level.OK


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder that everybody may enter, as pytest's own is not."""
    for parent in (tmp_path, *tmp_path.parents):
        if parent.name.startswith(("pytest-", "popen-", "test_")):
            parent.chmod(0o755)
    return tmp_path


@pytest.mark.parametrize(
    ("mode", "level"),
    [(0o600, Level.OK), (0o400, Level.OK), (0o640, Level.NOTE), (0o644, Level.ERROR)],
)
def test_who_may_read_secrets(folder: Path, mode: int, level: Level) -> None:
    path = folder / ".env"
    path.write_text("ALERTS_SECRET_KEY=x")
    path.chmod(mode)
    assert check_env_file(path).level is level
    assert [one.level for one in check_secret_files([path])] == [level]


def test_a_folder_that_is_closed_keeps_others_out(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    path = closed / "key.pem"
    path.touch(mode=0o604)
    path.chmod(0o604)
    assert check_env_file(path).level is Level.NOTE


def test_no_file_is_fine(tmp_path: Path) -> None:
    assert check_env_file(tmp_path / ".env").level is Level.OK
    assert [one.level for one in check_secret_files([])] == [Level.OK]


def test_all_files_with_secrets_are_looked_at(tmp_path: Path) -> None:
    for name in ("secret-key", "dkim.pem", "token"):
        (tmp_path / name).touch()
    settings = Settings(
        data_dir=tmp_path,
        sender="a@example.org",
        dkim_key_file=(tmp_path / "dkim.pem",),
        dkim_selector=("s1",),
        dkim_domain="example.org",
        mail_url=(f"smtp://desk@relay.example.org?token_file={tmp_path / 'token'}",),
    )
    assert {path.name for path in secret_files(settings)} == {"secret-key", "dkim.pem", "token"}
    assert secret_files(Settings(data_dir=tmp_path / "none")) == []
