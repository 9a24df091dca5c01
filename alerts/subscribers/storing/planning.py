"""What the rows of a file do to the subscribers there are. Pure: nothing is read or written."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

from alerts.errors import Refused
from alerts.subscribers.files.rows import SubscriberRow
from alerts.subscribers.interests import Interests
from alerts.subscribers.models import ConsentAction, Frequency, SubscriberState
from alerts.subscribers.wishes import Offer

ADDED, UPDATED, UNCHANGED, REFUSED = "added", "updated", "unchanged", "refused"
# What a reader chose that no column of a file says.
_FORM = ("language", "plain")
_OTHERS = (*_FORM, "countries", "topics", "series")
_GONE = {SubscriberState.UNSUBSCRIBED, SubscriberState.SUPPRESSED}


class Outcome(NamedTuple):
    """What became of a row: `added`, `updated`, `unchanged` or `refused`, and why."""

    line: int
    email: str
    what: str
    why: str = ""


class Record(NamedTuple):
    """A change of consent, to be written down."""

    reader: "Reader"
    newsletter: str | None
    action: ConsentAction
    wording: str


@dataclass(slots=True)
class Subscribed:
    """A reader's subscription; `was` is how it stands in the database, None while it does not."""

    frequency: Frequency
    wish: str
    ended_at: datetime | None = None
    id: int | None = None
    was: tuple[Frequency, str, datetime | None] | None = None

    @property
    def now(self) -> tuple[Frequency, str, datetime | None]:
        """How it stands after the rows that were taken."""
        return self.frequency, self.wish, self.ended_at


@dataclass(slots=True)
class Reader:
    """A subscriber as the rows so far leave them; `was` is how the database has them.

    `own_word_at` is when they last confirmed themselves, `file_word_at` when a file last ended
    their subscriptions: whoever came back after that is not sent away by the same file again.
    """

    key: str
    email: str
    name: str | None
    time_zone: str | None
    state: SubscriberState
    subscriptions: dict[str, Subscribed] = field(default_factory=dict)
    id: int | None = None
    was: tuple[str | None, str | None, SubscriberState] | None = None
    own_word_at: datetime | None = None
    file_word_at: datetime | None = None

    @property
    def now(self) -> tuple[str | None, str | None, SubscriberState]:
        """How they stand after the rows that were taken."""
        return self.name, self.time_zone, self.state


@dataclass(slots=True)
class Known:
    """What is known of some addresses: their readers, and why which of them are suppressed."""

    readers: dict[str, Reader]
    suppressed: dict[str, str]


@dataclass(slots=True)
class Plan:
    """Takes rows one after the other, and notes what is to be written for all of them."""

    known: Known
    now: datetime
    consent: str
    added: list[Reader] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    suppressions: list[tuple[str, str]] = field(default_factory=list)

    def take(self, row: SubscriberRow) -> Outcome:
        """Do what a row says, and tell what that is."""
        try:
            what, why = self._take(row)
        except Refused as error:
            what, why = REFUSED, str(error)
        return Outcome(row.line, row.address.display, what, why)

    def _take(self, row: SubscriberRow) -> tuple[str, str]:
        reader = self.known.readers.get(row.address.key)
        banned = self.known.suppressed.get(row.address.key)
        state = row.standing.state
        if state is SubscriberState.SUPPRESSED:
            return self._suppress(row, reader, banned)
        if state is SubscriberState.UNSUBSCRIBED:
            return self._leave(row, reader, banned)
        if banned is not None:
            raise Refused(f"suppressed ({banned}), and is not mailed")
        if reader is None:
            self._add(row)
            return ADDED, ""
        return (UPDATED if self._join(reader, row) else UNCHANGED), ""

    def _suppress(
        self, row: SubscriberRow, reader: Reader | None, banned: str | None
    ) -> tuple[str, str]:
        if banned is not None:
            return UNCHANGED, f"is suppressed already ({banned})"
        reason = row.standing.reason
        self.known.suppressed[row.address.key] = reason
        self.suppressions.append((row.address.key, reason))
        if reader is None:
            return ADDED, f"as suppressed: {reason}"
        reader.state = SubscriberState.SUPPRESSED
        return UPDATED, f"suppressed: {reason}"

    def _leave(
        self, row: SubscriberRow, reader: Reader | None, banned: str | None
    ) -> tuple[str, str]:
        reason = row.standing.reason or "unsubscribed"
        if banned is not None or (reader is not None and reader.state in _GONE):
            return UNCHANGED, "is not mailed already"
        if reader is None:
            reader = self._new(row)
            self.records.append(Record(reader, None, ConsentAction.WITHDRAWN, reason))
            return ADDED, f"as unsubscribed: {reason}"
        _refuse_who_came_back(reader, row)
        ending = {slug: s for slug, s in reader.subscriptions.items() if s.ended_at is None}
        for slug, subscription in ending.items():
            subscription.ended_at = self.now
            self.records.append(Record(reader, slug, ConsentAction.WITHDRAWN, reason))
        if not ending:
            self.records.append(Record(reader, None, ConsentAction.WITHDRAWN, reason))
        reader.state = SubscriberState.UNSUBSCRIBED
        return UPDATED, f"unsubscribed: {reason}"

    def _add(self, row: SubscriberRow) -> None:
        reader = self._new(row)
        for offer in row.wished.offers:
            self._subscribe(reader, offer, row)
        if row.standing.state is SubscriberState.CONFIRMED:
            self._confirmed(reader, row)

    def _new(self, row: SubscriberRow) -> Reader:
        address, zone = row.address, row.wished.time_zone
        reader = Reader(address.key, address.display, row.name, zone, row.standing.state)
        self.known.readers[address.key] = reader
        self.added.append(reader)
        return reader

    def _subscribe(self, reader: Reader, offer: Offer, row: SubscriberRow) -> None:
        frequency = offer.frequency_for(row.wished.frequency)
        form = next((one.wish for one in reader.subscriptions.values() if one.wish), "")
        wish = _with_regions(form, row.wished.wish, keeps=_FORM)
        reader.subscriptions[offer.slug] = Subscribed(frequency, wish)
        self.records.append(Record(reader, offer.slug, ConsentAction.REQUESTED, self.consent))

    def _confirmed(self, reader: Reader, row: SubscriberRow) -> None:
        evidence = f" ({row.standing.reason})" if row.standing.reason else ""
        wording = f"{self.consent}{evidence}"
        self.records.append(Record(reader, None, ConsentAction.CONFIRMED, wording))

    def _join(self, reader: Reader, row: SubscriberRow) -> bool:
        """Add to a known reader what the row says and was not known; False if nothing is new."""
        _refuse_who_left(reader, row)
        changed = False
        for offer in row.wished.offers:
            subscription = reader.subscriptions.get(offer.slug)
            if subscription is None:
                self._subscribe(reader, offer, row)
                changed = True
            elif subscription.ended_at is None:
                changed |= _change(subscription, offer, row)
        wanted = (row.name or reader.name, row.wished.time_zone or reader.time_zone)
        if wanted != (reader.name, reader.time_zone):
            reader.name, reader.time_zone = wanted
            changed = True
        confirmed = row.standing.state is SubscriberState.CONFIRMED
        if confirmed and reader.state is SubscriberState.UNCONFIRMED:
            reader.state = SubscriberState.CONFIRMED
            self._confirmed(reader, row)
            changed = True
        return changed


