"""What a look into the database, or on the web, told before: plain data for the rules."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field


class LinkVerdict(enum.StrEnum):
    """What came of asking for an address.

    Dead is what its own server says is not there; failing, a server that could not be had;
    closed, one that tells programs nothing, while people may well see the page.
    """

    FINE = "fine"
    MOVED = "moved"
    DEAD = "dead"
    FAILING = "failing"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class LinkState:
    """What is known of an address; `words` say why, `size` is in bytes where the server told."""

    verdict: LinkVerdict
    words: str = ""
    moved_to: str = ""
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What rules that look at texts alone cannot know.

    `links` are by address; `sent_before` names, by a piece's key, the issue that held it; `largest`
    is the size in bytes of the HTML of the largest edition that is stored. Addresses that begin
    with `own_site` are our own.
    """

    links: Mapping[str, LinkState] = field(default_factory=dict)
    sent_before: Mapping[str, str] = field(default_factory=dict)
    largest: int | None = None
    own_site: str = ""


NOTHING_KNOWN = Known()
