"""`alerts inbound read`: files, mbox, Maildir and standard input; nothing is changed."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from alerts.errors import Invalid
from alerts.inbound.mailboxes import mails_in
from alerts.inbound.reading.parts import LARGEST

HERE = Path(__file__).parents[1] / "data" / "inbound"
BOUNCE = (HERE / "qmail.eml").read_bytes()
COMMAND = (HERE / "command_subject_stop.eml").read_bytes()


def _alerts(
    *arguments: str, home: Path, stdin: bytes = b"", verb: str = "read"
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "alerts.cli", "inbound", verb, *arguments],
        input=stdin,
        capture_output=True,
        check=False,
        env={"ALERTS_DATA_DIR": str(home), "COLUMNS": "200"},
        timeout=120,
    )


def _read(*arguments: str, home: Path, stdin: bytes = b"") -> list[dict[str, Any]]:
    done = _alerts(*arguments, "--dry-run", "--json", home=home, stdin=stdin)
    assert done.returncode == 0, done.stderr.decode()
    shown: list[dict[str, Any]] = json.loads(done.stdout)
    return shown


def test_a_mail_from_standard_input_and_a_file(tmp_path: Path) -> None:
    first, second = _read("-", str(HERE / "qmail.eml"), home=tmp_path / "var", stdin=COMMAND)
    assert (first["source"], first["kind"], first["command"]) == ("-", "command", "unsubscribe")
    assert first["sender"] == "ama@there.example"
    assert second == {
        "source": str(HERE / "qmail.eml"),
        "kind": "bounce",
        "class": "hard",
        "code": "5.1.1",
        "recipients": ["q@there.example"],
        "command": None,
        "sender": "MAILER-DAEMON@there.example",
        "message_ids": ["d.12.77@newsroom.example"],
        "feedback_type": None,
        "truncated": False,
        "failures": [
            {
                "address": "q@there.example",
                "final": None,
                "class": "hard",
                "code": "5.1.1",
                "diagnostic": "<q@there.example>: Sorry, no mailbox here by that name. (#5.1.1)",
            }
        ],
    }


def test_without_dry_run_mails_are_stored_and_worked_on_at_once(tmp_path: Path) -> None:
    home = tmp_path / "var"
    paths = str(HERE / "qmail.eml"), str(HERE / "command_subject_stop.eml")
    taken = _alerts(*paths, "--json", home=home)
    assert taken.returncode == 0, taken.stderr.decode()
    assert json.loads(taken.stdout) == _read(*paths, home=home)
    twice = _alerts(paths[0], "--json", home=home)
    assert (twice.returncode, len(json.loads(twice.stdout))) == (0, 1)
    assert b"is here already, inbound mail 1" in twice.stderr
    second, first = json.loads(_alerts("--json", home=home, verb="list").stdout)
    assert (first["id"], first["state"], first["kind"], first["way"]) == (
        1,
        "done",
        "bounce",
        "file",
    )
    assert first["note"] == "hard: it names no delivery and no reader of ours; nothing was changed"
    assert second["note"] == "unsubscribe: nobody subscribed with this address"
    assert second["owed"] == "help"
    shown = json.loads(_alerts("1", "--json", home=home, verb="show").stdout)
    assert shown["reading"]["recipients"] == ["q@there.example"]
    assert _alerts("1", "--raw", home=home, verb="show").stdout == BOUNCE
    again = _alerts("1", home=home, verb="again")
    assert (again.returncode, again.stdout.startswith(b"1: done, hard")) == (0, True)
    assert json.loads(_alerts("--state", "new", "--json", home=home, verb="list").stdout) == []
    for wrong in (_alerts("7", home=home, verb="show"), _alerts("7", home=home, verb="again")):
        assert (wrong.returncode, wrong.stderr.count(b"\n")) == (1, 1)


def test_without_json_it_is_a_table(tmp_path: Path) -> None:
    table = _alerts(str(HERE / "qmail.eml"), "--dry-run", home=tmp_path / "var")
    assert table.returncode == 0
    assert b"q@there.example" in table.stdout
    missing = _alerts(str(tmp_path / "none"), "--dry-run", home=tmp_path / "var")
    assert (missing.returncode, missing.stderr.count(b"\n")) == (1, 1)


def test_an_mbox_is_split_where_a_mail_begins_and_nowhere_else(tmp_path: Path) -> None:
    box = tmp_path / "mbox"
    quoted = b"Subject: x\n\nhello\nFrom here on\n\n>From the field\n"
    parts = (b"From a@b Mon Nov 23\n" + mail + b"\n" for mail in (BOUNCE, quoted, COMMAND))
    box.write_bytes(b"".join(parts))
    found = list(mails_in(str(box)))
    assert [one.source for one in found] == [f"{box}#1", f"{box}#2", f"{box}#3"]
    assert found[0].raw.strip() == BOUNCE.strip()
    assert found[1].raw == b"Subject: x\n\nhello\nFrom here on\n\nFrom the field\n\n"


def test_a_maildir_gives_new_and_current_mail_and_no_other_file(tmp_path: Path) -> None:
    for folder, name in (("cur", "1:2,S"), ("new", "2"), ("tmp", "3")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_bytes(BOUNCE)
    (tmp_path / "dovecot.index").write_bytes(b"\0")
    names = [Path(found.source).name for found in mails_in(str(tmp_path))]
    assert names == ["1:2,S", "2"]


def test_of_a_huge_mail_only_the_beginning_is_taken_from_the_file(tmp_path: Path) -> None:
    huge = b"Subject: x\n\n" + b"a" * (3 * LARGEST)
    (tmp_path / "one.eml").write_bytes(huge)
    (tmp_path / "two.mbox").write_bytes(b"From x\n" + huge + b"\n\nFrom y\n" + COMMAND)
    sizes = [len(found.raw) for found in mails_in(str(tmp_path))]
    assert sizes[0] == LARGEST + 1
    assert LARGEST < sizes[1] < LARGEST + 100_000
    assert sizes[2] == len(COMMAND)


def test_an_empty_file_holds_no_mail_and_none_at_all_is_said(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert list(mails_in(str(tmp_path / "empty"))) == []
    with pytest.raises(Invalid, match="no such file"):
        list(mails_in(str(tmp_path / "none")))


def test_mailboxes_are_looked_into_at_once_and_what_is_wrong_is_said(tmp_path: Path) -> None:
    home, box = tmp_path / "var", tmp_path / "mbox"
    box.write_bytes(b"From a@b Mon Nov 23\n" + BOUNCE + b"\n")
    url = f"mbox://{box} maildir://{tmp_path}/none"

    def fetch(where: str, *command: str) -> subprocess.CompletedProcess[bytes]:
        command = command or ("inbound", "fetch")
        return subprocess.run(
            [sys.executable, "-m", "alerts.cli", *command, "--json"],
            capture_output=True,
            check=False,
            env={"ALERTS_DATA_DIR": str(home), "ALERTS_INBOUND_URL": where},
            timeout=200,
        )

    both = fetch(url)
    first, second = json.loads(both.stdout)
    assert (both.returncode, first["taken"], first["last_error"]) == (1, 1, None)
    assert second["last_error"].endswith("No such file or directory")
    [failing] = json.loads(fetch(url, "status").stdout)["failing_mailboxes"]
    assert (failing["url"], failing["last_error"]) == (second["url"], second["last_error"])
    assert fetch(f"mbox://{box}").returncode == 0
    nothing = fetch("")
    assert (nothing.returncode, nothing.stderr.count(b"\n")) == (1, 1)
