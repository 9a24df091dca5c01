"""The editions of an issue for all the readers there are: rendered apart from any transaction."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import select

from alerts.clock import Clock
from alerts.database import Database
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

# So many are rendered before they are written down together: a commit takes about as long as
# rendering one, and what a crash loses is rendered again in a tenth of a second.
_TOGETHER = 20


@dataclass(frozen=True, slots=True)
class Variant:
    """Which pieces some readers get, by their keys, and how they are dressed."""

    keys: tuple[str, ...]
    frame: Frame


def editions_of(
    database: Database,
    issue: Issue,
    content: IssueContent,
    variants: Iterable[Variant],
    *,
    renderer: Renderer,
    base_url: str,
    clock: Clock,
) -> Mapping[Variant, int]:
    """Return the number of the edition of each variant; those that there are not yet are made.

    Nothing is rendered in a transaction, for no writer should wait for it; but where clicks are
    counted each edition has one, since its links get numbers while it is made.
    """
    with database.read() as session:
        archive_url = archive_url_of(session, issue, base_url)
        stored = select(Edition.variant, Edition.id).where(Edition.issue_id == issue.id)
        kept = {row.variant: row.id for row in session.execute(stored)}
    names = {one: variant_of(one.keys, one.frame) for one in dict.fromkeys(variants)}
    missing = [one for one, name in names.items() if name not in kept]
    for start in range(0, len(missing), _TOGETHER):
        some = missing[start : start + _TOGETHER]
        if content.counts_clicks:
            kept |= _with_counted_links(
                database, issue, content, some, renderer=renderer, base_url=base_url, clock=clock
            )
            continue
        made = [
            render_edition(
                issue,
                content.only(one.keys),
                frame=one.frame,
                renderer=renderer,
                archive_url=archive_url,
                base_url=base_url,
                clock=clock,
            )
            for one in some
        ]
        with database.transaction() as session:
            kept |= {one.variant: keep_edition(session, one).id for one in made}
    return {one: kept[name] for one, name in names.items()}


def _with_counted_links(
    database: Database,
    issue: Issue,
    content: IssueContent,
    variants: Iterable[Variant],
    *,
    renderer: Renderer,
    base_url: str,
    clock: Clock,
) -> dict[str, int]:
    kept = {}
    for one in variants:
        with database.transaction() as session:
            edition = edition_for(
                session,
                issue,
                content,
                one.keys,
                frame=one.frame,
                renderer=renderer,
                base_url=base_url,
                clock=clock,
            )
            kept[edition.variant] = edition.id
    return kept
