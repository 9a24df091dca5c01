"""The book of numbers: which are given, which are free again, which an editor corrects.

Every use case that gives a number waits for the newsletter's row first, so that two of them never
look at the same gap; the keys of the book would refuse the second in any case.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, delete, func, insert, or_, select, update
from sqlalchemy.orm import Session

from alerts.errors import Conflict, NotFound, Refused
from alerts.newsletters.contents import content_of, proposed_texts
from alerts.newsletters.definitions import NewsletterDefinition
from alerts.newsletters.models import Issue, IssueNumber, IssueState, Newsletter
from alerts.newsletters.numbering import Numbered, Numbers, checked, label, next_numbers
from alerts.newsletters.service import definition_of, get_newsletter
from alerts.subscribers.models import Frequency


@dataclass(frozen=True, slots=True)
class Renumbered:
    """What a correction did; `texts_follow` tells that the subject names the new numbers.

    An editor's own subject stays as it was written.
    """

    issue: Issue
    before: Numbers | None
    after: Numbers
    texts_follow: bool


def numbers_of(issue: Issue) -> Numbers | None:
    """Return an issue's numbers; None once a dropped draft has given them back."""
    if issue.number is None:
        return None
    return Numbers(issue.number, issue.volume, issue.volume_number, issue.number_count)


def next_for(
    session: Session, definition: NewsletterDefinition, frequency: Frequency, until: datetime
) -> Numbers:
    """Return the numbers for the next issue: first those that a dropped draft gave back.

    Whoever gives them to an issue holds the newsletter's row, and writes them down.
    """
    day = _day(definition, until)
    last = _last(session, definition, frequency)
    following = next_numbers(definition.numbering, last, day, frequency)
    free = _first_free(session, definition.slug, frequency)
    if free is not None:
        following = _of_free(free, following, last, definition)
    return _in_a_free_place(session, definition.slug, frequency, following)


def write_down(session: Session, issue: Issue) -> None:
    """Write an issue's numbers into the book; whatever was free among them is so no longer."""
    numbers = numbers_of(issue)
    if numbers is None:
        return
    here = (IssueNumber.newsletter == issue.newsletter, IssueNumber.frequency == issue.frequency)
    session.execute(
        delete(IssueNumber).where(*here, IssueNumber.issue_id.is_(None), _meets(numbers))
    )
    session.execute(
        insert(IssueNumber),
        [
            {
                "newsletter": issue.newsletter,
                "frequency": issue.frequency,
                "number": one.number,
                "volume": one.volume,
                "volume_number": one.volume_number,
                "issue_id": issue.id,
            }
            for one in numbers.each
        ],
    )


def give_back(session: Session, issue_id: int) -> None:
    """Let the next issue have the numbers of one that nobody has seen."""
    session.execute(
        update(IssueNumber).where(IssueNumber.issue_id == issue_id).values(issue_id=None)
    )


def renumber(
    session: Session, issue_id: int, wanted: Numbers, *, seen: Numbers | None = None
) -> Renumbered:
    """Correct the numbers of a draft by hand, or let it stand for several.

    Numbers that it leaves go to the next issue, unless it moved up: then the count goes on from
    there. Raises Invalid for numbers that no issue can have, Refused when the issue is no draft any
    more or another one has one of them, Conflict when it does not have the numbers that were
    `seen`.
    """
    wanted = checked(wanted)
    issue = _locked_draft(session, issue_id)
    definition = definition_of(get_newsletter(session, issue.newsletter))
    before = numbers_of(issue)
    if seen is not None and before != seen:
        now = before.label if before else "given back"
        raise Conflict(f"somebody else has changed the numbers meanwhile: they are {now} now")
    if before == wanted:
        return Renumbered(issue, before, wanted, texts_follow=True)
    _refuse_taken(session, issue, wanted)
    follows = _texts(issue, definition) == (issue.subject, issue.preheader)
    session.execute(delete(IssueNumber).where(IssueNumber.issue_id == issue.id))
    issue.number, issue.number_count = wanted.number, wanted.count
    issue.volume, issue.volume_number = wanted.volume, wanted.volume_number
    session.flush()
    write_down(session, issue)
    if before is not None and wanted.number <= before.number:
        _leave_free(session, issue, before, wanted)
    if follows:
        issue.subject, issue.preheader = _texts(issue, definition)
    session.flush()
    return Renumbered(issue, before, wanted, follows)


def free_numbers(session: Session, slug: str, frequency: Frequency) -> list[int]:
    """Return the numbers that dropped drafts gave back and no issue has taken yet."""
    query = select(IssueNumber.number).where(
        IssueNumber.newsletter == slug,
        IssueNumber.frequency == frequency,
        IssueNumber.issue_id.is_(None),
    )
    return list(session.scalars(query.order_by(IssueNumber.number)))


def _locked_draft(session: Session, issue_id: int) -> Issue:
    issue = session.get(Issue, issue_id)
    if issue is None:
        raise NotFound(f"there is no issue {issue_id}; see `alerts issue list`")
    session.get_one(Newsletter, issue.newsletter, with_for_update=True, populate_existing=True)
    session.refresh(issue, with_for_update=True)
    if issue.state is not IssueState.DRAFT:
        way = (
            "; reopen it first"
            if issue.state in {IssueState.APPROVED, IssueState.SCHEDULED}
            else " for good"
        )
        raise Refused(f"issue {issue_id} is {issue.state}: its numbers stand{way}")
    return issue


