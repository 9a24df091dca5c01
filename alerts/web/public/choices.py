"""The newsletters of a form: what is ticked, how often, which regions; read, kept and shown again.

Sign-up and preferences ask the same questions under the same field names: `newsletter` (a slug,
repeated), `frequency-SLUG`, `region-SLUG` (a region's slug, repeated).
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from alerts.regions import REGIONS
from alerts.subscribers.models import Frequency, Subscription
from alerts.subscribers.wishes import Wish
from alerts.web.forms import Fields
from alerts.web.public.catalogue import Entry


@dataclass(frozen=True, slots=True)
class Choice:
    """A newsletter in a form, as it stands there; `problem` is what is wrong with it, or empty."""

    entry: Entry
    chosen: bool
    frequency: Frequency
    regions: tuple[str, ...] = ()
    problem: str = ""

    @property
    def slug(self) -> str:
        """The newsletter's slug, which the names of its fields end in."""
        return self.entry.offer.slug

    @property
    def wish(self) -> Wish:
        """The choice as the subscriber store takes it."""
        return Wish(frequency=self.frequency, regions=self.regions)


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
    return Choice(entry, found.ended_at is None, found.frequency, tuple(found.regions))


def posted(entries: Iterable[Entry], fields: Fields) -> list[Choice]:
    """Return the choices as posted, each with what is wrong in it."""
    ticked = fields.every("newsletter")
    return [_posted(entry, fields, chosen=entry.offer.slug in ticked) for entry in entries]


def _posted(entry: Entry, fields: Fields, *, chosen: bool) -> Choice:
    offer = entry.offer
    wanted = fields.one(f"frequency-{offer.slug}") or offer.default_frequency.value
    regions = fields.every(f"region-{offer.slug}")
    frequency = next((one for one in offer.frequencies if one.value == wanted), None)
    problem = ""
    if frequency is None:
        problem = f"{offer.title} does not come this often any more; please choose again."
    elif not REGIONS.keys() >= set(regions):
        problem = "Please choose regions from the list."
    return Choice(
        entry,
        chosen,
        frequency or offer.default_frequency,
        tuple(slug for slug in regions if slug in REGIONS),
        problem,
    )


def wishes_of(choices: Iterable[Choice]) -> dict[str, Wish]:
    """Return what is ticked, by newsletter."""
    return {choice.slug: choice.wish for choice in choices if choice.chosen}
