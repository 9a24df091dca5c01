"""`alerts backup`, `restore` and `release` as a person and a script use them."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from alerts.cli.whole import app
from alerts.clock import FixedClock
from alerts.database import Database
from alerts.errors import AlertsError
from tests.data.delivery.house import House


def run(*arguments: object, answers: str | None = None) -> Result:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], input=answers)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def document(*arguments: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(*arguments, "--json").stdout)
    return found


@pytest.fixture
def saved(
    settings_there: None,
    database: Database,
    clock: FixedClock,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Path:
    """Return a backup of a system with a half-sent issue; the settings lead to an empty one."""
    House(database, clock, tmp_path).send_to("ama", "bo")
    path = tmp_path / "gp.backup"
    found = document("backup", path)
    assert (found["tables"]["subscribers"], found["files"]) == (2, ["secret-key"])
    assert found["bytes"] == path.stat().st_size
    monkeypatch.setenv("ALERTS_DATABASE_URL", f"sqlite:///{tmp_path / 'new.db'}")
    monkeypatch.setenv("ALERTS_DATA_DIR", str(tmp_path / "new"))
    return path


def test_a_backup_is_checked_restored_looked_at_and_released(saved: Path) -> None:
    checked = document("restore", saved, "--check")
    assert checked["whole"]
    restored = document("restore", saved)
    assert (restored["rows"], restored["files"]) == (checked["rows"], ["secret-key"])
    assert "restored, and held since" in run("status").stdout
    looked = document("release")
    assert looked["released"] is False
    assert looked["due"][0]["key"] == "issue:1"
    assert "0 had it, 2 of 2 wait" in looked["due"][0]["text"]
    shown = run("release").stdout
    assert "issue:1" in shown
    assert "still held" in shown
    released = document("release", "--skip", "issue:1", "--send", "all")
    assert released["released"]
    assert document("release") == {"held_since": None, "due": [], "released": False}
    assert document("issue", "audit", 1)["skipped"] == 2


def test_a_restored_system_is_no_empty_one(saved: Path) -> None:
    assert "nothing is sent yet" in run("restore", saved).stdout
    with pytest.raises(AlertsError, match="is not empty"):
        run("restore", saved)


def test_a_file_that_is_no_backup_is_refused_in_one_line(saved: Path, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("no backup")
    with pytest.raises(AlertsError, match="no backup, or was cut off"):
        run("restore", tmp_path / "note.txt")
    with pytest.raises(AlertsError, match="cannot be read: No such file"):
        run("restore", tmp_path / "nothing.zip")
    with pytest.raises(AlertsError, match="there already"):
        run("backup", saved)