def _refuse_who_left(reader: Reader, row: SubscriberRow) -> None:
    if reader.state is SubscriberState.SUPPRESSED:
        raise Refused("suppressed, and is not mailed")
    left = {
        slug: subscription.ended_at
        for slug, subscription in reader.subscriptions.items()
        if subscription.ended_at is not None
    }
    if reader.state is SubscriberState.UNSUBSCRIBED:
        when = f" on {max(left.values()).date()}" if left else ""
        raise Refused(f"unsubscribed{when}; only they can come back, by subscribing again")
    if not left or not row.wished.explicit:
        return
    if named := [offer.slug for offer in row.wished.offers if offer.slug in left]:
        when = f"{max(left[slug] for slug in named).date()}"
        raise Refused(
            f"unsubscribed from {', '.join(named)} on {when}; only they can take it up again"
        )


def _refuse_who_came_back(reader: Reader, row: SubscriberRow) -> None:
    """Keep somebody who confirmed here, in person, after they left there."""
    came = reader.own_word_at
    left = _latest(row.standing.since, reader.file_word_at)
    if came is not None and left is not None and came > left:
        raise Refused(f"left on {left.date()}, but confirmed here themselves on {came.date()}")


def _latest(*moments: datetime | None) -> datetime | None:
    return max((moment for moment in moments if moment is not None), default=None)


def _change(subscription: Subscribed, offer: Offer, row: SubscriberRow) -> bool:
    """Take over frequency and regions where the row says any; True when that changes something."""
    before = subscription.now
    if row.wished.frequency is not None:
        subscription.frequency = offer.frequency_for(row.wished.frequency)
    if row.wished.wish:
        subscription.wish = _with_regions(subscription.wish, row.wished.wish, keeps=_OTHERS)
    return before != subscription.now


def changed_readers(readers: Sequence[Reader]) -> list[Reader]:
    """Return those who are in the database and stand there in another way."""
    return [reader for reader in readers if reader.was is not None and reader.was != reader.now]


def changed_subscriptions(reader: Reader) -> list[tuple[str, Subscribed]]:
    """Return the subscriptions that stand in the database in another way, by newsletter."""
    return [
        (slug, subscription)
        for slug, subscription in reader.subscriptions.items()
        if subscription.was is not None and subscription.was != subscription.now
    ]


def _with_regions(wish: str, regions: str, *, keeps: tuple[str, ...]) -> str:
    """Return a wish for these regions, with what a file does not speak of kept from another."""
    if "=" not in wish and "plain" not in wish:
        return regions
    kept = Interests.read(wish)
    named = Interests.read(regions)
    return replace(named, **{name: getattr(kept, name) for name in keeps}).text
