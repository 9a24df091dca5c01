"""Finding subscribers by how their address begins: cheap with a million of them, by an index."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, TextClause, UnaryExpression, select, text
from sqlalchemy.orm import InstrumentedAttribute, Session

from alerts.subscribers.models import Subscriber

_LONGEST = 320
# No character comes after it.
_LAST = "\U0010ffff"


def by_beginning(
    session: Session,
    beginning: str,
    *conditions: ColumnElement[bool],
    after: str = "",
    limit: int,
) -> Sequence[Subscriber]:
    """Return the subscribers whose address begins so, in any case, in the order of their addresses.

    `after` is the canonical address that a page before ended with; `conditions` narrow it further.
    """
    key = beginning.strip().casefold()[:_LONGEST]
    compared = _Compared(is_postgresql=session.get_bind().dialect.name == "postgresql")
    query = select(Subscriber).where(
        compared.at_least(key), compared.below(key + _LAST), *conditions
    )
    if after:
        query = query.where(compared.above(after))
    return session.scalars(query.order_by(compared.order).limit(limit)).all()


class _Compared:
    """Addresses compared octet by octet, as the index has them.

    PostgreSQL's own `<` follows a language's rules, in which no beginning makes a range.
    """

    def __init__(self, *, is_postgresql: bool) -> None:
        self._names = ("~>=~", "~<~", "~>~") if is_postgresql else (">=", "<", ">")
        self._is_postgresql = is_postgresql

    def at_least(self, key: str) -> ColumnElement[bool]:
        return Subscriber.email_key.bool_op(self._names[0])(key)

    def below(self, key: str) -> ColumnElement[bool]:
        return Subscriber.email_key.bool_op(self._names[1])(key)

    def above(self, key: str) -> ColumnElement[bool]:
        return Subscriber.email_key.bool_op(self._names[2])(key)

    @property
    def order(self) -> TextClause | UnaryExpression[str] | InstrumentedAttribute[str]:
        if self._is_postgresql:
            return text("subscribers.email_key USING ~<~")
        return Subscriber.email_key
