"""A draft to be edited, for tests: how it stands, saved with a change, and told apart."""

from collections.abc import Callable
from dataclasses import replace

from sqlalchemy.orm import Session

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.newsletters.editing.composing import composition_of, section_keys
from alerts.newsletters.editing.composition import Composition, PieceEntry
from alerts.newsletters.editing.service import Saved, save_composition
from alerts.newsletters.issues import build_content, draft_issue, freeze, get_issue, move
from alerts.newsletters.lifecycle import Event
from alerts.newsletters.models import VersionKind
from alerts.newsletters.service import definition_of, get_newsletter
from alerts.staff.audit import COMMAND_LINE, Actor
from tests.factories import a_part, an_article

WEEKLY = "africa-this-week"


def draft_weekly(session: Session, clock: FixedClock, **essay: object) -> int:
    """Draft an issue: a signed essay in focus, and three briefs of a roundup; return its id."""
    an_article(session, clock, title="The essay", words=2_000, **essay)
    parts = [a_part(n, title=f"Brief {n}") for n in (1, 2, 3)]
    an_article(session, clock, title="The roundup", authors=(), parts=parts, words=900)
    return draft_issue(session, WEEKLY, clock=clock).id


def now_of(database: Database, issue_id: int) -> tuple[Composition, int]:
    with database.read() as session:
        issue = get_issue(session, issue_id)
        definition = definition_of(get_newsletter(session, issue.newsletter))
        return composition_of(issue, definition), issue.version


def saved(
    database: Database,
    clock: FixedClock,
    issue_id: int,
    change: Callable[[Composition], Composition],
    *,
    base: int | None = None,
    kind: VersionKind = VersionKind.SAVED,
    actor: Actor = COMMAND_LINE,
    request: str = "",
) -> Saved:
    composition, version = now_of(database, issue_id)
    with database.transaction() as session:
        return save_composition(
            session,
            issue_id,
            change(composition),
            base=version if base is None else base,
            kind=kind,
            actor=actor,
            request=request,
            clock=clock,
        )


def titles_by_section(database: Database, issue_id: int) -> dict[str, list[str]]:
    with database.read() as session:
        content = build_content(session, get_issue(session, issue_id))
        return {one.key: [item.title for item in one.items] for one in content.sections}


def retitled(composition: Composition, key: str, title: str | None) -> Composition:
    entries = tuple(
        replace(entry, title=title) if entry.key == key and isinstance(entry, PieceEntry) else entry
        for entry in composition.entries
    )
    return replace(composition, entries=entries)


def sections_of_weekly(database: Database) -> tuple[str, ...]:
    with database.read() as session:
        return section_keys(definition_of(get_newsletter(session, WEEKLY)))


def send_at_once(session: Session, issue_id: int, clock: FixedClock) -> None:
    issue = get_issue(session, issue_id)
    freeze(session, issue, by="editor", message_domain="example.org", clock=clock)
    move(session, issue_id, Event.SEND, clock=clock)
