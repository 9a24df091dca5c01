"""Which addresses are fetched from: the public web, and nothing inside the operator's network."""

import ipaddress
import socket
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import httpcore
from typing_extensions import override

from alerts.articles.fetching.answers import FetchFailed
from alerts.articles.fetching.deadline import Deadline, TimedStream

Resolve: TypeAlias = Callable[[str, int], Sequence[str]]
_Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

LONGEST_URL = 2_000
# Web servers stand here; a mail server or a database that answers elsewhere is not talked to.
_PORTS = frozenset({80, 443, *range(8000, 9000)})
# RFC 6052 section 2.1 and RFC 8215: IPv4 inside IPv6, for networks without IPv4.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# Not told by the standard library: NAT64 of one's own, and site-local addresses (RFC 3879).
_LOCAL_NAT64 = ipaddress.IPv6Network("64:ff9b:1::/48")
_SITE_LOCAL = ipaddress.IPv6Network("fec0::/10")
# RFC 4291 section 2.5.5.1, long out of use; some systems still connect to the address in it.
_COMPATIBLE = ipaddress.IPv6Network("::/96")


def check_url(url: str, allowed_hosts: Collection[str]) -> None:
    """Raise FetchFailed unless this is an address that may be fetched, as far as it tells itself.

    Where its name leads is checked when the connection is made.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if parts.scheme not in {"http", "https"} or not host or len(url) > LONGEST_URL:
        raise FetchFailed(
            "no web address that can be fetched; http(s)://… is needed", permanent=True
        )
    if parts.username is not None or parts.password is not None:
        raise FetchFailed(
            f"an address with a name or password in it ({host}) is not fetched", permanent=True
        )
    if host.lower() in allowed_hosts:
        return
    if port is not None and port not in _PORTS:
        raise FetchFailed(f"{host} is not asked on port {port}, no web server's", permanent=True)
    with suppress(ValueError):
        # A name is looked up later. What tells itself is said where it is typed.
        if is_inside(host):
            raise _inside(host, host)


def is_inside(text: str) -> bool:
    """Tell whether an IP address is not on the public internet, or leads to one that is not."""
    address = ipaddress.ip_address(text.partition("%")[0])
    carried = _carried(address)
    if carried:
        return any(is_inside(str(one)) for one in carried)
    return (
        not address.is_global
        or address.is_multicast
        or address.is_reserved
        or any(address in net for net in (_LOCAL_NAT64, _SITE_LOCAL))
    )


def _carried(address: _Address) -> list[ipaddress.IPv4Address]:
    """Return the IPv4 addresses that an IPv6 address is but another way to write."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    found = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _NAT64 or address in _COMPATIBLE:
        found.append(ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF))
    return [one for one in found if one is not None]


def resolve(host: str, port: int) -> list[str]:
    """Ask the system for a name's addresses; raises OSError or UnicodeError."""
    return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class GuardedBackend(httpcore.SyncBackend):
    """Connects to public addresses alone, and lets no connection outlast the deadline.

    The name is looked up once, here, and the connection goes to the very address that was checked:
    a second answer from the DNS has no say.
    """

    def __init__(
        self, allowed_hosts: Collection[str], deadline: Deadline, look_up: Resolve
    ) -> None:
        self._allowed = allowed_hosts
        self._deadline = deadline
        self._look_up = look_up

    @override
    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first of a name's addresses that answers; none inside is tried."""
        failed: Exception = httpcore.ConnectError(f"there is no host {host}")
        for address in self._addresses(host, port):
            try:
                stream = super().connect_tcp(
                    address, port, self._deadline.left(timeout), local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
                continue
            return TimedStream(stream, self._deadline)
        raise failed

    def _addresses(self, host: str, port: int) -> Sequence[str]:
        if host.lower() in self._allowed:
            return [host]
        try:
            found = self._look_up(host, port)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"there is no host {host}") from error
        for address in found:
            if is_inside(address):
                raise _inside(host, address)
        return found


def _inside(host: str, address: str) -> FetchFailed:
    return FetchFailed(
        f"{host} is inside this network ({address}), and is not fetched;"
        " ALERTS_FETCH_HOSTS names hosts that may be",
        permanent=True,
    )
