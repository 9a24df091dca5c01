"""Fetching a page from the web, and never from inside the operator's own network."""

import ipaddress
import socket
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import httpcore
import httpx
from typing_extensions import override

from alerts import __version__
from alerts.articles.reading.cleaning import LARGEST
from alerts.errors import Refused

_TIMEOUT = httpx.Timeout(20.0, connect=10.0)
_MOST_REDIRECTS = 5
_NOT_FOUND = (404, 410)


class FetchFailed(Refused):
    """A page could not be had; the message says why in one line."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A page as it came; `url` is where it was found in the end."""

    url: str
    content: bytes
    is_html: bool


class Fetcher:
    """Gets pages over HTTP; every address connected to is checked, redirects included.

    `allowed_hosts` are names inside the operator's network that may be fetched from all the same.
    """

    def __init__(self, *, contact: str, allowed_hosts: Collection[str] = ()) -> None:
        transport = httpx.HTTPTransport()
        # The pool is made anew with a backend of ours: the name is looked up once, by us, and the
        # connection goes to the very address that was checked (no second answer from the DNS).
        transport._pool = httpcore.ConnectionPool(  # noqa: SLF001 - httpx offers no way to hand one in
            ssl_context=httpx.create_ssl_context(), network_backend=_GuardedBackend(allowed_hosts)
        )
        self._client = httpx.Client(
            transport=transport,
            timeout=_TIMEOUT,
            follow_redirects=True,
            max_redirects=_MOST_REDIRECTS,
            trust_env=False,
            headers={"User-Agent": f"GP-Alerts/{__version__} (+{contact})"},
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def fetch(self, url: str) -> Fetched:
        """Return the page at a URL; raises FetchFailed with one line."""
        try:
            with self._client.stream("GET", url) as response:
                _check_status(response)
                content = _read(response)
        except FetchFailed:
            raise
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise FetchFailed(
                "no web address that can be fetched; http(s)://… is needed"
            ) from error
        except httpx.TooManyRedirects as error:
            raise FetchFailed(f"more than {_MOST_REDIRECTS} redirects") from error
        except httpx.TimeoutException as error:
            raise FetchFailed("no answer in time") from error
        except httpx.HTTPError as error:
            raise FetchFailed(f"could not be fetched: {error}") from error
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        return Fetched(str(response.url), content, kind in {"text/html", "application/xhtml+xml"})


def _check_status(response: httpx.Response) -> None:
    if response.status_code in _NOT_FOUND:
        raise FetchFailed(f"the page is gone ({response.status_code})")
    if not response.is_success:
        raise FetchFailed(f"the server answered {response.status_code}")


def _read(response: httpx.Response) -> bytes:
    """Read the body as it unpacks, up to the limit: a small file may unpack to gigabytes."""
    content = bytearray()
    for piece in response.iter_bytes(64 * 1024):
        content += piece
        if len(content) > LARGEST:
            raise FetchFailed(f"larger than {LARGEST // 1024 // 1024} MB, no article is")
    return bytes(content)


class _GuardedBackend(httpcore.SyncBackend):
    """Connects to public addresses alone."""

    def __init__(self, allowed_hosts: Collection[str]) -> None:
        self._allowed = {host.lower() for host in allowed_hosts}

    @override
    def connect_tcp(
        self, host: str, port: int, *args: Any, **kwargs: Any
    ) -> httpcore.NetworkStream:
        """Look the name up, refuse it when any of its addresses is inside, connect to the first."""
        if host.lower() in self._allowed:
            return super().connect_tcp(host, port, *args, **kwargs)
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"there is no host {host}") from error
        addresses = [str(entry[4][0]) for entry in found]
        _refuse_inside(host, addresses)
        return super().connect_tcp(addresses[0], port, *args, **kwargs)


def _refuse_inside(host: str, addresses: Iterable[str]) -> None:
    for text in addresses:
        address = ipaddress.ip_address(text.partition("%")[0])
        mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        if not (mapped or address).is_global or address.is_multicast:
            raise FetchFailed(f"{host} is inside this network ({text}), and is not fetched")
