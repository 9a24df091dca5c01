"""Journals that nobody will take over: what they say is written down, and then they go.

A worker that is killed between the commit of its last results and the removal of its journal leaves
the file behind; so does a host whose batch another one took over while it was away. Each host
clears its own spool. What such a file says is true for ever, and the ledger may not know it yet: a
message was accepted that the next host, which could not read it, held in doubt.
"""

import re
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from alerts.clock import Clock
from alerts.database import Database
from alerts.delivery import ledger
from alerts.delivery.completion import CANCELLED, IN_DOUBT
from alerts.delivery.counting import OutcomeClass, count_outcomes
from alerts.delivery.journal import Noted, is_written_on, issue_named, read_journal, this_boot
from alerts.delivery.kept import forget_report
from alerts.delivery.messages import stamp_of
from alerts.delivery.models import Batch, BatchState, Delivery, DeliveryState
from alerts.delivery.outcome import Fate
from alerts.delivery.tallies import Place, tally, tally_left
from alerts.holding import is_held
from alerts.newsletters.models import Issue, IssueState
from alerts.subscribers.models import Subscriber

log = structlog.get_logger(__name__)

_NAME = re.compile(r"batch-(\d{1,18})-(\d{1,10})\.journal")
# A journal lies there before its lease is committed, which a database that is away may delay.
_YOUNG_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    batch_id: int
    fence: int

    @property
    def is_young(self) -> bool:
        """Whether somebody may still be about to write its lease down."""
        return time.time() - self.path.stat().st_mtime < _YOUNG_SECONDS


def clear_spool(
    database: Database, spool: Path, *, clock: Clock, boot: str | None = None
) -> Sequence[Path]:
    """Remove the journals in a spool that nobody will read any more; return which; safe to repeat.

    One stays whose lease stands, be it over: whoever takes the batch over reads it. So does one
    that somebody still has open who slept through the end of the lease, one of another database,
    and all of them in a system that was restored and is held.
    """
    files = list(_files(spool))
    if not files:
        return []
    with database.read() as session:
        if is_held(session):
            return []
        standing = _standing(session, [file.batch_id for file in files])
    boot = boot or this_boot()
    removed = []
    for file in files:
        if (file.batch_id, file.fence) in standing:
            continue
        try:
            if _is_settled(database, file, clock=clock, boot=boot):
                file.path.unlink(missing_ok=True)
                removed.append(file.path)
        except FileNotFoundError:
            # Somebody else was first.
            continue
        except OSError as error:
            log.warning("journal_not_removed", name=file.path.name, reason=error.strerror)
    if removed:
        log.info("journals_removed", count=len(removed))
    return removed


def _files(spool: Path) -> Iterator[_File]:
    for path in sorted(spool.glob("*.journal")):
        if found := _NAME.fullmatch(path.name):
            yield _File(path, int(found[1]), int(found[2]))


def _standing(session: Session, batches: Collection[int]) -> set[tuple[int, int]]:
    """Return the leases of these batches that stand, by batch and fence."""
    leased = select(Batch.id, Batch.fence).where(
        Batch.id.in_(batches), Batch.state == BatchState.LEASED
    )
    return {(number, fence) for number, fence in session.execute(leased)}


def _is_settled(database: Database, file: _File, *, clock: Clock, boot: str) -> bool:
    """Have the ledger say what a journal says; True when nothing is left in it."""
    with database.transaction() as session:
        # Whoever takes the batch over meanwhile has done so before us, or waits: it asks for the
        # fence that we see here, and reads the journal in its own transaction.
        batch = session.execute(
            select(Batch.issue_id, Batch.state, Batch.fence)
            .where(Batch.id == file.batch_id)
            .with_for_update()
        ).one_or_none()
        if batch is None or (batch.state is BatchState.LEASED and batch.fence == file.fence):
            return False
        if is_written_on(file.path) or (batch.fence < file.fence and file.is_young):
            return False
        noted = read_journal(file.path, boot=boot)
        issue = session.get_one(Issue, batch.issue_id)
        is_of_it = noted.about == issue_named(stamp_of(issue), issue.id)
        if noted.about and not is_of_it:
            return False
        if batch.fence == file.fence:
            # The transaction that ended its lease wrote down all that it says.
            return True
        if not is_of_it:
            # Its head is lost: of whom it speaks nobody can tell.
            return not noted.outcomes
        now = clock.now()
        _write_accepted(session, issue.id, file.batch_id, noted, now=now)
        # Closing the batch of a cancelled issue is one step from the lease that was lost.
        if issue.state is IssueState.CANCELLED and noted.whole and batch.fence == file.fence + 1:
            _write_untouched(session, issue.id, file.batch_id, noted, now=now)
        forget_report(session, issue.id)
        return True


def _write_accepted(
    session: Session, issue_id: int, batch_id: int, noted: Noted, *, now: datetime
) -> None:
    accepted = [number for number, each in noted.outcomes.items() if each.fate is Fate.ACCEPTED]
    rows = session.execute(
        select(Delivery.id, Subscriber.email)
        .outerjoin(Subscriber, Subscriber.id == Delivery.subscriber_id)
        .where(Delivery.batch_id == batch_id, Delivery.id.in_(accepted))
    ).all()
    news = ledger.record_accepted(session, issue_id, [row.id for row in rows], now=now)
    came_to = [(row.email or "", OutcomeClass.SENT) for row in rows if row.id in news]
    count_outcomes(session, issue_id, came_to, now=now)
    if news:
        log.warning("accepted_after_all", batch=batch_id, deliveries=len(news))


def _write_untouched(
    session: Session, issue_id: int, batch_id: int, noted: Noted, *, now: datetime
) -> None:
    """Take those out of doubt who were not reached when an issue was cancelled and its worker died.

    In doubt is only what was on the wire.
    """
    wire = [number for number, each in noted.outcomes.items() if each.fate is Fate.UNKNOWN]
    values: dict[str, Any] = {"state": DeliveryState.SKIPPED, "reason": CANCELLED}
    skipped = session.execute(
        update(Delivery)
        .where(Delivery.batch_id == batch_id, Delivery.state == DeliveryState.UNCERTAIN)
        .where(Delivery.reason == IN_DOUBT, Delivery.id.not_in(wire))
        .values(values)
        .returning(Delivery.id)
        .execution_options(synchronize_session=False)
    ).all()
    tally_left(session, issue_id, [(DeliveryState.UNCERTAIN, None, len(skipped))], now=now)
    tally(session, issue_id, {Place(DeliveryState.SKIPPED.value): len(skipped)}, now=now)
