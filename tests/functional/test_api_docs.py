"""The examples in docs/api.md are run as they stand, one after the other."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from alerts.clock import FixedClock
from alerts.database import Database
from tests.api_world import a_program
from tests.conftest import REPOSITORY

_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_the_examples_of_the_documentation_run(
    database: Database, clock: FixedClock, tmp_path: Path
) -> None:
    blocks = _BLOCK.findall((REPOSITORY / "docs/api.md").read_text())
    assert len(blocks) >= 6
    # Each answer on a line of its own.
    script = "set -eu\n" + "echo\n".join(blocks).replace("\napi ", "\necho; api ")
    with a_program(database, clock, tmp_path) as program:
        done = subprocess.run(
            ["bash", "-c", script],  # noqa: S607 - whichever bash there is
            env={"SITE": program.site.url, "TOKEN": program.token, "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
    assert done.returncode == 0, done.stdout[-3_000:] + done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines() if line.strip()]
    assert len(answers) >= 16
    assert answers[0]["outcome"] == "added"
    states = [one["state"] for one in answers if "newsletter" in one and "articles" in one]
    assert states == ["draft", "draft", "approved", "scheduled", "cancelled"]
    assert any(one.get("subject") == "The cranes of Lomé" for one in answers)


def test_every_kind_of_event_is_documented() -> None:
    from alerts.outbox.events import EventKind

    text = (REPOSITORY / "docs/api.md").read_text()
    assert [kind for kind in EventKind if f"`{kind}`" not in text] == []
