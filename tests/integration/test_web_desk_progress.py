"""How far an issue is, live: a real server, real streams, and who may listen."""

import asyncio
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest

from alerts.delivery.outcome import refusal
from alerts.delivery.tallies import Place, tally
from alerts.newsletters.issues import move
from alerts.newsletters.lifecycle import Event
from alerts.task_queue import Queue, Task
from alerts.web.shared_looks import SharedLooks
from tests.data.delivery.house import House
from tests.data.web.running import RunningSite
from tests.desk_world import PATIENCE, Browser
from tests.factories import approved_issue, counted_queries


@contextmanager
def listening(browser: Browser, issue_id: int) -> Iterator[Iterator[tuple[str, Any]]]:
    """Open a stream; yield its events as they come, by name, with their documents."""
    path = f"/desk/issues/{issue_id}/progress"
    with browser.client.stream("GET", path, timeout=PATIENCE) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        yield events(answer)


def events(answer: httpx.Response) -> Iterator[tuple[str, Any]]:
    name = ""
    for line in answer.iter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


def test_a_stream_tells_how_it_goes_and_ends_with_the_issue(
    house: House, site: RunningSite, editor: Browser
) -> None:
    house.send_to("a", "b", "nobody")
    house.transport.answers = {"nobody": [refusal(550, "5.1.1 no such user")]}
    with listening(editor, house.issue_id) as told:
        name, look = next(told)
        assert name == "look"
        assert (look["state"], look["done"], look["audience"]) == ("sending", 0, 3)
        threading.Thread(target=house.work).start()
        seen = [next(told)]
        while seen[-1][0] == "look":
            seen.append(next(told))
        assert seen[-1][0] == "over"
        last = seen[-2][1]
        assert (last["state"], last["over"], last["done"]) == ("sent", True, 3)
        assert (last["sent"], last["failed"]) == (2, 1)
        assert last["failures"] == [["nobody there", 1]]
        assert list(told) == []


def test_an_issue_that_is_over_is_told_once(
    house: House, site: RunningSite, editor: Browser
) -> None:
    house.send_to("a")
    house.work()
    with listening(editor, house.issue_id) as told:
        assert [name for name, _ in told] == ["look", "over"]


def test_rate_and_time_left(house: House, site: RunningSite, editor: Browser) -> None:
    house.send_to("a")
    with house.database.transaction() as session:
        now = house.clock.now()
        tally(session, house.issue_id, {Place("audience"): 1199, Place("sent"): 300}, now=now)
    house.later(seconds=30)
    with listening(editor, house.issue_id) as told:
        _, look = next(told)
    # 300 in the half minute since it was started, of 1,200.
    assert look["rate"] == pytest.approx(10, abs=0.5)
    assert look["left"] == pytest.approx(90, abs=5)
    assert "about 2 minutes left" in look["pace"]
    assert look["words"] == "300 of 1,200 readers"
    page = editor.get(f"/desk/issues/{house.issue_id}/send").text
    assert re.search(r'max="1200"\s+value="300"', page)
    assert "about 2 minutes left" in page


def test_many_who_watch_share_one_look(house: House, site: RunningSite, editor: Browser) -> None:
    house.send_to("a")
    watching = []
    with counted_queries(site.runtime.database.engine) as statements:
        streams = [listening(editor, house.issue_id) for _ in range(8)]
        for stream in streams:
            told = stream.__enter__()
            watching.append(next(told))
        began = time.monotonic()
        statements.clear()
        looks: list[str] = []
        while len(looks) < 3:
            time.sleep(0.2)
            looks = [one for one in list(statements) if "ledger_tallies" in one]
            assert time.monotonic() - began < PATIENCE
        seconds = time.monotonic() - began
    for stream in streams:
        stream.__exit__(None, None, None)
    assert len(watching) == 8
    # One a second for all of them, and not one a second for each.
    assert len(looks) <= seconds + 2
    assert not any("deliveries" in one for one in statements)


def test_a_stream_holds_no_connection_between_two_events(
    house: House, site: RunningSite, editor: Browser
) -> None:
    house.send_to("a")
    streams = [listening(editor, house.issue_id) for _ in range(6)]
    for stream in streams:
        next(stream.__enter__())
    pool: Any = site.runtime.database.engine.pool
    until = time.monotonic() + PATIENCE
    while (taken := pool.checkedout()) and time.monotonic() < until:
        time.sleep(0.02)
    for stream in streams:
        stream.__exit__(None, None, None)
    # All six are open all the time: one moment without a connection tells that none holds one.
    assert taken == 0


def test_nobody_who_is_logged_out_is_told_anything(
    house: House, site: RunningSite, editor: Browser
) -> None:
    house.send_to("a")
    assert site.client.get(f"/desk/issues/{house.issue_id}/progress").status_code == 303
    with listening(editor, house.issue_id) as told:
        next(told)
        token = editor.token()
        editor.client.post("/desk/logout", data={"form_token": token})
        names = [name for name, _ in told]
    assert names[-1] == "gone"


def test_an_issue_that_is_none_and_a_head(site: RunningSite, editor: Browser) -> None:
    assert editor.client.get("/desk/issues/77/progress").status_code == 404
    issue_id = approved_issue(site.runtime.database, site.clock)
    answer = editor.client.head(f"/desk/issues/{issue_id}/progress")
    assert (answer.status_code, answer.content) == (200, b"")


def test_the_end_of_the_grace_is_not_waited_for_by_whoever_watches(
    site: RunningSite, editor: Browser
) -> None:
    issue_id = approved_issue(site.runtime.database, site.clock, sending=False)
    with site.runtime.database.transaction() as session:
        send_at = site.clock.now() + timedelta(seconds=30)
        move(session, issue_id, Event.SCHEDULE, clock=site.clock, send_at=send_at)
    with listening(editor, issue_id) as told:
        assert next(told)[1]["starts_in"] == 30
        assert site.queue.enqueued == []
        site.clock.advance(timedelta(seconds=31))
        assert next(told)[1]["starts_in"] == 0
    assert site.queue.enqueued[0] == (Task.SWEEP, (), Queue.PERIODIC)


def test_who_asks_while_somebody_looks_waits_for_that_look() -> None:
    looked = []
    now = 0.0

    def look() -> int:
        looked.append(1)
        time.sleep(0.05)
        return len(looked)

    async def ask() -> list[int]:
        nonlocal now
        looks = SharedLooks(lambda: now)
        seen = await asyncio.gather(*(looks.get("one", look) for _ in range(5)))
        now += 1.0
        return [*seen, await looks.get("one", look), await looks.get("other", look)]

    assert asyncio.run(ask()) == [1, 1, 1, 1, 1, 2, 3]
