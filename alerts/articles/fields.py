"""The fields of an article that editors may change, and their values as they are kept. Pure.

A value is kept as JSON under the field's name. A date stands there as it is printed, `2026-11-23`
or `2026-11`; authors are pairs of a name and what is said about them.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from alerts.articles.record import ArticleRecord

# In the order in which a form asks for them, with what a page calls them.
EDITABLE: Mapping[str, str] = {
    "title": "Title",
    "standfirst": "Standfirst",
    "authors": "Authors",
    "published_on": "Date",
    "series": "Series",
    "number": "Number",
    "photo_credit": "Photo credit",
    "photo_alt": "Photo, in words",
    "countries": "Countries",
    "regions": "Regions",
    "topics": "Topics",
}
_LISTS = ("countries", "regions", "topics")
_MONTH_LETTERS = 7
# The word that a flag begins with, where it is not the field's own.
_FLAGGED_AS = {"photo.credit": "photo_credit"}


def value_of(record: ArticleRecord, field: str) -> Any:  # noqa: ANN401 - of every field's kind
    """Return the value of a field as it is kept; None for what is not known."""
    if field == "published_on":
        return date_text(record.published_on, record.published_precision)
    if field == "authors":
        return [list(pair) for pair in record.authors]
    if field in _LISTS:
        return list(getattr(record, field))
    return getattr(record, field) or None


def with_value(record: ArticleRecord, field: str, value: Any) -> ArticleRecord:  # noqa: ANN401 - as above
    """Return a record with another value of a field."""
    if field == "published_on":
        day, precision = date_of(value)
        return replace(record, published_on=day, published_precision=precision)
    if field == "authors":
        return replace(record, authors=tuple((name, about) for name, about in value))
    if field in _LISTS:
        changes: dict[str, Any] = {field: tuple(value)}
        return replace(record, **changes)
    changes = {field: value or ("" if field in {"title", "standfirst"} else None)}
    return replace(record, **changes)


def date_text(day: date | None, precision: str | None) -> str | None:
    """Return a date as it is kept: as precisely as it is known."""
    if day is None:
        return None
    text = day.isoformat()
    return text[:_MONTH_LETTERS] if precision == "month" else text


def date_of(text: str | None) -> tuple[date | None, str | None]:
    """Return the day that a kept text names, and its precision; the first for a month.

    Raises ValueError for what is neither a day nor a month.
    """
    if not text:
        return None, None
    month = len(text) == _MONTH_LETTERS
    return date.fromisoformat(f"{text}-01" if month else text), "month" if month else "day"


def field_of_flag(flag: str) -> str:
    """Return the field that a flag is about, as it is called here."""
    name = flag.partition(":")[0]
    return _FLAGGED_AS.get(name, name)


def in_words(field: str, value: Any) -> str:  # noqa: ANN401 - as above
    """Return a value as a person reads it on one line; empty for none."""
    if not value:
        return ""
    if field == "authors":
        return ", ".join(f"{name} ({about})" if about else name for name, about in value)
    return ", ".join(value) if field in _LISTS else str(value)
