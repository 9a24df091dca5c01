"""`alerts subscriber import` with its options, as a person at a terminal and a script use it."""

import csv
import json
import os
import pty
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from alerts.cli.subscribers import app
from alerts.database import Database
from alerts.errors import Invalid

Command = Callable[..., Result]
ODD = "Spalte1;Spalte2\nama@example.org;Ama\nnobody;=1+1\n"


@pytest.fixture
def command(settings_there: None) -> Command:
    """Return what runs a command against the test's database."""
    return lambda *arguments: CliRunner().invoke(app, list(arguments))


def at_a_terminal(folder: Path, typed: str, *arguments: str) -> tuple[int, str]:
    """Run the program with a real terminal; return its exit status and what was on the screen."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("ALERTS_") and k != "CI"}
    environment |= {"ALERTS_DATA_DIR": str(folder / "var"), "TERM": "xterm"}
    ours, theirs = pty.openpty()
    os.write(ours, typed.encode())
    process = subprocess.Popen(
        [sys.executable, *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment,
        cwd=folder,
    )
    os.close(theirs)
    screen = b""
    try:
        while piece := os.read(ours, 4096):
            screen += piece
    except OSError:
        # This is how Linux says that nobody has the other end any more.
        pass
    os.close(ours)
    return process.wait(), screen.decode()


def test_columns_are_named_by_the_option(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "odd.csv"
    path.write_text(ODD)
    refused = command("import", str(path))
    assert isinstance(refused.exception, Invalid)
    assert "say with --map email=COLUMN" in str(refused.exception)
    result = command("import", str(path), "--map", "email=Spalte1", "--map", "name=Spalte2")
    assert result.stdout == "added 1, updated 0, unchanged 0, refused 1\n"
    for wrong in ("email", "email=", "mail=Spalte1", "email=Spalte9"):
        assert isinstance(command("import", str(path), "--map", wrong).exception, Invalid)


def test_a_person_is_asked_for_the_column(tmp_path: Path) -> None:
    (tmp_path / "odd.csv").write_text(ODD)
    arguments = ("-P", "-m", "alerts.cli", "subscriber", "import", "odd.csv")
    status, screen = at_a_terminal(tmp_path, "7\n1\n", *arguments)
    assert status == 0, screen
    assert "2  Spalte2" in screen
    assert "answer with a number from 1 to 2" in screen
    assert "added 1, updated 0, unchanged 0, refused 1" in screen


def piped(folder: Path, content: bytes, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
    """Import what another program writes, as in `gunzip -c readers.csv.gz | alerts …`."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("ALERTS_")}
    return subprocess.run(
        [sys.executable, "-P", "-m", "alerts.cli", "subscriber", "import", "-", *arguments],
        input=content,
        capture_output=True,
        check=False,
        env=environment | {"ALERTS_DATA_DIR": str(folder / "var"), "TMPDIR": str(folder)},
        cwd=folder,
        timeout=200,
    )


def test_a_dash_reads_standard_input_with_the_same_messages(tmp_path: Path) -> None:
    rows = "email,name,shoe\nama@example.org,Améyo,38\nnobody,,\n".encode("cp1252")
    done = piped(tmp_path, rows, "--report", "done.csv")
    assert done.returncode == 0, done.stderr
    assert done.stdout == b"added 1, updated 0, unchanged 0, refused 1\n"
    told = done.stderr.decode()
    assert "standard input: columns not read: shoe" in told
    assert "standard input, line 3: nobody: " in told
    assert "ama@example.org,added" in (tmp_path / "done.csv").read_text(encoding="utf-8-sig")
    with closing(sqlite3.connect(tmp_path / "var" / "alerts.db")) as database:
        assert database.execute("SELECT name FROM subscribers").fetchall() == [("Améyo",)]
    # What was laid down to be read twice is gone.
    assert {path.name for path in tmp_path.iterdir()} == {"var", "done.csv"}


@pytest.mark.parametrize("content", [b"", b"\n\n", ODD.encode(), b"\0\xff" * 400])
def test_standard_input_that_is_no_list_is_refused_in_a_line(
    content: bytes, tmp_path: Path
) -> None:
    done = piped(tmp_path, content)
    assert (done.returncode, done.stdout) == (1, b""), done.stderr
    [line] = done.stderr.decode().splitlines()
    assert line.startswith("alerts: standard input")


@pytest.mark.parametrize(("after", "shown"), [(0, True), (3600, False)])
def test_a_bar_appears_when_it_takes_long(after: int, shown: bool, tmp_path: Path) -> None:
    script = (
        "from alerts.cli.common import progress_bar\n"
        f"with progress_bar('importing', after={after}) as bar:\n"
        "    bar(10, 20)\n    bar(20, 20)\n"
    )
    status, screen = at_a_terminal(tmp_path, "", "-c", script)
    assert (status, "importing" in screen) == (0, shown), screen


