"""What every way of looking into a mailbox shares: how much is taken, and when it is let go."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from alerts.errors import Refused
from alerts.inbound.reading.parts import LARGEST
from alerts.inbound.storing import LARGEST_MAIL

# What is stored in one transaction, before the mailbox is told anything.
MOST_AT_ONCE = 50
MOST_OCTETS_AT_ONCE = 16 * 1024 * 1024
# After so many mails others get their turn; the rest comes with the next look.
MOST_IN_A_VISIT = 1_000


class Unreachable(Refused):
    """The mailbox cannot be looked into; the message says why in one line, without a password."""


@dataclass(frozen=True, slots=True)
class Visit:
    """A look into a mailbox under way.

    `take` stores mails and returns when they are committed; it raises Conflict when another has
    taken the mailbox over, and then nothing more may be changed there. `place` and `position` are
    where the last look ended; `remember` keeps new ones with the mails that are stored next.
    """

    take: Callable[[Sequence[bytes]], None]
    remember: Callable[[str, int], None]
    place: str = ""
    position: int = 0


def taken_of(size: int) -> int:
    """Return how many octets of a mail are taken: of one that is far too large, its beginning."""
    return size if size <= LARGEST_MAIL else LARGEST + 1
