"""SMTP (RFC 5321): several connections at once, each kept for many messages."""

import asyncio
import ssl
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import aiosmtplib
import structlog
from aiosmtplib import (
    SMTPConnectError,
    SMTPException,
    SMTPResponseException,
    SMTPServerDisconnected,
    SMTPTimeoutError,
)
from typing_extensions import override

from alerts.delivery.assembly import ascii_address
from alerts.delivery.limits.desk import ThrottleDown
from alerts.delivery.outcome import Fate, Outcome, refusal
from alerts.delivery.throttle import Throttle
from alerts.delivery.transports.base import Observer, Outgoing, Transport, TransportDown

log = structlog.get_logger(__name__)

# Messages over one connection before a new one: many servers close it at a hundred or so.
_MESSAGES_PER_CONNECTION = 100
_TIMEOUT_SECONDS = 60.0
# RFC 5321 section 4.5.3.2.6: who hangs up earlier makes the server send what is sent again later.
_END_OF_DATA_SECONDS = 600.0
_SERVICE_CLOSING = 421


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """How to reach a server; `tls` is implicit, required, offered (STARTTLS if there) or off."""

    host: str
    port: int
    tls: str = "offered"
    username: str | None = None
    password: str | None = None
    connections: int = 4


class SmtpTransport(Transport):
    """Hands messages to one SMTP server over a handful of connections."""

    def __init__(self, server: SmtpServer, throttle: Throttle | None = None) -> None:
        self._server = server
        self._throttle = throttle

    @override
    async def deliver(self, messages: Iterable[Outgoing], observer: Observer) -> None:
        waiting = deque(messages)
        while waiting:
            width = min(self._server.connections, len(waiting))
            results = await asyncio.gather(
                *(self._work(waiting, observer) for _ in range(width)), return_exceptions=True
            )
            downs = [result for result in results if isinstance(result, TransportDown)]
            for result in results:
                if result is not None and not isinstance(result, TransportDown):
                    raise result
            # A message given back by a connection that failed is taken by one that worked.
            if waiting and len(downs) == width:
                raise downs[0]

    @override
    async def close(self) -> None:
        """Nothing is kept between two calls of deliver."""

    async def _work(self, waiting: deque[Outgoing], observer: Observer) -> None:
        client: aiosmtplib.SMTP | None = None
        used = 0
        try:
            while waiting:
                if client is None or used >= _MESSAGES_PER_CONNECTION:
                    await _quit(client)
                    client, used = await self._connect(), 0
                await self._wait_for_turn()
                if not waiting:
                    break
                used += 1
                message = waiting.popleft()
                try:
                    usable = await _hand_over(client, message, observer)
                except TransportDown:
                    waiting.appendleft(message)
                    raise
                if not usable:
                    client.close()
                    client = None
        finally:
            await _quit(client)

    async def _wait_for_turn(self) -> None:
        if self._throttle is None:
            return
        try:
            await self._throttle.wait()
        except ThrottleDown as down:
            raise TransportDown(str(down)) from down

    async def _connect(self) -> aiosmtplib.SMTP:
        server = self._server
        checked = server.tls in {"implicit", "required"} or server.username is not None
        client = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            username=server.username,
            password=server.password,
            use_tls=server.tls == "implicit",
            start_tls={"required": True, "off": False}.get(server.tls),
            # TLS that is merely offered protects from listening alone (RFC 7435); a password
            # or a demand for TLS wants to know who is at the other end.
            tls_context=ssl.create_default_context() if checked else _unchecked(),
            timeout=_TIMEOUT_SECONDS,
        )
        try:
            await client.connect()
        except (SMTPException, OSError) as error:
            client.close()
            reason = f"{server.host}:{server.port}: {str(error) or type(error).__name__}"
            log.warning("smtp_connect_failed", server=f"{server.host}:{server.port}")
            raise TransportDown(reason) from error
        return client


_NEEDS_SMTPUTF8 = Outcome(
    Fate.PERMANENT, 0, "5.6.7 the address needs SMTPUTF8, which the server does not offer"
)


async def _hand_over(client: aiosmtplib.SMTP, message: Outgoing, observer: Observer) -> bool:
    """Send one message; return whether the connection may be used again."""
    recipient = ascii_address(message.recipient)
    if recipient is None and not client.supports_extension("smtputf8"):
        observer.ended(message.delivery_id, _NEEDS_SMTPUTF8)
        return True
    in_doubt = False
    outcome: Outcome
    usable = True
    try:
        options = ["SMTPUTF8"] if recipient is None else None
        await _begin(client, message.sender, options)
        await client.rcpt(recipient or message.recipient, encoding="utf-8")
        content = message.content(False)
        observer.started(message.delivery_id)
        in_doubt = True
        response = await client.data(content, timeout=_END_OF_DATA_SECONDS)
        outcome = Outcome(Fate.ACCEPTED, response.code, response.message)
    except SMTPResponseException as error:
        outcome = refusal(error.code, error.message)
        usable = error.code != _SERVICE_CLOSING and await _reset(client)
    except (SMTPServerDisconnected, SMTPTimeoutError, SMTPConnectError, OSError) as error:
        fate = Fate.UNKNOWN if in_doubt else Fate.TEMPORARY
        outcome = Outcome(fate, 0, f"connection lost: {str(error) or type(error).__name__}")
        usable = False
    observer.ended(message.delivery_id, outcome)
    return usable


async def _begin(client: aiosmtplib.SMTP, sender: str, options: list[str] | None) -> None:
    """Name the sender; a server that refuses it refuses us, not the reader."""
    try:
        await client.mail(sender, options=options, encoding="utf-8")
    except SMTPResponseException as error:
        raise TransportDown(f"sender refused: {error.code} {error.message}") from error


async def _reset(client: aiosmtplib.SMTP) -> bool:
    try:
        await client.rset()
    except (SMTPException, OSError):
        return False
    return True


async def _quit(client: aiosmtplib.SMTP | None) -> None:
    if client is None:
        return
    try:
        await client.quit()
    except (SMTPException, OSError):
        client.close()


def _unchecked() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
