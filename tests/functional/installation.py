"""The program as its users have it: commands and parts in processes of their own."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

ARTICLES = Path(__file__).parent.parent / "data" / "articles"


def free_port() -> int:
    """Return a port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def wait_for(condition: Callable[[], object], *, seconds: float = 60.0) -> None:
    """Wait until a condition holds; fail when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


class Installation:
    """One installation of the program: its settings, and its processes."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith("ALERTS_")
        } | {"ALERTS_DATA_DIR": str(folder / "var"), "ALERTS_WORKER_PROCESSES": "2"}
        self.environment |= {f"ALERTS_{name.upper()}": value for name, value in settings.items()}
        self.processes: list[subprocess.Popen[bytes]] = []

    def run(self, *arguments: str, status: int = 0) -> str:
        """Run a command to its end and return what it printed."""
        done = subprocess.run(
            [sys.executable, "-P", "-m", "alerts.cli", *arguments],
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        assert done.returncode == status, f"{arguments}: {done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr
        return done.stdout if status == 0 else done.stderr

    def json(self, *arguments: str) -> Any:  # noqa: ANN401 - whatever the document is
        """Run a command with --json and return its document."""
        return json.loads(self.run(*arguments, "--json"))

    def start(self, *arguments: str) -> "subprocess.Popen[bytes]":
        """Start a part that runs until it is stopped."""
        with (self.folder / "parts.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "alerts.cli", *arguments],
                env=self.environment,
                cwd=self.folder,
                start_new_session=True,
                stdout=log,
                stderr=log,
            )
        self.processes.append(process)
        return process

    def kill(self, process: "subprocess.Popen[bytes]") -> None:
        """Kill a part with all its children, as a power cut would."""
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        """End all parts."""
        for process in self.processes:
            if process.poll() is None:
                process.terminate()
        for process in self.processes:
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill(process)


class Mailbox:
    """An SMTP server's handler that keeps what it is given, as it came."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, bytes]] = []

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Keep a mail."""
        assert isinstance(envelope.content, bytes)
        self.mails += [(recipient, envelope.content) for recipient in envelope.rcpt_tos]
        return "250 2.0.0 kept"
