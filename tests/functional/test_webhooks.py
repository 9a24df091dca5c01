"""A real worker tells another program what commands do."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.functional.installation import Installation, wait_for
from tests.webhooks_world import a_receiver

Install = Callable[..., Installation]

pytestmark = pytest.mark.processes

ARTICLE = """Who pays for the cranes?

By Afi Mensah

Togo's pier at Lomé is longer than the queue for it, and nobody says who paid for the cranes that
stand on it. Ministers have read the same report twice, and have signed neither of its copies.
"""


def test_what_commands_do_is_told_by_a_worker(install: Install, tmp_path: Path) -> None:
    path = tmp_path / "cranes.txt"
    path.write_text(ARTICLE + "The pier is long, and so is the queue of those who paid. " * 30)
    with a_receiver() as receiver:
        installation = install(fetch_hosts="127.0.0.1")
        kinds = ("article.added", "issue.drafted")
        events = [word for kind in kinds for word in ("--event", kind)]
        secret = installation.json("webhook", "add", receiver.url, *events)["secret"]
        installation.run("article", "add", str(path))
        issue = installation.json("issue", "draft", "gp-alert")["id"]

        worker = installation.start("worker")
        # It sweeps when it is ready, and every twenty seconds.
        wait_for(lambda: len(receiver.received) == 2)
        installation.kill(worker)

        assert receiver.kinds == list(kinds)
        assert all(one.is_signed_with(secret) for one in receiver.received)
        assert receiver.received[1].document["data"]["id"] == issue
