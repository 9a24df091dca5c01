"""The transport over a provider's HTTP API: connections, time-outs, and what they put in doubt.

A message is *started* in the moment before its bytes go into a connection. What fails earlier, a
connection that does not come about, leaves it untouched; what fails later, a time-out or a broken
connection, leaves its fate unknown: it may have been taken. No provider here offers a key that
would make sending twice harmless, so nothing of unknown fate is repeated on the spot.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

import httpx
import structlog
from typing_extensions import override

from alerts.delivery.assembly import ascii_address, ascii_domain
from alerts.delivery.outcome import Fate, Outcome
from alerts.delivery.transports.base import (
    Observer,
    Outgoing,
    Transport,
    TransportBusy,
    TransportDown,
)
from alerts.delivery.transports.providers.answers import Answer, Kind, Reply
from alerts.delivery.transports.providers.provider import Call, Mail, Provider, Unsuited

log = structlog.get_logger(__name__)

# A wait up to this long is sat out with the message in hand; a longer one is for the ledger.
_SHORT_WAIT = 10.0
_TRIES = 4
# How long a message that we were not allowed to send is left alone, in seconds.
_LEFT_ALONE = 60.0
_LARGEST_ANSWER = 1 << 20
# So many refusals in a row that name no reader lie in us or in the provider, not in the messages.
_ODD_REFUSALS = 3
_NEEDS_SMTPUTF8 = Outcome(Fate.PERMANENT, 0, "5.6.7 the address needs SMTPUTF8, which no API takes")
_NO_ADDRESS = Outcome(Fate.PERMANENT, 0, "5.1.2 the address has no domain that could be")

# A message, and its form for the provider.
_Sealed = tuple[Outgoing, bytes]

_FATES = {
    Kind.ACCEPTED: Fate.ACCEPTED,
    Kind.READER: Fate.PERMANENT,
    Kind.MESSAGE: Fate.PERMANENT,
    Kind.BUSY: Fate.POSTPONED,
    Kind.US: Fate.POSTPONED,
    Kind.SICK: Fate.TEMPORARY,
    Kind.UNSURE: Fate.UNKNOWN,
}


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: until a connection stands, between two signs of life, for a request in all."""

    connect: float = 10.0
    silence: float = 60.0
    request: float = 120.0


