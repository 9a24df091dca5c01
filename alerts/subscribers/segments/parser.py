"""From a query's text to its tree, by recursive descent; every error names its place. Pure.

query     = chain { "or" chain }
chain     = part { "and" part }
part      = "not" part | "(" query ")" | term
term      = field operator value | field "is one of" "(" value { "," value } ")"
          | field "before" DAY | field "in the last" SPAN
          | "received" ( "issue" NUMBER | ( "something" | "nothing" ) [ "in the last" SPAN ] )
"""

import re
from collections.abc import Collection
from datetime import date

from alerts.errors import Invalid
from alerts.subscribers.segments.lexer import LONGEST_QUERY, Kind, Token, shown, tokens, wrong
from alerts.subscribers.segments.printing import canonical
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
from alerts.subscribers.segments.vocabulary import OPERATORS, WrongValue, read_value, suggestion

DEEPEST = 20
MOST_TERMS = 100
_FIELDS = f"fields are {', '.join(Field)}"
_JOINING = frozenset({"and", "or", "not"})
_LISTS = frozenset({Operator.ONE_OF, Operator.NOT_ONE_OF})
# The longest first: `is not one of` begins with `is`.
_OPERATORS = sorted(Operator, key=lambda operator: -len(operator.split()))
_DAY = re.compile(r"(?:19|20|21)[0-9]{2}-[0-9]{2}-[0-9]{2}")
_ISSUE = re.compile(r"[1-9][0-9]{0,17}")
_COUNT = re.compile(r"[1-9][0-9]{0,5}")
_LONGEST_SPAN_DAYS = 36_500
_UNITS = {form: unit for unit in Unit for form in (unit.value, f"{unit.value}s")}


def parse(text: str, *, newsletters: Collection[str] | None = None) -> Node:
    """Read a query; raises Invalid with what is wrong, at which character, and what would do.

    With `newsletters` (slugs) others are refused. A query has at most 2,000 characters, also in
    its canonical form, 100 terms, and 20 parentheses or nots inside one another.
    """
    reading = _Reading(tokens(text), newsletters)
    node = reading.query()
    reading.finish()
    if len(canonical(node)) > LONGEST_QUERY:
        raise Invalid(
            f"segment: written out in full, the query has more than {LONGEST_QUERY:,} characters"
        )
    return node


