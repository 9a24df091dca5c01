"""Lists by the page, and answers that are kept by their keys."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from sqlalchemy import func, select

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.kept_answers import KeptAnswer
from alerts.newsletters.models import Issue
from alerts.subscribers.models import Subscriber
from tests.api_world import Program, a_program, a_token
from tests.factories import add_readers, an_article


@pytest.fixture
def program(database: Database, clock: FixedClock, tmp_path: Path) -> Iterator[Program]:
    with a_program(database, clock, tmp_path) as program:
        yield program


def readers(program: Program, count: int) -> list[int]:
    site = program.site
    with site.runtime.database.transaction() as session:
        names = [f"reader{number}" for number in range(count)]
        return add_readers(session, names, now=site.clock.now())


def test_pages_hold_everybody_once_whoever_comes_meanwhile(program: Program) -> None:
    there = readers(program, 25)
    seen = []
    for number, page in enumerate(program.pages("/subscribers?limit=10&state=confirmed")):
        seen += [one["id"] for one in page]
        if number == 0:
            program.site.subscribe("gp-alert", email="late@example.org")
    assert seen == sorted(there, reverse=True)


def test_every_list_has_pages(program: Program) -> None:
    readers(program, 3)
    site = program.site
    with site.runtime.database.transaction() as session:
        for _ in range(3):
            an_article(session, site.clock)
    for number in range(3):
        program.post("/segments", {"slug": f"s-{number}", "query": "state is confirmed"})
        domain = {"domain": f"d{number}.example.org", "reason": "a test"}
        program.post("/suppressions/domains", domain)
        new = {"url": f"https://news.example.org/{number}/feed", "kind": "feed"}
        assert program.post("/sources", new).status_code == 201
    for path, count in (
        ("/articles", 3),
        ("/subscribers", 3),
        ("/newsletters", 2),
        ("/schedules", len(program.get("/schedules")["items"])),
        ("/segments", 3),
        ("/segments/s-1/members", 3),
        ("/suppressions/domains", 3),
        ("/sources", 3),
    ):
        pages = list(program.pages(f"{path}?limit=1"))
        assert [len(page) for page in pages] == [1] * count, path
        whole = program.get(path)
        assert [page[0] for page in pages] == whole["items"]
        assert whole["next"] is None


def test_a_cursor_is_good_for_its_list_and_filters_alone(program: Program) -> None:
    readers(program, 3)
    url = program.get("/subscribers?limit=1")["next"]
    cursor = parse_qs(urlsplit(url).query)["cursor"][0]
    assert program.ask("GET", f"/subscribers?limit=2&cursor={cursor}").status_code == 200
    for path in (
        f"/subscribers?state=confirmed&cursor={cursor}",
        f"/issues?cursor={cursor}",
        "/subscribers?cursor=WyJhIl0.x",
        f"/subscribers?cursor={cursor[:-1]}",
    ):
        answer = program.ask("GET", path)
        assert answer.status_code == 422, path
        assert answer.json()["errors"][0]["field"] == "cursor"


def test_filters_leave_the_others_out(program: Program) -> None:
    site = program.site
    with site.runtime.database.transaction() as session:
        an_article(session, site.clock)
        site.clock.advance(timedelta(hours=1))
        late = an_article(session, site.clock, series="Africa Brief").id
    for query in ("series=Africa%20Brief", "noticed_since=2026-11-23T06:30:00Z"):
        assert [one["id"] for one in program.get(f"/articles?{query}")["items"]] == [late]
    assert program.get("/articles?state=withdrawn")["items"] == []
    assert program.ask("GET", "/subscribers?newsletter=nope").status_code == 404


def at_once(
    program: Program, times: int, path: str, json: object, key: str
) -> list[httpx.Response]:
    gate, answers = threading.Barrier(times), list[httpx.Response]()

    def run() -> None:
        gate.wait()
        answers.append(program.post(path, json, Idempotency_Key=key))

    threads = [threading.Thread(target=run) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_ten_at_once_with_one_key_are_one_act_and_one_answer(program: Program) -> None:
    site = program.site
    with site.runtime.database.transaction() as session:
        an_article(session, site.clock)

    answers = at_once(program, 10, "/issues", {"newsletter": "gp-alert"}, "draft-1")

    assert {answer.status_code for answer in answers} == {201}, [one.text for one in answers]
    assert len({answer.text for answer in answers}) == 1
    assert len({answer.headers["Location"] for answer in answers}) == 1
    assert sum("Idempotency-Replayed" in answer.headers for answer in answers) == 9
    with site.runtime.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Issue)) == 1


def test_a_key_is_one_requests_and_one_callers(program: Program) -> None:
    new = {"email": "asha@example.org"}
    first = program.post("/subscribers", new, Idempotency_Key="k")
    respaced = program.site.client.post(
        "/api/v1/subscribers",
        content=b'{ "email" : "asha@example.org" }',
        headers={
            "Authorization": f"Bearer {program.token}",
            "Content-Type": "application/json",
            "Idempotency-Key": "k",
        },
    )
    other_body = program.post("/subscribers", {"email": "b@example.org"}, Idempotency_Key="k")
    other_path = program.post("/subscribers/find", new, Idempotency_Key="k")
    another = Program(program.site, a_token(program.site, email="kofi@example.org"))
    theirs = another.post("/subscribers", new, Idempotency_Key="k")

    assert (first.status_code, respaced.text) == (201, first.text)
    assert (other_body.status_code, other_path.status_code) == (422, 422)
    assert "was used for another request" in other_body.json()["detail"]
    assert (theirs.status_code, theirs.json()["result"]) == (200, "unchanged")
    assert program.post("/subscribers", new, Idempotency_Key="a b").status_code == 422
    program.site.clock.advance(timedelta(hours=25))
    later = program.post("/subscribers", {"email": "b@example.org"}, Idempotency_Key="k")
    assert later.status_code == 201


def test_what_was_refused_keeps_no_key(program: Program) -> None:
    new = {"email": "no address"}
    assert program.post("/subscribers", new, Idempotency_Key="k").status_code == 422
    right = program.post("/subscribers", {"email": "a@example.org"}, Idempotency_Key="k")
    assert right.status_code == 201
    with program.site.runtime.database.read() as session:
        assert session.scalar(select(func.count()).select_from(KeptAnswer)) == 1
        assert session.scalar(select(func.count()).select_from(Subscriber)) == 1


def test_a_request_that_was_cut_off_is_not_done_again(program: Program) -> None:
    site = program.site
    new = {"email": "asha@example.org"}
    program.post("/subscribers", new, Idempotency_Key="k")
    with site.runtime.database.transaction() as session:
        session.scalars(select(KeptAnswer)).one().status = None
    answer = program.post("/subscribers", new, Idempotency_Key="k")
    assert answer.status_code == 409
    assert "is not answered yet" in answer.json()["detail"]
