"""The use cases of an issue's life up to its approval, and every change of its state."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select, update
from sqlalchemy.orm import Session, defer, lazyload

from alerts.clock import Clock, rfc3339
from alerts.errors import Conflict, Invalid, NotFound, Refused
from alerts.holding import refuse_if_held
from alerts.newsletters.archive.entering import enter_issue
from alerts.newsletters.arranging import Due, arrange
from alerts.newsletters.content import IssueContent
from alerts.newsletters.contents import content_of, is_late, printed_day, proposed_texts
from alerts.newsletters.definitions import NewsletterDefinition
from alerts.newsletters.lifecycle import Event, next_state
from alerts.newsletters.models import Issue, IssueItem, IssueState, Newsletter
from alerts.newsletters.numbering import spelled
from alerts.newsletters.numbers import give_back, next_for, write_down
from alerts.newsletters.second_person import check_sender
from alerts.newsletters.selection import Window, chosen_articles, due_articles
from alerts.newsletters.service import definition_of, get_newsletter
from alerts.newsletters.telling import tell_state
from alerts.staff.audit import Actor
from alerts.subscribers.models import Frequency

# What lets mails leave.
_SENDS = {Event.SEND, Event.RESUME, Event.RETRY}


class NothingNew(Refused):
    """No article is due: no issue is made, and whoever asked is told since when."""


@dataclass(frozen=True, slots=True)
class _Draft:
    newsletter: Newsletter
    definition: NewsletterDefinition
    frequency: Frequency
    previous: Issue | None
    until: datetime


def draft_issue(
    session: Session,
    slug: str,
    *,
    frequency: Frequency | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    oldest: datetime | None = None,
    article_ids: Sequence[int] = (),
    clock: Clock,
) -> Issue:
    """Draft the next issue of a newsletter at a frequency (default: its usual one).

    It holds what `due_articles` finds, or exactly the articles named. `since` narrows its window;
    `oldest` only leaves out what is older, whatever the window. Raises NothingNew, and
    Refused or NotFound for an article that cannot be used. Two drafts at once wait for each
    other on the newsletter's row, so that no article and no number goes into both.
    """
    draft = _begin(session, slug, frequency, until or clock.now())
    if article_ids:
        due = Due(chosen_articles(session, article_ids))
    else:
        window = Window(since or oldest, draft.until, draft.definition.time_zone)
        due = due_articles(session, draft.definition, draft.frequency, window)
    issue = _new_issue(session, draft, since=since, clock=clock)
    _fill(issue, draft, due)
    if not issue.items:
        # Nothing is due, or no section takes what is.
        raise NothingNew(f"nothing new for {slug} {_since_words(draft, since)}; no issue is made")
    session.add(issue)
    session.flush()
    write_down(session, issue)
    content = content_of(issue, draft.definition)
    issue.subject, issue.preheader = proposed_texts(content, draft.definition)
    session.flush()
    tell_state(session, issue, clock=clock)
    return issue


def get_issue(session: Session, issue_id: int) -> Issue:
    """Return an issue; raises NotFound."""
    issue = session.get(Issue, issue_id)
    if issue is None:
        raise _unknown(issue_id)
    return issue


def issue_alone(session: Session, issue_id: int) -> Issue:
    """Return an issue without what it says, which is read only where it is asked for.

    For whoever wants to know how it stands: fifty articles are not loaded for that. Raises
    NotFound.
    """
    alone = (lazyload(Issue.items), defer(Issue.content))
    issue = session.get(Issue, issue_id, options=alone)
    if issue is None:
        raise _unknown(issue_id)
    return issue


def counts_clicks(session: Session, issue: Issue) -> bool:
    """Tell whether an issue's links are counted: as it was approved, or would be now."""
    if issue.approved_at is None:
        return build_content(session, issue).counts_clicks
    frozen = select(Issue.content["counts_clicks"].as_boolean()).where(Issue.id == issue.id)
    return bool(session.scalar(frozen))