def _meets(numbers: Numbers) -> ColumnElement[bool]:
    """Return the condition that a row of the book has one of these numbers, or their place."""
    end = numbers.number + numbers.count
    by_number = and_(IssueNumber.number >= numbers.number, IssueNumber.number < end)
    if numbers.volume is None or numbers.volume_number is None:
        return by_number
    inner = numbers.volume_number
    by_place = and_(
        IssueNumber.volume == numbers.volume,
        IssueNumber.volume_number >= inner,
        IssueNumber.volume_number < inner + numbers.count,
    )
    return or_(by_number, by_place)


def _refuse_taken(session: Session, issue: Issue, wanted: Numbers) -> None:
    row = session.execute(
        select(IssueNumber, Issue.id, Issue.state, Issue.subject)
        .join(Issue, Issue.id == IssueNumber.issue_id)
        .where(
            IssueNumber.newsletter == issue.newsletter,
            IssueNumber.frequency == issue.frequency,
            Issue.id != issue.id,
            _meets(wanted),
        )
        .order_by(IssueNumber.number)
        .limit(1)
    ).first()
    if row is None:
        return
    taken, number, state, subject = row
    shown = label(taken.number, taken.volume, taken.volume_number)
    raise Refused(f"{shown} is that of issue {number} already ({state}, “{subject[:80]}”)")


def _leave_free(session: Session, issue: Issue, before: Numbers, after: Numbers) -> None:
    """Keep for the next issue what a draft has left below others; what was on top is next anyway.

    A place in a volume that the draft has taken along is not kept with the number.
    """
    kept = {one.number for one in after.each}
    places = {(one.volume, one.volume_number) for one in after.each}
    highest = session.scalar(
        select(func.max(IssueNumber.number)).where(
            IssueNumber.newsletter == issue.newsletter,
            IssueNumber.frequency == issue.frequency,
            IssueNumber.issue_id.is_not(None),
        )
    )
    for one in before.each:
        if one.number in kept or one.number > (highest or 0):
            continue
        has_place = (one.volume, one.volume_number) not in places
        session.execute(
            insert(IssueNumber).values(
                newsletter=issue.newsletter,
                frequency=issue.frequency,
                number=one.number,
                volume=one.volume if has_place else None,
                volume_number=one.volume_number if has_place else None,
                issue_id=None,
            )
        )


def _texts(issue: Issue, definition: NewsletterDefinition) -> tuple[str, str]:
    return proposed_texts(content_of(issue, definition), definition)


def _last(
    session: Session, definition: NewsletterDefinition, frequency: Frequency
) -> Numbered | None:
    """Return the highest number that an issue bears."""
    row = session.execute(
        select(IssueNumber, Issue.until, Issue.number_count)
        .join(Issue, Issue.id == IssueNumber.issue_id)
        .where(IssueNumber.newsletter == definition.slug, IssueNumber.frequency == frequency)
        .order_by(IssueNumber.number.desc())
        .limit(1)
    ).first()
    if row is None:
        return None
    given, until, borne = row
    numbers = Numbers(given.number, given.volume, given.volume_number)
    return Numbered(numbers, _day(definition, until), borne)


def _first_free(session: Session, slug: str, frequency: Frequency) -> IssueNumber | None:
    return session.scalars(
        select(IssueNumber)
        .where(IssueNumber.newsletter == slug, IssueNumber.frequency == frequency)
        .where(IssueNumber.issue_id.is_(None))
        .order_by(IssueNumber.number)
        .limit(1)
    ).first()


def _of_free(
    free: IssueNumber,
    following: Numbers,
    last: Numbered | None,
    definition: NewsletterDefinition,
) -> Numbers:
    """Return the numbers of a free one, in its volume, or in one that has begun since then."""
    was = Numbers(free.number, free.volume, free.volume_number)
    is_gap = last is not None and free.number < last.numbers.number
    if not is_gap and free.number < following.number and definition.numbering.empty_periods_count:
        # The weeks without an issue have used it up.
        return following
    if is_gap:
        has_place = free.volume is not None or definition.numbering.first_volume is None
        return was if has_place else replace(following, number=free.number)
    if (following.volume or 0) > (free.volume or 0):
        return replace(following, number=free.number)
    return was


def _in_a_free_place(
    session: Session, slug: str, frequency: Frequency, numbers: Numbers
) -> Numbers:
    """Return the numbers, further on where an issue stands at their place already, by hand."""
    here = (
        IssueNumber.newsletter == slug,
        IssueNumber.frequency == frequency,
        IssueNumber.issue_id.is_not(None),
    )
    taken = session.scalar(select(func.count()).where(*here, _meets(numbers)))
    if not taken:
        return numbers
    number, inner = numbers.number, numbers.volume_number
    if session.scalar(select(func.count()).where(*here, IssueNumber.number == number)):
        number = 1 + (session.scalar(select(func.max(IssueNumber.number)).where(*here)) or 0)
    if inner is not None:
        highest = session.scalar(
            select(func.max(IssueNumber.volume_number)).where(
                *here, IssueNumber.volume == numbers.volume
            )
        )
        inner = max(inner, 1 + (highest or 0))
    return replace(numbers, number=number, volume_number=inner)


def _day(definition: NewsletterDefinition, moment: datetime) -> date:
    return moment.astimezone(ZoneInfo(definition.time_zone)).date()
