"""Articles in the words of the desk's pages. Pure."""

import calendar
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from alerts.articles.cards import ArticleLine
from alerts.articles.countries import country_name
from alerts.articles.fields import EDITABLE, date_of, in_words
from alerts.articles.models import ArticleState
from alerts.regions import REGIONS

# What a correction may change beside the fields that editors change.
_OTHER_FIELDS = {
    "url": "Address",
    "volume": "Volume",
    "volume_number": "Number in the volume",
    "published_precision": "Precision of the date",
    "team": "Team",
    "photo_url": "Photo",
    "language": "Language",
    "parts": "Pieces",
}


@dataclass(frozen=True, slots=True)
class Line:
    """An article in a line of a page."""

    id: int
    title: str
    label: str
    day: str
    signed: str
    is_withdrawn: bool
    flags: int
    waits: bool


def line_of(found: ArticleLine) -> Line:
    """Return an article as a list shows it."""
    return Line(
        id=found.id,
        title=found.title,
        label=label(found.series, found.number),
        day=day_words(found.published_on, found.published_precision),
        signed=found.signed,
        is_withdrawn=found.state is ArticleState.WITHDRAWN,
        flags=len(found.flags),
        waits=found.waits,
    )


def label(series: str | None, number: str | None) -> str:
    """Return series and number as they stand over a title; empty for neither."""
    if not number:
        return series or ""
    return f"{series} #{number}" if series else f"#{number}"


def day_words(day: date | None, precision: str | None) -> str:
    """Return a printed date: `31 October 2023`, or `March 2024`; empty for none."""
    if day is None:
        return ""
    month = f"{calendar.month_name[day.month]} {day.year}"
    return month if precision == "month" else f"{day.day} {month}"


def field_name(field: str) -> str:
    """Return what a page calls a field."""
    return EDITABLE.get(field) or _OTHER_FIELDS.get(field, field)


def value_words(field: str, values: Mapping[str, Any]) -> str:
    """Return a kept value of a field as a person reads it; empty for none."""
    value = values[field]
    if field == "countries":
        return ", ".join(country_name(code) for code in value)
    if field == "regions":
        return ", ".join(REGIONS[slug].name if slug in REGIONS else slug for slug in value)
    if field == "published_on":
        return day_words(*date_of(value))
    return in_words(field, value)