def list_issues(session: Session, *, newsletter: str | None = None, limit: int = 50) -> list[Issue]:
    """Return issues, the newest first."""
    query = select(Issue).order_by(Issue.id.desc()).limit(limit)
    if newsletter is not None:
        get_newsletter(session, newsletter)
        query = query.where(Issue.newsletter == newsletter)
    return list(session.scalars(query))


def build_content(session: Session, issue: Issue) -> IssueContent:
    """Return what an issue says: frozen since its approval, made from its articles before."""
    if issue.content is not None:
        return IssueContent.from_json(issue.content)
    return content_of(issue, definition_of(get_newsletter(session, issue.newsletter)))


def freeze(
    session: Session, issue: Issue, *, by: str, message_domain: str, clock: Clock
) -> IssueContent:
    """Approve a draft: its content is stored with a checksum and never changes again.

    Raises Refused when the issue is no draft, Conflict when it was approved at the same moment.
    """
    content = build_content(session, issue)
    _change_state(
        session,
        issue,
        Event.APPROVE,
        version=issue.version,
        content=content.to_json(),
        content_checksum=content.checksum(),
        message_domain=message_domain,
        approved_by=by,
        approved_at=clock.now(),
        attention=None,
    )
    tell_state(session, issue, clock=clock)
    return content


def move(
    session: Session,
    issue_id: int,
    event: Event,
    *,
    clock: Clock,
    send_at: datetime | None = None,
    actor: Actor | None = None,
) -> Issue:
    """Let an event happen to an issue; raises Refused or Conflict in one line.

    Approval is `freeze`: it has more to store. Scheduling wants `send_at`.
    A restored system that is held lets nothing leave. `actor` is whoever asks for it, which
    matters where a newsletter wants two people behind each issue.
    """
    if event is Event.APPROVE:
        raise ValueError("an issue is approved by freeze(), which keeps what was approved")
    if event is Event.SCHEDULE and send_at is None:
        raise Invalid(f"issue {issue_id} cannot be scheduled without a moment to send it at")
    if event in _SENDS:
        refuse_if_held(session)
    issue = get_issue(session, issue_id)
    if event in {Event.SEND, Event.SCHEDULE} and issue.state is IssueState.APPROVED:
        check_sender(session, issue, actor)
    _change_state(session, issue, event, **_changes_with(event, issue, send_at, clock.now()))
    if event is Event.SEND:
        enter_issue(session, issue)
    if issue.number is None:
        give_back(session, issue.id)
    tell_state(session, issue, clock=clock)
    return issue


def _changes_with(  # noqa: PLR0911 - a table, a line for each event
    event: Event, issue: Issue, send_at: datetime | None, now: datetime
) -> dict[str, Any]:
    """Return what changes in the row beside its state."""
    match event:
        case Event.SCHEDULE:
            return {"send_at": send_at}
        case Event.UNDO:
            return {"send_at": None}
        case Event.SEND:
            return {"started_at": now}
        case Event.FINISH:
            return {"finished_at": now}
        case Event.CANCEL if issue.started_at is None:
            # Nobody has seen it: its number goes to the next issue.
            none = dict.fromkeys(("number", "volume", "volume_number"))
            return {"finished_at": now, "number_count": 1, **none}
        case Event.CANCEL:
            return {"finished_at": now}
        case Event.RETRY:
            return {"finished_at": None}
        case Event.RESUME:
            # Whoever resumes it has looked.
            return {"attention": None}
        case Event.REOPEN:
            frozen = ("content", "content_checksum", "approved_by", "approved_at", "send_at")
            return dict.fromkeys(frozen)
        case _:
            return {}


def issue_json(issue: Issue) -> dict[str, Any]:
    """Return an issue in the form that scripts read, without its progress."""
    return {
        "id": issue.id,
        "newsletter": issue.newsletter,
        "frequency": issue.frequency.value,
        "state": issue.state.value,
        "subject": issue.subject,
        "preheader": issue.preheader,
        "number": spelled(issue.number, issue.number_count),
        "volume": spelled(issue.volume),
        "volume_number": spelled(issue.volume_number, issue.number_count),
        "window": {"since": rfc3339(issue.since), "until": rfc3339(issue.until)},
        "articles": [
            {
                "id": item.article_id,
                "part": item.part or None,
                "section": item.section,
                "title": _item_title(item),
                "standfirst": item.standfirst,
                "paragraphs": item.paragraphs,
                "late": item.late,
            }
            for item in issue.items
        ],
        "send_at": rfc3339(issue.send_at),
        "version": issue.version,
        "attention": issue.attention,
        "approved_by": issue.approved_by,
        "approved_at": rfc3339(issue.approved_at),
        "started_at": rfc3339(issue.started_at),
        "finished_at": rfc3339(issue.finished_at),
    }


