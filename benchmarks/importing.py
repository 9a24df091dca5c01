"""Lists of readers taken in by `alerts subscriber import`: rows a second and memory.

The references, in the same run: the standard library reading the file and doing nothing with it,
and the bare database taking its three columns into a table without any constraint.
"""

import csv
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo
from sqlalchemy import make_url

from benchmarks.processes import BadRun
from benchmarks.servers import open_postgres

_ROWS = 100_000
_MILLION = 1_000_000
_KIBIBYTES_OF_MEBIBYTE = 1024
_BLOCK = 1 << 18
# Seconds for a million rows, and MiB whatever their number.
_TARGETS = {"PostgreSQL": 120, "SQLite": 240}
_MOST_MEMORY = 200
_DOMAINS = ("gmail.com", "example.org", "yahoo.co.in", "uni.example", "outlook.com")


@dataclass(frozen=True, slots=True)
class _Run:
    """What one import took, in seconds and MiB."""

    seconds: float
    memory: float


def run() -> None:
    """Print the figures for a hundred thousand rows."""
    _measure((_ROWS,))


def run_million() -> None:
    """Print the figures for a hundred thousand rows and for a million: memory is to stay flat."""
    _measure((_ROWS, _MILLION))


def _measure(sizes: tuple[int, ...]) -> None:
    with tempfile.TemporaryDirectory(prefix="alerts-importing-") as name, open_postgres() as server:
        for rows in sizes:
            folder = Path(name) / str(rows)
            folder.mkdir()
            path = folder / "readers.csv"
            _write(path, rows)
            reading = _seconds(lambda path=path: _read(path))  # type: ignore[misc]
            _show(f"csv.reader alone, {rows:,} rows", rows, reading)
            raw = _seconds(lambda path=path: _fill_sqlite(path))  # type: ignore[misc]
            _show("  executemany into a bare table of SQLite", rows, raw)
            _compare("SQLite", folder / "sqlite", path, rows, raw, "")
            with server.database() as url:
                raw = _seconds(lambda path=path, url=url: _fill_postgres(path, url))  # type: ignore[misc]
                _show("  COPY into a bare table of PostgreSQL", rows, raw)
                _compare("PostgreSQL", folder / "postgresql", path, rows, raw, url)


def _compare(kind: str, folder: Path, path: Path, rows: int, raw: float, url: str) -> None:
    """Import the same file twice: everybody is new, then everybody is known."""
    for label in ("all new", "all known"):
        took = _import(folder, path, rows, url)
        _show(f"  {kind}, {label}", rows, took.seconds, reference=raw, memory=took.memory)
        if rows == _MILLION and label == "all new":
            reached = took.seconds < _TARGETS[kind] and took.memory < _MOST_MEMORY
            print(
                f"  target: a million in under {_TARGETS[kind]} s and {_MOST_MEMORY} MiB,"
                f" {'reached' if reached else 'not reached'} ({took.seconds:.0f} s)"
            )


def _import(folder: Path, path: Path, rows: int, url: str) -> _Run:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("ALERTS_")}
    environment |= {"ALERTS_DATA_DIR": str(folder)} | ({"ALERTS_DATABASE_URL": url} if url else {})
    command = [sys.executable, "-m", "alerts.cli", "subscriber", "import", str(path)]
    start = time.perf_counter()
    process = subprocess.Popen(
        [*command, "--consent", "benchmark"], env=environment, stdout=subprocess.PIPE
    )
    said = process.stdout.read().decode() if process.stdout else ""
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode or f"{rows}" not in said:
        raise BadRun(f"the import of {rows:,} rows ended with {process.returncode}: {said}")
    return _Run(seconds, usage.ru_maxrss / _KIBIBYTES_OF_MEBIBYTE)


def _write(path: Path, rows: int) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write("email,name,status\n")
        for n in range(rows):
            domain = _DOMAINS[n % len(_DOMAINS)] if n % 3 else f"host{n}.example.net"
            file.write(f"reader.{n}@{domain},Reader Number {n},confirmed\n")


def _read(path: Path) -> None:
    with path.open(encoding="utf-8", newline="") as file:
        for _ in csv.reader(file):
            pass


def _fill_sqlite(path: Path) -> None:
    raw = path.with_suffix(".db")
    with path.open(encoding="utf-8", newline="") as file, sqlite3.connect(raw) as connection:
        connection.execute("CREATE TABLE raw (email TEXT, name TEXT, status TEXT)")
        connection.executemany("INSERT INTO raw VALUES (?, ?, ?)", csv.reader(file))
    connection.close()
    raw.unlink()


def _fill_postgres(path: Path, url: str) -> None:
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(make_conninfo(plain)) as connection, path.open("rb") as file:
        connection.execute("CREATE TABLE raw (email text, name text, status text)")
        with connection.cursor().copy("COPY raw FROM STDIN (FORMAT csv, HEADER)") as copy:
            while block := file.read(_BLOCK):
                copy.write(block)
    with psycopg.connect(make_conninfo(plain)) as connection:
        connection.execute("DROP TABLE raw")


def _seconds(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _show(
    label: str,
    rows: int,
    seconds: float,
    *,
    reference: float | None = None,
    memory: float | None = None,
) -> None:
    ratio = "" if reference is None else f"  {seconds / reference:5.1f} x the bare table's time"
    peak = "" if memory is None else f"  peak {memory:.0f} MiB"
    print(f"  {label:44} {rows / seconds:10,.0f} rows/s  {seconds:6.1f} s{ratio}{peak}", flush=True)
