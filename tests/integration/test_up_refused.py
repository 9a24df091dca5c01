"""`alerts up` that cannot start says why in one line, and leaves nothing running."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.functional.installation import free_port


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        (
            {"ALERTS_DATABASE_URL": "postgresql://me:hunter2@127.0.0.1:1/alerts"},
            "the database does not answer as it should: connection failed",
        ),
        ({"ALERTS_DATABASE_URL": "sqlite://"}, "setting ALERTS_DATABASE_URL is wrong: each part"),
        ({"ALERTS_MAIL_URL": "smtps://"}, "setting ALERTS_MAIL_URL=(hidden) is wrong: the host"),
        (
            {"ALERTS_REDIS_URL": "redis://:hunter2@127.0.0.1:99999"},
            "setting ALERTS_REDIS_URL=(hidden) is wrong: redis://host:6379/0",
        ),
    ],
)
def test_what_stops_the_start_is_told_in_one_line(
    setting: dict[str, str], said: str, tmp_path: Path
) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "alerts.cli", "up", "--port", str(free_port())],
        env={**os.environ, "ALERTS_DATA_DIR": str(tmp_path / "data"), **setting},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"alerts: {said}")
    assert ended.stderr.count("\n") == 1
    assert "hunter2" not in ended.stderr
