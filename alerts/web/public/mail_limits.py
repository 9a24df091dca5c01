"""How many mails pages send at somebody's word: few to one address, not many from one network.

Anybody may type anybody's address into a form. To the address it is a nuisance, and to the person
at the form it must not show whether the address is known: beyond its own limit an address simply
gets no more mails, beyond the network's the answer is 429.
"""

from datetime import timedelta
from http import HTTPStatus

from starlette.exceptions import HTTPException

from alerts.request_limits import MAILS_PER_ADDRESS, Limit, network_of
from alerts.subscribers.addresses import parse_address
from alerts.web.site import Site

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
PER_NETWORK = (Limit("network-hour", 60, _HOUR), Limit("network-day", 300, _DAY))


def check_network(site: Site, origin: str | None) -> None:
    """Raise HTTPException (429) when a network asked too often."""
    if not site.limits.allows(network_of(origin), PER_NETWORK):
        seconds = str(int(_HOUR.total_seconds()))
        raise HTTPException(HTTPStatus.TOO_MANY_REQUESTS, headers={"Retry-After": seconds})


def may_mail(site: Site, address: str) -> bool:
    """Tell whether an address is to get one more mail that somebody asked for by a form."""
    return site.limits.allows(parse_address(address).key, MAILS_PER_ADDRESS)
