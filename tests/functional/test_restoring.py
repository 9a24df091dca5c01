"""A system is lost in the middle of an issue; its backup takes over, and sends what it is let."""

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.functional.installation import Installation, Mailbox, wait_for
from tests.functional.test_whole_way import of_issues, prepare
from tests.functional.troubled import LEASE_SECONDS

pytestmark = pytest.mark.processes
Install = Callable[..., Installation]
READERS = 120


def test_a_restored_system_sends_nothing_until_it_is_released_and_then_what_was_left(
    install: Install, smtp: tuple[Mailbox, int], tmp_path: Path
) -> None:
    mailbox, port = smtp
    where = {
        "mail_url": f"smtp://127.0.0.1:{port}?tls=off",
        "base_url": "https://alerts.example.org",
        "sender": "GP Alerts <alerts@example.org>",
        # Who held the batch is gone; the copy waits for it no longer than this.
        "lease_seconds": str(LEASE_SECONDS),
    }
    # Slow enough that a backup is made before the last has it, however busy the machine is.
    first = install(**where | {"mail_url": f"{where['mail_url']}&rate=3/s"})
    issue = prepare(first, "gp-alert", readers=READERS)
    worker = first.start("worker")
    first.run("issue", "send", issue)
    wait_for(lambda: len(of_issues(mailbox.mails)) >= READERS // 10, seconds=120)
    copy = str(tmp_path / "backup.zip")
    first.run("backup", copy)
    first.kill(worker)
    # What was on the wire then arrives yet.
    time.sleep(2)
    before = len(mailbox.mails)

    second = install(**where)
    second.run("restore", copy)
    second.start("worker")
    wait_for(lambda: second.json("status")["workers"], seconds=120)
    # It has swept as it came up; what it would send by itself it would send now.
    time.sleep(5)
    assert len(mailbox.mails) == before
    left = second.json("issue", "audit", issue)["pending"]
    assert left > 0
    due = {thing["key"]: thing["text"] for thing in second.json("release")["due"]}
    assert f"{left} of {READERS} wait" in due[f"issue:{issue}"]
    second.run("release", "--skip", "all", "--send", f"issue:{issue}")
    # Those in doubt are tried again after two minutes.
    wait_for(lambda: second.json("issue", "show", issue)["state"] == "sent", seconds=400)

    audit = second.json("issue", "audit", issue)
    assert (audit["balanced"], audit["sent"], audit["pending"]) == (True, READERS, 0)
    again = Counter(recipient for recipient, _ in of_issues(mailbox.mails[before:]))
    assert (len(again), again.total()) == (left, left)
    everybody = {recipient for recipient, _ in of_issues(mailbox.mails)}
    assert len(everybody) == READERS
    # Nothing else went out.
    assert len(mailbox.mails[before:]) == left
