"""From a click at the desk to the mail in the catcher: real web server, real worker, no script."""

import re
import time
from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest

from alerts.clock import SystemClock
from alerts.database import Database
from alerts.newsletters.issues import move
from alerts.newsletters.lifecycle import Event
from tests.factories import approved_issue
from tests.functional.desk import answers, at_the_desk, press
from tests.functional.installation import ARTICLES, Installation, free_port, wait_for

Install = Callable[..., Installation]
GRACE = 3

pytestmark = [pytest.mark.processes, pytest.mark.timeout(900)]


def caught(installation: Installation, client: httpx.Client) -> list[str]:
    """Return the addresses of the mails in the catcher."""
    return sorted(re.findall(r"reader\d+@example\.org", client.get("/caught/").text))


def test_an_issue_is_tested_approved_taken_back_sent_and_reported_from_the_desk(
    install: Install,
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    installation = install(base_url=url)
    definition = installation.folder / "gp-alert.toml"
    exported = installation.run("newsletter", "export", "gp-alert")
    changed = exported.replace('grace = "30 seconds"', f'grace = "{GRACE} seconds"')
    definition.write_text(changed.replace("clicks = false", "clicks = true"))
    assert "changed" in installation.run("newsletter", "apply", str(definition))
    installation.run("article", "add", str(ARTICLES))
    for number in range(3):
        installation.run(
            "subscriber",
            "add",
            f"reader{number}@example.org",
            "--newsletter",
            "gp-alert",
            "--confirmed",
        )
    issue = installation.run("issue", "draft", "gp-alert").strip()
    send = f"/desk/issues/{issue}/send"
    web = installation.start("web", "--port", str(port))
    wait_for(lambda: answers(url), seconds=120)
    with at_the_desk(installation, url) as client:
        page = press(client, send, f"{send}/test", to="reader0@example.org")
        assert "A test mail went to reader0@example.org." in page
        assert "[Test]" in client.get("/caught/").text
        assert "is approved" in press(client, send, f"{send}/approve")
        # Set off, and taken back: although a worker comes, nobody gets it.
        assert "leaves in a moment" in press(client, f"{send}/confirm", f"{send}/start", when="now")
        assert "nothing has left" in press(client, send, f"{send}/undo")
        installation.start("worker")
        time.sleep(GRACE + 5)
        assert 'data-state="approved"' in client.get(send).text
        # Once more; the grace is kept over a new start of the web server.
        press(client, f"{send}/confirm", f"{send}/start", when="now")
        installation.kill(web)
        installation.start("web", "--port", str(port))
        wait_for(lambda: answers(url), seconds=120)
        events = _watched(client, issue)
        assert events[-1] == "event: over"
        assert 'data-state="sent"' in client.get(send).text
        found = installation.json("issue", "audit", issue)
        assert (found["balanced"], found["sent"]) == (True, 3)
        # The test mail, and one each.
        assert set(caught(installation, client)) == {f"reader{n}@example.org" for n in range(3)}
        report = client.get(f"/desk/issues/{issue}/report").text
        assert "3 readers" in report
        link = _counted_link(client, url)
        followed = client.get(link, headers={"User-Agent": "Firefox"}, follow_redirects=False)
        assert followed.status_code == 302
        assert not followed.headers["location"].startswith(url)
        wait_for(lambda: "1 click." in client.get(f"/desk/issues/{issue}/report").text)


def test_those_who_watch_keep_no_server_from_ending(install: Install) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    installation = install(base_url=url)
    web = installation.start("web", "--port", str(port))
    wait_for(lambda: answers(url), seconds=120)
    database = Database(f"sqlite:///{installation.folder / 'var' / 'alerts.db'}")
    clock = SystemClock()
    issue_id = approved_issue(database, clock, sending=False)
    with database.transaction() as session:
        tomorrow = clock.now() + timedelta(days=1)
        move(session, issue_id, Event.SCHEDULE, clock=clock, send_at=tomorrow)
    database.dispose()
    with at_the_desk(installation, url) as client:
        path = f"/desk/issues/{issue_id}/progress"
        with client.stream("GET", path, timeout=120) as answer:
            lines = answer.iter_lines()
            while not next(lines).startswith("event: look"):
                pass
            web.terminate()
            # Uvicorn itself would cut it off after ten seconds: reading on would raise.
            list(lines)
            web.wait(60)


def _watched(client: httpx.Client, issue: str) -> list[str]:
    """Watch an issue until its stream says that it is over; return what the stream said."""
    with client.stream("GET", f"/desk/issues/{issue}/progress", timeout=120) as answer:
        return [line for line in answer.iter_lines() if line.startswith("event: ")]


def _counted_link(client: httpx.Client, url: str) -> str:
    """Return a link that is counted, out of a mail in the catcher."""
    for number in range(1, 6):
        mail = client.get(f"/caught/{number}/html").text
        found = re.search(rf'href="({re.escape(url)}/c/[^"]+)"', mail)
        if found:
            return found[1]
    raise AssertionError("no mail leads away by a counted link")
