"""The newsletters of a form: what is ticked, how often, which regions; read, kept and shown again.

Sign-up and preferences ask the same questions under the same field names: `newsletter` (a slug,
repeated), `frequency-SLUG`, `region-SLUG` (a region's slug, repeated), `countries-SLUG` (names with
commas between them), `topic-SLUG` and `series-SLUG` (repeated).
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from alerts.articles.countries import country_name, find_country
from alerts.errors import Invalid
from alerts.regions import REGIONS
from alerts.subscribers.interests import EVERYTHING, Interests
from alerts.subscribers.models import Frequency, Subscription
from alerts.subscribers.wishes import Wish
from alerts.web.forms import Fields
from alerts.web.public.catalogue import Entry

_LONGEST_LIST = 500


@dataclass(frozen=True, slots=True)
class Choice:
    """A newsletter in a form, as it stands there; `problem` is what is wrong with it, or empty."""

    entry: Entry
    chosen: bool
    frequency: Frequency
    interests: Interests = EVERYTHING
    countries_typed: str = ""
    problem: str = ""

    @property
    def slug(self) -> str:
        """The newsletter's slug, which the names of its fields end in."""
        return self.entry.offer.slug

    @property
    def wish(self) -> Wish:
        """The choice as the subscriber store takes it."""
        return Wish.of(self.frequency, self.interests)

    @property
    def regions(self) -> tuple[str, ...]:
        """The regions ticked, as slugs."""
        return self.interests.regions

    @property
    def is_narrow(self) -> bool:
        """Whether anything but regions narrows what comes."""
        chosen = self.interests
        return bool(chosen.countries or chosen.topics or chosen.series or self.countries_typed)


def fresh(entries: Iterable[Entry], *, ticked: Collection[str] = ()) -> list[Choice]:
    """Return the choices of a form nobody has filled in; nothing is ticked that was not asked."""
    return [
        Choice(entry, entry.offer.slug in ticked, entry.offer.default_frequency)
        for entry in entries
    ]


def kept(entries: Iterable[Entry], subscriptions: Mapping[str, Subscription]) -> list[Choice]:
    """Return the choices of a reader as they are stored; an ended subscription is not ticked."""
    return [
        choice if (found := subscriptions.get(choice.slug)) is None else _kept(choice.entry, found)
        for choice in fresh(entries)
    ]


def _kept(entry: Entry, found: Subscription) -> Choice:
    interests = found.interests
    typed = ", ".join(country_name(code) for code in interests.countries)
    return Choice(entry, found.ended_at is None, found.frequency, interests, typed)


def posted(entries: Iterable[Entry], fields: Fields) -> list[Choice]:
    """Return the choices as posted, each with what is wrong in it."""
    ticked = fields.every("newsletter")
    return [_posted(entry, fields, chosen=entry.offer.slug in ticked) for entry in entries]


def _posted(entry: Entry, fields: Fields, *, chosen: bool) -> Choice:
    offer = entry.offer
    wanted = fields.one(f"frequency-{offer.slug}") or offer.default_frequency.value
    frequency = next((one for one in offer.frequencies if one.value == wanted), None)
    typed = fields.one(f"countries-{offer.slug}")[:_LONGEST_LIST]
    regions = fields.every(f"region-{offer.slug}")
    interests = EVERYTHING
    problem = "" if REGIONS.keys() >= set(regions) else "Please choose regions from the list."
    try:
        interests = Interests.of(
            regions=[slug for slug in regions if slug in REGIONS],
            countries=[find_country(name) for name in typed.split(",") if name.strip()],
            topics=fields.every(f"topic-{offer.slug}"),
            series=fields.every(f"series-{offer.slug}"),
        )
    except Invalid as error:
        problem = f"{str(error)[:1].upper()}{str(error)[1:]}."
    if frequency is None:
        problem = f"{offer.title} does not come this often any more; please choose again."
    return Choice(entry, chosen, frequency or offer.default_frequency, interests, typed, problem)


def wishes_of(choices: Iterable[Choice]) -> dict[str, Wish]:
    """Return what is ticked, by newsletter."""
    return {choice.slug: choice.wish for choice in choices if choice.chosen}
