"""A poll of two hundred feeds that did not change: seconds of CPU, the connections included."""

import multiprocessing
import resource
import tempfile
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path

from typing_extensions import override

from alerts.articles.fetching.fetcher import Fetcher
from alerts.articles.sources.discovery import Discovered
from alerts.articles.sources.models import SourceKind
from alerts.articles.sources.polling import poll_source
from alerts.articles.sources.service import add_source
from alerts.clock import SystemClock
from alerts.database import Database
from alerts.migrations import upgrade

_FEEDS = 200
_TARGET_SECONDS = 2.0
_FEED = b'<?xml version="1.0"?><rss version="2.0"><channel><title>x</title></channel></rss>'


class _Site(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        known = self.headers["If-None-Match"] == '"1"'
        body = b"" if known else _FEED
        if self.path == "/robots.txt":
            known, body = False, b""
        self.send_response(304 if known else 200)
        self.send_header("ETag", '"1"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    @override
    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _serve(port: Connection) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Site) as server:
        port.send(server.server_port)
        server.serve_forever()


def run() -> None:
    """Print the CPU of the second poll, when every feed answers that it did not change."""
    here, there = multiprocessing.Pipe()
    site = multiprocessing.Process(target=_serve, args=(there,), daemon=True)
    site.start()
    base = f"http://127.0.0.1:{here.recv()}"
    with tempfile.TemporaryDirectory(prefix="alerts-polling-") as folder:
        database = Database(f"sqlite:///{Path(folder) / 'alerts.db'}")
        upgrade(database)
        fetcher = Fetcher(contact=base, allowed_hosts=["127.0.0.1"])
        numbers = _added(database, base)
        _polled(database, numbers, fetcher)
        cpu = _polled(database, numbers, fetcher)
        verdict = "reached" if cpu < _TARGET_SECONDS else "not reached"
        print(f"  {_FEEDS} unchanged feeds: {cpu:.2f} s of CPU")
        print(f"  target: under {_TARGET_SECONDS:.0f} s, {verdict}")
        fetcher.close()
        database.dispose()
    # Told to stop it would say so at length.
    site.kill()
    site.join()


def _added(database: Database, base: str) -> list[int]:
    clock = SystemClock()
    with database.transaction() as session:
        return [
            add_source(
                session,
                Discovered(SourceKind.FEED, f"{base}/{number}.xml"),
                every=timedelta(minutes=15),
                clock=clock,
            ).id
            for number in range(_FEEDS)
        ]


def _polled(database: Database, numbers: list[int], fetcher: Fetcher) -> float:
    before = _cpu()
    for number in numbers:
        done = poll_source(database, number, fetcher=fetcher, clock=SystemClock())
        if done is None or done.error:
            raise SystemExit(f"source {number} could not be polled: {done and done.error}")
    return _cpu() - before


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
