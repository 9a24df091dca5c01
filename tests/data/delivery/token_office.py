"""A service that tells which access tokens are good (RFC 7662), for servers that take XOAUTH2."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import parse_qs

from typing_extensions import override

# Dovecot's, of a passdb with driver `oauth2`.
DOVECOT = """
introspection_mode = post
introspection_url = {url}
username_attribute = username
active_attribute = active
active_value = true
"""


class TokenOffice:
    """Answers on `url`; `good` maps tokens to the user names they are for."""

    def __init__(self) -> None:
        self.good: dict[str, str] = {}
        self.asked: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}/introspect"
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        office = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                size = int(self.headers["Content-Length"])
                [token] = parse_qs(self.rfile.read(size).decode())["token"]
                office.asked.append(token)
                user = office.good.get(token)
                found = {"active": True, "username": user} if user else {"active": False}
                body = json.dumps(found).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            @override
            def log_message(self, *_: object) -> None:
                """Say nothing on standard error."""

        return Handler
