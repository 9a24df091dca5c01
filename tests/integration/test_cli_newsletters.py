"""`alerts newsletter …`: a file is applied whole or not at all, and tried out before."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select
from typer.testing import CliRunner, Result

from alerts.cli.newsletters import app
from alerts.database import Database
from alerts.errors import AlertsError
from alerts.paths import templates_dir
from alerts.staff.models import AuditEntry

Command = Callable[..., Result]


@pytest.fixture
def command(settings_there: None) -> Command:
    """Return what runs a command against the test's database."""
    return lambda *told: CliRunner().invoke(app, [str(word) for word in told])


def refused(result: Result) -> str:
    assert isinstance(result.exception, AlertsError)
    return str(result.exception)


def exported(command: Command, path: Path, slug: str = "gp-alert") -> str:
    assert command("export", slug, "--out", path).exit_code == 0
    return path.read_text()


def test_what_is_exported_and_applied_changes_nothing(command: Command, tmp_path: Path) -> None:
    for slug in ("gp-alert", "africa-this-week"):
        exported(command, tmp_path / "own.toml", slug)
        assert command("apply", tmp_path / "own.toml").stdout == f"{slug} unchanged\n"


def test_a_change_names_its_settings_and_is_in_the_log(
    command: Command, database: Database, tmp_path: Path
) -> None:
    path = tmp_path / "own.toml"
    path.write_text(exported(command, path).replace('rate = ""', 'rate = "5/s"'))
    assert command("apply", path, "--dry-run").stdout == "rate: nothing → 5/s\n"
    done = json.loads(command("apply", path, "--json").stdout)
    assert done == {"slug": "gp-alert", "result": "changed", "changes": ["rate"]}
    assert command("apply", path, "--dry-run").stdout == "gp-alert: nothing would change\n"
    with database.read() as session:
        [entry] = session.scalars(select(AuditEntry)).all()
    assert (entry.act, entry.subject_id) == ("newsletter.changed", "gp-alert")
    assert entry.details == {"settings": ["rate"]}


def test_a_file_with_mistakes_is_refused_whole(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    text = exported(command, path)
    path.write_text(text.replace('"GP Alert"', '"Other"').replace("daily 18:30", "daily 99:30"))
    said = refused(command("apply", path))
    number = 1 + path.read_text().split("\n").index('rule = "daily 99:30 Asia/Kolkata"')
    assert said.startswith(f"{path}, line {number}: schedules.1.rule: rule not understood")
    assert exported(command, tmp_path / "after.toml") == text
    found = command("check", path, "--json")
    assert refused(found).endswith("has 1 error; nothing was changed")
    document = json.loads(found.stdout)
    assert (document["slug"], document["ok"]) == (None, False)
    assert document["findings"][0]["where"] == f"{path}, line {number}"


def test_a_template_is_tried_out_before_anything_applies(command: Command, tmp_path: Path) -> None:
    own = tmp_path / "var" / "templates" / "email" / "own-look"
    path = tmp_path / "own.toml"
    text = exported(command, path).replace('template = "gp-alert"', 'template = "own-look"')
    path.write_text(text)
    assert "there is no email template 'own-look'" in refused(command("apply", path))
    shutil.copytree(templates_dir("email") / "gp-alert", own)
    (own / "body.txt").write_text("{% if %}")
    assert "own-look/body.txt, line 1: " in refused(command("apply", path))
    checked = command("check", path)
    assert checked.stdout.startswith("error: own-look/body.txt, line 1: ")
    assert "own-look" not in exported(command, tmp_path / "after.toml")
    shutil.copy(templates_dir("email") / "gp-alert" / "body.txt", own)
    assert command("check", path).stdout == "gp-alert is in order\n"
    assert command("apply", path).stdout == "gp-alert changed\n"
    assert command("check", "gp-alert").stdout == "gp-alert is in order\n"
    assert "there is no newsletter 'none'" in refused(command("check", "none"))
