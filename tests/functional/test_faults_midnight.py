"""What a provider allows in a day is used up: the issue waits for midnight, and goes on by itself.

Midnight comes by Debian's libfaketime, for all processes of one machine, embedded Redis included.
"""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from alerts.database import Database
from benchmarks.readers import add_readers
from tests.functional.desk import answers, at_the_desk
from tests.functional.installation import ARTICLES, Installation, free_port, wait_for
from tests.functional.moody_smtp import MoodySmtp
from tests.functional.test_faults_clock import ShiftedClock, clock

Install = Callable[..., Installation]

pytestmark = [pytest.mark.faults, pytest.mark.processes, pytest.mark.timeout(900)]
__all__ = ["clock"]

READERS, ALLOWED = 300, 100
# A limit that is used up is asked again after a minute by the steady clock, which no midnight sets.
_ASKED_AGAIN = 62.0


def test_an_issue_waits_for_the_day_to_end_says_so_and_goes_on_by_itself(
    install: Install,
    clock: ShiftedClock,
) -> None:
    now = datetime.now(UTC)
    evening = now.replace(hour=23, minute=50, second=0, microsecond=0) - now
    clock.shift(evening)
    day = clock.now().date()
    midnight = f"{day + timedelta(days=1)}T00:00:00Z"
    why = f"the warm-up since {day} of transport relay is used up"
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with MoodySmtp() as server:
        relay = f"smtp://127.0.0.1:{server.port}?tls=off&name=relay&warmup={day}:{ALLOWED},500"
        installation = install(mail_url=relay, base_url=url, sender="GP <alerts@example.org>")
        installation.environment |= clock.given()
        issue = approved(installation)
        installation.start("worker")
        installation.start("web", "--port", str(port))
        installation.run("issue", "send", issue)
        wait_for(lambda: installation.json("status")["held"], seconds=120)
        [held] = installation.json("status")["held"]
        log = (installation.folder / "parts.log").read_text()
        assert (held["until"], held["why"]) == (midnight, why), log
        assert held["left"] == READERS - ALLOWED
        report = installation.json("issue", "report", issue)
        assert report["held_until"].startswith(midnight[:-1])
        assert report["held_by"] == why
        wait_for(lambda: answers(url), seconds=120)
        with at_the_desk(installation, url) as client:
            room = f"/desk/issues/{issue}"
            for page in (f"{room}/report", f"{room}/send", "/desk/operations"):
                text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", client.get(page).text))
                assert why in text, page
                # To the second in the one, to the minute in the others.
                assert re.search(r"(?:nothing moves before|waits until) \S.* 00:00", text), page
        time.sleep(_ASKED_AGAIN)
        assert len(server.accepted) == ALLOWED
        clock.shift(evening + timedelta(minutes=11))
        wait_for(lambda: len(server.accepted) == READERS, seconds=240)
        wait_for(lambda: installation.json("issue", "show", issue)["state"] == "sent", seconds=120)
        assert server.copies == 0
        books = installation.json("issue", "audit", issue)
    assert (books["sent"], books["balanced"], books["reasons"]) == (READERS, True, {})


def approved(installation: Installation) -> str:
    """Return an issue that is approved, for so many readers."""
    installation.run("init")
    installation.run("article", "add", str(ARTICLES))
    database = Database(f"sqlite:///{installation.folder / 'var' / 'alerts.db'}")
    add_readers(database, READERS, newsletter="gp-alert")
    database.dispose()
    issue = installation.run("issue", "draft", "gp-alert").strip()
    installation.run("issue", "approve", issue)
    return issue
