"""What somebody at the desk asks of the subscribers: the filters, as a query of the segments."""

from dataclasses import dataclass
from urllib.parse import urlencode

from sqlalchemy.orm import Session

from alerts.clock import Clock
from alerts.delivery.received import received
from alerts.newsletters.service import offers
from alerts.subscribers.segments.printing import canonical, quoted
from alerts.subscribers.segments.service import Count, Segments
from alerts.subscribers.segments.terms import And, Node
from alerts.web.desk.frame import Desk
from alerts.web.kept_counts import Counted


@dataclass(frozen=True, slots=True)
class Asked:
    """The filters as they were typed; what is empty sets no limit.

    `segment` is the slug of a saved one, `query` one that was written down.
    """

    begins: str = ""
    state: str = ""
    newsletter: str = ""
    segment: str = ""
    query: str = ""

    @property
    def filters(self) -> dict[str, str]:
        """What is set, as the parameters of an address."""
        named = {
            "begins": self.begins,
            "state": self.state,
            "newsletter": self.newsletter,
            "segment": self.segment,
            "query": self.query,
        }
        return {name: value for name, value in named.items() if value}

    def address(self, **more: object) -> str:
        """Return the part of an address after the question mark."""
        return urlencode(self.filters | {name: str(value) for name, value in more.items()})

    def node(self, segments: Segments) -> Node | None:
        """Return all filters but the address as one query, None for none; raises Invalid.

        A segment that is gone raises NotFound.
        """
        texts = [
            f"{field} is {quoted(value)}"
            for field, value in (("state", self.state), ("newsletter", self.newsletter))
            if value
        ]
        nodes = [segments.query_of(text) for text in texts]
        if self.segment:
            nodes.append(segments.query_of(segments.get(self.segment).slug))
        if self.query:
            nodes.append(segments.query_of(self.query))
        if not nodes:
            return None
        return nodes[0] if len(nodes) == 1 else And(tuple(nodes))


def segments_of(session: Session, clock: Clock) -> Segments:
    """Return the use cases of segments, with the newsletters there are and the ledger."""
    return Segments(session, clock=clock, newsletters=offers(session), received=received)


def count_of(desk: Desk, node: Node) -> Counted[Count] | None:
    """Return how many fit a query, as counted lately; None while they are counted."""
    runtime = desk.site.runtime

    def count() -> Count:
        with runtime.database.read() as session:
            return segments_of(session, runtime.clock).count(node)

    return desk.site.counts.get(words_of(node), count, clock=runtime.clock)


def words_of(node: Node | None) -> str:
    """Return a query as text; empty for none."""
    return "" if node is None else canonical(node)
