"""Installations of the program, a real SMTP server, a real Redis server."""

import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller

from alerts.embedded_redis import server_program
from tests.functional.installation import Installation, Mailbox, free_port, wait_for


@pytest.fixture
def install(tmp_path: Path) -> Iterator[Callable[..., Installation]]:
    """Return a maker of installations, each in a folder of its own, stopped afterwards."""
    made: list[Installation] = []

    def make(**settings: str) -> Installation:
        folder = tmp_path / f"installation-{len(made)}"
        folder.mkdir()
        made.append(Installation(folder, **settings))
        return made[-1]

    yield make
    for installation in made:
        installation.stop()


@pytest.fixture
def smtp() -> Iterator[tuple[Mailbox, int]]:
    """Run a real SMTP server; return its mailbox and its port."""
    mailbox = Mailbox()
    controller = Controller(mailbox, hostname="127.0.0.1", port=free_port())
    controller.start()
    yield mailbox, controller.port
    controller.stop()


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    """Run a Redis server on a port, as ops would; return its URL."""
    port = free_port()
    folder = tmp_path / "redis"
    folder.mkdir()
    command = [server_program(), "--port", str(port), "--dir", str(folder), "--save", ""]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*command, "--bind", "127.0.0.1"], stdout=log)
    wait_for(lambda: _answers(port))
    yield f"redis://127.0.0.1:{port}/0"
    process.terminate()
    process.wait()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