class _Reading:
    """The tokens of one query, read from the left."""

    def __init__(self, found: list[Token], newsletters: Collection[str] | None) -> None:
        self._tokens = found
        self._at = 0
        self._terms = 0
        self._depth = 0
        self._newsletters = newsletters

    def query(self) -> Node:
        """Read parts joined by `or`."""
        nodes = [self._chain()]
        while self._take_words("or"):
            nodes.append(self._chain())
        return nodes[0] if len(nodes) == 1 else Or(tuple(nodes))

    def finish(self) -> None:
        """Raise Invalid unless everything is read."""
        token = self._token
        if token.kind is Kind.CLOSE:
            raise wrong('")" closes nothing', token.position)
        if token.kind is not Kind.END:
            advice = 'put "and" or "or" before it, or quotation marks around several words'
            raise wrong(f"{token.shown} is not expected", token.position, advice)

    @property
    def _token(self) -> Token:
        return self._tokens[self._at]

    def _next(self) -> Token:
        token = self._token
        if token.kind is not Kind.END:
            self._at += 1
        return token

    def _take_words(self, phrase: str) -> bool:
        """Read these words, when they stand here."""
        words = phrase.split()
        here = self._tokens[self._at : self._at + len(words)]
        if [t.text.lower() for t in here if t.kind is Kind.WORD] != words:
            return False
        self._at += len(words)
        return True

    def _chain(self) -> Node:
        nodes = [self._part()]
        while self._take_words("and"):
            nodes.append(self._part())
        return nodes[0] if len(nodes) == 1 else And(tuple(nodes))

    def _part(self) -> Node:
        token = self._token
        if self._take_words("not"):
            self._descend(token)
            node: Node = Not(self._part())
        elif token.kind is Kind.OPEN:
            self._next()
            self._descend(token)
            node = self.query()
            self._close(token)
        else:
            return self._term()
        self._depth -= 1
        return node

    def _descend(self, token: Token) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            problem = f"more than {DEEPEST} parentheses and nots stand inside one another"
            raise wrong(problem, token.position)

    def _close(self, opened: Token) -> None:
        token = self._token
        if token.kind is Kind.END:
            raise wrong('"(" is never closed', opened.position)
        if token.kind is not Kind.CLOSE:
            self.finish()
        self._next()

    def _term(self) -> Node:
        field = self._field()
        self._count(self._token)
        if field is Field.RECEIVED:
            return self._received()
        operator = self._operator(field)
        if operator is Operator.IN_THE_LAST:
            return Recent(field, self._span())
        if operator in {Operator.BEFORE, Operator.AFTER, Operator.ON}:
            return Dated(field, operator, self._day())
        if operator in _LISTS:
            return Compare(field, operator, self._list(field, operator))
        return Compare(field, operator, (self._value(field, operator),))

    def _count(self, token: Token) -> None:
        """Count a term, or a further value of a list."""
        self._terms += 1
        if self._terms > MOST_TERMS:
            raise wrong(f"a query has at most {MOST_TERMS} terms, and more stand", token.position)

    def _field(self) -> Field:
        for field in Field:
            if self._take_words(field.value):
                return field
        token = self._next()
        if token.kind is not Kind.WORD or token.text.lower() in _JOINING:
            raise wrong(f"a field is wanted, not {token.shown},", token.position, _FIELDS)
        pair = f"{token.text} {self._token.text}"
        advice = suggestion(token.text, (f for f in Field if " " not in f))
        advice = suggestion(pair, (f for f in Field if " " in f)) or advice
        raise wrong(f"{token.shown} is no field", token.position, advice or _FIELDS)

    def _operator(self, field: Field) -> Operator:
        token = self._token
        allowed = OPERATORS[field]
        found = next((operator for operator in _OPERATORS if self._take_words(operator)), None)
        if found in allowed:
            return found
        problem = f"{shown(field)} is followed by {shown(found) if found else token.shown}"
        advice = "" if found else suggestion(token.text, allowed)
        raise wrong(problem, token.position, advice or f"it takes {', '.join(allowed)}")

    def _list(self, field: Field, operator: Operator) -> tuple[str, ...]:
        opened = self._next()
        if opened.kind is not Kind.OPEN:
            advice = f"write {field} {operator} (this, that)"
            raise wrong(f'"(" is wanted, not {opened.shown},', opened.position, advice)
        values = [self._value(field, operator)]
        while self._token.kind is Kind.COMMA:
            self._next()
            self._count(self._token)
            values.append(self._value(field, operator))
        token = self._token
        if token.kind is not Kind.CLOSE:
            raise wrong(f'"," or ")" is wanted, not {token.shown},', token.position)
        self._next()
        return tuple(dict.fromkeys(values))

    def _value(self, field: Field, operator: Operator) -> str:
        token = self._next()
        if token.kind not in {Kind.WORD, Kind.TEXT}:
            advice = "several values stand after is one of" if token.kind is Kind.OPEN else ""
            raise wrong(f"a value is wanted, not {token.shown},", token.position, advice)
        if token.kind is Kind.WORD and token.text.lower() in _JOINING:
            advice = "put it in quotation marks if it is one"
            raise wrong(f"a value is wanted, not {token.shown},", token.position, advice)
        try:
            return read_value(field, operator, token.text, newsletters=self._newsletters)
        except WrongValue as error:
            raise wrong(f"{token.shown} {error}", token.position, error.advice) from error

    def _day(self) -> date:
        token = self._next()
        try:
            if _DAY.fullmatch(token.text):
                return date.fromisoformat(token.text)
        except ValueError as error:
            raise wrong(f"the calendar has no {token.shown}", token.position) from error
        advice = "2026-01-31 would be one, between 1900 and 2199"
        raise wrong(f"a day is wanted, not {token.shown},", token.position, advice)

    def _span(self) -> Span:
        first, second = self._next(), self._next()
        unit = _UNITS.get(second.text.lower())
        if not _COUNT.fullmatch(first.text) or unit is None:
            advice = "30 days would be right, or hours, or weeks"
            raise wrong(f"a span of time is wanted, not {first.shown},", first.position, advice)
        span = Span(int(first.text), unit)
        if span.length.days > _LONGEST_SPAN_DAYS:
            problem = f"{shown(str(span))} is longer than a hundred years"
            raise wrong(problem, first.position)
        return span

    def _received(self) -> Received:
        token = self._token
        if self._take_words("issue"):
            number = self._next()
            if not _ISSUE.fullmatch(number.text):
                advice = "`alerts issue list` shows them"
                raise wrong(f"{number.shown} is no issue", number.position, advice)
            return Received(issue=int(number.text))
        for word in ("nothing", "something"):
            if self._take_words(word):
                span = self._span() if self._take_words(Operator.IN_THE_LAST) else None
                return Received(nothing=word == "nothing", span=span)
        advice = "it takes issue 12, something in the last 7 days, or nothing in the last 90 days"
        raise wrong(f'"received" is followed by {token.shown}', token.position, advice)
