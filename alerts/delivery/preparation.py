"""From an approved issue to a ledger full of due deliveries: editions, audience, batches."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import structlog
from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from alerts.clock import Clock
from alerts.database import Database
from alerts.delivery.audience import (
    ALREADY_HAD,
    NOTHING_MATCHING,
    Audience,
    take_audience,
    unknown_wishes,
)
from alerts.delivery.catching_up import Owed, owed_pieces, write_owed
from alerts.delivery.completion import finish_if_done
from alerts.delivery.editions import EditionMaker, Variant, keys_for
from alerts.delivery.models import Batch, BatchState, IssueWish
from alerts.delivery.repeats import Overlap, goes_first, overlap_of, pieces_had, without
from alerts.delivery.unsendable import Unsendable, halt_issue, making
from alerts.holding import is_held
from alerts.newsletters.content import IssueContent
from alerts.newsletters.issues import get_issue
from alerts.newsletters.models import Issue, IssueState
from alerts.newsletters.service import definition_of, get_newsletter
from alerts.rendering.frame import Frame
from alerts.rendering.service import Renderer
from alerts.subscribers.interests import Interests
from alerts.subscribers.models import Frequency
from alerts.task_queue import Queue, Task, TaskQueue

log = structlog.get_logger(__name__)

# A wish that nobody had yet may come in while editions are rendered: then it is looked at again.
_TRIES = 3


def queue_for(frequency: Frequency) -> Queue:
    """Return the queue that an issue's batches go to: alerts overtake digests."""
    return Queue.ALERTS if frequency is Frequency.IMMEDIATE else Queue.DIGESTS


def prepare_issue(
    database: Database,
    issue_id: int,
    *,
    renderer: Renderer,
    base_url: str,
    clock: Clock,
    queue: TaskQueue,
) -> Audience | None:
    """Render the editions, take the next readers and hand their batches to the workers.

    Of a large audience a part is taken at a time, so that sending begins at once; `complete` says
    whether it was the last one. Safe to call twice and at the same time. Returns None when there
    was nothing to prepare: the issue is not being sent, or its audience was taken before; or when
    an edition cannot be rendered: then the issue is paused, with the reason.
    """
    for _ in range(_TRIES):
        with database.read() as session:
            issue = get_issue(session, issue_id)
            if issue.state is not IssueState.SENDING or issue.audience_at is not None:
                return None
            if is_held(session):
                return None
            overlap = _overlap(session, issue)
            if goes_first(session, issue) is not None:
                # It brings this one up again when its audience is complete.
                return None
            wished = unknown_wishes(session, issue, overlap=overlap)
            owed = _owed(session, issue, overlap, clock=clock)
        make = EditionMaker(database, issue, renderer, base_url, clock)
        try:
            if wished:
                places = _places(make, wished)
                variants = _variants(places)
                _share(make, variants, queue=queue)
                _remember(database, _rows(issue_id, places, make.editions(variants)))
            if owed:
                make.editions({Variant(one.keys, one.frame) for one in owed})
        except Unsendable as error:
            halt_issue(database, issue_id, str(error), clock=clock)
            return None
        audience = _take(database, issue_id, clock=clock)
        if audience is not None:
            break
    else:
        # Somebody prepared it at the same moment, or new wishes keep coming in: the sweeper looks
        # again within a minute.
        return None
    log.info("audience_taken", issue=issue_id, readers=audience.readers, batches=audience.batches)
    with database.transaction() as session:
        due = batches_to_enqueue(session, issue_id, clock=clock)
        finish_if_done(session, issue_id, clock=clock)
        waiting = unprepared_issues(session) if audience.complete else []
    tasks = [(Task.SEND_BATCH, batch_id) for batch_id in due]
    tasks[1:1] = [(Task.PREPARE_ISSUE, number) for number in waiting]
    for task, number in tasks:
        queue.enqueue(task, number, queue=queue_for(issue.frequency))
    return audience


def render_part(
    database: Database,
    issue_id: int,
    *,
    part: int,
    parts: int,
    renderer: Renderer,
    base_url: str,
    clock: Clock,
) -> None:
    """Help whoever prepares an issue with its editions, beginning with one of so many parts.

    Nobody waits for it: what it does not do, the other does. Safe to call at any time, however
    late; where an edition cannot be rendered it is the other who halts the issue.
    """
    with database.read() as session:
        issue = get_issue(session, issue_id)
        if issue.state is not IssueState.SENDING or issue.audience_at is not None:
            return
        wished = unknown_wishes(session, issue, overlap=_overlap(session, issue))
    make = EditionMaker(database, issue, renderer, base_url, clock)
    with suppress(Unsendable):
        make.editions(_variants(_places(make, wished)), part=part, parts=parts)


