"""Fetching pages from real servers, friendly and hostile, and never from inside."""

import gzip
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest
import redis
from typing_extensions import override

from alerts.articles.fetching.answers import FetchFailed
from alerts.articles.fetching.fetcher import Fetcher
from alerts.articles.fetching.pacing import SharedPace

PAGE = b"<html><body><h1>A page</h1></body></html>"
HTML = ("Content-Type", "text/html; charset=Windows-1252")
ROBOTS = b"User-agent: *\nDisallow: /private/\n"


REDIRECTS = {
    "/moved": (301, "/moved-again#top"),
    "/moved-again": (308, "/page"),
    "/for-now": (301, "/for-now-2"),
    "/for-now-2": (302, "/page"),
    "/round": (302, "/round-2"),
    "/round-2": (302, "/round"),
    "/inside": (302, "http://127.0.0.2:8000/secret"),
    "/file": (302, "file:///etc/passwd"),
}
BOMB = gzip.compress(b"\0" * 50_000_000)
ANSWERS: dict[str, tuple[Any, ...]] = {
    "/robots.txt": (200, ROBOTS),
    "/bomb": (200, BOMB, ("Content-Encoding", "gzip")),
    "/bomb-in-bomb": (200, gzip.compress(BOMB), ("Content-Encoding", "gzip, gzip")),
    "/packed-wrongly": (200, b"not gzip at all", ("Content-Encoding", "gzip")),
    "/strange-charset": (200, PAGE, ("Content-Type", "text/html; charset=klingon")),
    "/gone": (410, b""),
    "/busy": (429, b"", ("Retry-After", "90")),
}


