"""Whoever signs up while an issue goes out does not wait for it."""

from collections import Counter
from collections.abc import Callable

import pytest

from tests.functional.installation import Installation, Mailbox, wait_for
from tests.functional.test_whole_way import prepare

pytestmark = pytest.mark.processes


def test_a_confirmation_goes_beside_a_batch_that_is_being_sent(
    install: Callable[..., Installation], smtp: tuple[Mailbox, int]
) -> None:
    mailbox, port = smtp
    installation = install(
        mail_url=f"smtp://127.0.0.1:{port}?tls=off&rate=10/s",
        base_url="https://alerts.example.org",
        sender="GP Alerts <alerts@example.org>",
        worker_processes="1",
    )
    issue = prepare(installation, "africa-this-week", readers=240)
    installation.start("worker")
    installation.run("issue", "send", issue)
    wait_for(lambda: len(mailbox.mails) > 10)
    installation.run("subscriber", "add", "ama@example.org", "--newsletter", "gp-alert")

    def got() -> Counter[str]:
        return Counter(recipient for recipient, _ in mailbox.mails)

    wait_for(lambda: got()["ama@example.org"])
    assert len(mailbox.mails) < 240
    audit = installation.json("issue", "send", issue, "--wait")["audit"]
    assert (audit["balanced"], audit["sent"]) == (True, 240)
    assert set(got().values()) == {1}
    # The one process there is had its batch in hand all the time.
    assert "batch_halted" not in (installation.folder / "parts.log").read_text()