def batches_to_enqueue(session: Session, issue_id: int, *, clock: Clock) -> list[int]:
    """Mark an issue's ready batches as enqueued and return their ids, to enqueue after commit."""
    marked = session.execute(
        update(Batch)
        .where(Batch.issue_id == issue_id, Batch.state == BatchState.READY)
        .where(Batch.enqueued_at.is_(None), Batch.not_before.is_(None))
        .values(enqueued_at=clock.now())
        .returning(Batch.id)
        .execution_options(synchronize_session=False)
    )
    return sorted(marked.scalars())


@dataclass(frozen=True, slots=True)
class _Place:
    """What readers of a wish get who had some pieces before, or why they get nothing."""

    wish: str
    had: str
    variant: Variant
    reason: str | None


def _places(make: EditionMaker, wished: Sequence[tuple[str, str]]) -> list[_Place]:
    """Return what readers of each wish get. Raises Unsendable.

    What is asked of the database grows with the overlaps, not with the wishes.
    """
    with making(make.issue.id):
        content = make.content
    with make.database.read() as session:
        before = {had: pieces_had(session, had) for had in {had for _, had in wished}}
    found: list[_Place] = []
    for wish, had in wished:
        interests = Interests.read(wish)
        wanted = keys_for(interests, content)
        keys = tuple(without(wanted, before[had]))
        reason = None if keys else ALREADY_HAD if wanted else NOTHING_MATCHING
        variant = Variant(keys, Frame(interests.language, interests.plain))
        found.append(_Place(wish, had, variant, reason))
    return found


def _variants(places: Sequence[_Place]) -> list[Variant]:
    """Return the variants that there is something in, in an order that all processes agree on."""
    wanted = {place.variant for place in places if place.variant.keys}
    return sorted(wanted, key=lambda one: (one.keys, one.frame.mark))


def _share(make: EditionMaker, variants: Sequence[Variant], *, queue: TaskQueue) -> None:
    """Ask other processes to render with us, where there is much to render. Raises Unsendable."""
    parts = make.parts(variants)
    for part in range(1, parts):
        queue.enqueue(Task.RENDER_EDITIONS, make.issue.id, part, parts, queue=Queue.PREPARATION)


def _rows(
    issue_id: int, places: Sequence[_Place], editions: Mapping[Variant, int]
) -> list[dict[str, object]]:
    """Return the rows that say which edition readers of each wish get, or why none."""
    return [
        {
            "issue_id": issue_id,
            "wish": place.wish,
            "had": place.had,
            "edition_id": editions.get(place.variant),
            "reason": place.reason,
        }
        for place in places
    ]


def _remember(database: Database, rows: Sequence[Mapping[str, object]]) -> None:
    try:
        with database.transaction() as session:
            # Without the option, a statement would go out for each change between NULL and an
            # edition.
            session.execute(insert(IssueWish).execution_options(render_nulls=True), rows)
    except IntegrityError:
        log.info("wishes_remembered_elsewhere", issue=rows[0]["issue_id"])


def _overlap(session: Session, issue: Issue) -> Overlap:
    """Return what to leave out for readers who had it.

    Where a newsletter repeats, what they had of its own issues, at another frequency.
    """
    repeats = definition_of(get_newsletter(session, issue.newsletter)).repeats
    return overlap_of(session, issue, newsletter=issue.newsletter if repeats else None)


def _owed(session: Session, issue: Issue, overlap: Overlap, *, clock: Clock) -> list[Owed]:
    with making(issue.id):
        content = IssueContent.from_json(issue.content or {})
    return owed_pieces(session, issue, content, overlap, now=clock.now())


def _take(database: Database, issue_id: int, *, clock: Clock) -> Audience | None:
    try:
        with database.transaction(snapshot=True) as session:
            issue = session.get_one(Issue, issue_id)
            overlap = _overlap(session, issue)
            if issue.audience_at is not None or unknown_wishes(session, issue, overlap=overlap):
                return None
            definition = definition_of(get_newsletter(session, issue.newsletter))
            waits = definition.waits_for_hours(issue.frequency)
            audience = take_audience(
                session,
                issue,
                overlap=overlap,
                readers_hour=waits,
                usual_zone=definition.time_zone,
                now=clock.now(),
            )
            if audience is None or not audience.complete:
                return audience
            owed = _owed(session, issue, overlap, clock=clock)
            zone = definition.time_zone if waits else None
            batches = write_owed(session, issue, owed, usual_zone=zone, now=clock.now())
            if batches is None:
                # Somebody changed in this very moment: their edition is made, then taken again.
                session.rollback()
                return None
            return replace(
                audience,
                readers=audience.readers + len(owed),
                batches=audience.batches + batches,
            )
    except (IntegrityError, OperationalError) as error:
        # PostgreSQL refuses the later of two that took the same audience at the same moment.
        log.info("audience_taken_elsewhere", issue=issue_id, error=type(error).__name__)
        return None


def unprepared_issues(session: Session) -> list[int]:
    """Return the issues that are to be sent and have no audience yet."""
    query = select(Issue.id).where(Issue.state == IssueState.SENDING, Issue.audience_at.is_(None))
    return list(session.execute(query.order_by(Issue.id)).scalars())
