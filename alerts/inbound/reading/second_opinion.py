"""The recipients that flufl.bounce, the reader of GNU Mailman, finds in a bounce. Pure.

It is asked only where our own reading finds nobody, and only about mails that Python's `email`
parses in bounded time: that recurses over nested parts, and slows down over long headers.
"""

import logging
from email.parser import BytesParser
from email.policy import compat32

from flufl.bounce import all_failures

from alerts.inbound.reading.addresses import ADDRESS

# It logs a traceback for each mail that it cannot read; what became of the mail is said elsewhere.
# A filter stays where `disabled` does not: dictConfig, as a web server calls it, takes that back.
logging.getLogger("flufl.bounce").addFilter(lambda _: False)

_LARGEST = 300_000
_MOST_BOUNDARIES = 60
_MOST_OF_A_FIELD = 20_000


def second_opinion(raw: bytes) -> tuple[str, ...]:
    """Return the addresses found, in the order of the alphabet; none if the mail is odd."""
    if not _is_harmless(raw):
        return ()
    try:
        message = BytesParser(policy=compat32).parsebytes(raw)
        temporary, permanent = all_failures(message)
    except Exception:  # noqa: BLE001 - it raises IndexError and more over broken mails
        return ()
    found = (address.decode("utf-8", errors="replace") for address in (*permanent, *temporary))
    return tuple(sorted(address for address in found if ADDRESS.fullmatch(address)))


def _is_harmless(raw: bytes) -> bool:
    head = raw[:_LARGEST].replace(b"\r\n", b"\n").partition(b"\n\n")[0]
    return (
        len(raw) <= _LARGEST
        and len(head) <= _MOST_OF_A_FIELD
        and raw.lower().count(b"boundary") <= _MOST_BOUNDARIES
        and raw.lower().count(b"message/") <= _MOST_BOUNDARIES
    )
