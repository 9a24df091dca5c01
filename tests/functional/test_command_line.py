"""What a person and a script meet at the command line: one line, one document, one status."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.functional.installation import ARTICLES, Installation, free_port, wait_for
from tests.functional.troubled import pool_of

Install = Callable[..., Installation]

pytestmark = pytest.mark.processes


def one_line(refusal: str) -> str:
    """Return what was said, which must be one line."""
    [line] = [line for line in refusal.splitlines() if line]
    return line


def test_articles_come_in_once_and_are_refused_in_one_line(
    install: Install, tmp_path: Path
) -> None:
    house = install()
    page = str(ARTICLES / "essay.html")
    added = house.json("article", "add", page)
    assert [article["number"] for article in added["added"]] == ["1873"]
    again = house.json("article", "add", page, str(ARTICLES / "essay.txt"))
    assert [len(again[kind]) for kind in ("added", "updated", "unchanged")] == [0, 0, 2]
    shopping = tmp_path / "list.txt"
    shopping.write_text("ink\npaper\n")
    assert "no article" in one_line(house.run("article", "add", str(shopping), status=1))
    assert "Amara Diallo" in house.run("article", "show", "1")
    assert "no article 7" in one_line(house.run("article", "show", "7", status=1))
    house.run("article", "withdraw", "1")
    assert house.json("article", "list")[0]["state"] == "withdrawn"


def test_an_issue_goes_from_draft_to_books(install: Install) -> None:
    house = install()
    house.run("article", "add", str(ARTICLES))
    house.run("subscriber", "add", "ama@example.org", "--confirmed", "--consent", "on paper")
    house.run("subscriber", "add", "li@example.org", "--newsletter", "gp-alert")
    issue = house.run("issue", "draft", "gp-alert").strip()
    assert "nothing new" in one_line(house.run("issue", "draft", "gp-alert", status=1))
    look = house.folder / "look"
    house.run("issue", "preview", issue, "--out", str(look))
    assert {path.name for path in look.iterdir()} == {
        *("subject.txt", "body.html", "body.txt", "message.eml"),
    }
    assert "draft" in one_line(house.run("issue", "send", issue, status=1))
    house.run("issue", "approve", issue)
    sent = house.json("issue", "send", issue, "--wait")
    assert (sent["state"], sent["audit"]["audience"], sent["audit"]["sent"]) == ("sent", 1, 1)
    books = house.json("issue", "audit", issue)
    assert (books["balanced"], books["pending"], books["reasons"]) == (True, 0, {})
    assert house.json("issue", "report", issue)["editions"][0]["readers"] == 1
    assert house.json("issue", "list")[0]["progress"] == {"audience": 1, "done": 1}
    house.run("subscriber", "unsubscribe", "ama@example.org")
    assert house.json("subscriber", "show", "ama@example.org")["state"] == "unsubscribed"


def test_newsletters_and_schedules_are_data(install: Install) -> None:
    house = install()
    exported = house.folder / "africa.toml"
    exported.write_text(house.run("newsletter", "export", "africa-this-week"))
    assert "unchanged" in house.run("newsletter", "apply", str(exported))
    rule = "weekly on mon 08:00 Asia/Kolkata"
    house.run("schedule", "set", "africa-this-week", rule)
    coming = house.json("schedule", "next", "africa-this-week", "--count", "3")
    assert [moment["local"][11:] for moment in coming] == ["08:00:00+05:30"] * 3
    refusal = house.run("schedule", "set", "africa-this-week", "now and then", status=1)
    assert "now" in one_line(refusal)


def test_wrong_usage_and_wrong_settings(install: Install) -> None:
    house = install(mail_url="carrier-pigeon://roof")
    assert "no catcher://" in one_line(house.run("status", status=1))
    assert "No such command" in install().run("issue", "fold", status=2)


def test_a_workers_processes_know_how_many_they_are(install: Install) -> None:
    house = install(worker_processes="2")
    process = house.start("worker", "--processes", "1")
    running = Path(f"/proc/{process.pid}")
    wait_for(lambda: b"workers" in (running / "cmdline").read_bytes().split(b"\0"))
    # By this number they share the connections that a provider allows.
    assert b"ALERTS_WORKER_PROCESSES=1" in (running / "environ").read_bytes().split(b"\0")


def test_a_workers_processes_push_nobody_aside(install: Install) -> None:
    house = install()
    process = house.start("worker", "--processes", "2")

    def policies() -> list[int]:
        """Return how Linux runs the threads of the pool's processes."""
        threads = (one for pid in pool_of(process) for one in Path(f"/proc/{pid}/task").iterdir())
        return [os.sched_getscheduler(int(thread.name)) for thread in threads]

    wait_for(lambda: len(found := policies()) >= 2 and set(found) == {os.SCHED_BATCH})
    # Whoever hands the tasks out is asked for by nobody a thousand times a second.
    assert os.sched_getscheduler(process.pid) == os.SCHED_OTHER


def test_the_demo_accounts_for_everybody_and_ends_by_itself(install: Install) -> None:
    house = install()
    shown = house.run("demo", "--no-serve", "--port", str(free_port()))
    assert "30 articles read, 200 subscribers imported" in shown
    assert shown.count("0 failed") == 2
    assert shown.count("0 uncertain + 0 pending") == 2
    assert "/caught/" in shown
    demo = Installation(house.folder, data_dir=str(house.folder / "var" / "demo"))
    for issue in demo.json("issue", "list"):
        books = demo.json("issue", "audit", str(issue["id"]))
        assert (books["balanced"], books["pending"]) == (True, 0)
        # Whoever gets nothing follows other regions than the issue's; nobody is left out else.
        assert set(books["reasons"]) == {"nothing for this reader's wishes"}
        assert books["sent"] > books["skipped"] > 0
        assert books["sent"] + books["skipped"] == books["audience"] > 100
