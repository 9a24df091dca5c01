"""The look at a relay: how it greets, what it offers, its certificate, the login. No mail is sent.

Certificate and offers are seen over a connection that trusts anybody and tells nothing. Whether
the certificate holds is tried on a second one, and the login, by the very way that workers go, on
a third.
"""

import asyncio
import ssl
from dataclasses import replace
from typing import cast

import aiosmtplib
from aiosmtplib import SMTPException

from alerts.delivery.transports.smtp import SmtpServer
from alerts.delivery.transports.smtp.server import ConnectFailed, open_connection
from alerts.operations.doctor.certificates import Certificate
from alerts.operations.doctor.relay import Seen

_ANSWER_SECONDS = 10.0


def look_at(server: SmtpServer, *, seconds: float = _ANSWER_SECONDS) -> Seen:
    """Return what a relay lets see; each of the three looks takes at most thrice `seconds`."""
    return asyncio.run(_look(replace(server, command_seconds=seconds), seconds))


async def _look(server: SmtpServer, seconds: float) -> Seen:
    try:
        async with asyncio.timeout(3 * seconds):
            seen, der = await _first_look(server)
    except (SMTPException, OSError, ValueError) as error:
        return Seen(trouble=str(error) or f"{type(error).__name__} after {seconds:g} seconds")
    if der:
        distrust = await _distrust(server, seconds)
        seen = replace(seen, certificate=Certificate.of(der, distrust))
    if server.username is None:
        return seen
    return replace(seen, login=await _try_login(server, seconds))


async def _first_look(server: SmtpServer) -> tuple[Seen, bytes | None]:
    """Return what it offers before anybody logs in, and its certificate in DER."""
    client = _client(server, _trusting())
    try:
        greeting = await client.connect()
        await client.ehlo()
        offers = dict(client.esmtp_extensions)
        if server.tls not in {"implicit", "off"} and "starttls" in offers:
            await client.starttls(tls_context=_trusting())
            await client.ehlo()
            # What is offered under TLS is what counts; that STARTTLS was there is kept.
            offers = {"starttls": "", **client.esmtp_extensions}
        answer = client.last_ehlo_response
        spoken = client.get_transport_info("ssl_object")
        seen = Seen(
            greeting=greeting.message,
            announced=answer.message.split()[0] if answer and answer.message.split() else "",
            offers=offers,
            tls=(spoken.version() or "") if spoken else "",
        )
        return seen, spoken.getpeercert(binary_form=True) if spoken else None
    finally:
        _hang_up(client)


async def _distrust(server: SmtpServer, seconds: float) -> str:
    """Return why the certificate is not taken, or nothing when it is."""
    context = ssl.create_default_context(cafile=server.ca_file)
    client = _client(server, context)
    try:
        async with asyncio.timeout(3 * seconds):
            await client.connect()
            if server.tls != "implicit":
                await client.starttls(tls_context=context)
    except (SMTPException, OSError, ValueError) as error:
        found = _verification(error)
        return found.verify_message if found else str(error) or type(error).__name__
    finally:
        _hang_up(client)
    return ""


def _verification(error: BaseException | None) -> ssl.SSLCertVerificationError | None:
    while error is not None and not isinstance(error, ssl.SSLCertVerificationError):
        error = error.__cause__ or error.__context__
    return error


async def _try_login(server: SmtpServer, seconds: float) -> str:
    try:
        async with asyncio.timeout(3 * seconds):
            transport, _ = await open_connection(server)
    except (ConnectFailed, OSError) as error:
        return str(error) or type(error).__name__
    transport.abort()
    return ""


def _hang_up(client: aiosmtplib.SMTP) -> None:
    """Close at once: TLS would wait for the server's farewell, longer than the loop runs."""
    if client.transport is not None:
        cast("asyncio.WriteTransport", client.transport).abort()
    client.close()


def _client(server: SmtpServer, context: ssl.SSLContext) -> aiosmtplib.SMTP:
    return aiosmtplib.SMTP(
        hostname=server.host,
        port=server.port,
        use_tls=server.tls == "implicit",
        start_tls=False,
        tls_context=context,
        timeout=server.command_seconds,
    )


def _trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
