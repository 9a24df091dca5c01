"""A real server that receives webhooks, checks their signatures, and answers as it is told."""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from typing_extensions import override

from alerts.articles.fetching.posting import Poster
from alerts.clock import FixedClock
from alerts.database import Database
from alerts.outbox.models import WebhookDelivery, WebhookEndpoint
from alerts.staff.seal import Seal
from alerts.webhooks.delivering import Deliverer
from alerts.webhooks.endpoints import add_endpoint
from alerts.webhooks.queries import deliveries_of
from tests.staff_world import KEYS

SEAL = Seal(KEYS)


@dataclass
class Received:
    """A request as it came."""

    body: bytes
    headers: Message

    @property
    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    def is_signed_with(self, secret: str) -> bool:
        """Check the signature as a receiver does, without our code."""
        key = base64.b64decode(secret.removeprefix("whsec_"))
        signed = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode()
        wanted = base64.b64encode(hmac.new(key, signed + self.body, hashlib.sha256).digest())
        given = self.headers["webhook-signature"].split()
        return any(hmac.compare_digest(f"v1,{wanted.decode()}", one) for one in given)


@dataclass
class Receiver:
    """The server; `answers` are given in turn, the last one for ever."""

    url: str = ""
    answers: list[tuple[int, dict[str, str], bytes]] = field(
        default_factory=lambda: [(204, {}, b"")]
    )
    received: list[Received] = field(default_factory=list)

    def answer(self, *statuses: int, body: bytes = b"", **headers: str) -> None:
        """Answer with these statuses from now on."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers = [(status, named, body) for status in statuses]

    @property
    def kinds(self) -> list[str]:
        return [one.document["type"] for one in self.received]


@contextmanager
def a_receiver() -> Iterator[Receiver]:
    """Serve a receiver on a free port of 127.0.0.1."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.received.append(Received(body, self.headers))
            one = receiver.answers.pop(0) if len(receiver.answers) > 1 else receiver.answers[0]
            status, headers, content = one
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        @override
        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver.url = f"http://127.0.0.1:{server.server_port}/hook"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()


class Post:
    """The station with a receiver: an endpoint, and a worker whose dice always fall on zero."""

    def __init__(self, database: Database, clock: FixedClock, receiver: Receiver) -> None:
        self.database, self.clock, self.receiver = database, clock, receiver
        self.poster = Poster(
            contact="https://alerts.example.org", allowed_hosts=("127.0.0.1",), now=clock.now
        )
        self.deliverer = self.worker()

    def worker(self) -> Deliverer:
        return Deliverer(
            self.database,
            poster=self.poster,
            seal=SEAL,
            clock=self.clock,
            dice=lambda: 0.0,
        )

    def add(self, *events: str, addresses: bool = False, url: str | None = None) -> tuple[int, str]:
        with self.database.transaction() as session:
            endpoint, secret = add_endpoint(
                session,
                url=url or self.receiver.url,
                events=events,
                addresses=addresses,
                allowed_hosts=("127.0.0.1",),
                seal=SEAL,
                clock=self.clock,
            )
            return endpoint.id, secret

    def endpoint(self, endpoint_id: int) -> WebhookEndpoint:
        with self.database.read() as session:
            return session.get_one(WebhookEndpoint, endpoint_id)

    def deliveries(self, endpoint_id: int) -> Sequence[WebhookDelivery]:
        """Return what the endpoint was told, the oldest first."""
        with self.database.read() as session:
            return [delivery for delivery, _ in deliveries_of(session, endpoint_id)][::-1]


@contextmanager
def a_post(database: Database, clock: FixedClock) -> Iterator[Post]:
    """Yield the station with a receiver."""
    with a_receiver() as receiver:
        post = Post(database, clock, receiver)
        try:
            yield post
        finally:
            post.poster.close()
