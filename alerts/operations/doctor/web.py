"""The port to a web server: one question, its answer, the certificate it shows."""

import socket
import ssl
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Protocol
from urllib.parse import urlsplit

import httpx
from typing_extensions import override

from alerts.clock import Clock
from alerts.operations.doctor.certificates import Certificate

_SECONDS = 10.0
_MOST_BYTES = 64 * 1024


class Unreachable(Exception):
    """No answer came; the text says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as far as it matters: `asked_at` is the middle between question and answer."""

    status: int
    asked_at: datetime
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def date(self) -> datetime | None:
        """The server's clock, to the second, if it told."""
        try:
            told = parsedate_to_datetime(self.headers.get("date", ""))
        except ValueError:
            return None
        return told.astimezone(UTC) if told.tzinfo else None


class Web(Protocol):
    """Asks web servers."""

    def ask(self, url: str, *, method: str = "GET") -> Answer:
        """Return what is answered; a redirect is an answer too. Raises Unreachable."""
        ...

    def certificate(self, url: str) -> Certificate | None:
        """Return the certificate shown at an https address; None where none could be seen."""
        ...


class HttpWeb(Web):
    """Asks over the network; an answer's beginning is read, and none is waited for long."""

    def __init__(self, clock: Clock, *, seconds: float = _SECONDS) -> None:
        self._clock = clock
        self._seconds = seconds

    @override
    def ask(self, url: str, *, method: str = "GET") -> Answer:
        begun = self._clock.now()
        try:
            # Certificates are judged by themselves: what is answered is worth knowing anyway.
            with (
                httpx.Client(verify=_trusting(), timeout=self._seconds) as client,
                client.stream(method, url) as response,
            ):
                asked_at = begun + (self._clock.now() - begun) / 2
                headers = {name.lower(): value for name, value in response.headers.items()}
                return Answer(response.status_code, asked_at, headers, self._beginning(response))
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            raise Unreachable(str(error) or type(error).__name__) from error

    def _beginning(self, response: httpx.Response) -> bytes:
        deadline = time.monotonic() + self._seconds
        body = b""
        for part in response.iter_bytes(4096):
            body += part
            if len(body) >= _MOST_BYTES or time.monotonic() > deadline:
                break
        return body[:_MOST_BYTES]

    @override
    def certificate(self, url: str) -> Certificate | None:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or 443
        try:
            der = self._handshake(host, port, _trusting())
        except (OSError, ValueError):
            return None
        try:
            self._handshake(host, port, ssl.create_default_context())
        except ssl.SSLCertVerificationError as error:
            return Certificate.of(der, error.verify_message)
        except (OSError, ValueError) as error:
            return Certificate.of(der, str(error))
        return Certificate.of(der)

    def _handshake(self, host: str, port: int, context: ssl.SSLContext) -> bytes:
        with (
            socket.create_connection((host, port), timeout=self._seconds) as connection,
            context.wrap_socket(connection, server_hostname=host) as spoken,
        ):
            return spoken.getpeercert(binary_form=True) or b""


def _trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
