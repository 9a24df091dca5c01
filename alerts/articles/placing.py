"""Where an article belongs: the countries and regions it is about, not all that it names. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from alerts.articles.doubtful import hosts, read_all
from alerts.articles.gazetteer import Kind, Term, Text, region_of_country
from alerts.regions import REGIONS, with_parents

_TITLE_WEIGHT = 10.0
_TAG_WEIGHT = 6.0
_OPENING_WEIGHT = 3.0
_TEXT_WEIGHT = 1.0
_OPENING_PARAGRAPHS = 2
# However often one paragraph repeats a name, it tells no more than this.
_PER_PARAGRAPH = 3
# How surely a name's bearer is meant. Moscow's reply is news about somebody else; in a title the
# Kremlin acts itself.
_SURENESS = {Kind.NAME: 1.0, Kind.CITY: 0.8, Kind.SEAT: 0.5, Kind.VENUE: 0.2}
_HOST = 0.2
# A country of this share of the first one's weight is a subject too.
_SHARE = 0.45
# Where the title names a stretch of the world, this share is enough for a country in it.
_SHARE_IN_REGION = 0.3
_LEAST_IN_REGION = 2.0
_MOST_COUNTRIES = 5
_LEAST_WEIGHT = 4.0
# Countries of a continent or a bloc are examples, unless the text comes back to them.
_LEAST_IN_CONTINENT = 6.0
_LEAST_OF_THE_WORLD = 3.0
# Thirty thousand words tell what a piece is about; what comes after is not read.
_LONGEST = 200_000
# Feeds may print tags without end; the first ones are the editor's.
_MOST_TAGS = 50
_LONGEST_TAG = 200
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


@dataclass(slots=True)
class _Weights:
    countries: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    regions: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    # In the order in which the title names them.
    titled: dict[str, None] = field(default_factory=dict)
    titled_regions: dict[str, None] = field(default_factory=dict)
    titled_blocs: dict[str, None] = field(default_factory=dict)

    def count(self, text: Text, weight: float) -> None:
        """Add what a text names, each name as much as it is sure, at most some times."""
        for (term, sureness), times in Counter(_sure(text)).items():
            scored = weight * min(times, _PER_PARAGRAPH)
            for code in term.countries:
                self.countries[code] += scored * sureness
            if term.region:
                self.regions[term.region] += scored

    def count_title(self, text: Text, hosting: set[str]) -> None:
        """Add what the title names, and remember it: a title says what a piece is about."""
        for mention, host in hosts(text):
            kind, region = mention.term.kind, mention.term.region
            is_host = host or (kind is Kind.CITY and not hosting.isdisjoint(mention.term.countries))
            for code in mention.term.countries:
                self.countries[code] += _TITLE_WEIGHT * (_HOST if is_host else 1.0)
                if not is_host:
                    self.titled[code] = None
            if region and region != "global":
                self.regions[region] += _TITLE_WEIGHT
                (self.titled_blocs if kind is Kind.BLOC else self.titled_regions)[region] = None
            elif region:
                self.regions[region] += _OPENING_WEIGHT


def place(
    title: str, body_text: str, *, series: str | None = None, tags: Sequence[str] = ()
) -> Placement:
    """Return where a text belongs, weighing its title over its tags over its opening over the rest.

    `body_text` has an empty line between paragraphs. A piece about the whole world, and no part
    of it, lies in `global`; one that is about no place lies nowhere.
    """
    paragraphs = [part for part in body_text[:_LONGEST].split("\n\n") if part.strip()]
    tags = [tag[:_LONGEST_TAG] for tag in tags[:_MOST_TAGS]]
    texts = read_all([title[:_LONGEST], *tags, *paragraphs])
    weights = _Weights()
    weights.count_title(texts[0], _hosting(texts[1:]))
    for text in texts[1 : 1 + len(tags)]:
        weights.count(text, _TAG_WEIGHT)
    for position, text in enumerate(texts[1 + len(tags) :]):
        weights.count(text, _OPENING_WEIGHT if position < _OPENING_PARAGRAPHS else _TEXT_WEIGHT)
    countries = _countries(weights)
    slugs = _regions(weights, countries, _SERIES_REGIONS.get(series or ""))
    return Placement(tuple(countries), tuple(with_parents(slugs)))


def _sure(text: Text) -> Iterable[tuple[Term, float]]:
    for mention, host in hosts(text):
        sureness = _SURENESS.get(mention.term.kind, 1.0)
        yield mention.term, min(sureness, _HOST) if host else sureness


def _hosting(texts: Iterable[Text]) -> set[str]:
    """Return the countries that the texts name as the host of a meeting, and as nothing else."""
    named: dict[str, bool] = {}
    for text in texts:
        for mention, host in hosts(text):
            for code in mention.term.countries:
                named[code] = named.get(code, True) and host
    return {code for code, only_hosts in named.items() if only_hosts}


def _countries(weights: _Weights) -> list[str]:
    """Return the countries that the text is about, the weightiest first."""
    order = {code: position for position, code in enumerate(weights.countries)}
    ordered = sorted(order, key=lambda code: (-weights.countries[code], order[code]))
    if weights.titled:
        chosen = _above(weights, ordered, _SHARE, _LEAST_WEIGHT)
    elif weights.titled_regions and _is_stretch(weights.titled_regions):
        inside = [code for code in ordered if _lies_in(code, weights.titled_regions)]
        chosen = _above(weights, inside, _SHARE_IN_REGION, _LEAST_IN_REGION)
    elif weights.titled_regions or weights.titled_blocs:
        named = weights.titled_regions | weights.titled_blocs
        inside = [code for code in ordered if _lies_in(code, named)]
        chosen = _above(weights, inside, _SHARE, _LEAST_IN_CONTINENT)
    else:
        chosen = _above(weights, ordered, _SHARE, _LEAST_WEIGHT)
    return chosen[:_MOST_COUNTRIES]


def _above(weights: _Weights, ordered: list[str], share: float, least: float) -> list[str]:
    """Return the countries of the title, and those of that share of the weightiest one."""
    most = max((weights.countries[code] for code in ordered), default=0.0)
    enough = max(share * most, least)
    return [code for code in ordered if code in weights.titled or weights.countries[code] >= enough]


def _regions(weights: _Weights, countries: list[str], of_series: str | None) -> list[str]:
    slugs = [slug for code in countries if (slug := region_of_country(code))]
    slugs += [*weights.titled_regions, *weights.titled_blocs]
    if of_series:
        slugs.append(of_series)
    if not slugs:
        slugs = _of_the_text(weights)
    return list(dict.fromkeys(slugs))


def _of_the_text(weights: _Weights) -> list[str]:
    """Return the one region that a text keeps naming, else `global` where it names the world."""
    named = {slug: weight for slug, weight in weights.regions.items() if slug != "global"}
    if named:
        slug = max(named, key=lambda slug: (named[slug], slug))
        if named[slug] >= _LEAST_WEIGHT and named[slug] >= weights.regions.get("global", 0.0):
            return [slug]
    return ["global"] if weights.regions.get("global", 0.0) >= _LEAST_OF_THE_WORLD else []


def _is_stretch(slugs: Iterable[str]) -> bool:
    """Tell whether none of the regions is divided into others, as Africa is."""
    divided = {region.parent for region in REGIONS.values()}
    return divided.isdisjoint(slugs)


def _lies_in(code: str, slugs: Iterable[str]) -> bool:
    slug = region_of_country(code)
    return slug is not None and not set(slugs).isdisjoint(with_parents([slug]))
