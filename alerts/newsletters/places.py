"""What a piece is filed under: its country, else its region."""

from dataclasses import dataclass
from functools import lru_cache

import pycountry

from alerts.articles.models import Article, ArticlePart
from alerts.regions import REGIONS

ELSEWHERE = "Elsewhere"
# Where the ISO's name is not the one a newspaper prints.
_USUAL = {
    "BN": "Brunei",
    "BQ": "Caribbean Netherlands",
    "CD": "DR Congo",
    "CG": "Republic of the Congo",
    "FM": "Micronesia",
    "PS": "Palestine",
    "RU": "Russia",
    "SH": "Saint Helena",
    "SY": "Syria",
    "VG": "British Virgin Islands",
    "VI": "US Virgin Islands",
}


@dataclass(frozen=True, slots=True)
class Place:
    """The heading of a brief, and the name of the region it stands in (empty when unknown)."""

    name: str
    region: str


def place_of(article: Article, part: ArticlePart | None = None) -> Place:
    """Return where a piece belongs."""
    regions = part.regions if part else article.regions
    country = part.country if part else next(iter(article.countries), None)
    region = REGIONS[regions[0]].name if regions and regions[0] in REGIONS else ""
    if country:
        return Place(country_name(country), region)
    return Place(region or ELSEWHERE, region)


@lru_cache(maxsize=300)
def country_name(code: str) -> str:
    """Return a country's usual English name by its ISO 3166 alpha-2 code."""
    country = pycountry.countries.get(alpha_2=code)
    if code in _USUAL or country is None:
        return _USUAL.get(code, code)
    return str(getattr(country, "common_name", country.name))
