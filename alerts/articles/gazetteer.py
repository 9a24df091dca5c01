"""The names by which texts call countries and regions: names, adjectives, capitals, groupings."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import countryinfo

from alerts.errors import Invalid
from alerts.regions import REGIONS, find_region

# Names that the library does not give, by ISO 3166 alpha-2.
_ALSO = {
    "AE": ("UAE", "Emirates", "Dubai"),
    "BA": ("Bosnia",),
    "BF": ("Burkina", "Burkinabé"),
    "CD": ("DR Congo", "DRC", "Congo-Kinshasa", "Congo", "Goma"),
    "CF": ("CAR",),
    "CG": ("Congo-Brazzaville", "Republic of Congo"),
    "CI": ("Cote d'Ivoire", "Abidjan"),
    "CN": ("PRC", "Tibet", "Xinjiang"),
    "CV": ("Cabo Verde", "Cape Verdean"),
    "CZ": ("Czechia",),
    "DO": ("Dominican Republic",),
    "EC": ("Ecuadorian",),
    "ET": ("Tigray", "Amhara", "Oromia"),
    "GB": ("UK", "U.K.", "Britain", "England", "English Channel"),
    "IL": ("Tel Aviv",),
    "IN": ("Delhi", "Kashmir", "Manipur"),
    "IS": ("Icelandic",),
    "KG": ("Kyrgyz",),
    "KP": ("DPRK",),
    "KR": ("Seoul",),
    "KZ": ("Kazakh",),
    "LS": ("Basotho",),
    "LY": ("Benghazi",),
    "MK": ("North Macedonia",),
    "MM": ("Rakhine", "Yangon"),
    "MV": ("Maldivian",),
    "MZ": ("Cabo Delgado",),
    "NG": ("Lagos",),
    "NL": ("Holland", "The Hague"),
    "NP": ("Nepali",),
    "PS": ("Gaza", "West Bank", "Hamas"),
    "RU": ("Kremlin", "Putin"),
    "SD": ("Darfur", "El Fasher"),
    "SO": ("Somaliland", "al-Shabaab"),
    "SY": ("Aleppo",),
    "SZ": ("Eswatini",),
    "TJ": ("Tajik",),
    "TL": ("Timor-Leste",),
    "TR": ("Turkiye", "Erdogan"),
    "TZ": ("Zanzibar", "Dar es Salaam"),
    "UA": ("Kyiv", "Crimea", "Donbas"),
    "US": ("USA", "U.S.", "US", "Washington", "White House", "Pentagon"),
    "UZ": ("Uzbek",),
    "VA": ("Vatican",),
    "YE": ("Houthi", "Houthis"),
    "ZA": ("Johannesburg", "Cape Town"),
}
_GROUPINGS = {
    "african": "africa",
    "african union": "africa",
    "asean": "southeast-asia",
    "asian": "asia",
    "balkan": "southern-europe",
    "balkans": "southern-europe",
    "baltic": "northern-europe",
    "baltics": "northern-europe",
    "brussels": "europe",
    "ecowas": "west-africa",
    "eu": "europe",
    "european": "europe",
    "european union": "europe",
    "great lakes region": "central-africa",
    "gulf of guinea": "west-africa",
    "horn of africa": "east-africa",
    "igad": "east-africa",
    "latin america": "americas",
    "latin american": "americas",
    "maghreb": "north-africa",
    "middle eastern": "west-asia",
    "nordic": "northern-europe",
    "pacific islands": "oceania",
    "sadc": "southern-africa",
    "sahel": "west-africa",
    "sahelian": "west-africa",
    "south china sea": "southeast-asia",
    "sub-saharan africa": "africa",
}
# Words that hold a country's name and do not mean the country; and names of other things.
_NOT_MEANT = (
    *("Indian Ocean", "East China Sea", "Sea of Japan", "Paris Agreement", "New Mexico"),
    *("Rome Statute", "Geneva Convention", "Geneva Conventions", "Panama Papers", "New England"),
    *("Panama Canal", "Air France", "Vienna Convention", "Hague Convention", "Washington Post"),
)
_NO_CAPITALS = {"Male", "Victoria", "Georgetown", "Kingston", "Brussels", "Stanley", "Hamilton"}
# Below this a capital is more often a person's name (Stanley, Hamilton) than a place in the news.
_LEAST_PEOPLE = 300_000


@dataclass(frozen=True, slots=True)
class Mention:
    """A country (ISO 3166 alpha-2) or a region (slug) that a text names."""

    country: str | None = None
    region: str | None = None


def mentions(text: str) -> Iterator[Mention]:
    """Yield what a text names, each time it does; the longest name wins (South Sudan, Sudan)."""
    terms, pattern = _vocabulary()
    for match in pattern.finditer(_plain(text)):
        found = terms[_folded(match[0])]
        if found is not None:
            yield found


def region_of_country(code: str) -> str | None:
    """Return the slug of the region that a country lies in (UN M49), or None."""
    return _regions().get(code)


@cache
def _vocabulary() -> tuple[dict[str, Mention | None], re.Pattern[str]]:
    terms: dict[str, Mention | None] = {}
    spelt: dict[str, None] = {}
    for words, mention in _terms():
        key = _folded(_plain(words))
        if key and key not in terms:
            terms[key] = mention
            spelt[_plain(words)] = None
    by_length = sorted(spelt, key=len, reverse=True)
    # Names are matched as they are spelt, or in capitals as headlines print them: "US" is a
    # country and "us" is not.
    alternatives = "|".join(
        re.escape(form) for words in by_length for form in dict.fromkeys((words, words.upper()))
    )
    return terms, re.compile(rf"(?<![\w-])(?:{alternatives})(?!\w)")


def _terms() -> Iterator[tuple[str, Mention | None]]:
    for words in _NOT_MEANT:
        yield words, None
    for grouping, slug in _GROUPINGS.items():
        shown = grouping.upper() if grouping in {"asean", "ecowas", "eu", "igad", "sadc"} else None
        yield shown or _capitalised(grouping), Mention(region=slug)
    for region in REGIONS.values():
        if region.slug != "global":
            yield region.name, Mention(region=region.slug)
    yield "Middle East", Mention(region="west-asia")
    for code, names in _ALSO.items():
        for name in names:
            yield name, Mention(country=code)
    # The largest country first: "Congolese", "Guinean" and "Dominican" mean it as a rule.
    countries = sorted(_countries(), key=lambda info: -(info.get("population") or 0))
    for field in ("name", "demonym", "capital"):
        for info in countries:
            for name in _names(info, field):
                yield name, Mention(country=_code(info))


def _names(info: dict[str, Any], field: str) -> list[str]:
    text = str(info.get(field) or "")
    if field == "capital":
        usable = text not in _NO_CAPITALS and (info.get("population") or 0) >= _LEAST_PEOPLE
        return [text] if usable else []
    pieces = re.split(r",|/", text) if field == "demonym" else [text.removeprefix("The ")]
    return [piece.strip() for piece in pieces if piece.strip()]


@cache
def _regions() -> dict[str, str]:
    regions: dict[str, str] = {}
    for info in _countries():
        for field in ("intermediateregion", "subregion", "region"):
            try:
                region = find_region(str(info.get(field) or ""))
            except Invalid:
                continue
            regions.setdefault(_code(info), region.slug)
            break
    return regions


@cache
def _countries() -> tuple[dict[str, Any], ...]:
    infos = (dict(country.info()) for country in countryinfo.all_countries())
    return tuple(info for info in infos if _code(info))


def _code(info: dict[str, Any]) -> str:
    return str((info.get("ISO") or {}).get("alpha2") or "")


def _capitalised(words: str) -> str:
    small = {"of", "the"}
    return " ".join(word if word in small else word.capitalize() for word in words.split())


def _plain(text: str) -> str:
    """Return the text without accents and with straight apostrophes."""
    decomposed = unicodedata.normalize("NFKD", text.replace("’", "'"))
    return "".join(c for c in decomposed if not unicodedata.combining(c))


def _folded(text: str) -> str:
    return text.casefold()
