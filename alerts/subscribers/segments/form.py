"""What a page needs to draw a builder of queries: each field, its operators, its values. Pure."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from alerts.clock import time_zones
from alerts.regions import REGIONS
from alerts.subscribers.models import Frequency, SubscriberState
from alerts.subscribers.segments.terms import Field, Operator
from alerts.subscribers.segments.vocabulary import OPERATORS, WAYS
from alerts.subscribers.wishes import Offer

_ABOUT = {
    Field.EMAIL: "the address",
    Field.DOMAIN: "what stands after the @ of the address",
    Field.NAME: "the name; the case of A to Z does not matter",
    Field.STATE: "where the reader stands",
    Field.NEWSLETTER: "a newsletter that is read now",
    Field.FREQUENCY: "how often the newsletter named beside it comes, or any",
    Field.REGION: "whose pieces the newsletter named beside it brings, or any",
    Field.TIME_ZONE: "the reader's time zone",
    Field.SIGNED_UP: "when the reader first signed up",
    Field.CONFIRMED: "when the reader confirmed",
    Field.LEFT: "when a newsletter was left that was not taken up again",
    Field.RECEIVED: "what was delivered",
    Field.WAY: "by which way consent was given",
}
_LISTS = frozenset({Operator.ONE_OF, Operator.NOT_ONE_OF})
_DAYS = frozenset({Operator.BEFORE, Operator.AFTER, Operator.ON})


@dataclass(frozen=True, slots=True)
class OperatorForm:
    """An operator as a query writes it, and what it takes.

    `takes` is `value` (one), `values` (several in parentheses), `day` (2026-01-31), `span`
    (30 days), `number` or `nothing`.
    """

    words: str
    takes: str


@dataclass(frozen=True, slots=True)
class Choice:
    """A value that a field knows, and how a person calls it."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class FieldForm:
    """A field for a form; `choices` is None where any text will do.

    With `open` the choices are only the usual ones.
    """

    field: str
    about: str
    operators: tuple[OperatorForm, ...]
    choices: tuple[Choice, ...] | None = None
    open: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return it as a page's script reads it."""
        return asdict(self)


def fields(offers: Mapping[str, Offer]) -> list[FieldForm]:
    """Return all fields in the order of the language; `offers` are the newsletters there are."""
    choices = _choices(offers)
    return [
        FieldForm(
            field=field.value,
            about=_ABOUT[field],
            operators=_operators(field),
            choices=choices.get(field),
            open=field is Field.WAY,
        )
        for field in Field
    ]


def _operators(field: Field) -> tuple[OperatorForm, ...]:
    if field is not Field.RECEIVED:
        return tuple(
            OperatorForm(operator.value, _takes(operator)) for operator in OPERATORS[field]
        )
    spans = [OperatorForm(f"{w} {Operator.IN_THE_LAST}", "span") for w in ("something", "nothing")]
    ever = [OperatorForm(word, "nothing") for word in ("something", "nothing")]
    return (OperatorForm("issue", "number"), *spans, *ever)


def _takes(operator: Operator) -> str:
    if operator in _LISTS:
        return "values"
    if operator in _DAYS:
        return "day"
    return "span" if operator is Operator.IN_THE_LAST else "value"


def _choices(offers: Mapping[str, Offer]) -> dict[Field, tuple[Choice, ...]]:
    return {
        Field.STATE: tuple(Choice(state.value, state.value) for state in SubscriberState),
        Field.NEWSLETTER: tuple(Choice(slug, offer.title) for slug, offer in offers.items()),
        Field.FREQUENCY: tuple(Choice(often.value, often.value) for often in Frequency),
        Field.REGION: tuple(Choice(slug, region.name) for slug, region in REGIONS.items()),
        Field.TIME_ZONE: tuple(Choice(zone, zone) for zone in time_zones().values()),
        Field.WAY: tuple(Choice(way, way) for way in WAYS),
    }
