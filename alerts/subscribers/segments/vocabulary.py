"""What each field may be compared by, and which values it knows. Pure."""

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping
from difflib import get_close_matches
from functools import partial
from types import MappingProxyType

from alerts.clock import time_zones
from alerts.errors import Invalid
from alerts.regions import REGIONS, find_region
from alerts.subscribers.addresses import parse_address
from alerts.subscribers.models import Frequency, SubscriberState
from alerts.subscribers.segments.terms import Field, Operator

_EQUAL = (Operator.IS, Operator.IS_NOT, Operator.ONE_OF, Operator.NOT_ONE_OF)
_TEXT = (*_EQUAL, Operator.CONTAINS, Operator.ENDS_WITH)
_MOMENT = (Operator.BEFORE, Operator.AFTER, Operator.ON, Operator.IN_THE_LAST)
OPERATORS = MappingProxyType(
    {
        Field.EMAIL: _TEXT,
        Field.DOMAIN: _TEXT,
        Field.NAME: _TEXT,
        Field.STATE: _EQUAL,
        Field.NEWSLETTER: _EQUAL,
        Field.FREQUENCY: _EQUAL,
        Field.REGION: _EQUAL,
        Field.TIME_ZONE: _EQUAL,
        Field.SIGNED_UP: _MOMENT,
        Field.CONFIRMED: _MOMENT,
        Field.LEFT: _MOMENT,
        Field.RECEIVED: (),
        Field.WAY: _EQUAL,
    }
)
# By which ways consent comes, as the records name them; other programs may add theirs.
WAYS = ("web form", "confirmation link", "preferences page", "import", "command line", "desk")
_WAY_ALIASES = MappingProxyType({"web": "web form"})
_PARTS = frozenset({Operator.CONTAINS, Operator.ENDS_WITH})
_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_FEW = 8


class WrongValue(Exception):
    """A value that a field does not know; `advice` says what would be right."""

    def __init__(self, problem: str, advice: str = "") -> None:
        super().__init__(problem)
        self.advice = advice


def read_value(
    field: Field, operator: Operator, text: str, *, newsletters: Collection[str] | None = None
) -> str:
    """Return a value in the form in which it is compared and printed; raises WrongValue.

    With `newsletters` only those are known; without, any slug will do.
    """
    if field is Field.NEWSLETTER:
        return _newsletter(text, newsletters)
    if field is Field.DOMAIN:
        return _part_of_domain(text) if operator in _PARTS else _domain(text)
    if field is Field.EMAIL and operator in _PARTS:
        return text
    return _READERS[field](text) if field in _READERS else text


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return advice what a mistyped word may have meant; empty when nothing is like it."""
    matches = get_close_matches(word.lower(), list(known), n=1, cutoff=0.6)
    return f'did you mean "{matches[0]}"?' if matches else ""


def ascii_lower(text: str) -> str:
    """Return a text with A to Z in lower case and all else as it is, as both databases do it."""
    return "".join(c.lower() if c.isascii() else c for c in text)


def folded(text: str) -> str:
    """Return part of an address in the form in which addresses are compared."""
    return unicodedata.normalize("NFC", text).casefold()


def _one_of(noun: str, text: str, *, known: Collection[str]) -> str:
    word = text.strip().lower()
    if word in known:
        return word
    listed = f"known are {', '.join(known)}" if len(known) <= _FEW else ""
    raise WrongValue(f"is no {noun}", suggestion(word, known) or listed)


def _region(text: str) -> str:
    try:
        return find_region(text).slug
    except Invalid as error:
        advice = suggestion(text, REGIONS) or f"known are {', '.join(REGIONS)}"
        raise WrongValue("is no region", advice) from error


def _time_zone(text: str) -> str:
    known = time_zones()
    zone = known.get(text.strip().lower())
    if zone is not None:
        return zone
    matches = get_close_matches(text.lower(), known, n=1, cutoff=0.6)
    advice = f'did you mean "{known[matches[0]]}"?' if matches else "Asia/Kolkata would be one"
    raise WrongValue("is no time zone", advice)


def _newsletter(text: str, known: Collection[str] | None) -> str:
    slug = text.strip().lower()
    if known is not None:
        return _one_of("newsletter", slug, known=known)
    if not _SLUG.fullmatch(slug):
        raise WrongValue("is no newsletter", "africa-this-week would be one")
    return slug


def _address(text: str) -> str:
    try:
        return parse_address(text).key
    except Invalid as error:
        raise WrongValue("is no email address", "to look for a part, use contains") from error


def _part_of_domain(text: str) -> str:
    if "@" in text:
        raise WrongValue("is no part of a domain", "a domain has no @")
    return text


def _domain(text: str) -> str:
    try:
        return parse_address(f"x@{text.strip().removeprefix('@')}").key.partition("@")[2]
    except Invalid as error:
        raise WrongValue("is no domain", "example.org would be one") from error


def _way(text: str) -> str:
    way = " ".join(ascii_lower(text).split())
    return _WAY_ALIASES.get(way, way)


_READERS: Mapping[Field, Callable[[str], str]] = MappingProxyType(
    {
        Field.EMAIL: _address,
        Field.STATE: partial(_one_of, "state", known=tuple(SubscriberState)),
        Field.FREQUENCY: partial(_one_of, "frequency", known=tuple(Frequency)),
        Field.REGION: _region,
        Field.TIME_ZONE: _time_zone,
        Field.WAY: _way,
    }
)
