"""From a query's tree to a condition of SQLAlchemy on `Subscriber`, the same on both databases.

Every condition is true or false, never NULL, so that `not` turns it around whole. Values go in as
parameters. What readers asked for, and what they received, stands in other tables. To count all who
match, those are read once (`IN (SELECT …)`); to read a page of them, they are asked for one reader
after another (`EXISTS (…)`), until the page is full: else each page would cost as much as a count.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from types import MappingProxyType
from typing import Any, TypeAlias

from sqlalchemy import (
    ColumnElement,
    Select,
    String,
    and_,
    func,
    not_,
    or_,
    select,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import InstrumentedAttribute, aliased
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction

from alerts.errors import Refused
from alerts.regions import with_parents
from alerts.subscribers.models import ConsentAction, ConsentRecord, Subscriber, Subscription
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
)
from alerts.subscribers.segments.vocabulary import ascii_lower, folded

Condition: TypeAlias = ColumnElement[bool]
# What was delivered is known a station further on, which hands in how to ask for it: a query for
# the ids of those who received an issue, or something in a span that ends at a moment.
ReceivedPort: TypeAlias = Callable[[Received, datetime], Select[int | None]]
_Ids: TypeAlias = Select[int] | Select[int | None]
_Moment: TypeAlias = InstrumentedAttribute[datetime] | InstrumentedAttribute[datetime | None]
# One subscription that a chain of terms speaks of.
_Bound: TypeAlias = type[Subscription]

_NEGATED = frozenset({Operator.IS_NOT, Operator.NOT_ONE_OF})
_NAMING = frozenset({Operator.IS, Operator.ONE_OF})
_OF_A_SUBSCRIPTION = frozenset({Field.FREQUENCY, Field.REGION})
_GIVEN = (ConsentAction.REQUESTED, ConsentAction.CONFIRMED)


class AsciiLower(GenericFunction[str]):
    """A to Z in lower case, nothing else: all that SQLite can, and PostgreSQL in its "C" order."""

    type = String()
    inherit_cache = True
    name = "lower"


@compiles(AsciiLower, "postgresql")
def _on_postgresql(element: AsciiLower, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401 - SQLAlchemy's own
    [text] = element.clauses
    return f'lower({compiler.process(text, **options)} COLLATE "C")'


def condition(
    node: Node, *, now: datetime, received: ReceivedPort | None = None, paging: bool = False
) -> Condition:
    """Return a query as a condition on `Subscriber`; `now` (UTC) is where spans end.

    With `paging` it is made for reading some readers in order, else for counting all. Raises
    Refused for a query about what was received when nobody handed in how to ask.
    """
    among = _one_by_one if paging else _all_at_once
    return _Compiler(now, received, among).of(node, None)


def _all_at_once(ids: _Ids) -> Condition:
    # Where a part asks for the reader as well as for the subscription, it means the same reader.
    return Subscriber.id.in_(ids.correlate(Subscriber))


def _one_by_one(ids: _Ids) -> Condition:
    [number] = ids.selected_columns
    return ids.where(number == Subscriber.id).correlate(Subscriber).exists()


class _Compiler:
    def __init__(
        self,
        now: datetime,
        received: ReceivedPort | None,
        among: Callable[[_Ids], Condition],
    ) -> None:
        self._now = now
        self._received = received
        self._among = among

    def of(  # noqa: PLR0911 - a case for each kind of node
        self, node: Node, bound: _Bound | None
    ) -> Condition:
        """Return the condition of a part of the query."""
        match node:
            case Not(negated):
                return not_(self.of(negated, bound))
            case Or(nodes):
                return or_(*(self.of(part, bound) for part in nodes))
            case And(nodes):
                return self._chain(nodes, bound)
            case Dated(field, operator, day):
                return self._when(field, partial(_on_days, operator=operator, day=day))
            case Recent(field, span):
                since = self._now - span.length
                return self._when(field, partial(_between, since=since, until=self._now))
            case Compare():
                found = self._compared(node, bound)
                return not_(found) if node.operator in _NEGATED else found
            case Received():
                return self._delivered(node)

    def _chain(self, nodes: Sequence[Node], bound: _Bound | None) -> Condition:
        """Join parts by `and`; frequency and region speak of the newsletters named beside them."""
        named = [slugs for slugs in map(_newsletters_named, nodes) if slugs]
        others = [part for part in nodes if not _newsletters_named(part)]
        if not named:
            return and_(*(self.of(part, bound) for part in others))
        shared = [part for part in others if not _speaks_of_a_subscription(part)]
        inner = [part for part in others if _speaks_of_a_subscription(part)]
        return and_(
            *(self.of(part, None) for part in shared),
            *(self._reads(slugs, inner) for slugs in named),
        )

    def _reads(self, slugs: Sequence[str], parts: Sequence[Node]) -> Condition:
        one = aliased(Subscription)
        about = [self.of(part, one) for part in parts]
        return self._subscribed(one, one.newsletter.in_(slugs), *about)

    def _delivered(self, term: Received) -> Condition:
        if self._received is None:
            raise Refused('segment: "received" cannot be asked here: no ledger of deliveries')
        found = self._among(self._received(term, self._now))
        return not_(found) if term.nothing else found

    def _compared(self, term: Compare, bound: _Bound | None) -> Condition:
        if term.field in _OF_A_SUBSCRIPTION:
            one = bound or aliased(Subscription)
            asked = _frequency(one, term) if term.field is Field.FREQUENCY else _region(one, term)
            return asked if bound else self._subscribed(one, asked)
        if term.field is Field.NEWSLETTER:
            return self._reads(term.values, ())
        if term.field is Field.WAY:
            return self._by_way(term.values)
        return _OF_A_READER[term.field](term)

    def _subscribed(self, one: _Bound, *asked: Condition) -> Condition:
        """Return the condition that a reader has a subscription in force of which this is true."""
        return self._among(select(one.subscriber_id).where(one.ended_at.is_(None), *asked))

    def _by_way(self, ways: Sequence[str]) -> Condition:
        record = aliased(ConsentRecord)
        given = select(record.subscriber_id).where(record.action.in_(_GIVEN))
        return self._among(given.where(record.way.in_(ways)))

    def _when(self, field: Field, within: Callable[[_Moment], Condition]) -> Condition:
        if field is Field.SIGNED_UP:
            return within(Subscriber.created_at)
        if field is Field.CONFIRMED:
            return and_(Subscriber.confirmed_at.is_not(None), within(Subscriber.confirmed_at))
        one = aliased(Subscription)
        ended = select(one.subscriber_id).where(one.ended_at.is_not(None), within(one.ended_at))
        return self._among(ended)


def _newsletters_named(node: Node) -> tuple[str, ...]:
    """Return the newsletters of which a part says one is read; none when it says other things."""
    match node:
        case Or(nodes):
            parts = [_newsletters_named(part) for part in nodes]
            return tuple(slug for part in parts for slug in part) if all(parts) else ()
        case Compare(Field.NEWSLETTER, operator, values) if operator in _NAMING:
            return values
        case _:
            return ()


def _speaks_of_a_subscription(node: Node) -> bool:
    """Tell whether a part asks for a frequency or region without a newsletter of its own."""
    match node:
        case Not(negated):
            return _speaks_of_a_subscription(negated)
        case Or(nodes):
            return any(map(_speaks_of_a_subscription, nodes))
        case And(nodes):
            named = any(map(_newsletters_named, nodes))
            return not named and any(map(_speaks_of_a_subscription, nodes))
        case Compare(field, _, _):
            return field in _OF_A_SUBSCRIPTION
        case _:
            return False


def _frequency(one: _Bound, term: Compare) -> Condition:
    return one.frequency.in_(term.values)


def _region(one: _Bound, term: Compare) -> Condition:
    """Return the condition that a subscription brings pieces from one of these regions.

    Who wished for none follows all, and who wished for a continent follows what lies in it: just
    as in `alerts.regions.matches`. What is of global concern is for everybody.
    """
    follows = set(with_parents(list(term.values)))
    if "global" in follows:
        return one.wish.is_not(None)
    wished = ";" + one.wish + ";"
    chosen = (wished.contains(f";{slug};", autoescape=True) for slug in sorted(follows))
    return or_(one.wish == "", *chosen)


def _email(term: Compare) -> Condition:
    return _text(Subscriber.email_key, term.operator, [folded(value) for value in term.values])


def _domain(term: Compare) -> Condition:
    domain = func.coalesce(Subscriber.domain, "")
    values = [folded(value) for value in term.values]
    if term.operator in {Operator.CONTAINS, Operator.ENDS_WITH}:
        return _text(domain, term.operator, values)
    return and_(Subscriber.domain.is_not(None), Subscriber.domain.in_(values))


def _name(term: Compare) -> Condition:
    name = AsciiLower(func.coalesce(Subscriber.name, ""))
    return _text(name, term.operator, [ascii_lower(value) for value in term.values])


def _state(term: Compare) -> Condition:
    return Subscriber.state.in_(term.values)


def _time_zone(term: Compare) -> Condition:
    return and_(Subscriber.time_zone.is_not(None), Subscriber.time_zone.in_(term.values))


_OF_A_READER: MappingProxyType[Field, Callable[[Compare], Condition]] = MappingProxyType(
    {
        Field.EMAIL: _email,
        Field.DOMAIN: _domain,
        Field.NAME: _name,
        Field.STATE: _state,
        Field.TIME_ZONE: _time_zone,
    }
)


def _text(
    column: ColumnElement[str] | InstrumentedAttribute[str],
    operator: Operator,
    values: Sequence[str],
) -> Condition:
    if operator is Operator.CONTAINS:
        return column.contains(values[0], autoescape=True)
    if operator is Operator.ENDS_WITH:
        return column.endswith(values[0], autoescape=True)
    return column.in_(values)


def _between(moment: _Moment, *, since: datetime, until: datetime) -> Condition:
    return and_(moment >= since, moment <= until)


def _on_days(moment: _Moment, *, operator: Operator, day: date) -> Condition:
    begins = datetime.combine(day, time(), UTC)
    ends = begins + timedelta(days=1)
    if operator is Operator.BEFORE:
        return moment < begins
    return moment >= ends if operator is Operator.AFTER else and_(moment >= begins, moment < ends)
