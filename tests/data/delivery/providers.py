"""Providers of mail on loopback: each speaks its documented protocol, in moods told by recipient.

The mood is the recipient's local part: `unknown`, `odd`, `paused` are refusals in the provider's
own form; `e500`, `e504`, `html`, `cut`, `slow`, `busy` and `later` are troubles of any HTTP server.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import re
import socket
import threading
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import quote

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from typing_extensions import override

KEY, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


@dataclass(frozen=True, slots=True)
class Accepted:
    """A message that a provider took."""

    recipient: str
    content: bytes


class FakeProvider(ABC):
    """What all have in common: `accepted`, requests by `sizes` and `octets`, the clients' ports."""

    path: str
    # A request may have no more octets.
    most_octets: int

    def __init__(self) -> None:
        self.accepted: list[Accepted] = []
        self.sizes: list[int] = []
        self.octets: list[int] = []
        self.ports: set[int] = set()
        self.tries: Counter[str] = Counter()

    @abstractmethod
    def mail_url(self, address: str, *, key: str | None = None) -> str:
        """Return the mail URL for a server at an address, with another key if one is given."""

    @abstractmethod
    async def parse(self, request: Request) -> list[Accepted] | Response:
        """Return the messages of a request, or why it is refused."""

    @abstractmethod
    def refuse(self, mood: str) -> Response | None:
        """Return the refusal for a mood in the provider's form."""

    @abstractmethod
    def accept(self, messages: list[Accepted]) -> Response:
        """Return the answer to messages that are taken."""

    async def handle(self, request: Request) -> Response:
        """Answer a request."""
        assert request.client is not None
        self.ports.add(request.client.port)
        size = int(request.headers["content-length"])
        self.octets.append(size)
        if size > self.most_octets:
            return PlainTextResponse("too large", 413)
        messages = await self.parse(request)
        if isinstance(messages, Response):
            return messages
        self.sizes.append(len(messages))
        mood = messages[0].recipient.partition("@")[0]
        self.tries[mood] += 1
        answer = await self._trouble(mood, request) or self.refuse(mood)
        if answer is not None:
            return answer
        return self.accept(messages)

    async def _trouble(self, mood: str, request: Request) -> Response | None:
        match mood:
            case "e500" | "e504":
                return PlainTextResponse("something broke", int(mood[1:]))
            case "html":
                return PlainTextResponse("<html>log in to the hotel's network", 200)
            case "cut":
                return StreamingResponse(_cut(), 200, {"Content-Length": "1000"})
            case "slow":
                # Until the client has had enough.
                while (await request.receive())["type"] != "http.disconnect":
                    pass
            case "busy" if self.tries[mood] < 3:
                return PlainTextResponse("too fast", 429, {"Retry-After": "0"})
            case "later":
                return PlainTextResponse("too fast", 429, {"Retry-After": "900"})
        return None


async def _cut() -> AsyncIterator[bytes]:
    yield b'{"MessageId": "'
    raise ConnectionResetError


class FakeSes(FakeProvider):
    """SES v2; it computes the request's signature (Signature Version 4) by itself."""

    path = "/v2/email/outbound-emails"
    most_octets = 42_000_000

    @override
    def mail_url(self, address: str, *, key: str | None = None) -> str:
        secret = quote(SECRET if key is None else key, safe="")
        return f"ses://{KEY}:{secret}@eu-west-1?endpoint={address}&connections=1"

    @override
    async def parse(self, request: Request) -> list[Accepted] | Response:
        body = await request.body()
        if not signature_is_right(request, body):
            return _ses_error(403, "InvalidSignatureException", "The request signature …")
        document = json.loads(body)
        for tag in document.get("EmailTags", ()):
            # In the words of the real one, which refuses the whole message.
            if not re.fullmatch(r"[A-Za-z0-9_-]{1,256}", tag["Value"]):
                text = f"Invalid tag value <{tag['Value']}>: only alphanumeric ASCII characters"
                return _ses_error(400, "BadRequestException", text)
        [recipient] = document["Destination"]["ToAddresses"]
        return [Accepted(recipient, base64.b64decode(document["Content"]["Raw"]["Data"]))]

    @override
    def refuse(self, mood: str) -> Response | None:
        match mood:
            case "unknown":
                return _ses_error(400, "BadRequestException", "Illegal address")
            case "odd":
                return _ses_error(400, "MessageRejected", "Message contains invalid content.")
            case "paused":
                return _ses_error(400, "SendingPausedException", "Sending is paused")
        return None

    @override
    def accept(self, messages: list[Accepted]) -> Response:
        self.accepted += messages
        return JSONResponse({"MessageId": f"ses-{len(self.accepted)}"})


