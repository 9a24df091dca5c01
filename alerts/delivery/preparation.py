"""From an approved issue to a ledger full of due deliveries: editions, audience, batches."""

from collections.abc import Iterable, Mapping

import structlog
from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from alerts.clock import Clock
from alerts.database import Database
from alerts.delivery.audience import Audience, take_audience, unknown_wishes
from alerts.delivery.completion import finish_if_done
from alerts.delivery.models import Batch, BatchState, IssueWish
from alerts.delivery.unsendable import Unsendable, halt_issue, making
from alerts.newsletters.content import IssueContent
from alerts.newsletters.issues import get_issue
from alerts.newsletters.models import Issue, IssueState
from alerts.regions import matches
from alerts.rendering.service import Renderer, edition_for
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

    Of a large audience a part is taken at a time; the task that takes the next part goes to the
    workers behind the first of these batches, so that sending begins at once. Safe to call twice
    and at the same time. Returns None when there was nothing to prepare: the issue is not being
    sent, or its audience was taken before; or when an edition cannot be rendered: then the issue is
    paused, with the reason.
    """
    for _ in range(_TRIES):
        with database.read() as session:
            issue = get_issue(session, issue_id)
            if issue.state is not IssueState.SENDING or issue.audience_at is not None:
                return None
            wished = unknown_wishes(session, issue)
        if wished:
            try:
                editions = _editions(
                    database, issue, wished, renderer=renderer, base_url=base_url, clock=clock
                )
            except Unsendable as error:
                halt_issue(database, issue_id, str(error), clock=clock)
                return None
            _remember(database, issue_id, editions)
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
    tasks = [(Task.SEND_BATCH, batch_id) for batch_id in due]
    if not audience.complete:
        tasks.insert(1, (Task.PREPARE_ISSUE, issue_id))
    for task, number in tasks:
        queue.enqueue(task, number, queue=queue_for(issue.frequency))
    return audience


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


def _editions(
    database: Database,
    issue: Issue,
    wished: Iterable[str],
    *,
    renderer: Renderer,
    base_url: str,
    clock: Clock,
) -> dict[str, int | None]:
    """Return the edition that readers of each wish get, or None where no piece is for them.

    What is rendered, and asked of the database, grows with the editions, not with the wishes.
    Raises Unsendable.
    """
    with making(issue.id):
        content = IssueContent.from_json(issue.content or {})
        keys = {wish: _keys_for(wish, content) for wish in wished}
    editions: dict[tuple[str, ...], int | None] = {(): None}
    for wanted in keys.values():
        if wanted in editions:
            continue
        # A transaction for each: rendering takes milliseconds that no writer should wait for.
        with making(issue.id), database.transaction() as session:
            edition = edition_for(
                session, issue, content, wanted, renderer=renderer, base_url=base_url, clock=clock
            )
            editions[wanted] = edition.id
    return {wish: editions[wanted] for wish, wanted in keys.items()}


def _keys_for(wish: str, content: IssueContent) -> tuple[str, ...]:
    wished = [slug for slug in wish.split(";") if slug]
    return tuple(item.key for item in content.items if matches(wished, item.regions))


def _remember(database: Database, issue_id: int, editions: Mapping[str, int | None]) -> None:
    rows = [
        {"issue_id": issue_id, "wish": wish, "edition_id": edition_id}
        for wish, edition_id in editions.items()
    ]
    try:
        with database.transaction() as session:
            # Without the option, a statement would go out for each change between NULL and an
            # edition.
            session.execute(insert(IssueWish).execution_options(render_nulls=True), rows)
    except IntegrityError:
        log.info("wishes_remembered_elsewhere", issue=issue_id)


def _take(database: Database, issue_id: int, *, clock: Clock) -> Audience | None:
    try:
        with database.transaction(snapshot=True) as session:
            issue = session.get_one(Issue, issue_id)
            if issue.audience_at is not None or unknown_wishes(session, issue):
                return None
            return take_audience(session, issue, now=clock.now())
    except (IntegrityError, OperationalError) as error:
        # PostgreSQL refuses the later of two that took the same audience at the same moment.
        log.info("audience_taken_elsewhere", issue=issue_id, error=type(error).__name__)
        return None


def unprepared_issues(session: Session) -> list[int]:
    """Return the issues that are to be sent and have no audience yet."""
    query = select(Issue.id).where(Issue.state == IssueState.SENDING, Issue.audience_at.is_(None))
    return list(session.execute(query.order_by(Issue.id)).scalars())
