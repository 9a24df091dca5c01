"""The use cases of editing an issue: save what was composed, restore, change single texts."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from alerts.articles.models import Article, ArticleState
from alerts.clock import Clock
from alerts.errors import Conflict, NotFound, Refused
from alerts.newsletters.contents import content_of, proposed_texts
from alerts.newsletters.definitions import NewsletterDefinition
from alerts.newsletters.editing import versions
from alerts.newsletters.editing.composing import composition_of, section_keys, write_composition
from alerts.newsletters.editing.composition import Composition, PieceEntry
from alerts.newsletters.models import Issue, IssueState, VersionKind
from alerts.newsletters.service import definition_of, get_newsletter
from alerts.staff.audit import Actor, Subject, record


class StaleIssue(Conflict):
    """Somebody else saved the issue since this was begun; nothing was written.

    `theirs` is what it says now, in `version`; `by` and `at` tell who saved that, and when.
    """

    def __init__(self, theirs: Composition, version: int, by: str, at: datetime | None) -> None:
        super().__init__(f"{by} saved this issue meanwhile; look at both, then save again")
        self.theirs, self.version, self.by, self.at = theirs, version, by, at


@dataclass(frozen=True, slots=True)
class Saved:
    """What came of saving: the issue's version and words now, and whether anything changed."""

    version: int
    composition: Composition
    changed: bool


def save_composition(
    session: Session,
    issue_id: int,
    composition: Composition,
    *,
    base: int,
    kind: VersionKind = VersionKind.SAVED,
    proposes: bool = False,
    actor: Actor,
    request: str = "",
    page: str = "",
    clock: Clock,
) -> Saved:
    """Let a draft say what was composed from its version `base`, and keep that as a new version.

    A subject that was proposed, and left as it was, follows the pieces; with `proposes` it does in
    any case. The same `request` twice is one change; and a `page` whose script saved last, and
    never got the answer, goes on from what it saved: its requests begin with its name.

    Raises StaleIssue when somebody else was first, Refused when it is no draft, WrongField for
    what cannot stand where it was typed.
    """
    issue, definition = _held(session, issue_id)
    before = composition_of(issue, definition)
    if issue.version != base:
        last = versions.newest_version(session, issue_id)
        if request and last is not None and last.request == request:
            return Saved(issue.version, before, changed=False)
        if not page or last is None or not last.request.startswith(f"{page}."):
            by, at = versions.last_changed(session, issue_id) or ("the program", None)
            raise StaleIssue(before, issue.version, by, at)
    wanted = composition.checked().in_sections(section_keys(definition)).following(before)
    if wanted == before and not proposes:
        return Saved(issue.version, before, changed=False)
    versions.keep_first(session, issue, before)
    proposed = proposed_texts(content_of(issue, definition), definition)
    write_composition(session, issue, wanted, definition)
    _follow(issue, definition, before, proposed, always=proposes)
    issue.version += 1
    after = composition_of(issue, definition)
    is_new = versions.keep(session, issue, after, kind, actor=actor, request=request, clock=clock)
    if is_new:
        act = "issue.restored" if kind is VersionKind.RESTORED else "issue.edited"
        record(session, actor, act, Subject("issue", issue.id), clock=clock, version=issue.version)
    return Saved(issue.version, after, changed=True)


def restore_version(
    session: Session, issue_id: int, number: int, *, base: int, actor: Actor, clock: Clock
) -> Saved:
    """Let a draft say again what it said in an earlier version; what it says now stays on record.

    Pieces of articles that were withdrawn since do not come back. Raises as `save_composition`,
    and NotFound.
    """
    wanted = versions.get_version(session, issue_id, number)
    published = set(
        session.scalars(
            select(Article.id).where(
                Article.id.in_({piece.article for piece in wanted.pieces}),
                Article.state == ArticleState.PUBLISHED,
            )
        )
    )
    entries = tuple(
        entry
        for entry in wanted.entries
        if not isinstance(entry, PieceEntry) or entry.article in published
    )
    return save_composition(
        session,
        issue_id,
        replace(wanted, entries=entries),
        base=base,
        kind=VersionKind.RESTORED,
        actor=actor,
        clock=clock,
    )


def change_composition(
    session: Session,
    issue_id: int,
    change: Callable[[Composition, NewsletterDefinition], Composition],
    *,
    actor: Actor,
    clock: Clock,
) -> Saved:
    """Change a draft as it is at this moment, whatever version that is; raises Refused."""
    issue, definition = _held(session, issue_id)
    changed = change(composition_of(issue, definition), definition)
    return save_composition(
        session, issue_id, changed, base=issue.version, actor=actor, clock=clock
    )


def _held(session: Session, issue_id: int) -> tuple[Issue, NewsletterDefinition]:
    """Return a draft, its row held until the transaction ends; two editors wait for each other."""
    issue = session.scalars(
        select(Issue)
        .where(Issue.id == issue_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).first()
    if issue is None:
        raise NotFound(f"there is no issue {issue_id}; see `alerts issue list`")
    if issue.state is not IssueState.DRAFT:
        what = "reopen it to edit it" if issue.started_at is None else "it can no longer be edited"
        if issue.state is IssueState.CANCELLED:
            what = "it can no longer be edited"
        raise Refused(f"issue {issue_id} is {issue.state}: {what}")
    session.expire(issue, ["texts"])
    return issue, definition_of(get_newsletter(session, issue.newsletter))


def _follow(
    issue: Issue,
    definition: NewsletterDefinition,
    before: Composition,
    proposed: tuple[str, str],
    *,
    always: bool,
) -> None:
    """Propose subject and preheader anew where they were a proposal, and nobody changed them."""
    subject, preheader = proposed_texts(content_of(issue, definition), definition)
    if not issue.items:
        return
    if always or issue.subject == before.subject == proposed[0]:
        issue.subject = subject
    if always or issue.preheader == before.preheader == proposed[1]:
        issue.preheader = preheader