class HttpTransport(Transport):
    """Hands messages to a provider over a number of connections that are kept open."""

    def __init__(
        self,
        provider: Provider,
        *,
        connections: int,
        timeouts: Timeouts | None = None,
    ) -> None:
        self._provider = provider
        self._connections = connections
        self._timeouts = timeouts or Timeouts()
        self._kept: _KeptClient | None = None
        # Nothing is proven until the provider has accepted something.
        self._odd_refusals = _ODD_REFUSALS
        self._quiet_until = 0.0

    @override
    async def deliver(self, messages: Iterable[Outgoing], observer: Observer) -> None:
        work = _Work(iter(messages), observer)
        results = await asyncio.gather(
            *(self._carry(work) for _ in range(self._connections)), return_exceptions=True
        )
        for result in results:
            if result is not None:
                raise result
        if work.trouble is not None:
            raise work.trouble

    @override
    async def close(self) -> None:
        """Close the connections of the running event loop; those of others went with them."""
        kept, self._kept = self._kept, None
        if kept is not None:
            await kept.close()

    async def _carry(self, work: "_Work") -> None:
        """Send group after group over one connection until nothing is left, or trouble comes."""
        try:
            while work.trouble is None and (group := self._take(work)):
                await self._send(group, work)
        except TransportDown as down:
            work.trouble = work.trouble or down
        except BaseException:
            work.trouble = work.trouble or TransportDown("stopped by a defect")
            raise

    def _take(self, work: "_Work") -> list[_Sealed]:
        """Return what the next request takes by number and by size, or nothing when all is sent.

        Messages that cannot be sent at all are told of on the way.
        """
        group: list[_Sealed] = []
        room = self._provider.largest_request
        while len(group) < self._provider.batch:
            message = work.next()
            if message is None:
                break
            alike = not group or self._provider.group(message) == self._provider.group(group[0][0])
            part = self._encoded(message) if alike else b""
            if isinstance(part, Outcome):
                work.observer.ended(message.delivery_id, part)
                continue
            # Each is parted from the next by an octet or two.
            room -= len(part) + 2
            if group and (not alike or room < 0):
                work.put_back(message)
                break
            group.append((message, part))
        return group

    async def _send(self, group: Sequence[_Sealed], work: "_Work") -> None:
        mails = [message for message, _ in group]
        parts = [part for _, part in group]
        start = _Start(mails, work.observer)
        try:
            answers = await self._answers(parts, start)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, TimeoutError) as error:
            reason = f"{self._provider.name}: {type(error).__name__}: {error}".rstrip(": ")
            if not start.made:
                # Nothing of the request's body went out, also where some were noted as begun.
                for message in mails[: start.begun]:
                    work.observer.ended(message.delivery_id, Outcome(Fate.TEMPORARY, 0, reason))
                raise TransportDown(reason) from error
            lost = Outcome(Fate.UNKNOWN, 0, f"connection lost: {reason}")
            for message in mails:
                work.observer.ended(message.delivery_id, lost)
            return
        for message, answer in zip(mails, answers, strict=True):
            outcome, trouble = self._settle(answer)
            work.observer.ended(message.delivery_id, outcome)
            work.trouble = work.trouble or trouble

    def _encoded(self, message: Outgoing) -> bytes | Outcome:
        """Return a message in the provider's form, or why it cannot be sent at all."""
        if ascii_domain(message.recipient.rpartition("@")[2]) is None:
            return _NO_ADDRESS
        recipient = ascii_address(message.recipient)
        if recipient is None:
            return _NEEDS_SMTPUTF8
        content, most = message.content(False), self._provider.largest_message
        if len(content) > most:
            said = f"{self._provider.name} takes {most} octets, not {len(content)}"
            return Outcome(Fate.PERMANENT, 0, f"5.3.4 {said}")
        try:
            return self._provider.encode(Mail(message, recipient, content))
        except Unsuited as error:
            return Outcome(Fate.PERMANENT, 0, f"5.6.1 {error}")

    async def _answers(self, parts: Sequence[bytes], start: "_Start") -> list[Answer]:
        """Return the provider's answers; a request it was too busy for is made again after a wait.

        Being busy is the transport's matter: all its connections wait.
        """
        loop = asyncio.get_running_loop()
        tries = 0
        while True:
            await asyncio.sleep(max(0.0, self._quiet_until - loop.time()))
            reply = await self._exchange(self._provider.call(parts), start)
            answers = self._provider.read(reply, len(parts), now=datetime.now(UTC))
            tries += 1
            if tries == _TRIES or any(answer.kind is not Kind.BUSY for answer in answers):
                return answers
            wait = answers[0].wait if answers[0].wait is not None else 2.0 ** (tries - 1)
            if wait > _SHORT_WAIT:
                return answers
            self._quiet_until = max(self._quiet_until, loop.time() + wait)

    async def _exchange(self, call: Call, start: "_Start") -> Reply:
        # A packed answer could unfold to any size.
        plain = {"Accept-Encoding": "identity", "Content-Length": str(len(call.body))}
        async with (
            asyncio.timeout(self._timeouts.request),
            self._client().stream(
                "POST",
                call.url,
                content=_body(call.body, start.make),
                headers={**call.headers, **plain},
            ) as response,
        ):
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > _LARGEST_ANSWER:
                    raise httpx.ReadError("the answer has no end")
        return Reply(response.status_code, dict(response.headers), bytes(body))

    def _client(self) -> httpx.AsyncClient:
        loop = asyncio.get_running_loop()
        if self._kept is None or self._kept.loop is not loop:
            self._kept = _KeptClient(
                httpx.AsyncClient(
                    verify=self._tls,
                    timeout=httpx.Timeout(
                        self._timeouts.silence, connect=self._timeouts.connect, pool=None
                    ),
                    limits=httpx.Limits(
                        max_connections=self._connections,
                        max_keepalive_connections=self._connections,
                    ),
                    follow_redirects=False,
                )
            )
        return self._kept.client

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        # Reading the authorities takes longer than a request: once is enough.
        return httpx.create_ssl_context()

    def _settle(self, answer: Answer) -> tuple[Outcome, TransportDown | None]:
        """Return what is told of a message, and what it means for the transport, if anything.

        A message that was refused for our sake is postponed: it was started, so no other
        transport may have it, and yet nothing is known against its reader.
        """
        kind = answer.kind
        if kind is Kind.ACCEPTED:
            self._odd_refusals = 0
        elif kind is Kind.MESSAGE:
            self._odd_refusals += 1
            kind = Kind.US if self._odd_refusals > _ODD_REFUSALS else kind
        outcome = Outcome(_FATES[kind], answer.code, answer.text)
        if kind not in {Kind.BUSY, Kind.US}:
            return outcome, None
        said = f"{self._provider.name}: {answer.code} {answer.text}".rstrip()
        wait = _LEFT_ALONE if answer.wait is None else answer.wait
        down = TransportBusy(said, wait) if kind is Kind.BUSY else TransportDown(said)
        return outcome._replace(wait=wait), down


async def _body(content: bytes, start: Callable[[], None]) -> AsyncIterator[bytes]:
    """Yield a request's body; asked for only when the connection stands and the header is out."""
    start()
    yield content


@dataclass(slots=True)
class _Work:
    """One call of deliver: what is left, whom to tell, and what stopped it."""

    messages: Iterator[Outgoing]
    observer: Observer
    trouble: TransportDown | None = None
    _back: list[Outgoing] = field(default_factory=list)

    def next(self) -> Outgoing | None:
        """Return the next message; it is asked for only when it can go."""
        return self._back.pop() if self._back else next(self.messages, None)

    def put_back(self, message: Outgoing) -> None:
        """Keep a message for the next request."""
        self._back.append(message)


@dataclass(slots=True)
class _Start:
    """Tells once that the messages of a request are on their way."""

    messages: Sequence[Outgoing]
    observer: Observer
    begun: int = 0

    @property
    def made(self) -> bool:
        """Whether all are told of: before, nothing of them leaves."""
        return self.begun == len(self.messages)

    def make(self) -> None:
        """Tell it, if it is not told yet: a repeated request is still the same start."""
        for message in self.messages[self.begun :]:
            # Raises where it cannot be noted, as on a full disk: then nothing goes out.
            self.observer.started(message.delivery_id)
            self.begun += 1


class _KeptClient:
    """A client that lives as long as the event loop it was made in.

    A worker runs a loop for each batch. What ends the loop cancels the keeper, which closes the
    connections while that still can be done.
    """

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self.loop = asyncio.get_running_loop()
        self._keeper = self.loop.create_task(self._keep())

    async def close(self) -> None:
        """Close the client, if its loop is the one that runs."""
        if self.loop is asyncio.get_running_loop():
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper

    async def _keep(self) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await self.client.aclose()
