"""Where an article belongs: the countries and regions it is about, not all that it names."""

from collections import Counter, defaultdict
from dataclasses import dataclass

from alerts.articles.gazetteer import Mention, mentions, region_of_country
from alerts.regions import with_parents

_TITLE_WEIGHT = 10.0
_OPENING_WEIGHT = 3.0
_TEXT_WEIGHT = 1.0
_OPENING_PARAGRAPHS = 2
# However often one paragraph repeats a name, it tells no more than this.
_PER_PARAGRAPH = 3
# A country of this share of the first one's weight is a subject too.
_SHARE = 0.45
_MOST_COUNTRIES = 5
_LEAST_WEIGHT = 4.0
# Pages of these series are about a continent even where a text names it nowhere.
_SERIES_REGIONS = {
    "Africa This Week": "africa",
    "NIAS Africa Weekly": "africa",
    "Europe This Week": "europe",
    "NIAS Europe Monitor": "europe",
    "Pakistan Reader": "south-asia",
}


@dataclass(frozen=True, slots=True)
class Placement:
    """Countries (ISO 3166 alpha-2), most important first; region slugs, nearest first."""

    countries: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()


def place(title: str, body_text: str, *, series: str | None = None) -> Placement:
    """Return where a text belongs, weighing its title over its opening over the rest."""
    titled = list(mentions(title))
    countries: dict[str, float] = defaultdict(float)
    regions: dict[str, float] = defaultdict(float)
    _count(titled, _TITLE_WEIGHT, countries, regions)
    for position, paragraph in enumerate(body_text.split("\n\n")):
        weight = _OPENING_WEIGHT if position < _OPENING_PARAGRAPHS else _TEXT_WEIGHT
        _count(list(mentions(paragraph)), weight, countries, regions)
    chosen = _choose(countries, {m.country for m in titled if m.country})
    named = [m.region for m in titled if m.region]
    slugs = [slug for code in chosen if (slug := region_of_country(code))]
    slugs += named
    if series in _SERIES_REGIONS:
        slugs.append(_SERIES_REGIONS[series])
    if not slugs and regions:
        slug = max(regions, key=lambda slug: (regions[slug], slug))
        slugs = [slug] if regions[slug] >= _LEAST_WEIGHT else []
    return Placement(tuple(chosen), tuple(with_parents(list(dict.fromkeys(slugs)))))


def _count(
    found: list[Mention], weight: float, countries: dict[str, float], regions: dict[str, float]
) -> None:
    for mention, times in Counter(found).items():
        scored = weight * min(times, _PER_PARAGRAPH)
        if mention.country:
            countries[mention.country] += scored
        elif mention.region:
            regions[mention.region] += scored


def _choose(weights: dict[str, float], titled: set[str]) -> list[str]:
    """Return the countries that the text is about: those of the title, and others as weighty."""
    if not weights:
        return []
    ordered = sorted(weights, key=lambda code: (-weights[code], code))
    most = weights[ordered[0]]
    if most < _LEAST_WEIGHT:
        return []
    chosen = [code for code in ordered if code in titled or weights[code] >= _SHARE * most]
    return chosen[:_MOST_COUNTRIES]
