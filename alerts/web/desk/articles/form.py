"""The form in which an editor changes an article: filled in, and read again. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from alerts.articles.countries import country_name, find_country
from alerts.articles.fields import date_of, value_of
from alerts.articles.reading.blocks import one_line
from alerts.articles.record import ArticleRecord
from alerts.errors import Invalid
from alerts.regions import REGIONS
from alerts.web.desk.words import sentence
from alerts.web.forms import Fields

_LINES = ("title", "series", "number", "photo_credit", "photo_alt")
_LONGEST = {
    "title": 500,
    "standfirst": 3_000,
    "series": 200,
    "number": 40,
    "photo_credit": 300,
    "photo_alt": 500,
}
_LONGEST_NAME, _LONGEST_ABOUT, _MOST_AUTHORS = 300, 2_000, 50


@dataclass
class ArticleForm:
    """What stands in the form's fields, as text; `problems` by field."""

    texts: dict[str, str]
    regions: Sequence[str]
    topics: Sequence[str]
    seen: int
    problems: dict[str, str] = field(default_factory=dict)


def filled(record: ArticleRecord, *, revision: int) -> ArticleForm:
    """Return the form with what an article says."""
    texts = {name: str(value_of(record, name) or "") for name in (*_LINES, "standfirst")}
    texts["published_on"] = value_of(record, "published_on") or ""
    texts["authors"] = "\n".join(
        f"{name} | {about}" if about else name for name, about in record.authors
    )
    texts["countries"] = ", ".join(country_name(code) for code in record.countries)
    return ArticleForm(texts, record.regions, record.topics, revision)


def posted(fields: Fields, record: ArticleRecord) -> tuple[ArticleForm, dict[str, Any]]:
    """Return the form as it was sent, and the values that it asks for.

    Of what is ticked, that which was there keeps its place: the most important comes first.
    """
    names = (*_LINES, "standfirst", "published_on", "authors", "countries")
    texts = {name: fields.one(name) for name in names}
    seen = fields.one("seen")
    regions = _ticked(fields.every("region"), record.regions, known=REGIONS)
    topics = _ticked(fields.every("topic"), record.topics, known=None)
    form = ArticleForm(texts, regions, topics, int(seen) if seen.isdecimal() else 0)
    values: dict[str, Any] = {name: one_line(texts[name]) or None for name in _LINES}
    values["standfirst"] = one_line(texts["standfirst"]) or None
    values |= {"regions": list(regions), "topics": list(topics)}
    for name, limit in _LONGEST.items():
        if len(values[name] or "") > limit:
            form.problems[name] = f"At most {limit:,} characters, please."
    if not values["title"]:
        form.problems["title"] = "An article needs a title."
    for name, read in (("published_on", _day), ("authors", _authors), ("countries", _countries)):
        try:
            values[name] = read(texts[name])
        except Invalid as error:
            form.problems[name] = sentence(error)
    return form, values


def _ticked(
    ticked: Sequence[str], before: Sequence[str], *, known: Collection[str] | None
) -> list[str]:
    kept = [one for one in before if one in ticked]
    new = [one for one in ticked if one not in kept and (known is None or one in known)]
    return kept + new


def _day(text: str) -> str | None:
    try:
        date_of(text)
    except ValueError as error:
        raise Invalid(
            f"{text!r} is no date; 2026-11-23 would be right, or 2026-11 for a month"
        ) from error
    return text or None


def _authors(text: str) -> list[list[str | None]]:
    found: list[list[str | None]] = []
    for line in text.splitlines():
        name, _, about = (one_line(part) for part in line.partition("|"))
        if not name and about:
            raise Invalid("a name is missing before “|”")
        if len(name) > _LONGEST_NAME or len(about) > _LONGEST_ABOUT:
            raise Invalid(f"a name has at most {_LONGEST_NAME} characters")
        if name:
            found.append([name, about or None])
    if len(found) > _MOST_AUTHORS:
        raise Invalid(f"at most {_MOST_AUTHORS} people can sign")
    return found


def _countries(text: str) -> list[str]:
    return list(dict.fromkeys(find_country(name) for name in text.split(",") if name.strip()))


def region_groups() -> list[tuple[str, list[Mapping[str, str]]]]:
    """Return the regions by continent, the continent itself first, for ticks."""
    groups: dict[str, list[Mapping[str, str]]] = {}
    for region in REGIONS.values():
        continent = region.parent or region.slug
        groups.setdefault(continent, []).append({"slug": region.slug, "name": region.name})
    return [(REGIONS[slug].name, members) for slug, members in groups.items()]