def _begin(session: Session, slug: str, frequency: Frequency | None, until: datetime) -> _Draft:
    newsletter = get_newsletter(session, slug)
    session.refresh(newsletter, with_for_update=True)
    definition = definition_of(newsletter)
    wanted = frequency or definition.default_frequency
    if wanted not in definition.frequencies:
        offered = ", ".join(definition.frequencies)
        raise Invalid(f"{slug} does not go out {wanted}; it offers {offered}")
    # The last to be made, not the one with the highest number: a gap may have been filled.
    previous = session.scalars(
        select(Issue)
        .where(Issue.newsletter == slug, Issue.frequency == wanted, Issue.number.is_not(None))
        .where(Issue.state != IssueState.CANCELLED)
        .order_by(Issue.id.desc())
        .options(lazyload(Issue.items))
        .limit(1)
    ).first()
    return _Draft(newsletter, definition, wanted, previous, until)


def _new_issue(session: Session, draft: _Draft, *, since: datetime | None, clock: Clock) -> Issue:
    numbers = next_for(session, draft.definition, draft.frequency, draft.until)
    return Issue(
        newsletter=draft.newsletter.slug,
        frequency=draft.frequency,
        state=IssueState.DRAFT,
        number=numbers.number,
        volume=numbers.volume,
        volume_number=numbers.volume_number,
        number_count=numbers.count,
        subject="",
        preheader="",
        editors_note="",
        since=since or (draft.previous.until if draft.previous else None),
        until=draft.until,
        created_at=clock.now(),
        items=[],
        texts=[],
        version=1,
        set_aside=[],
    )


def _fill(issue: Issue, draft: _Draft, due: Due) -> None:
    cut_off = draft.previous.until if draft.previous else None
    position = 0
    for section, pieces in arrange(draft.definition, due):
        for piece in pieces:
            position += 1
            issue.items.append(
                IssueItem(
                    section=section.key,
                    position=position,
                    article_id=piece.article.id,
                    article=piece.article,
                    part=piece.position,
                    late=is_late(piece.article, cut_off, draft.definition.time_zone),
                )
            )


def _unknown(issue_id: int) -> NotFound:
    return NotFound(f"there is no issue {issue_id}; see `alerts issue list`")


def _change_state(
    session: Session,
    issue: Issue,
    event: Event,
    *,
    version: int | None = None,
    **changes: Any,  # noqa: ANN401 - column values
) -> None:
    """Change an issue's state as it was read; with `version` nobody may have edited it since."""
    before = issue.state
    after = next_state(before, event)
    unchanged = [Issue.id == issue.id, Issue.state == before]
    if version is not None:
        unchanged.append(Issue.version == version)
    changed = session.execute(
        update(Issue)
        .where(*unchanged)
        .values(state=after, **changes)
        .returning(Issue.id)
        .execution_options(synchronize_session=False)
    ).scalar_one_or_none()
    if changed is None:
        raise Conflict(f"issue {issue.id} changed at the same moment; look at it and try again")
    session.refresh(issue)


def _since_words(draft: _Draft, since: datetime | None) -> str:
    moment = since or (draft.previous.until if draft.previous else None)
    if moment is None:
        return "yet"
    local = moment.astimezone(ZoneInfo(draft.definition.time_zone))
    return f"since {printed_day(local.date())}, {local:%H:%M} ({draft.definition.time_zone})"


def _item_title(item: IssueItem) -> str:
    if item.title:
        return item.title
    part = next((part for part in item.article.parts if part.position == item.part), None)
    return part.title if part else item.article.title
