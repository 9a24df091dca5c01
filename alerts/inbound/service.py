"""What a mail that came back does to the house: the port that its readers call."""

from collections.abc import Callable

from alerts.errors import Refused
from alerts.inbound.reading.record import Reading

TakeIn = Callable[[bytes, Reading], None]


def take_in(raw: bytes, reading: Reading) -> None:
    """Act on a mail that was read: suppress, record, unsubscribe; raises Refused.

    `raw` is the mail as it came; `reading` is what `alerts.inbound.reading` understood of it.
    Nothing takes mail in yet, so that every call is refused and nothing is changed.
    """
    raise Refused(
        f"this {reading.kind} ({len(raw)} bytes) was read, but taking mail in is not set up here; "
        "use --dry-run to see what it says"
    )
