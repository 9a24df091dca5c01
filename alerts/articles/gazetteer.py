"""The names by which texts call countries and regions: names, adjectives, towns, bodies."""

import re
import tomllib
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any

import countryinfo

from alerts.errors import Invalid
from alerts.regions import REGIONS, find_region

# Readers look for Iran in the Middle East; the library does not know Kosovo, and has the heirs of
# Yugoslavia otherwise than M49.
_PLACED_BY_US = {
    "IR": "west-asia",
    "ME": "southern-europe",
    "RS": "southern-europe",
    "XK": "southern-europe",
}
# Withdrawn from ISO 3166: Serbia and Montenegro, the Netherlands Antilles.
_WITHDRAWN = {"AN", "CS"}
# Below this a capital is more often a person's name (Stanley, Hamilton) than a place in the news.
_LEAST_PEOPLE = 300_000
# The longest word looked up; what is longer is no name, and is never normalised.
_LONGEST_WORD = 40
# Combining accents belong to the letter before them.
_WORD = re.compile(r"[^\W_][\w\u0300-\u036f]*")
_BETWEEN = {" ", "-", "'", "’", ".", "\n", "\u00a0", "\u2010", "\u2011", "\u2013"}


class Kind(Enum):
    """What sort of name was used, which tells how surely its bearer is meant."""

    NAME = "name"
    CITY = "city"
    SEAT = "seat"
    VENUE = "venue"
    REGION = "region"
    BLOC = "bloc"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Term:
    """What a name stands for: countries (ISO 3166 alpha-2), or a region (slug), or nothing."""

    kind: Kind
    countries: tuple[str, ...] = ()
    region: str | None = None


@dataclass(frozen=True, slots=True)
class Mention:
    """A name in a text: the words from `start` up to `end`, folded, and what they stand for."""

    term: Term
    name: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Text:
    """A text as words, with where each begins and ends, and the names among them."""

    source: str
    words: tuple[tuple[int, int], ...]
    mentions: tuple[Mention, ...]

    def word(self, position: int) -> str:
        """Return a word as it is printed; empty before the first and after the last."""
        if not 0 <= position < len(self.words):
            return ""
        start, end = self.words[position]
        return self.source[start:end]

    def gap(self, position: int) -> str:
        """Return what stands between a word and the next one; a line's end at the text's ends."""
        if not 0 <= position < len(self.words) - 1:
            return "\n"
        return self.source[self.words[position][1] : self.words[position + 1][0]]


@dataclass(frozen=True, slots=True)
class _Entry:
    """A name as folded words, which of them need a capital, and `exact` where all letters do."""

    name: str
    words: tuple[str, ...]
    capitals: tuple[bool, ...]
    exact: str | None
    term: Term


def read(text: str) -> Text:
    """Return a text's words and the names in it; the longest wins (South Sudan, not Sudan).

    The time is linear in the text: each word is looked up once, and no name is longer than some
    words. Names are written with a capital, so "turkey" is a bird; few of ours need none.
    """
    words = tuple([match.span() for match in _WORD.finditer(text)])
    bare = Text(text, words, ())
    return Text(text, words, tuple(_found(bare)))


def region_of_country(code: str) -> str | None:
    """Return the slug of the region that a country lies in, as the UN's M49 has it, or None.

    The one exception is Iran, which readers look for in the Middle East.
    """
    return _regions().get(code)


