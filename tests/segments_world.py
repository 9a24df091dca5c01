"""Random queries and readers, and what a query means, said in plain Python."""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from hypothesis import strategies as st

from alerts.regions import matches, with_parents
from alerts.subscribers.models import Frequency, SubscriberState
from alerts.subscribers.segments.terms import (
    And,
    Compare,
    Dated,
    Field,
    Node,
    Not,
    Operator,
    Or,
    Received,
    Recent,
    Span,
    Unit,
)

NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
NEWSLETTERS = ("africa-this-week", "gp-alert")
REGIONS = ("africa", "west-africa", "east-africa", "asia", "global")
DOMAINS = ("example.org", "sub.example.org", "example.com", "xn--mnchen-3ya.de")
LOCALS = ("ama", "am_a", "am%a", "li+news", "bücher")
NAMES = ("Ama", "AMA 100%", "a_b", "É\u0301lo", "O'Brien", 'Li "Bo"', "back\\slash", "and")
ZONES = ("Asia/Kolkata", "Africa/Accra")
WAYS = ("web form", "import")
ISSUES = (1, 2)
_DAYS = (date(2026, 11, 22), date(2026, 11, 23), date(2026, 1, 1))
_SPANS = (Span(1, Unit.DAY), Span(2, Unit.WEEK), Span(30, Unit.HOUR))
_PIECES = ("a", "A", "%", "_", "\\", ".org", "example", "é", "É", '"', "ü", "/", "not", "B")


@dataclass(frozen=True)
class Subscribed:
    newsletter: str
    frequency: str
    wish: tuple[str, ...]
    ended_at: datetime | None = None


@dataclass(frozen=True)
class Reader:
    local: str
    domain: str
    name: str | None
    state: str
    time_zone: str | None
    created_at: datetime
    confirmed_at: datetime | None
    subscriptions: tuple[Subscribed, ...]
    # Ways in which consent was given.
    ways: frozenset[str] = frozenset()
    # When each issue was delivered.
    received: dict[int, datetime] = field(default_factory=dict, hash=False)

    @property
    def email(self) -> str:
        return f"{self.local}@{self.domain}"


def moments() -> st.SearchStrategy[datetime]:
    """Return moments near the edges that queries speak of: midnights, and spans before NOW."""
    edges = [datetime.combine(day, time(), UTC) for day in _DAYS]
    edges += [day + timedelta(days=1) for day in edges]
    edges += [NOW - span.length for span in _SPANS]
    shifts = [timedelta(0), timedelta(0), timedelta(microseconds=1), -timedelta(microseconds=1)]
    return st.builds(lambda a, b: min(a + b, NOW), st.sampled_from(edges), st.sampled_from(shifts))


def subscriptions() -> st.SearchStrategy[tuple[Subscribed, ...]]:
    one = st.builds(
        Subscribed,
        newsletter=st.sampled_from(NEWSLETTERS),
        frequency=st.sampled_from([f.value for f in Frequency]),
        wish=st.lists(st.sampled_from(REGIONS), max_size=2, unique=True).map(
            lambda wish: tuple(sorted(wish))
        ),
        ended_at=st.none() | moments(),
    )
    return st.lists(one, max_size=2, unique_by=lambda s: s.newsletter).map(tuple)


def populations() -> st.SearchStrategy[list[Reader]]:
    reader = st.builds(
        Reader,
        local=st.sampled_from(LOCALS),
        domain=st.sampled_from(DOMAINS),
        name=st.none() | st.sampled_from(NAMES),
        state=st.sampled_from([s.value for s in SubscriberState]),
        time_zone=st.none() | st.sampled_from(ZONES),
        created_at=moments(),
        confirmed_at=st.none() | moments(),
        subscriptions=subscriptions(),
        ways=st.frozensets(st.sampled_from(WAYS), max_size=2),
        received=st.dictionaries(st.sampled_from(ISSUES), moments(), max_size=2),
    )
    return st.lists(reader, min_size=4, max_size=12, unique_by=lambda r: r.email)


_CHOICES: dict[Field, Iterable[str]] = {
    Field.EMAIL: [f"{name}@{domain}" for name in ("ama", "am_a", "bücher") for domain in DOMAINS],
    Field.DOMAIN: DOMAINS,
    Field.NAME: [*NAMES, "ama", "one"],
    Field.STATE: [s.value for s in SubscriberState],
    Field.NEWSLETTER: NEWSLETTERS,
    Field.FREQUENCY: [f.value for f in Frequency],
    Field.REGION: REGIONS,
    Field.TIME_ZONE: ZONES,
    Field.WAY: WAYS,
}
_OF_A_SUBSCRIPTION = (Field.NEWSLETTER, Field.FREQUENCY, Field.REGION)
_EQUAL = (Operator.IS, Operator.IS_NOT, Operator.ONE_OF, Operator.NOT_ONE_OF)


@st.composite
def comparisons(draw: st.DrawFn, fields: Sequence[Field] = tuple(_CHOICES)) -> Compare:
    asked = draw(st.sampled_from(fields))
    if asked in {Field.EMAIL, Field.DOMAIN, Field.NAME} and draw(st.booleans()):
        operator = draw(st.sampled_from([Operator.CONTAINS, Operator.ENDS_WITH]))
        pieces = st.lists(st.sampled_from(_PIECES), min_size=1, max_size=2).map("".join)
        return Compare(asked, operator, (draw(pieces),))
    operator = draw(st.sampled_from(_EQUAL))
    many = 3 if operator in {Operator.ONE_OF, Operator.NOT_ONE_OF} else 1
    choices = st.sampled_from(list(_CHOICES[asked]))
    values = draw(st.lists(choices, min_size=1, max_size=many, unique=True))
    return Compare(asked, operator, tuple(values))


