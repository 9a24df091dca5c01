"""httpx over connections that the guard makes."""

from collections.abc import Collection

import httpcore
import httpx

from alerts import __version__
from alerts.articles.fetching.deadline import Deadline
from alerts.articles.fetching.guard import GuardedBackend, Resolve
from alerts.articles.fetching.robots import PRODUCT


def guarded_client(
    allowed_hosts: Collection[str],
    *,
    deadline: Deadline,
    look_up: Resolve,
    contact: str,
    timeout: httpx.Timeout,
    accepted: str,
) -> httpx.Client:
    """Return a client whose every connection goes to an address that the guard has checked.

    It follows no redirect and heeds no proxy of the environment. `contact` stands in its
    User-Agent; `accepted` are the codings in which an answer may be packed.
    """
    return httpx.Client(
        transport=_transport(GuardedBackend(allowed_hosts, deadline, look_up)),
        timeout=timeout,
        follow_redirects=False,
        trust_env=False,
        headers={
            "User-Agent": f"{PRODUCT}/{__version__} (+{contact})",
            "Accept-Encoding": accepted,
        },
    )


def _transport(backend: GuardedBackend) -> httpx.HTTPTransport:
    transport = httpx.HTTPTransport()
    transport._pool = httpcore.ConnectionPool(  # noqa: SLF001 - httpx offers no way to hand one in
        ssl_context=httpx.create_ssl_context(), network_backend=backend
    )
    return transport
