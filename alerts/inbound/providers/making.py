"""Readings made of providers' events: the same records that mails are read into. Pure."""

import re

from alerts.delivery.bounces import Bounce
from alerts.inbound.reading.classes import judged
from alerts.inbound.reading.record import Command, Failure, Kind, Reading

NOTHING = Reading(Kind.UNKNOWN)
_LONGEST_DIAGNOSTIC = 500
_MARKS = re.compile(r"^[\s<]+|[\s>]+$")


def bounced(
    address: str, status: str, said: str, *, usual: Bounce | None, certain: bool = False
) -> Failure:
    """Return a failed recipient; `usual` is the provider's class, `certain` that it is final.

    What the reader's server said decides; the provider's class where that says nothing.
    """
    found = judged(status, said)
    bounce = usual if certain and usual else (found.bounce if found.code else None) or usual
    told = " ".join(said.split())[:_LONGEST_DIAGNOSTIC]
    return Failure(address, bounce or found.bounce or Bounce.SOFT, found.code, told)


def bounce(failures: tuple[Failure, ...], message_id: str, *, late: bool = False) -> Reading:
    """Return the reading of a bounce, or of a notice that something is `late`."""
    if late:
        failures = tuple(Failure(one.address, None, one.code, one.diagnostic) for one in failures)
    first = failures[0] if failures else None
    return Reading(
        Kind.DELAY if late else Kind.BOUNCE,
        failures=failures,
        bounce=first.bounce if first else None,
        code=first.code if first else None,
        message_ids=_identifiers(message_id),
    )


def complaint(readers: tuple[str, ...], message_id: str, feedback_type: str = "") -> Reading:
    """Return the reading of a complaint."""
    return Reading(
        Kind.COMPLAINT,
        readers=readers,
        message_ids=_identifiers(message_id),
        feedback_type=feedback_type or None,
    )


def unsubscribed(reader: str, message_id: str) -> Reading:
    """Return the reading of a wish to leave that a reader told the provider."""
    return Reading(
        Kind.COMMAND,
        command=Command.UNSUBSCRIBE,
        readers=(reader,),
        sender=reader,
        message_ids=_identifiers(message_id),
    )


def _identifiers(message_id: str) -> tuple[str, ...]:
    bare = _MARKS.sub("", message_id)
    return (bare,) if bare else ()