def terms() -> st.SearchStrategy[Node]:
    dated = st.sampled_from([Field.SIGNED_UP, Field.CONFIRMED, Field.LEFT])
    order = st.sampled_from([Operator.BEFORE, Operator.AFTER, Operator.ON])
    return st.one_of(
        comparisons(),
        comparisons(_OF_A_SUBSCRIPTION),
        comparisons((Field.EMAIL, Field.DOMAIN, Field.NAME)),
        st.builds(Dated, dated, order, st.sampled_from(_DAYS)),
        st.builds(Recent, dated, st.sampled_from(_SPANS)),
        st.builds(Received, st.sampled_from([*ISSUES, 99])),
        st.builds(Received, st.none(), st.booleans(), st.none() | st.sampled_from(_SPANS)),
    )


def queries() -> st.SearchStrategy[Node]:
    def joined(nodes: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
        several = st.lists(nodes, min_size=2, max_size=3).map(tuple)
        # A newsletter with something said about it.
        about = st.tuples(named, nodes | comparisons(_OF_A_SUBSCRIPTION))
        return st.one_of(
            st.builds(And, about),
            st.builds(And, several),
            st.builds(Or, several),
            st.builds(Not, nodes),
        )

    slugs = st.sampled_from([*((slug,) for slug in NEWSLETTERS), NEWSLETTERS])
    named = st.builds(Compare, st.just(Field.NEWSLETTER), st.just(Operator.ONE_OF), slugs)
    return st.recursive(terms(), joined, max_leaves=6)


def meant(  # noqa: PLR0911 - a case for each kind of node
    node: Node, reader: Reader, bound: Subscribed | None = None
) -> bool:
    """Tell whether a query means a reader; `bound` is the subscription a chain speaks of."""
    match node:
        case Not(negated):
            return not meant(negated, reader, bound)
        case Or(nodes):
            return any(meant(part, reader, bound) for part in nodes)
        case And(nodes):
            return _chain(nodes, reader, bound)
        case Received():
            return _received(node, reader)
        case Dated(asked, operator, day):
            return any(_dated(operator, moment, day) for moment in _moments(reader, asked))
        case Recent(asked, span):
            since = NOW - span.length
            return any(since <= moment <= NOW for moment in _moments(reader, asked))
        case Compare():
            found = any(_is(node, value, reader, bound) for value in node.values)
            return found != (node.operator in {Operator.IS_NOT, Operator.NOT_ONE_OF})


def _chain(nodes: tuple[Node, ...], reader: Reader, bound: Subscribed | None) -> bool:
    named = [slugs for slugs in map(_named, nodes) if slugs is not None]
    others = [part for part in nodes if _named(part) is None]
    if not named:
        return all(meant(part, reader, bound) for part in others)
    return all(
        any(
            s.newsletter in slugs and all(meant(part, reader, s) for part in others)
            for s in _active(reader)
        )
        for slugs in named
    )


def _named(node: Node) -> set[str] | None:
    """Return the newsletters that a part of a chain names as read; None if it names none."""
    if isinstance(node, Or):
        parts = [_named(part) for part in node.nodes]
        known = [part for part in parts if part is not None]
        return set().union(*known) if len(known) == len(parts) else None
    if (
        isinstance(node, Compare)
        and node.field is Field.NEWSLETTER
        and node.operator in {Operator.IS, Operator.ONE_OF}
    ):
        return set(node.values)
    return None


def _active(reader: Reader) -> list[Subscribed]:
    return [s for s in reader.subscriptions if s.ended_at is None]


def _is(  # noqa: PLR0911 - a case for each field
    term: Compare, value: str, reader: Reader, bound: Subscribed | None
) -> bool:
    spoken_of = [bound] if bound else _active(reader)
    match term.field:
        case Field.NEWSLETTER:
            return any(s.newsletter == value for s in _active(reader))
        case Field.FREQUENCY:
            return any(s.frequency == value for s in spoken_of)
        case Field.REGION:
            return any(matches(list(s.wish), with_parents([value])) for s in spoken_of)
        case Field.STATE:
            return reader.state == value
        case Field.TIME_ZONE:
            return reader.time_zone == value
        case Field.WAY:
            return value in reader.ways
        case Field.NAME:
            return _text(term.operator, _ascii_lower(reader.name or ""), _ascii_lower(value))
        case Field.EMAIL:
            return _text(term.operator, _fold(reader.email), _fold(value))
        case _:
            return _text(term.operator, reader.domain, _fold(value))


def _text(operator: Operator, text: str, value: str) -> bool:
    if operator is Operator.CONTAINS:
        return value in text
    return text.endswith(value) if operator is Operator.ENDS_WITH else text == value


def _moments(reader: Reader, asked: Field) -> list[datetime]:
    if asked is Field.LEFT:
        return [s.ended_at for s in reader.subscriptions if s.ended_at is not None]
    moment = reader.created_at if asked is Field.SIGNED_UP else reader.confirmed_at
    return [] if moment is None else [moment]


def _dated(operator: Operator, moment: datetime, day: date) -> bool:
    if operator is Operator.BEFORE:
        return moment.date() < day
    return moment.date() > day if operator is Operator.AFTER else moment.date() == day


def _received(term: Received, reader: Reader) -> bool:
    if term.issue is not None:
        return term.issue in reader.received
    since = datetime.min.replace(tzinfo=UTC) if term.span is None else NOW - term.span.length
    return any(moment >= since for moment in reader.received.values()) != term.nothing


def _ascii_lower(text: str) -> str:
    return "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in text)


def _fold(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()
