"""Countries by name and by code, as readers type them and pages show them."""

from functools import cache

import pycountry

from alerts.articles.gazetteer import Kind, read
from alerts.errors import Invalid


def country_name(code: str) -> str:
    """Return a country's usual English name by its ISO 3166 alpha-2 code."""
    return _names().get(code, code)


def find_country(text: str) -> str:
    """Return the ISO 3166 alpha-2 code of a country by code or name; raises Invalid."""
    words = " ".join(text.split())[:100]
    if words.upper() in _names():
        return words.upper()
    for mention in read(words.title() if words.islower() else words).mentions:
        term = mention.term
        if term.kind is Kind.NAME and len(term.countries) == 1:
            return term.countries[0]
    raise Invalid(f"there is no country {words!r}; Mali or ML would be one")


@cache
def _names() -> dict[str, str]:
    return {
        country.alpha_2: getattr(country, "common_name", None) or country.name
        for country in pycountry.countries
    }
