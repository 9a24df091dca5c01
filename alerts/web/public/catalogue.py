"""What can be subscribed to, as the pages show it: how often, when next, what is out already."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy import select
from sqlalchemy.orm import Session

from alerts.articles.reading.header import SERIES
from alerts.kept_briefly import KeptBriefly
from alerts.newsletters.models import Newsletter, Schedule
from alerts.newsletters.rules import kept_rule
from alerts.newsletters.service import definition_of, list_newsletters, offers
from alerts.regions import REGIONS, Region
from alerts.subscribers.models import Frequency
from alerts.subscribers.wishes import Offer
from alerts.web.queries import PublishedIssue, published_issues, usual_sizes
from alerts.web.words import HOW_OFTEN, moment_in_words

# What the catalogue is made of, asked for by each page: it is put together once.
_STATE = (
    select(
        # As text: it is compared with what it was, and seldom read.
        sa.cast(Newsletter.definition, sa.Text),
        Schedule.id,
        Schedule.rule,
        Schedule.next_at,
        Schedule.paused,
    )
    .outerjoin(Schedule, Schedule.newsletter == Newsletter.slug)
    .order_by(Newsletter.slug, Schedule.id)
)
# A continent with the regions in it, as forms group them.
RegionGroup = tuple[Region, tuple[Region, ...]]


@dataclass(frozen=True, slots=True)
class Pace:
    """A frequency at which a newsletter comes; `next_at` is None where no date is fixed.

    `next_at` is on the newsletter's wall clock. `pieces` is how many articles an issue held of
    late, 0 where none is out yet.
    """

    frequency: Frequency
    words: str
    next_at: datetime | None = None
    pieces: int = 0

    @property
    def next_words(self) -> str:
        """The next issue's moment in words, empty where no date is fixed."""
        return moment_in_words(self.next_at) if self.next_at else ""


@dataclass(frozen=True, slots=True)
class Entry:
    """A newsletter in the catalogue; the default pace comes first.

    `region_groups` are the regions a reader can choose from: those it writes about; `series`
    likewise. With `readers_hour` digests come at the hour a reader names.
    """

    offer: Offer
    paces: tuple[Pace, ...]
    # Long, and the same wherever the rest is: left out where entries are told apart in a hurry.
    region_groups: tuple[RegionGroup, ...] = field(default=(), hash=False)
    series: tuple[str, ...] = field(default=(), hash=False)
    readers_hour: bool = False
    latest: tuple["Linked", ...] = ()

    @property
    def covered(self) -> frozenset[str]:
        """The slugs of the regions that a reader can choose from."""
        return frozenset(
            region.slug for continent, parts in self.region_groups for region in (continent, *parts)
        )

    def pace(self, frequency: Frequency) -> Pace:
        """Return how the newsletter comes at a frequency, offered still or no longer."""
        found = [pace for pace in self.paces if pace.frequency == frequency]
        return found[0] if found else Pace(frequency, HOW_OFTEN[frequency])


@dataclass(frozen=True, slots=True)
class Linked:
    """An issue that is out, with its address on this site.

    `title` is its subject without the newsletter's own name and number, which stand beside it.
    """

    issue: PublishedIssue
    path: str
    title: str


class Catalogue:
    """The catalogue as pages of one person need it, kept while nothing of it changes.

    It is the same for all readers, and takes longer to make than the rest of such a page. Whether
    something changed is looked up again after `kept_for`.
    """

    def __init__(self, *, kept_for: timedelta) -> None:
        self._made: tuple[object, dict[str, Entry]] | None = None
        self._looked_up: KeptBriefly[dict[str, Entry]] = KeptBriefly(kept_for)

    def entries(self, session: Session, now: datetime) -> dict[str, Entry]:
        """Return all newsletters by slug, without issues; sizes may be a minute old."""
        return self._looked_up.get((), lambda: self._entries(session, now), now=now)

    def known(self, now: datetime) -> dict[str, Entry] | None:
        """Return the same where it was looked up a moment ago, without a session; else None."""
        return self._looked_up.known((), now=now)

    def with_issues(self, session: Session, now: datetime, *, latest: int) -> dict[str, Entry]:
        """Return the same, each with up to `latest` of its newest issues as they are now."""
        return {
            slug: replace(entry, latest=_latest(session, entry.offer, latest))
            for slug, entry in self.entries(session, now).items()
        }

    def _entries(self, session: Session, now: datetime) -> dict[str, Entry]:
        state = session.execute(_STATE).all()
        key = (now.replace(second=0, microsecond=0), [tuple(row) for row in state])
        # Two threads may make it at once: each is right.
        made = self._made
        if made is None or made[0] != key:
            made = self._made = (key, catalogue(session, now))
        return made[1]


