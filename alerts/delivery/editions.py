"""The editions of an issue for all the readers there are: rendered apart from any transaction."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from alerts.clock import Clock
from alerts.database import Database
from alerts.delivery.unsendable import making
from alerts.newsletters.content import IssueContent
from alerts.newsletters.models import Issue
from alerts.rendering.frame import Frame
from alerts.rendering.service import (
    Renderer,
    archive_url_of,
    edition_for,
    keep_editions,
    kept_editions,
    render_edition,
    variant_of,
)
from alerts.subscribers.interests import Interests

# So many are rendered before they are written down together: a commit takes about as long as
# rendering one, and what a crash loses is rendered again in a tenth of a second.
_TOGETHER = 20
# What a process renders in the time that another needs to hear of the work, and some more.
_WORTH_A_PART = 80
_MOST_PARTS = 16


@dataclass(frozen=True, slots=True)
class Variant:
    """Which pieces some readers get, by their keys, and how they are dressed."""

    keys: tuple[str, ...]
    frame: Frame


@dataclass(frozen=True)
class EditionMaker:
    """Makes the editions of one issue, whoever is to get them."""

    database: Database
    issue: Issue
    renderer: Renderer
    base_url: str
    clock: Clock

    @cached_property
    def content(self) -> IssueContent:
        """What the issue says; raises when it cannot be read."""
        return IssueContent.from_json(self.issue.content or {})

    def parts(self, variants: Collection[Variant]) -> int:
        """Return in how many parts processes should share the rendering of these variants.

        Those of an issue whose clicks are counted are made by one: each new link gets its number
        in the transaction of an edition, and two such could wait for each other.
        """
        with making(self.issue.id):
            if self.content.counts_clicks:
                return 1
        return max(1, min(_MOST_PARTS, len(variants) // _WORTH_A_PART))

    def editions(
        self, variants: Iterable[Variant], *, part: int = 0, parts: int = 1
    ) -> Mapping[Variant, int]:
        """Return the number of the edition of each variant; those not there yet are made.

        Other processes may make some of them meanwhile: each begins with its own of so many
        `parts`, and goes on with what the others have left. All have to give the variants in the
        same order.

        Nothing is rendered in a transaction, for no writer should wait for it; but where clicks
        are counted each edition has one, since its links get numbers while it is made. Raises
        Unsendable.
        """
        with making(self.issue.id):
            return self._editions(list(dict.fromkeys(variants)), part, parts)

    def _editions(
        self, variants: Sequence[Variant], part: int, parts: int
    ) -> Mapping[Variant, int]:
        with self.database.read() as session:
            archive_url = archive_url_of(session, self.issue, self.base_url)
        names = {one: variant_of(one.keys, one.frame) for one in variants}
        kept: dict[str, int] = {}
        turn = _in_turn(variants, part, parts)
        for start in range(0, len(turn), _TOGETHER):
            some = turn[start : start + _TOGETHER]
            with self.database.read() as session:
                kept |= kept_editions(session, self.issue.id, [names[one] for one in some])
            missing = [one for one in some if names[one] not in kept]
            if self.content.counts_clicks:
                kept |= dict(map(self._with_counted_links, missing))
                continue
            made = [
                render_edition(
                    self.issue,
                    self.content.only(one.keys),
                    frame=one.frame,
                    renderer=self.renderer,
                    archive_url=archive_url,
                    base_url=self.base_url,
                    clock=self.clock,
                )
                for one in missing
            ]
            if made:
                with self.database.transaction() as session:
                    kept |= keep_editions(session, made)
        return {one: kept[name] for one, name in names.items()}

    def _with_counted_links(self, variant: Variant) -> tuple[str, int]:
        with self.database.transaction() as session:
            edition = edition_for(
                session,
                self.issue,
                self.content,
                variant.keys,
                frame=variant.frame,
                renderer=self.renderer,
                base_url=self.base_url,
                clock=self.clock,
            )
            return edition.variant, edition.id


def _in_turn(variants: Sequence[Variant], part: int, parts: int) -> list[Variant]:
    """Return all variants: a part's own first, then the others from behind.

    Whoever helps out so meets the one who works forward somewhere in the middle.
    """
    begin, end = (len(variants) * number // parts for number in (part, part + 1))
    return [*variants[begin:end], *reversed(variants[:begin]), *reversed(variants[end:])]


def keys_for(interests: Interests, content: IssueContent) -> tuple[str, ...]:
    """Return the keys of an issue's pieces that a reader with these interests wants, in order."""
    return tuple(
        item.key
        for item in content.items
        if interests.wants(
            regions=item.regions,
            countries=item.countries,
            topics=item.topics,
            series=item.series,
        )
    )
