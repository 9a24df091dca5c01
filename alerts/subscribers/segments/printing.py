"""A query's canonical text: the same tree prints the same, and reads back as itself. Pure."""

import re

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

# What the lexer reads as one word; `and`, `or`, `not` would read as what they join.
_BARE = re.compile(r'[^\s(),"“”\\]+')
_WORDS_OF_THE_LANGUAGE = frozenset({"and", "or", "not", "one"})
_LISTS = frozenset({Operator.ONE_OF, Operator.NOT_ONE_OF})


def canonical(node: Node) -> str:  # noqa: PLR0911 - a case for each kind of node
    """Return a query as text, with as few parentheses and quotes as tell it."""
    match node:
        case And(nodes):
            return " and ".join(_inside(part, And, Or) for part in nodes)
        case Or(nodes):
            return " or ".join(_inside(part, Or) for part in nodes)
        case Not(negated):
            return f"not {_inside(negated, And, Or)}"
        case Received():
            return f"{Field.RECEIVED} {_received(node)}"
        case Dated(field, operator, day):
            return f"{field} {operator} {day.isoformat()}"
        case Recent(field, span):
            return f"{field} {Operator.IN_THE_LAST} {span}"
        case Compare(field, operator, values):
            texts = ", ".join(quoted(value) for value in values)
            return f"{field} {operator} " + (f"({texts})" if operator in _LISTS else texts)


def quoted(value: str) -> str:
    """Return a value as a query writes it: bare where it is one plain word, else in quotes."""
    if _BARE.fullmatch(value) and value.lower() not in _WORDS_OF_THE_LANGUAGE:
        return value
    escaped = re.sub(r'(["“”\\])', r"\\\1", value)
    return f'"{escaped}"'


def _inside(node: Node, *kinds: type[And | Or]) -> str:
    text = canonical(node)
    return f"({text})" if isinstance(node, kinds) else text


def _received(term: Received) -> str:
    if term.issue is not None:
        return f"issue {term.issue}"
    what = "nothing" if term.nothing else "something"
    return what if term.span is None else f"{what} {Operator.IN_THE_LAST} {term.span}"
