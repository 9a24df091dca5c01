"""What a segment's query says, as a tree of small frozen values. Pure.

Node
├── Compare    a field against values: `region is africa`, `name contains "li"`
├── Dated      a field against a day: `signed up after 2026-01-01`
├── Recent     a field against a span that ends now: `left in the last 30 days`
├── Received   what was delivered: `received issue 12`, `received nothing in the last 90 days`
└── Not, And, Or
"""

import enum
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TypeAlias

from typing_extensions import override


class Field(enum.StrEnum):
    """What a query can ask of a reader; the value is its name in the language."""

    EMAIL = "email"
    DOMAIN = "domain"
    NAME = "name"
    STATE = "state"
    NEWSLETTER = "newsletter"
    FREQUENCY = "frequency"
    REGION = "region"
    TIME_ZONE = "time zone"
    SIGNED_UP = "signed up"
    CONFIRMED = "confirmed"
    LEFT = "left"
    RECEIVED = "received"
    WAY = "way"


class Operator(enum.StrEnum):
    """How a field is compared; the value is how the language says it."""

    IS = "is"
    IS_NOT = "is not"
    ONE_OF = "is one of"
    NOT_ONE_OF = "is not one of"
    CONTAINS = "contains"
    ENDS_WITH = "ends with"
    BEFORE = "before"
    AFTER = "after"
    ON = "on"
    IN_THE_LAST = "in the last"


class Unit(enum.StrEnum):
    """In what a span of time is counted."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"


_HOURS = {Unit.HOUR: 1, Unit.DAY: 24, Unit.WEEK: 24 * 7}


@dataclass(frozen=True, slots=True)
class Span:
    """So many hours, days or weeks."""

    count: int
    unit: Unit

    @property
    def length(self) -> timedelta:
        """How long it is."""
        return timedelta(hours=self.count * _HOURS[self.unit])

    @override
    def __str__(self) -> str:
        return f"{self.count} {self.unit}{'' if self.count == 1 else 's'}"


@dataclass(frozen=True, slots=True)
class Compare:
    """A field compared with one value, or with several by `is one of`."""

    field: Field
    operator: Operator
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Dated:
    """A field before, after or on a day of the UTC calendar."""

    field: Field
    operator: Operator
    day: date


@dataclass(frozen=True, slots=True)
class Recent:
    """A field within a span that ends at the moment of asking."""

    field: Field
    span: Span


@dataclass(frozen=True, slots=True)
class Received:
    """An issue that was delivered; or, without `issue`, anything or nothing at all in a span.

    No span means ever.
    """

    issue: int | None = None
    nothing: bool = False
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Not:
    """Whoever does not match."""

    node: "Node"


@dataclass(frozen=True, slots=True)
class And:
    """Whoever matches all; two or more.

    One inside another stays there: parentheses tell which newsletter a frequency belongs to.
    """

    nodes: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Whoever matches any; two or more."""

    nodes: tuple["Node", ...]


Node: TypeAlias = Compare | Dated | Recent | Received | Not | And | Or
