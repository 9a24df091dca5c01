"""The history of a draft: a row for what it said after each change, and who made it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from alerts.articles.models import Article, ArticlePart
from alerts.clock import Clock
from alerts.errors import NotFound
from alerts.newsletters.definitions import NewsletterDefinition
from alerts.newsletters.editing.changes import ChangeLine, Names, changes_between
from alerts.newsletters.editing.composing import composition_of
from alerts.newsletters.editing.composition import Composition, PieceEntry
from alerts.newsletters.models import Issue, IssueVersion, VersionKind
from alerts.staff.audit import PROGRAM, Actor
from alerts.staff.models import ActorKind, StaffAccount

# What one person's program saves within this time of its first saving is one version.
ONE_SITTING = timedelta(minutes=10)
# A form that was handed out earlier is good for nothing (`alerts.web.forms`).
FORMS_LAST = timedelta(days=1)
PAGE = 20


@dataclass(frozen=True, slots=True)
class VersionLine:
    """A version as the history shows it: who, when, how, and what is different from before."""

    number: int
    kind: VersionKind
    by: str
    begun_at: datetime
    at: datetime
    changes: tuple[ChangeLine, ...]


@dataclass(frozen=True, slots=True)
class VersionPage:
    """Versions, the newest first; `next` is the `before` of the page after, None for the last."""

    lines: Sequence[VersionLine]
    next: int | None


def newest_version(session: Session, issue_id: int) -> IssueVersion | None:
    """Return the newest version on record, if there is any."""
    return session.scalars(
        select(IssueVersion)
        .where(IssueVersion.issue_id == issue_id)
        .order_by(IssueVersion.number.desc())
        .limit(1)
        .execution_options(populate_existing=True)
    ).first()


def keep_first(session: Session, issue: Issue, composition: Composition) -> None:
    """Keep what an issue said before its first change; one that has a history is let be."""
    if newest_version(session, issue.id) is None:
        session.add(
            IssueVersion(
                issue_id=issue.id,
                number=issue.version,
                kind=VersionKind.DRAFTED,
                actor=PROGRAM.kind,
                begun_at=issue.created_at,
                at=issue.created_at,
                request="",
                document=composition.to_json(),
            )
        )
        session.flush()


def keep(
    session: Session,
    issue: Issue,
    composition: Composition,
    kind: VersionKind,
    *,
    actor: Actor,
    request: str = "",
    clock: Clock,
) -> bool:
    """Keep what an issue says now; tells whether it is a version of its own to people."""
    now = clock.now()
    last = newest_version(session, issue.id)
    goes_on = last is not None and _goes_on(last, kind, actor, now)
    if last is not None and goes_on:
        last.passing = True
    else:
        _forget_passing(session, issue.id, before=now - FORMS_LAST)
    session.add(
        IssueVersion(
            issue_id=issue.id,
            number=issue.version,
            kind=kind,
            actor=actor.kind,
            account_id=actor.account_id,
            begun_at=last.begun_at if last is not None and goes_on else now,
            at=now,
            request=request,
            document=composition.to_json(),
        )
    )
    session.flush()
    return not goes_on


def note_change(
    session: Session,
    issue: Issue,
    definition: NewsletterDefinition,
    kind: VersionKind,
    *,
    actor: Actor,
    clock: Clock,
) -> None:
    """Count and keep a change that came about otherwise than by composing."""
    issue.version += 1
    session.flush()
    keep(session, issue, composition_of(issue, definition), kind, actor=actor, clock=clock)


def get_version(session: Session, issue_id: int, number: int) -> Composition:
    """Return what an issue said in a version; raises NotFound."""
    document = session.scalar(
        select(IssueVersion.document).where(
            IssueVersion.issue_id == issue_id, IssueVersion.number == number
        )
    )
    if document is None:
        raise NotFound(f"issue {issue_id} has no version {number}; its history shows which it has")
    return Composition.from_json(document)


def history(
    session: Session,
    issue: Issue,
    definition: NewsletterDefinition,
    *,
    before: int | None = None,
    limit: int = PAGE,
) -> VersionPage:
    """Return the versions of an issue, the newest first, each with what it changed."""
    query = (
        select(IssueVersion, StaffAccount)
        .outerjoin(StaffAccount, StaffAccount.id == IssueVersion.account_id)
        .where(IssueVersion.issue_id == issue.id, ~IssueVersion.passing)
        .order_by(IssueVersion.number.desc())
        # One more for the page after, and what the last one is compared with.
        .limit(limit + 1)
    )
    if before is not None:
        query = query.where(IssueVersion.number < before)
    rows = session.execute(query).all()
    states = [Composition.from_json(version.document) for version, _ in rows]
    names = names_for(session, definition, states)
    lines = []
    for at, (version, account) in enumerate(rows[:limit]):
        changes = changes_between(states[at + 1], states[at], names) if at + 1 < len(rows) else []
        lines.append(
            VersionLine(
                version.number,
                version.kind,
                who(version, account),
                version.begun_at,
                version.at,
                tuple(changes),
            )
        )
    return VersionPage(lines, lines[-1].number if len(rows) > limit else None)


def last_changed(session: Session, issue_id: int) -> tuple[str, datetime] | None:
    """Return who changed an issue last, and when; None where nobody did since it was drafted."""
    found = session.execute(
        select(IssueVersion, StaffAccount)
        .outerjoin(StaffAccount, StaffAccount.id == IssueVersion.account_id)
        .where(IssueVersion.issue_id == issue_id, IssueVersion.kind != VersionKind.DRAFTED)
        .order_by(IssueVersion.number.desc())
        .limit(1)
    ).first()
    return None if found is None else (who(*found), found[0].at)


def who(version: IssueVersion, account: StaffAccount | None) -> str:
    """Return what pages call whoever made a version."""
    if account is not None:
        name = account.name or account.shown
        return f"{name} (by API token)" if version.actor is ActorKind.TOKEN else name
    return {ActorKind.COMMAND_LINE: "the command line"}.get(version.actor, "the program")


def names_for(
    session: Session, definition: NewsletterDefinition, states: Iterable[Composition]
) -> Names:
    """Return what the pieces and sections in these states are called, in two queries."""
    pieces = [piece for one in states for piece in (*one.pieces, *one.aside)]
    return Names(
        titles_of(session, pieces),
        {section.key: section.title or "the pieces" for section in definition.sections},
    )


def titles_of(session: Session, pieces: Iterable[PieceEntry]) -> dict[str, str]:
    """Return the own titles of pieces, by their keys."""
    numbers = {piece.article for piece in pieces}
    wholes = select(Article.id, Article.title).where(Article.id.in_(numbers))
    parts = select(ArticlePart.article_id, ArticlePart.position, ArticlePart.title).where(
        ArticlePart.article_id.in_(numbers)
    )
    found = {str(number): title for number, title in session.execute(wholes)}
    return found | {
        f"{number}.{position}": title for number, position, title in session.execute(parts)
    }


def _forget_passing(session: Session, issue_id: int, *, before: datetime) -> None:
    session.execute(
        delete(IssueVersion).where(
            IssueVersion.issue_id == issue_id, IssueVersion.passing, IssueVersion.at < before
        )
    )


def _goes_on(last: IssueVersion, kind: VersionKind, actor: Actor, now: datetime) -> bool:
    return (
        last.kind is VersionKind.AUTO
        and kind in {VersionKind.AUTO, VersionKind.SAVED}
        and (last.actor, last.account_id) == (actor.kind, actor.account_id)
        and now - last.begun_at < ONE_SITTING
    )
