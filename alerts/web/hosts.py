"""By which names this site answers where nobody has to log in to read what is not for everybody.

A page of another site may point its own name at 127.0.0.1, or at an address of this network, and
have the browser that shows it ask us in that name ("DNS rebinding"); to the browser our answer is
then its own. Whatever asks for a log-in or a token is safe from that: the browser keeps cookies for
the name they were made under. What trusts the machine or the network alone has to look at the name.
"""

import ipaddress
from urllib.parse import urlsplit

from starlette.requests import Request

_LOOPBACK = "localhost"


def asked_by_own_name(request: Request, base_url: str) -> bool:
    """Tell whether a request named us: as localhost, by any address, or by the host of `base_url`.

    An address in numbers is nobody's to point elsewhere, so each of them will do, and with them a
    look from the same network. Ports do not count: a browser knows them apart by itself.
    """
    name = _host_in(request.headers.get("host", ""))
    if name is None:
        return False
    if name == _LOOPBACK or name.endswith("." + _LOOPBACK) or name == _host_in_address(base_url):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _host_in(header: str) -> str | None:
    """Return the name in a `Host`, as it is compared; None where there is none or it is no name."""
    if not header or set(header) & set("/?#@\\ "):
        return None
    return _host_in_address(f"http://{header}")


def _host_in_address(address: str) -> str | None:
    try:
        name = (urlsplit(address).hostname or "").removesuffix(".")
        # Browsers send a name beyond ASCII in its ASCII form; the settings may hold either.
        return name.encode("idna").decode() or None
    except ValueError:
        return None
