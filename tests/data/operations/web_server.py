"""A web server of a test's own, with or without TLS, that answers as it is told."""

import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from typing_extensions import override

Answers = Mapping[str, tuple[int, dict[str, str], bytes]]
UP = (200, {"Content-Type": "application/json"}, b'{"status": "up"}')
NOBODY = (404, {"X-Robots-Tag": "noindex, nofollow"}, b"This link is not valid.")
GOOD: Answers = {"/healthz": UP, "/unsubscribe": NOBODY}


class _Server(ThreadingHTTPServer):
    answers: Answers
    asked: list[tuple[str, str]]


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        self.server.asked.append((self.command, self.path))
        start = "/" + self.path.split("/")[1]
        found = self.server.answers.get(f"{self.command} {start}", self.server.answers.get(start))
        status, headers, body = found or (500, {}, b"")
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_POST = do_GET  # noqa: N815 - the library's names

    @override
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def web_server(
    answers: Answers = GOOD, context: ssl.SSLContext | None = None
) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Serve on a free port; yield the base URL and the list of what was asked."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.answers, server.asked = answers, []
        if context is not None:
            server.socket = context.wrap_socket(
                server.socket, server_side=True, do_handshake_on_connect=False
            )
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            scheme = "http" if context is None else "https"
            yield f"{scheme}://localhost:{server.server_address[1]}", server.asked
        finally:
            server.shutdown()
            thread.join()
