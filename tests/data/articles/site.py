"""A small newsroom's site on loopback: pages, a listing, feeds; it counts what it is asked for."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from typing_extensions import override

_SENTENCES = (
    "The pier at Lomé is longer than the queue before the customs house, and older too. ",
    "Whoever counts the cranes counts the government's plans as well, and then subtracts some. ",
    "Ministers in three capitals have read the same report and taken three trains home. ",
)
_NONE = (404, "text/html", "<html><body>no such page</body></html>")


@dataclass
class LocalSite:
    """The site's state, which a test changes while it is served."""

    pages: int = 3
    url: str = ""
    # Path and query of every request, but those for robots.txt.
    asked: list[str] = field(default_factory=list)
    gone: set[int] = field(default_factory=set)
    corrected: dict[int, str] = field(default_factory=dict)
    broken: int | None = None
    retry_after: str | None = None
    answers: dict[str, tuple[int, str, str]] = field(default_factory=dict)

    def answer(self, path: str, query: str) -> tuple[int, str, str]:
        """Return status, type and body for an address."""
        if self.broken is not None:
            return self.broken, "text/plain", "out of order"
        if path in self.answers:
            return self.answers[path]
        if path == "/view_cir_articles.php":
            return self._page(int(parse_qs(query).get("recordNo", ["0"])[0]))
        if path == "/feed.xml":
            return 200, "application/rss+xml", self._feed()
        if path in {"/", "/list.php"}:
            return 200, "text/html; charset=utf-8", self._listing(announces=path == "/")
        return _NONE

    def count(self, part: str) -> int:
        """Return how many requests had this in their address."""
        return sum(part in asked for asked in self.asked)

    def _page(self, number: int) -> tuple[int, str, str]:
        if not 1 <= number <= self.pages or number in self.gone:
            return _NONE
        said = self.corrected.get(number, "") + "".join(_SENTENCES) * 4
        return (
            200,
            "text/html; charset=utf-8",
            f"""<!DOCTYPE html><html lang="en"><head><title>{title_of(number)}</title></head><body>
<p>CWA # {1000 + number}, {1 + number % 28} November 2026</p><h1>{title_of(number)}</h1>
<p>Afi Mensah</p><p>{said}</p><p>{said}</p></body></html>""",
        )

    def _listing(self, *, announces: bool) -> str:
        links = "".join(
            f'<li><a href="view_cir_articles.php?url=CWA%20Commentary&amp;recordNo={number}">'
            f"{title_of(number)}</a></li>"
            for number in range(self.pages, 0, -1)
        )
        feed = '<link rel="alternate" type="application/rss+xml" href="/feed.xml">'
        return (
            f"<!DOCTYPE html><html><head><title>All</title>{feed if announces else ''}</head>"
            f'<body><nav><a href="/about.php">About the people who write here</a></nav>'
            f"<ul>{links}</ul></body></html>"
        )

    def _feed(self) -> str:
        items = "".join(
            f"<item><title>{title_of(number)}</title><link>{self.url}/view_cir_articles.php"
            f"?recordNo={number}&amp;url=CWA</link><guid>{number}</guid></item>"
            for number in range(self.pages, 0, -1)
            if number not in self.gone
        )
        return f'<?xml version="1.0"?><rss version="2.0"><channel>{items}</channel></rss>'


def title_of(number: int) -> str:
    """Return the title of a page."""
    return f"Harbours of the coast, part {number}: who pays for the cranes?"


@contextmanager
def served(site: LocalSite) -> Iterator[LocalSite]:
    """Serve a site on loopback, with ETags, until the end."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if parts.path == "/robots.txt":
                self.give(404, "text/plain", "")
                return
            site.asked.append(self.path)
            self.give(*site.answer(parts.path, parts.query))

        def give(self, status: int, kind: str, text: str) -> None:
            body = text.encode()
            etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
            if status == 200 and self.headers["If-None-Match"] == etag:
                status, body = 304, b""
            self.send_response(status)
            self.send_header("ETag", etag)
            if status in {301, 302, 308}:
                self.send_header("Location", text)
            if site.retry_after:
                self.send_header("Retry-After", site.retry_after)
            if status != 304:
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        @override
        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        site.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield site
        finally:
            server.shutdown()
            thread.join()
