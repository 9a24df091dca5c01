"""Fetching pages from a real server, and never from inside."""

import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest
from typing_extensions import override

from alerts.articles.fetching import Fetcher, FetchFailed

PAGE = b"<html><body><h1>A page</h1></body></html>"


class Site(BaseHTTPRequestHandler):
    """A small site with good and bad pages."""

    agents: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.agents.append(self.headers["User-Agent"])
        match self.path:
            case "/page":
                self.answer(200, PAGE, ("Content-Type", "text/html; charset=utf-8"))
            case "/moved":
                self.answer(301, b"", ("Location", "/page"))
            case "/round":
                self.answer(302, b"", ("Location", "/round"))
            case "/inside":
                self.answer(302, b"", ("Location", "http://127.0.0.2/secret"))
            case "/file":
                self.answer(302, b"", ("Location", "file:///etc/passwd"))
            case "/bomb":
                self.answer(200, gzip.compress(b"\0" * 50_000_000), ("Content-Encoding", "gzip"))
            case "/gone":
                self.answer(410, b"")
            case _:
                self.answer(500, b"")

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
    fetcher = Fetcher(contact="https://alerts.example.org", allowed_hosts=["127.0.0.1"])
    yield fetcher
    fetcher.close()


def test_a_page_is_fetched_with_our_name(site: str, fetcher: Fetcher) -> None:
    fetched = fetcher.fetch(f"{site}/moved")
    assert (fetched.url, fetched.content, fetched.is_html) == (f"{site}/page", PAGE, True)
    assert "GP-Alerts" in Site.agents[-1]
    assert "https://alerts.example.org" in Site.agents[-1]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/gone", "is gone"),
        ("/broken", "answered 500"),
        ("/round", "redirects"),
        ("/inside", "inside this network"),
        ("/file", "no web address"),
        ("/bomb", "larger than"),
    ],
)
def test_bad_pages_are_refused_in_one_line(
    site: str, fetcher: Fetcher, path: str, reason: str
) -> None:
    with pytest.raises(FetchFailed, match=reason) as refused:
        fetcher.fetch(site + path)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://localhost/",
        "http://2130706433/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.8/",
        "http://192.168.1.1/",
        "http://0.0.0.0/",
        "http://100.64.0.1/",
        "http://[fe80::1]/",
        "http://[fd00::1]/",
    ],
)
def test_no_address_inside_is_connected_to(url: str) -> None:
    fetcher = Fetcher(contact="https://alerts.example.org")
    with pytest.raises(FetchFailed, match="inside this network"):
        fetcher.fetch(url)
    fetcher.close()


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://newsroom.example.org/", "https://"])
def test_only_the_web_is_fetched(url: str) -> None:
    fetcher = Fetcher(contact="https://alerts.example.org")
    with pytest.raises(FetchFailed):
        fetcher.fetch(url)
    fetcher.close()