class Site(BaseHTTPRequestHandler):
    """A small site with good and bad pages."""

    protocol_version = "HTTP/1.1"
    seen: ClassVar[list[tuple[str, dict[str, str]]]] = []

    def do_GET(self) -> None:
        self.seen.append((self.path, dict(self.headers.items())))
        path, _, query = self.path.partition("?")
        if path in {"/page", "/private/page"}:
            self.page()
        elif path == "/far":
            self.answer(302, b"", ("Location", f"/far?{int(query or 0) + 1}"))
        elif path in REDIRECTS:
            status, target = REDIRECTS[path]
            self.answer(status, b"", ("Location", target))
        else:
            status, body, *headers = ANSWERS.get(path, (500, b""))
            self.answer(status, body, *headers)

    def page(self) -> None:
        if self.headers["If-None-Match"] == '"one"':
            self.send_response(304)
            self.send_header("ETag", '"one"')
            self.end_headers()
            return
        modified = ("Last-Modified", "Mon, 23 Nov 2026 08:00:00 GMT")
        self.answer(200, PAGE, HTML, ("ETag", '"one"'), modified)

    def answer(self, status: int, body: bytes, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def fetcher() -> Iterator[Fetcher]:
    Site.seen.clear()
    fetcher = Fetcher(
        contact="https://alerts.example.org", allowed_hosts=["127.0.0.1"], total_seconds=1.0
    )
    yield fetcher
    fetcher.close()


def test_a_page_is_fetched_with_our_name(site: str, fetcher: Fetcher) -> None:
    fetched = fetcher.fetch(f"{site}/page#part")

    assert (fetched.url, fetched.content, fetched.is_html) == (f"{site}/page", PAGE, True)
    assert (fetched.charset, fetched.moved_to) == ("windows-1252", None)
    agents = {headers["User-Agent"] for _, headers in Site.seen}
    assert len(agents) == 1
    assert agents.pop().startswith("GP-Alerts/")
    assert Site.seen[-1][1]["User-Agent"].endswith("(+https://alerts.example.org)")


def test_a_page_that_did_not_change_is_not_sent_again(site: str, fetcher: Fetcher) -> None:
    first = fetcher.fetch(f"{site}/page")
    again = fetcher.fetch(f"{site}/page", etag=first.etag, last_modified=first.last_modified)

    assert (first.etag, first.last_modified) == ('"one"', "Mon, 23 Nov 2026 08:00:00 GMT")
    assert (again.not_modified, again.content, again.etag) == (True, b"", '"one"')
    assert Site.seen[-1][1]["If-Modified-Since"] == "Mon, 23 Nov 2026 08:00:00 GMT"


def test_a_permanent_redirect_is_told_from_one_for_now(site: str, fetcher: Fetcher) -> None:
    assert fetcher.fetch(f"{site}/moved").moved_to == f"{site}/page"
    for_now = fetcher.fetch(f"{site}/for-now")
    assert (for_now.url, for_now.moved_to) == (f"{site}/page", None)


def test_robots_are_kept_out_where_the_site_says_so(site: str, fetcher: Fetcher) -> None:
    with pytest.raises(FetchFailed, match=r"robots\.txt asks not to"):
        fetcher.fetch(f"{site}/private/page")
    assert [path for path, _ in Site.seen] == ["/robots.txt"]
    assert fetcher.fetch(f"{site}/private/page", obey_robots=False).content == PAGE


def test_a_site_that_is_away_is_told_by_what_it_said(
    site: str, fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each time, though it is asked once in a while: the words stand in what ops are told."""
    monkeypatch.setitem(ANSWERS, "/robots.txt", (503, b""))
    for _ in range(2):
        with pytest.raises(FetchFailed, match=r"robots\.txt can be read: the server answered 503"):
            fetcher.fetch(f"{site}/page")
    assert [path for path, _ in Site.seen] == ["/robots.txt"]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/gone", "is gone"),
        ("/broken", "answered 500"),
        ("/round", "circle"),
        ("/far", "redirects"),
        ("/inside", "inside this network"),
        ("/file", "no web address"),
        ("/bomb", "larger than"),
        ("/bomb-in-bomb", "packed as 'gzip, gzip'"),
        ("/packed-wrongly", "packed wrongly"),
    ],
)
def test_bad_pages_are_refused_in_one_line(
    site: str, fetcher: Fetcher, path: str, reason: str
) -> None:
    with pytest.raises(FetchFailed, match=reason) as refused:
        fetcher.fetch(site + path)
    assert "\n" not in str(refused.value)


def test_what_a_busy_server_asks_is_handed_on(site: str, fetcher: Fetcher) -> None:
    with pytest.raises(FetchFailed, match="answered 429") as refused:
        fetcher.fetch(f"{site}/busy")
    wait = refused.value.retry_after
    assert wait is not None
    assert (wait.total_seconds(), refused.value.permanent) == (90, False)


def test_an_unknown_charset_is_no_charset(site: str, fetcher: Fetcher) -> None:
    assert fetcher.fetch(f"{site}/strange-charset").content == PAGE


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://localhost/",
        "http://localhost./",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.8/",
        "http://0.0.0.0/",
        "http://100.64.0.1/",
        "http://[fe80::1]/",
        "http://[fd00::1]/",
        "http://①②⑦.⓪.⓪.①/",
    ],
)
def test_no_address_inside_is_connected_to(url: str) -> None:
    fetcher = Fetcher(contact="https://alerts.example.org")
    # Some spellings are no name at all to the one resolver, and an address to the other.
    with pytest.raises(FetchFailed, match=r"inside this network|no host|Invalid"):
        fetcher.fetch(url, obey_robots=False)
    fetcher.close()


def test_a_name_that_leads_inside_among_others_is_refused(site: str) -> None:
    asked: list[str] = []

    def look_up(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["93.184.215.14", "127.0.0.1"]

    fetcher = Fetcher(contact="https://alerts.example.org", look_up=look_up)
    with pytest.raises(FetchFailed, match=r"newsroom\.example is inside this network"):
        fetcher.fetch("http://newsroom.example/")
    fetcher.close()
    assert asked == ["newsroom.example"]


def hostile(
    answer: bytes, *, forever: bytes = b"", every: float = 0.0
) -> tuple[str, socket.socket]:
    """Start a server that sends this and then, again and again, what has no end."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        stop = threading.Event()
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                try:
                    connection.recv(65536)
                    connection.sendall(answer)
                    while forever:
                        connection.sendall(forever)
                        stop.wait(every)
                except OSError:
                    continue

    threading.Thread(target=serve, daemon=True).start()
    return f"http://127.0.0.1:{listening.getsockname()[1]}/", listening


OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"


@pytest.mark.parametrize(
    ("answer", "forever", "every", "reason"),
    [
        pytest.param(OK + b"\r\n", b"x" * 65536, 0.0, "larger than", id="endless body"),
        pytest.param(OK + b"\r\n", b"x", 0.1, "in time", id="a letter now and then"),
        pytest.param(OK, b"A: b\r\n", 0.1, "in time", id="a header now and then"),
        pytest.param(OK, b"X-Long: y\r\n" * 5000, 0.0, "could not be", id="endless headers"),
        pytest.param(OK + b"Content-Length: 99\r\n\r\nshort", b"", 0.0, "could not be", id="cut"),
        pytest.param(b"220 mail.example ESMTP\r\n", b"", 0.0, "could not be", id="no web server"),
        pytest.param(b"", b"", 0.0, "could not be", id="nothing"),
        pytest.param(
            b"HTTP/1.1 302 F\r\nLocation: http://a\tb\x01/\r\nContent-Length: 0\r\n\r\n",
            b"",
            0.0,
            "(could not be|no web address|no host)",
            id="a redirect to nonsense",
        ),
        pytest.param(
            OK + b"Content-Length: -5\r\n\r\nxx", b"", 0.0, "could not be", id="a wrong length"
        ),
    ],
)
def test_a_hostile_server_costs_a_line_and_no_more(
    fetcher: Fetcher, answer: bytes, forever: bytes, every: float, reason: str
) -> None:
    url, listening = hostile(answer, forever=forever, every=every)
    with listening, pytest.raises(FetchFailed, match=reason) as refused:
        fetcher.fetch(url, obey_robots=False)
    assert "\n" not in str(refused.value)


def test_all_workers_keep_one_pace(redis_url: str) -> None:
    slept: list[float] = []
    clock = [0.0]

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        # The key's own time goes by only in the server.
        server.delete("gp-alerts:fetching:a.example")
        clock[0] += seconds

    server = redis.Redis.from_url(redis_url)
    one, other = (SharedPace(redis_url, lambda: clock[0], sleep) for _ in range(2))
    one.wait("a.example", 5.0)
    other.wait("b.example", 5.0)
    assert slept == []
    other.wait("a.example", 5.0)
    for pace in (one, other):
        pace.close()
    server.close()

    assert len(slept) == 1
    assert 0 < slept[0] <= 5.0


def test_without_redis_each_worker_keeps_its_own_pace() -> None:
    slept: list[float] = []
    pace = SharedPace("redis://127.0.0.1:1/0", lambda: 0.0, slept.append)
    pace.wait("a.example", 2.0)
    pace.wait("a.example", 2.0)
    pace.close()
    assert slept == [2.0]
