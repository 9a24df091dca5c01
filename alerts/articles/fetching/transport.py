"""httpx over connections that the guard makes."""

import httpcore
import httpx

from alerts.articles.fetching.guard import GuardedBackend


def guarded_transport(backend: GuardedBackend) -> httpx.HTTPTransport:
    """Return a transport whose every connection goes to an address that the guard has checked."""
    transport = httpx.HTTPTransport()
    transport._pool = httpcore.ConnectionPool(  # noqa: SLF001 - httpx offers no way to hand one in
        ssl_context=httpx.create_ssl_context(), network_backend=backend
    )
    return transport
