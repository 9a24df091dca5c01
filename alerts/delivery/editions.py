"""The editions of an issue for all the readers there are: rendered apart from any transaction."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from sqlalchemy import select

from alerts.clock import Clock
from alerts.database import Database
from alerts.delivery.unsendable import making
from alerts.newsletters.content import IssueContent
from alerts.newsletters.models import Issue
from alerts.rendering.frame import Frame
from alerts.rendering.models import Edition
from alerts.rendering.service import (
    Renderer,
    archive_url_of,
    edition_for,
    keep_edition,
    render_edition,
    variant_of,
)
from alerts.subscribers.interests import Interests

# So many are rendered before they are written down together: a commit takes about as long as
# rendering one, and what a crash loses is rendered again in a tenth of a second.
_TOGETHER = 20


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

    def editions(self, variants: Iterable[Variant]) -> Mapping[Variant, int]:
        """Return the number of the edition of each variant; those not there yet are made.

        Nothing is rendered in a transaction, for no writer should wait for it; but where clicks
        are counted each edition has one, since its links get numbers while it is made. Raises
        Unsendable.
        """
        with making(self.issue.id):
            return self._editions(variants)

    def _editions(self, variants: Iterable[Variant]) -> Mapping[Variant, int]:
        with self.database.read() as session:
            archive_url = archive_url_of(session, self.issue, self.base_url)
            stored = select(Edition.variant, Edition.id).where(Edition.issue_id == self.issue.id)
            kept = {row.variant: row.id for row in session.execute(stored)}
        names = {one: variant_of(one.keys, one.frame) for one in dict.fromkeys(variants)}
        missing = [one for one, name in names.items() if name not in kept]
        for start in range(0, len(missing), _TOGETHER):
            some = missing[start : start + _TOGETHER]
            if self.content.counts_clicks:
                kept |= dict(map(self._with_counted_links, some))
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
                for one in some
            ]
            with self.database.transaction() as session:
                kept |= {one.variant: keep_edition(session, one).id for one in made}
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
