"""Links asked for in the background, at a real server, on both databases."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from typing_extensions import override

from alerts.articles.fetching.fetcher import Fetcher
from alerts.clock import FixedClock
from alerts.database import Database
from alerts.rendering.lint.known import LinkVerdict
from alerts.rendering.reviewing.addresses import addresses_in
from alerts.rendering.reviewing.links import (
    ask_for,
    check_links,
    forgotten_link_checks,
    known_links,
    owed_link_checks,
    states_of,
)
from alerts.rendering.reviewing.models import LinkCheck
from alerts.rendering.slots import Slot


class Site(BaseHTTPRequestHandler):
    """A site whose pages are there, gone, shut, moved, or known to GET alone."""

    asked: ClassVar[list[str]] = []
    answers: ClassVar[dict[str, int]] = {
        "/page": 200,
        "/gone": 404,
        "/no-robots": 403,
        "/broken": 500,
        "/moved": 301,
        "/for-now": 302,
        "/photo.jpg": 200,
        "/odd": 200,
    }

    def do_HEAD(self) -> None:
        status = 405 if self.path == "/get-alone" else self.answers.get(self.path, 404)
        self.answer("HEAD", status)

    def do_GET(self) -> None:
        status = 200 if self.path == "/get-alone" else self.answers.get(self.path, 404)
        self.answer("GET", status)

    def answer(self, method: str, status: int) -> None:
        self.asked.append(f"{method} {self.path}")
        size = 3_500_000 if self.path == "/photo.jpg" else 5
        self.send_response(status)
        self.send_header("Content-Length", str(size))
        if self.path == "/odd":
            self.send_header("Content-Encoding", "br")
        if status in {301, 302}:
            self.send_header("Location", "/page")
        self.end_headers()
        if method == "GET":
            self.wfile.write(b"x" * size)

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def site() -> Iterator[str]:
    Site.asked.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def asked(
    database: Database, urls: list[str], clock: FixedClock, *, again: bool = False
) -> list[int]:
    with database.transaction() as session:
        return list(ask_for(session, urls, again=again, clock=clock).to_do)


def verdicts(database: Database, site: str, urls: list[str]) -> dict[str, LinkVerdict]:
    with database.read() as session:
        known = known_links(states_of(session, urls))
    return {url.removeprefix(site): state.verdict for url, state in known.items()}


def test_what_each_answer_means(
    database: Database, clock: FixedClock, site: str, fetcher: Fetcher
) -> None:
    paths = ["/page", "/gone", "/no-robots", "/broken", "/moved", "/for-now", "/get-alone", "/odd"]
    urls = [site + path for path in paths]
    to_do = asked(database, urls, clock)
    assert len(to_do) == 1
    assert verdicts(database, site, urls) == {}
    assert check_links(database, to_do[0], fetcher=fetcher, clock=clock) is None
    assert verdicts(database, site, urls) == {
        "/page": LinkVerdict.FINE,
        "/gone": LinkVerdict.DEAD,
        "/no-robots": LinkVerdict.CLOSED,
        "/broken": LinkVerdict.FAILING,
        "/moved": LinkVerdict.MOVED,
        "/for-now": LinkVerdict.FINE,
        "/get-alone": LinkVerdict.FINE,
        "/odd": LinkVerdict.FINE,
    }
    # What HEAD found needs no GET; what it did not is asked for once more.
    assert "GET /page" not in Site.asked
    assert "GET /gone" in Site.asked
    assert "HEAD /robots.txt" not in Site.asked
    with database.read() as session:
        checks = states_of(session, urls)
    gone = checks[f"{site}/gone"]
    assert (gone.status, gone.words) == (404, "the page is gone (404)")
    assert gone.checked_at == clock.now()
    assert (gone.due_at, gone.claimed_until) == (None, None)
    assert checks[f"{site}/moved"].moved_to == f"{site}/page"


def test_a_server_that_is_not_there_and_one_that_may_not_be_asked(
    database: Database, clock: FixedClock, fetcher: Fetcher
) -> None:
    urls = ["http://127.0.0.1:9/x", "http://127.0.0.2:8000/inside", "https://a.invalid/x"]
    for number in asked(database, urls, clock):
        check_links(database, number, fetcher=fetcher, clock=clock)
    found = verdicts(database, "", urls)
    assert found["http://127.0.0.1:9/x"] is LinkVerdict.FAILING
    # Whatever stands in a mail, nothing inside the operator's network is asked.
    assert found["http://127.0.0.2:8000/inside"] is LinkVerdict.CLOSED
    assert found["https://a.invalid/x"] is LinkVerdict.FAILING


def test_a_photo_tells_its_size(
    database: Database, clock: FixedClock, site: str, fetcher: Fetcher
) -> None:
    url = f"{site}/photo.jpg"
    [number] = asked(database, [url], clock)
    check_links(database, number, fetcher=fetcher, clock=clock)
    with database.read() as session:
        assert known_links(states_of(session, [url]))[url].size == 3_500_000
    assert Site.asked == ["HEAD /photo.jpg"]


def test_an_answer_holds_for_a_while(
    database: Database, clock: FixedClock, site: str, fetcher: Fetcher
) -> None:
    urls = [f"{site}/page", f"{site}/gone"]
    [number] = asked(database, urls, clock)
    check_links(database, number, fetcher=fetcher, clock=clock)
    assert asked(database, urls, clock) == []
    clock.advance(timedelta(hours=1))
    assert len(asked(database, urls, clock)) == 1
    Site.asked.clear()
    check_links(database, number, fetcher=fetcher, clock=clock)
    # Bad news is looked at again within the hour, good news the next day.
    assert Site.asked == ["HEAD /gone", "GET /gone"]
    assert len(asked(database, urls, clock, again=True)) == 1
    clock.advance(timedelta(days=2))
    assert asked(database, urls[:1], clock) == []
    check_links(database, number, fetcher=fetcher, clock=clock)
    clock.advance(timedelta(days=2))
    assert len(asked(database, urls[:1], clock)) == 1


def test_two_who_ask_at_once_make_one_row(session: Session, clock: FixedClock) -> None:
    url = "https://news.example.org/1"
    one = ask_for(session, [url, url], clock=clock)
    two = ask_for(session, [url], clock=clock)
    assert session.scalar(select(func.count()).select_from(LinkCheck)) == 1
    assert list(one.to_do) == list(two.to_do)
    assert one.waiting == 1
    assert ask_for(session, [], clock=clock).to_do == []


def test_a_turn_ends_and_the_rest_comes_later(
    database: Database, clock: FixedClock, site: str, fetcher: Fetcher
) -> None:
    urls = [f"{site}/page?{number}" for number in range(4)]
    [number] = asked(database, urls, clock)
    left = check_links(
        database, number, fetcher=fetcher, clock=clock, monotonic=iter([0.0, 1.0, 20.0]).__next__
    )
    assert left is not None
    assert len(verdicts(database, site, urls)) == 2
    assert check_links(database, left, fetcher=fetcher, clock=clock) is None
    assert len(verdicts(database, site, urls)) == 4


def test_a_lost_task_is_found_by_the_sweeper(
    database: Database, clock: FixedClock, site: str
) -> None:
    [number] = asked(database, [f"{site}/page", f"{site}/gone"], clock)
    with database.transaction() as session:
        assert owed_link_checks(session, clock=clock) == []
        clock.advance(timedelta(minutes=5))
        assert owed_link_checks(session, clock=clock) == [number]
        check = session.get_one(LinkCheck, number)
        check.claimed_until = clock.now() + timedelta(minutes=1)
        session.flush()
        assert owed_link_checks(session, clock=clock) == []


def test_a_claim_keeps_others_off_until_it_ends(
    database: Database, clock: FixedClock, site: str, fetcher: Fetcher
) -> None:
    [number] = asked(database, [f"{site}/page"], clock)
    with database.transaction() as session:
        session.get_one(LinkCheck, number).claimed_until = clock.now() + timedelta(minutes=1)
    assert check_links(database, number, fetcher=fetcher, clock=clock) is None
    assert Site.asked == []
    clock.advance(timedelta(minutes=2))
    check_links(database, number, fetcher=fetcher, clock=clock)
    assert Site.asked == ["HEAD /page"]


def test_what_nobody_asks_about_is_forgotten(session: Session, clock: FixedClock) -> None:
    ask_for(session, ["https://a.example/old"], clock=clock)
    clock.advance(timedelta(days=60))
    ask_for(session, ["https://a.example/new"], clock=clock)
    clock.advance(timedelta(days=60))
    old = select(LinkCheck.url).where(forgotten_link_checks(clock.now()))
    assert session.scalars(old).all() == ["https://a.example/old"]


def test_the_addresses_of_a_mail() -> None:
    html = (
        f'<a href="{Slot.UNSUBSCRIBE_URL}">u</a><a href="mailto:a@b.example">m</a>'
        '<a href="https://a.example/1">1</a><a href="https://a.example/1">again</a>'
        '<a href="https://alerts.example.org/archive/x/1">ours</a>'
        '<a href="https://alerts.example.organ/">not ours</a>'
        '<img src="https://a.example/p.jpg" alt="p"><img src="data:image/png;base64,x" alt="d">'
    )
    assert addresses_in(html, own_site="https://alerts.example.org") == [
        "https://a.example/1",
        "https://alerts.example.organ/",
        "https://a.example/p.jpg",
    ]
    assert addresses_in("") == []