def catalogue(session: Session, now: datetime) -> dict[str, Entry]:
    """Return all newsletters by slug, without issues."""
    offered = offers(session)
    return {
        newsletter.slug: Entry(
            offer=offer,
            paces=_paces(newsletter, offer, usual_sizes(session, offer.slug), now),
            region_groups=region_groups(definition_of(newsletter).rule.regions),
            series=definition_of(newsletter).rule.series or tuple(SERIES),
            readers_hour=definition_of(newsletter).readers_hour,
        )
        for newsletter in list_newsletters(session)
        if (offer := offered.get(newsletter.slug)) is not None
    }


def region_groups(covered: Collection[str]) -> tuple[RegionGroup, ...]:
    """Return the regions to choose from in a newsletter that covers these; none means all."""
    groups = []
    for continent in (region for region in REGIONS.values() if region.parent is None):
        parts = tuple(region for region in REGIONS.values() if region.parent == continent.slug)
        if covered and continent.slug not in covered:
            parts = tuple(part for part in parts if part.slug in covered)
            if not parts:
                continue
        groups.append((continent, parts))
    return tuple(groups)


def linked(issues: list[PublishedIssue], offer: Offer) -> tuple[Linked, ...]:
    """Return issues with their addresses; the default frequency needs no naming in them."""
    return tuple(
        Linked(
            issue,
            issue_path(issue, offer),
            issue.subject.removeprefix(f"{offer.title} #{issue.printed}: "),
        )
        for issue in issues
    )


def issue_path(issue: PublishedIssue, offer: Offer) -> str:
    """Return where an issue stands in the archive."""
    is_default = issue.frequency == offer.default_frequency
    number = issue.spelled if is_default else f"{issue.frequency}-{issue.spelled}"
    return f"/archive/{issue.newsletter}/{number}"


def _latest(session: Session, offer: Offer, limit: int) -> tuple[Linked, ...]:
    issues = published_issues(session, offer.slug, limit=limit) if limit else []
    return linked(issues, offer)


def _paces(
    newsletter: Newsletter, offer: Offer, pieces: Mapping[Frequency, int], now: datetime
) -> tuple[Pace, ...]:
    default_first = sorted(offer.frequencies, key=lambda one: one != offer.default_frequency)
    return tuple(
        Pace(
            frequency,
            HOW_OFTEN[frequency],
            _next_at(newsletter, frequency, now),
            pieces.get(frequency, 0),
        )
        for frequency in default_first
    )


def _next_at(newsletter: Newsletter, frequency: Frequency, now: datetime) -> datetime | None:
    """Return the moment when a frequency comes next, by the first of its schedules."""
    if frequency is Frequency.IMMEDIATE:
        return None
    schedules = (s for s in newsletter.schedules if s.frequency == frequency and not s.paused)
    return min((at for one in schedules if (at := _next_local(one, now))), default=None)


def _next_local(schedule: Schedule, now: datetime) -> datetime | None:
    # Where it is not understood any more the desk tells of it, readers need not.
    rule = kept_rule(schedule.rule)
    occurrence = rule.after(now) if rule else None
    if occurrence is None:
        return None
    return (schedule.next_at or occurrence.at).astimezone(occurrence.local.tzinfo)
