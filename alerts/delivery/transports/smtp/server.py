"""How to reach an SMTP server, and the way there: TCP, TLS, EHLO, AUTH."""

import asyncio
import ssl
from base64 import b64encode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import cast

import aiosmtplib
from aiosmtplib import (
    SMTPAuthenticationError,
    SMTPException,
    SMTPHeloError,
    SMTPResponseException,
)
from typing_extensions import override

from alerts.delivery.strangers import REFUSES
from alerts.delivery.transports.smtp.envelope import Capabilities


class ConnectFailed(Exception):
    """No connection came about; `code` is the server's reply code, 0 where none came."""

    def __init__(self, reason: str, code: int = 0) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """How to reach a server.

    `tls` is "implicit", "required", "offered" (STARTTLS where the server has it) or "off".

    Certificates in `ca_file` are trusted instead of the system's, where there is one. With
    `token_file` the login is XOAUTH2, with the access token that the file holds at that moment.
    `connections` is the most this process opens; `in_step` forgoes pipelining. Times are in
    seconds: for the answer to a command, and to the end of a message.
    """

    host: str
    port: int
    tls: str = "offered"
    username: str | None = None
    password: str | None = None
    token_file: Path | None = None
    ca_file: Path | None = None
    connections: int = 50
    in_step: bool = False
    command_seconds: float = 60.0
    # RFC 5321 section 4.5.3.2.6: who hangs up earlier makes the server send what is sent again.
    end_seconds: float = 600.0

    @property
    def name(self) -> str:
        """How the server is named in logs."""
        return f"{self.host}:{self.port}"

    @property
    def has_to_be_known(self) -> bool:
        """Whether nothing is said to a server that shows no good certificate.

        A password goes to nobody who merely left STARTTLS out of the offers, and who states an
        authority wants its certificates seen; `tls=off` alone says otherwise.
        """
        if self.tls == "offered":
            return self.username is not None or self.ca_file is not None
        return self.tls in {"required", "implicit"}


async def open_connection(server: SmtpServer) -> tuple[asyncio.Transport, Capabilities]:
    """Return a connection on which mail can be handed over now; raise ConnectFailed."""
    # What must not be found in any log.
    secrets = [server.password] if server.password else []
    client = _client(server, secrets)
    try:
        await client.connect()
        if client.is_ehlo_or_helo_needed:
            await _greet(client)
    except SMTPAuthenticationError as error:
        client.close()
        said = f"{REFUSES}login: {error.code} {error.message}"
        raise _failed(server, secrets, said, error.code) from error
    except SMTPResponseException as error:
        client.close()
        raise _failed(server, secrets, f"{error.code} {error.message}", error.code) from error
    except (SMTPException, OSError, ValueError) as error:
        client.close()
        raise _failed(server, secrets, _told(error)) from error
    except BaseException:
        client.close()
        raise
    if client.transport is None:
        raise ConnectFailed(f"{server.name}: the connection was lost at once")
    transport = cast("asyncio.Transport", client.transport)
    # At once: uvloop would gather what all connections have to say, and the server wait for it.
    transport.set_write_buffer_limits(high=0)
    return transport, Capabilities.read(client.esmtp_extensions)


def _failed(server: SmtpServer, secrets: list[str], said: str, code: int = 0) -> ConnectFailed:
    """Return the error; what a server says may repeat what it was told."""
    for secret in secrets:
        for form in _as_sent(server.username or "", secret):
            said = said.replace(form, "***")
    return ConnectFailed(f"{server.name}: {said}", code)


def _told(error: BaseException) -> str:
    """Return in words why no connection came about: what lies beneath, where that says more."""
    cause = error.__cause__ or error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {cause.verify_message}"
    if isinstance(cause, ssl.SSLError) and cause.reason == "WRONG_VERSION_NUMBER":
        return "it speaks no TLS at this port; smtp:// with tls=required begins it by STARTTLS"
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    return str(error) or type(error).__name__


def _as_sent(username: str, secret: str) -> list[str]:
    """Return the forms in which a password or a token goes out: PLAIN, XOAUTH2, LOGIN, bare."""
    plain, bearer = f"\0{username}\0{secret}", f"user={username}\1auth=Bearer {secret}\1\1"
    encoded = (b64encode(text.encode()).decode() for text in (plain, bearer, secret))
    return [*encoded, secret]


class _Client(aiosmtplib.SMTP):
    """Hangs up on a server that did not let us in.

    A farewell in TLS would wait for the other side's, and may outlive the event loop.
    """

    @override
    def close(self) -> None:
        transport = self.transport
        super().close()
        if isinstance(transport, asyncio.Transport):
            transport.abort()


def _client(server: SmtpServer, secrets: list[str]) -> aiosmtplib.SMTP:
    known = server.has_to_be_known
    # None stands for STARTTLS where it is offered.
    start_tls = {"implicit": False, "off": False}.get(server.tls, known or None)
    return _Client(
        hostname=server.host,
        port=server.port,
        username=server.username,
        password=server.password if server.token_file is None else None,
        oauth_token_generator=_token(server.token_file, secrets) if server.token_file else None,
        use_tls=server.tls == "implicit",
        start_tls=start_tls,
        tls_context=tls_context(checked=known, ca_file=server.ca_file),
        timeout=server.command_seconds,
    )


async def _greet(client: aiosmtplib.SMTP) -> None:
    try:
        await client.ehlo()
    except SMTPHeloError:
        # A server of before 1995 knows no extension at all.
        await client.helo()


def _token(path: Path, secrets: list[str]) -> Callable[[], Awaitable[str]]:
    async def read() -> str:
        token = (await asyncio.to_thread(path.read_text)).strip()
        if not token:
            raise ValueError(f"{path} holds no token")
        secrets.append(token)
        return token

    return read


@cache
def tls_context(*, checked: bool, ca_file: Path | None = None) -> ssl.SSLContext:
    """Return how TLS is spoken: to a server whose certificate is `checked`, or to anyone.

    Certificates in `ca_file` are trusted instead of the system's; raises OSError where it has none.
    """
    context = ssl.create_default_context(cafile=ca_file)
    if not checked:
        # TLS that is merely offered protects from listening alone (RFC 7435); a password, or a
        # demand for TLS, wants to know who is at the other end.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