def test_a_dry_run_writes_nothing(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "readers.csv"
    path.write_text("email\nama@example.org\nAMA@example.org\n")
    rehearsed = command("import", str(path), "--dry-run", "--json")
    assert json.loads(rehearsed.stdout)["dry_run"] is True
    assert json.loads(command("list", "--json").stdout) == []
    done = json.loads(command("import", str(path), "--json").stdout)
    assert done | {"dry_run": True} == json.loads(rehearsed.stdout)
    assert (done["added"], done["unchanged"]) == (1, 1)


def test_a_report_names_every_row_and_is_no_formula(command: Command, tmp_path: Path) -> None:
    path, report = tmp_path / "readers.csv", tmp_path / "report.csv"
    report.write_text("old")
    report.chmod(0o644)
    path.write_text("email,name\nama@example.org,Ama\n=cmd(),\n+li@example.org,\n@x,\n")
    command("import", str(path), "--report", str(report))
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    with report.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["line", "email", "what", "why"]
    assert [(row[0], row[1], row[2]) for row in rows[1:]] == [
        ("2", "ama@example.org", "added"),
        ("3", "'=cmd()", "refused"),
        ("4", "'+li@example.org", "added"),
        ("5", "'@x", "refused"),
    ]
    assert "no email address" in rows[2][3]
    same = command("import", str(path), "--report", str(path))
    assert "write the report to another one" in str(same.exception)
    assert "ama@example.org" in path.read_text()
    lost = command("import", str(path), "--report", str(tmp_path / "no" / "r.csv"))
    assert "cannot be written" in str(lost.exception)


def test_rows_may_be_confirmed_and_subscribed_by_option(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "members.txt"
    path.write_text("Ama <ama@example.org>\n")
    options = ("--confirmed", "--newsletter", "gp-alert")
    refused = command("import", str(path), *options)
    assert "but on what basis? Say so with --consent" in refused.stderr
    command("import", str(path), *options, "--consent", "members since 2019")
    shown = json.loads(command("show", "ama@example.org", "--json").stdout)
    assert (shown["state"], shown["name"]) == ("confirmed", "Ama")
    assert [s["newsletter"] for s in shown["subscriptions"]] == ["gp-alert"]
    wrong = command("import", str(path), "--newsletter", "the-times")
    assert "there is no newsletter" in str(wrong.exception)


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Let processes that are started be interrupted, also where the tests run in the background.

    A shell has what it starts there ignore SIGINT, and so does what that starts.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_killed_or_interrupted_half_way_it_ends_the_same(tmp_path: Path) -> None:
    """Real processes: one is killed, one interrupted, and a third goes on to the end."""
    rows = [f"r{n}@example.org,Reader {n},confirmed" for n in range(90_000)]
    (tmp_path / "readers.csv").write_text("email,name,status\n" + "\n".join(rows) + "\nnobody,,\n")
    importing = ["subscriber", "import", "readers.csv", "--consent", "on paper", "--json"]

    def run(folder: str, *arguments: str) -> "subprocess.Popen[str]":
        environment = {k: v for k, v in os.environ.items() if not k.startswith("ALERTS_")}
        return subprocess.Popen(
            # The last to be served when the machine is busy: who watches it must come before it.
            ["/usr/bin/nice", "-n", "19", sys.executable, "-P", "-m", "alerts.cli", *arguments],
            env=environment | {"ALERTS_DATA_DIR": str(tmp_path / folder)},
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def readers(folder: str) -> int:
        # Asked often and cheaply, so that the process is stopped long before its end.
        try:
            with closing(
                # Never waiting for a lock: the whole import may be over in the meantime.
                sqlite3.connect(f"file:{tmp_path / folder}/alerts.db?mode=ro", uri=True, timeout=0)
            ) as db:
                return int(db.execute("SELECT count(*) FROM subscribers").fetchone()[0])
        except sqlite3.OperationalError:
            return 0

    seen = 0
    for number in (signal.SIGKILL, signal.SIGINT):
        process = run("stopped", *importing)
        while process.poll() is None and readers("stopped") <= seen:
            os.sched_yield()
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
        seen = readers("stopped")
        assert 0 < seen < 90_000
        assert process.returncode == (-number if number == signal.SIGKILL else 130)
    assert "the same command again goes on" in said
    last = json.loads(run("stopped", *importing).communicate(timeout=200)[0])
    whole = json.loads(run("whole", *importing).communicate(timeout=200)[0])
    assert (last["added"], last["unchanged"]) == (90_000 - seen, seen)
    assert (whole["added"], last["refused"]) == (90_000, whole["refused"])
    query = (
        "SELECT email, s.name, s.state, w.newsletter, frequency, wish, ended_at IS NULL,"
        " (SELECT count(*) FROM consent_records r WHERE r.subscriber_id = s.id)"
        " FROM subscribers s JOIN subscriptions w ON w.subscriber_id = s.id ORDER BY 1, 4"
    )
    found = []
    for folder in ("stopped", "whole"):
        database = Database(f"sqlite:///{tmp_path / folder / 'alerts.db'}")
        with database.read() as session:
            found.append(session.connection().exec_driver_sql(query).all())
        database.dispose()
    assert found[0] == found[1]
    assert len(found[0]) == 180_000