def _ses_error(status: int, name: str, message: str) -> Response:
    headers = {"x-amzn-ErrorType": f"{name}:http://internal.amazon.com/coral/"}
    return JSONResponse({"message": message}, status, headers)


def signature_is_right(request: Request, body: bytes) -> bool:
    """Tell whether a request is signed as AWS documents it (Signature Version 4)."""
    match = re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=(\w+)/(\d{8})/([\w-]+)/ses/aws4_request, "
        r"SignedHeaders=([\w;-]+), Signature=([0-9a-f]{64})",
        request.headers.get("authorization", ""),
    )
    if match is None or match.group(1) != KEY:
        return False
    _, day, region, names, signature = match.groups()
    assert {"host", "x-amz-date"} <= set(names.split(";"))
    fields = "".join(
        f"{name}:{' '.join(request.headers[name].split())}\n" for name in names.split(";")
    )
    digest = hashlib.sha256(body).hexdigest()
    canonical = f"POST\n{request.url.path}\n\n{fields}\n{names}\n{digest}"
    scope = f"{day}/{region}/ses/aws4_request"
    moment = request.headers["x-amz-date"]
    text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"AWS4{SECRET}".encode()
    for step in (day, region, "ses", "aws4_request", text):
        key = hmac.digest(key, step.encode(), "sha256")
    return hmac.compare_digest(key.hex(), signature)