@cache
def place_names() -> dict[str, Any]:
    """Return our own names, which the package ships beside this module."""
    path = Path(__file__).with_name("place_names.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))


def folded(word: str) -> str:
    """Return a word in small letters without accents; one too long for a name as it is."""
    if word.isascii() or len(word) > _LONGEST_WORD:
        return word.lower()
    decomposed = unicodedata.normalize("NFKD", word)
    return "".join(c for c in decomposed if not unicodedata.combining(c)).lower()


def folded_words(text: str) -> tuple[str, ...]:
    """Return the words of a name, folded."""
    return tuple(folded(match[0]) for match in _WORD.finditer(text))


def _found(text: Text) -> Iterator[Mention]:
    vocabulary, source = _vocabulary(), text.source
    shouted = source.isupper()
    taken = 0
    for position, (start, end) in enumerate(text.words):
        entries = vocabulary.get(folded(source[start:end]))
        if entries is None or position < taken:
            continue
        for entry in entries:
            if _stands(text, position, entry, shouted=shouted):
                taken = position + len(entry.words)
                yield Mention(entry.term, entry.name, position, taken)
                break


def _stands(text: Text, position: int, entry: _Entry, *, shouted: bool) -> bool:
    """Tell whether the words of a name stand here, one right after the other."""
    for offset, (word, capital) in enumerate(zip(entry.words, entry.capitals, strict=True)):
        if offset and text.gap(position + offset - 1) not in _BETWEEN:
            return False
        printed = text.word(position + offset)
        if folded(printed) != word or (capital and not printed[0].isupper()):
            return False
    # In a headline all in capitals "US" and "WHO" may be plain words.
    return entry.exact is None or (not shouted and text.word(position) == entry.exact)


@cache
def _vocabulary() -> dict[str, tuple[_Entry, ...]]:
    """Return by its first word every name, the longest first; the first one given is meant."""
    entries: dict[str, dict[tuple[str, ...], _Entry]] = {}
    for name, term in _terms():
        words = folded_words(name)
        capitals = tuple(match[0][0].isupper() for match in _WORD.finditer(name))
        exact = name if name.isupper() and len(words) == 1 else None
        entry = _Entry(" ".join(words), words, capitals, exact, term)
        if words:
            entries.setdefault(words[0], {}).setdefault(words, entry)
    return {
        first: tuple(sorted(found.values(), key=lambda entry: -len(entry.words)))
        for first, found in entries.items()
    }


def _terms() -> Iterator[tuple[str, Term]]:
    ours = place_names()
    for name in ours["ignored"]["phrases"]:
        yield name, Term(Kind.NOTHING)
    for name, codes in ours["pairs"].items():
        yield name, Term(Kind.NAME, tuple(codes))
    for section, kind in (("regions", Kind.REGION), ("blocs", Kind.BLOC)):
        for slug, names in ours[section].items():
            for name in names:
                yield name, Term(kind, region=slug)
    yield from _region_terms()
    sections = (
        *(("seats", Kind.SEAT), ("venues", Kind.VENUE)),
        *(("names", Kind.NAME), ("cities", Kind.CITY)),
    )
    for section, kind in sections:
        for code, names in ours[section].items():
            for name in names:
                yield name, Term(kind, (code,))
    yield from _library_terms()


def _region_terms() -> Iterator[tuple[str, Term]]:
    """Yield each region's name and its adjective: West Africa, West African."""
    for region in REGIONS.values():
        if region.slug != "global":
            term = Term(Kind.REGION, region=region.slug)
            yield region.name, term
            yield f"{region.name}n" if region.name.endswith("a") else f"{region.name}an", term


def _library_terms() -> Iterator[tuple[str, Term]]:
    # The largest country first: "Congolese", "Guinean" and "Dominican" mean it as a rule.
    countries = sorted(_countries(), key=lambda info: -(info.get("population") or 0))
    for field, kind in (("name", Kind.NAME), ("demonym", Kind.NAME), ("capital", Kind.CITY)):
        for info in countries:
            for name in _names(info, field):
                yield name, Term(kind, (_code(info),))


def _names(info: dict[str, Any], field: str) -> list[str]:
    text = str(info.get(field) or "")
    if field == "capital":
        usable = text not in place_names()["ignored"]["capitals"]
        return [text] if usable and (info.get("population") or 0) >= _LEAST_PEOPLE else []
    if field == "name":
        return [text.removeprefix("The ")]
    singular = [piece.strip() for piece in re.split(r",|/", text) if piece.strip()]
    # Malian, Malians; Chinese has no other form.
    return [*singular, *(f"{name}s" for name in singular if name.endswith(("n", "i")))]


@cache
def _regions() -> dict[str, str]:
    regions = dict(_PLACED_BY_US)
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
    return tuple(info for info in infos if _code(info) and _code(info) not in _WITHDRAWN)


def _code(info: dict[str, Any]) -> str:
    return str((info.get("ISO") or {}).get("alpha2") or "")
