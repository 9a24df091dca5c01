"""What a reader wants of a newsletter, as one text that SQL can group by. Pure.

`west-africa;country=ML;language=fr;topic=climate` asks for pieces about West Africa or Mali that
are on climate, in a French frame. Readers with the same text share an edition.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from urllib.parse import quote, unquote

from alerts.errors import Invalid
from alerts.regions import REGIONS, find_region, matches

LONGEST_WISH = 1_000
_COUNTRY, _LANGUAGE, _SERIES, _TOPIC = "country", "language", "series", "topic"
_PLAIN = "plain"
# What may be any text: written so that it ends no word.
_NAMES = {_SERIES, _TOPIC}
_COUNTRY_LETTERS = 2


@dataclass(frozen=True, slots=True)
class Interests:
    """The pieces a reader wants, and their form; what is empty sets no limit.

    Regions are slugs, countries ISO 3166 alpha-2 codes; either place will do. Topics and series
    narrow it further, each to one of those named. `language` is that of the frame, `plain` asks for
    plain text alone.
    """

    regions: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    series: tuple[str, ...] = ()
    language: str = ""
    plain: bool = False

    @classmethod
    def of(
        cls,
        *,
        regions: Iterable[str] = (),
        countries: Iterable[str] = (),
        topics: Iterable[str] = (),
        series: Iterable[str] = (),
        language: str = "",
        plain: bool = False,
    ) -> "Interests":
        """Return interests in canonical order; a region inside another wished one is left out.

        Regions may be given by name. Raises Invalid for what is no region or country, and for more
        than can be kept.
        """
        slugs = {find_region(text).slug for text in regions if text.strip()}
        interests = cls(
            regions=tuple(sorted(slug for slug in slugs if REGIONS[slug].parent not in slugs)),
            countries=tuple(sorted({_country(code) for code in countries})),
            topics=tuple(sorted({name.strip() for name in topics if name.strip()})),
            series=tuple(sorted({name.strip() for name in series if name.strip()})),
            language=language,
            plain=plain,
        )
        if len(interests.text) > LONGEST_WISH:
            raise Invalid("too much is wished at once; choose fewer, or nothing to get everything")
        return interests

    @classmethod
    def read(cls, text: str) -> "Interests":
        """Read the text back; what is not understood is passed over."""
        kept: dict[str, list[str]] = {"": [], _COUNTRY: [], _TOPIC: [], _SERIES: [], _LANGUAGE: []}
        words = [word for word in text.split(";") if word]
        for word in words:
            kind, equals, value = word.rpartition("=")
            if word != _PLAIN and kind in kept and bool(kind) == bool(equals):
                kept[kind].append(unquote(value) if kind in _NAMES else value)
        return cls(
            regions=tuple(kept[""]),
            countries=tuple(kept[_COUNTRY]),
            topics=tuple(kept[_TOPIC]),
            series=tuple(kept[_SERIES]),
            language=next(iter(kept[_LANGUAGE]), ""),
            plain=_PLAIN in words,
        )

    def in_form(self, *, language: str, plain: bool) -> "Interests":
        """Return the same interests in another form."""
        return replace(self, language=language, plain=plain)

    @property
    def text(self) -> str:
        """The canonical text, the same for the same interests."""
        words = [
            *self.regions,
            *(f"{_COUNTRY}={code}" for code in self.countries),
            *([f"{_LANGUAGE}={self.language}"] if self.language else []),
            *([_PLAIN] if self.plain else []),
            *(f"{_SERIES}={quote(name, safe=' ')}" for name in self.series),
            *(f"{_TOPIC}={quote(name, safe=' ')}" for name in self.topics),
        ]
        return ";".join(words)

    def wants(
        self,
        *,
        regions: Collection[str],
        countries: Collection[str] = (),
        topics: Collection[str] = (),
        series: str | None = None,
    ) -> bool:
        """Tell whether a piece is for this reader.

        A piece that could not be placed, or that is of global concern, is for readers of every
        place; one whose topic or series is not known is for nobody who asked for certain ones.
        """
        return (
            self._wants_place(regions, countries)
            and _one_of(self.topics, topics)
            and _one_of(self.series, [series] if series else [])
        )

    def _wants_place(self, regions: Collection[str], countries: Collection[str]) -> bool:
        if not self.regions and not self.countries:
            return True
        if set(self.countries) & set(countries):
            return True
        # Without a wished region `matches` takes everything; then only the country counts.
        nowhere = not regions or "global" in regions
        return nowhere or (bool(self.regions) and matches(list(self.regions), list(regions)))


EVERYTHING = Interests()


def _one_of(wished: Collection[str], given: Iterable[str]) -> bool:
    if not wished:
        return True
    return bool({name.casefold() for name in wished} & {name.casefold() for name in given})


def _country(code: str) -> str:
    text = code.strip().upper()
    if len(text) != _COUNTRY_LETTERS or not text.isascii() or not text.isalpha():
        raise Invalid(f"{code!r} is no country; ISO 3166 codes such as ML are understood")
    return text
