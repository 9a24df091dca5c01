"""Installations of the program, a real SMTP server, a real Redis server."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from alerts.mail_server import MailServer
from tests.functional.installation import Installation, Mailbox, free_port
from tests.functional.moody_smtp import Mood, MoodySmtp, kind
from tests.functional.servers import PostgresServer, RedisServer
from tests.functional.troubled import LEASE_SECONDS, Troubled


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
def trouble(install: Callable[..., Installation]) -> Iterator[Callable[..., Troubled]]:
    """Return a maker of installations that send to a moody server and are made to suffer."""
    with ExitStack() as stack:

        def make(*, mood: Mood = kind, connections: int = 20, **settings: str) -> Troubled:
            server = stack.enter_context(MoodySmtp(mood))
            asked = {
                "mail_url": f"smtp://127.0.0.1:{server.port}?tls=off&connections={connections}",
                "base_url": "https://alerts.example.org",
                "sender": "GP Alerts <alerts@example.org>",
                "lease_seconds": str(LEASE_SECONDS),
            }
            troubled = Troubled(install(**asked | settings), server)
            stack.callback(troubled.close)
            return troubled

        yield make


@pytest.fixture
def smtp() -> Iterator[tuple[Mailbox, int]]:
    """Run a real SMTP server; return its mailbox and its port."""
    mailbox = Mailbox()
    controller = MailServer(mailbox, hostname="127.0.0.1", port=free_port())
    controller.start()
    yield mailbox, controller.port
    controller.stop()


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    """Run a Redis server on a port, as ops would."""
    folder = tmp_path / "redis"
    folder.mkdir()
    with RedisServer(folder) as server:
        yield server


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """Return the URL of a Redis server."""
    return redis_server.url


@pytest.fixture
def postgres() -> Iterator[PostgresServer]:
    """Run a PostgreSQL server that nobody else uses."""
    with PostgresServer() as server:
        yield server
