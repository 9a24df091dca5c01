"""The use cases of segments: save, change, remove; count, sample, read in pages."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Select, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from alerts.clock import Clock
from alerts.errors import Invalid, NotFound, Refused
from alerts.subscribers.details import clean_name, printable
from alerts.subscribers.models import Subscriber, SubscriberState
from alerts.subscribers.segments.compiler import Condition, ReceivedPort, condition
from alerts.subscribers.segments.models import Segment
from alerts.subscribers.segments.parser import parse
from alerts.subscribers.segments.printing import canonical
from alerts.subscribers.segments.terms import Node

LARGEST_PAGE = 10_000
_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_LONGEST_SLUG, _LONGEST_NAME, _LONGEST_DESCRIPTION = 64, 200, 2_000


_Row = TypeVar("_Row", int, Subscriber)


@dataclass(frozen=True, slots=True)
class Count:
    """How many readers match a query, and how many of them may be mailed (state confirmed)."""

    matching: int
    reachable: int


class Segments:
    """The use cases, with what they need from outside.

    `newsletters` are the slugs a query may name; None leaves them unchecked. `received` asks the
    ledger of deliveries (`alerts.delivery.received`); without it such a query is refused.
    """

    def __init__(
        self,
        session: Session,
        *,
        clock: Clock,
        newsletters: Collection[str] | None = None,
        received: ReceivedPort | None = None,
    ) -> None:
        self._session = session
        self._clock = clock
        self._newsletters = newsletters
        self._received = received

    def create(
        self, slug: str, query: str, *, name: str | None = None, description: str = ""
    ) -> Segment:
        """Save a query under a slug; raises Invalid, and Refused when the slug is taken."""
        now = self._clock.now()
        segment = Segment(
            slug=check_slug(slug),
            name=_name(name) or slug,
            query=self._canonical(query),
            description=_description(description),
            created_at=now,
            updated_at=now,
        )
        try:
            with self._session.begin_nested():
                self._session.add(segment)
        except IntegrityError as error:
            raise Refused(
                f"there is a segment {slug!r} already; "
                f"`alerts segment change {slug}` changes it, or choose another word"
            ) from error
        return segment

    def change(
        self,
        slug: str,
        *,
        query: str | None = None,
        name: str | None = None,
        description: str | None = None,
    ) -> bool:
        """Change what is given; False when nothing is new. Raises Invalid and NotFound."""
        segment = self.get(slug)
        before = (segment.query, segment.name, segment.description)
        if query is not None:
            segment.query = self._canonical(query)
        if name is not None:
            segment.name = _name(name) or slug
        if description is not None:
            segment.description = _description(description)
        changed = before != (segment.query, segment.name, segment.description)
        if changed:
            segment.updated_at = self._clock.now()
            self._session.flush()
        return changed

    def remove(self, slug: str) -> None:
        """Forget a segment; its readers stay. Raises NotFound."""
        self._session.delete(self.get(slug))
        self._session.flush()

    def get(self, slug: str) -> Segment:
        """Return a saved segment; raises NotFound."""
        segment = self._session.scalars(select(Segment).where(Segment.slug == slug)).first()
        if segment is None:
            shown = printable(slug, _LONGEST_SLUG)
            raise NotFound(f'there is no segment "{shown}"; `alerts segment list` shows them')
        return segment

    def all(self) -> list[Segment]:
        """Return all saved segments by slug."""
        return list(self._session.scalars(select(Segment).order_by(Segment.slug)))

    def query_of(self, text: str) -> Node:
        """Return the query that a text is, or that is saved under it when it is a single word.

        Raises Invalid for a wrong query and NotFound for a slug that is none.
        """
        if _SLUG.fullmatch(text.strip()):
            return parse(self.get(text.strip()).query)
        return parse(text, newsletters=self._newsletters)

    def condition(self, query: Node, *, paging: bool = False) -> Condition:
        """Return a query as a condition on `Subscriber`, as of now."""
        now = self._clock.now()
        return condition(query, now=now, received=self._received, paging=paging)

    def count(self, query: Node) -> Count:
        """Count who matches, and who of them may be mailed; one statement."""
        reachable = Subscriber.state == SubscriberState.CONFIRMED
        counted = select(func.count(), func.count().filter(reachable)).select_from(Subscriber)
        matching, mailed = self._session.execute(counted.where(self.condition(query))).one()
        return Count(matching, mailed)

    def ids(self, query: Node, *, after: int = 0, limit: int = 1_000) -> list[int]:
        """Return a page of ids of those who match, ascending, that come after one; [] at the end.

        At most 10,000. Who comes or goes between two pages moves nobody from one to another.
        """
        return list(self._session.scalars(self._page(select(Subscriber.id), query, after, limit)))

    def members(self, query: Node, *, after: int = 0, limit: int = 1_000) -> list[Subscriber]:
        """Return a page of those who match, as `ids` does."""
        return list(self._session.scalars(self._page(select(Subscriber), query, after, limit)))

    def pages(self, query: Node, *, size: int = 1_000) -> Iterator[list[int]]:
        """Yield the ids of all who match, a page at a time."""
        last = 0
        while page := self.ids(query, after=last, limit=size):
            yield page
            last = page[-1]

    def sample(self, query: Node, *, limit: int = 10) -> list[Subscriber]:
        """Return some of those who match, the newest first."""
        chosen = select(Subscriber).where(self.condition(query, paging=True))
        return list(self._session.scalars(chosen.order_by(Subscriber.id.desc()).limit(limit)))

    def _page(self, wanted: Select[_Row], query: Node, after: int, limit: int) -> Select[_Row]:
        chosen = wanted.where(Subscriber.id > after, self.condition(query, paging=True))
        return chosen.order_by(Subscriber.id).limit(min(limit, LARGEST_PAGE))

    def _canonical(self, query: str) -> str:
        return canonical(parse(query, newsletters=self._newsletters))


def check_slug(slug: str) -> str:
    """Return a slug that may name a segment; raises Invalid."""
    if len(slug) > _LONGEST_SLUG or not _SLUG.fullmatch(slug):
        shown = printable(slug, _LONGEST_SLUG)
        raise Invalid(
            f'"{shown}" cannot name a segment: it is written in small letters, digits and hyphens, '
            f"at most {_LONGEST_SLUG} of them, such as west-africa-weekly"
        )
    return slug


def _name(text: str | None) -> str | None:
    name = clean_name(text)
    if name and len(name) > _LONGEST_NAME:
        raise Invalid(f"a segment's name has at most {_LONGEST_NAME} characters")
    return name


def _description(text: str) -> str:
    if len(text) > _LONGEST_DESCRIPTION:
        raise Invalid(f"a segment's description has at most {_LONGEST_DESCRIPTION:,} characters")
    return _clean_lines(text)


def _clean_lines(text: str) -> str:
    return "\n".join(clean_name(line) or "" for line in text.splitlines()).strip()