class FakeMailgun(FakeProvider):
    """Mailgun's `messages.mime`: a form with the message as a file."""

    path = "/v3/mg.example.org/messages.mime"
    most_octets = 27_000_000

    @override
    def mail_url(self, address: str, *, key: str | None = None) -> str:
        secret = quote(SECRET if key is None else key, safe="")
        return f"mailgun://{secret}@mg.example.org?endpoint={address}&connections=1"

    @override
    async def parse(self, request: Request) -> list[Accepted] | Response:
        login = base64.b64encode(f"api:{SECRET}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {login}":
            return PlainTextResponse("Forbidden", 401)
        async with request.form() as form:
            recipient, message = form["to"], form["message"]
            assert isinstance(recipient, str)
            assert isinstance(message, UploadFile)
            assert form["o:tracking"] == "no"
            return [Accepted(recipient, await message.read())]

    @override
    def refuse(self, mood: str) -> Response | None:
        match mood:
            case "unknown":
                text = "'to' parameter is not a valid address. please check documentation"
                return JSONResponse({"message": text}, 400)
            case "odd":
                return JSONResponse({"message": "'message' parameter is not a file"}, 400)
            case "paused":
                return JSONResponse({"message": "Domain mg.example.org is disabled"}, 403)
        return None

    @override
    def accept(self, messages: list[Accepted]) -> Response:
        self.accepted += messages
        return JSONResponse({"id": "<m.1@mg.example.org>", "message": "Queued. Thank you."})


class FakePostmark(FakeProvider):
    """Postmark's batches: each message gets a result of its own, in one answer of 200."""

    path = "/email/batch"
    most_octets = 50_000_000
    _results = {  # noqa: RUF012 - a table
        "unknown": (406, "You tried to send to a recipient that has been marked as inactive."),
        "odd": (300, "Invalid metadata content."),
        "paused": (412, "Your account is pending approval"),
    }

    def __init__(self) -> None:
        super().__init__()
        self.streams: list[set[str]] = []

    @override
    def mail_url(self, address: str, *, key: str | None = None) -> str:
        secret = quote(SECRET if key is None else key, safe="")
        return f"postmark://{secret}?stream=news&endpoint={address}&connections=1"

    @override
    async def parse(self, request: Request) -> list[Accepted] | Response:
        if request.headers.get("x-postmark-server-token") != SECRET:
            return JSONResponse({"ErrorCode": 10, "Message": "Bad or missing API token"}, 401)
        messages = json.loads(await request.body())
        assert len(messages) <= 500
        assert all(len(json.dumps(message)) < 12_000_000 for message in messages)
        self.streams.append({message["MessageStream"] for message in messages})
        metadata = [item for message in messages for item in message.get("Metadata", {}).items()]
        assert all(len(name) <= 20 and len(value) <= 80 for name, value in metadata)
        return [
            Accepted(m["To"].rpartition("<")[2].rstrip(">"), json.dumps(m).encode())
            for m in messages
        ]

    @override
    def refuse(self, mood: str) -> Response | None:
        return None

    @override
    def accept(self, messages: list[Accepted]) -> Response:
        return JSONResponse([self._one(message) for message in messages])

    def _one(self, message: Accepted) -> dict[str, object]:
        refusal = self._results.get(message.recipient.partition("@")[0])
        if refusal is not None:
            return {"ErrorCode": refusal[0], "Message": refusal[1]}
        self.accepted.append(message)
        return {
            "ErrorCode": 0,
            "Message": "OK",
            "MessageID": f"pm-{len(self.accepted)}",
            "To": message.recipient,
        }


class FakeSendGrid(FakeProvider):
    """SendGrid's `/v3/mail/send`, with the header fields that it does not take."""

    path = "/v3/mail/send"
    most_octets = 32_000_000
    _reserved = frozenset(
        [
            "x-sg-id",
            "x-sg-eid",
            "received",
            "dkim-signature",
            "content-type",
            "content-transfer-encoding",
            "to",
            "from",
            "subject",
            "reply-to",
            "cc",
            "bcc",
        ]
    )

    @override
    def mail_url(self, address: str, *, key: str | None = None) -> str:
        secret = quote(SECRET if key is None else key, safe="")
        return f"sendgrid://{secret}?endpoint={address}&connections=1"

    @override
    async def parse(self, request: Request) -> list[Accepted] | Response:
        if request.headers.get("authorization") != f"Bearer {SECRET}":
            return _sendgrid_error(401, "The provided authorization grant is invalid", None)
        body = await request.body()
        document = json.loads(body)
        if self._reserved & {name.lower() for name in document["headers"]}:
            return _sendgrid_error(400, "The header is reserved.", "headers")
        assert [part["type"] for part in document["content"]] == ["text/plain", "text/html"]
        [[person]] = [entry["to"] for entry in document["personalizations"]]
        return [Accepted(person["email"], body)]

    @override
    def refuse(self, mood: str) -> Response | None:
        match mood:
            case "unknown":
                return _sendgrid_error(
                    400, "Does not contain a valid address.", "personalizations.0.to.0.email"
                )
            case "odd":
                return _sendgrid_error(400, "Bad Request", None)
            case "paused":
                return _sendgrid_error(403, "The from address does not match", "from")
        return None

    @override
    def accept(self, messages: list[Accepted]) -> Response:
        self.accepted += messages
        return Response(status_code=202, headers={"X-Message-Id": f"sg-{len(self.accepted)}"})


def _sendgrid_error(status: int, message: str, field: str | None) -> Response:
    return JSONResponse({"errors": [{"message": message, "field": field, "help": None}]}, status)


@contextmanager
def served(provider: FakeProvider) -> Iterator[str]:
    """Serve a provider in a thread on a free port of 127.0.0.1; return its address."""
    application = Starlette(routes=[Route(provider.path, provider.handle, methods=["POST"])])
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(100)
        server = uvicorn.Server(
            uvicorn.Config(application, log_level="critical", timeout_graceful_shutdown=2)
        )
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
