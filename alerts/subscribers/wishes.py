"""What a subscriber asks for: newsletters, how often, which regions. Pure."""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from alerts.errors import Invalid
from alerts.subscribers.interests import Interests
from alerts.subscribers.models import Frequency


@dataclass(frozen=True, slots=True)
class Offer:
    """A newsletter that can be subscribed to; whoever publishes it hands it in."""

    slug: str
    title: str
    description: str
    frequencies: tuple[Frequency, ...]
    default_frequency: Frequency

    def frequency_for(self, wanted: Frequency | None) -> Frequency:
        """Return the wanted frequency where it is offered, else the newsletter's usual one."""
        return wanted if wanted in self.frequencies and wanted else self.default_frequency


@dataclass(frozen=True, slots=True)
class Wish:
    """How often, and which pieces, of one newsletter; see `Interests` for what they mean.

    No region means all. What is None is left as it is.
    """

    frequency: Frequency | None = None
    regions: tuple[str, ...] = ()
    countries: tuple[str, ...] | None = None
    topics: tuple[str, ...] | None = None
    series: tuple[str, ...] | None = None

    @classmethod
    def of(cls, frequency: Frequency | None, interests: Interests) -> "Wish":
        """Return the wish for exactly these interests."""
        return cls(
            frequency,
            interests.regions,
            interests.countries,
            interests.topics,
            interests.series,
        )


def canonical_wish(regions: Iterable[str]) -> str:
    """Return the regions as one text that is the same for the same wish; raises Invalid.

    A region inside another one that is wished too adds nothing, and is left out.
    """
    return Interests.of(regions=regions).text


def parse_frequency(text: str | None) -> Frequency | None:
    """Return the frequency a word means; None for no word; raises Invalid."""
    word = (text or "").strip().lower()
    if not word:
        return None
    try:
        return Frequency(word)
    except ValueError as error:
        known = ", ".join(Frequency)
        raise Invalid(f"there is no frequency {word!r}; known are {known}") from error


def choose_offers(offered: Mapping[str, Offer], slugs: Sequence[str]) -> list[Offer]:
    """Return the offers named, or all of them when none is named; raises Invalid."""
    if not slugs:
        return list(offered.values())
    for slug in slugs:
        if slug not in offered:
            raise Invalid(f"there is no newsletter {slug!r}; there are {', '.join(offered)}")
    return [offered[slug] for slug in dict.fromkeys(slugs)]


def new_public_id() -> str:
    """Return a random id to stand for a subscriber in links: 96 bits, URL-safe."""
    return secrets.token_urlsafe(12)
