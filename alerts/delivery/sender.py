"""Working off one batch: claim, commit, send, record.

No transaction is open while the transport speaks to a server, and nothing is sent that was not
claimed in a committed row before.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import structlog
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session

from alerts.delivery import ledger
from alerts.delivery.batch_run import BatchRun, Means
from alerts.delivery.dkim import DkimSigner
from alerts.delivery.journal import Journal, issue_named, journal_path, read_journal, this_boot
from alerts.delivery.leases import (
    LEASE,
    Lease,
    claim_batch,
    due_batches,
    is_leased,
    issue_of,
    lapsed,
)
from alerts.delivery.ledger import Claim
from alerts.delivery.messages import IssueMessages
from alerts.delivery.outcome import Fate, Outcome
from alerts.delivery.settling import settle
from alerts.delivery.unsendable import Unsendable, halt_issue
from alerts.shared_clock import look_at, steady

log = structlog.get_logger(__name__)


# Among so many batches that wait one is found that no other worker takes at the same moment.
_LOOKED_AT = 16
_BESIDE_SECONDS = 1.0
# How often it is looked whether the next batches are there, while an audience is taken.
_COMING_SECONDS = 0.02


class BatchResult(Enum):
    """How the work on a batch ended; one that was given back is to be handed out again at once."""

    NOT_OURS = "not ours"
    DONE = "done"
    LATER = "later"
    GIVEN_BACK = "given back"


# How the work on each batch ended.
Results = dict[int, BatchResult]


def _no_more() -> bool:
    """Say that no batches are about to come."""
    return False


class _Opened(NamedTuple):
    """A batch under our lease, with its first group."""

    lease: Lease
    messages: IssueMessages
    claim: Claim
    journal: Journal
    valid_until: float


@dataclass(frozen=True, kw_only=True)
class Sender(Means):
    """Works off batches by its means; one per worker process.

    `spool` is where the journals lie, `boot` the run of the kernel that keeps their pages; `sender`
    is the mailbox of newsletters that have none. `lease`
    is how long a batch stays with a worker that gives no sign of life. `run` is where the work
    runs: its event loop keeps the connections.
    """

    spool: Path
    sender: str
    signer: DkimSigner | None = None
    boot: str = field(default_factory=this_boot)
    lease: timedelta = LEASE
    run: Callable[[Coroutine[Any, Any, None]], None] = asyncio.run
    # Those of the batch that was opened last, if any: they know what they compiled.
    _latest: list[IssueMessages] = field(default_factory=list, init=False)

    def work_off(self, batch_id: int) -> BatchResult:
        """Send what is due in a batch; safe to call twice, and at the same time, for one batch.

        An issue of which no messages can be made is paused, with the reason.
        """
        return self.work_on(batch_id, seconds=0)[batch_id]

    def work_on(self, batch_id: int, *, seconds: float) -> Results:
        """Send what is due in a batch, and then in others of its issue, for so long.

        A batch that is not ours is passed over. The next one is begun when the one before claims
        nothing more: its last messages leave ever more connections without work, and a far server
        would wait for half a second. Returns how the work on each ended; beyond `seconds` it ends
        what it began.
        """
        until = time.monotonic() + seconds
        results: Results = {}
        with self._halting_unsendable():
            opened = self._open(batch_id)
            if opened is not None:
                self.run(self._relay(opened.lease.issue_id, opened, results, until=until))
            else:
                results[batch_id] = BatchResult.NOT_OURS
                issue_id = self._issue_of(batch_id) if seconds else None
                if issue_id is not None:
                    self.run(self._relay(issue_id, None, results, until=until))
        results.setdefault(batch_id, BatchResult.LATER)
        return results

    def work_for(self, issue_id: int, *, seconds: float, coming: Callable[[], bool]) -> Results:
        """Send what is due in the batches of an issue, for so long; see `work_on`.

        Where none is due it waits for more, as long as they are `coming`.
        """
        until = time.monotonic() + seconds
        results: Results = {}
        with self._halting_unsendable():
            self.run(self._relay(issue_id, None, results, until=until, coming=coming))
        return results

    @contextlib.contextmanager
    def _halting_unsendable(self) -> Iterator[None]:
        """Pause an issue of which no messages can be made."""
        try:
            yield
        except Unsendable as error:
            halt_issue(self.database, error.issue_id, str(error), clock=self.clock)

    def _issue_of(self, batch_id: int) -> int | None:
        with self.database.read() as session:
            return issue_of(session, batch_id)

    def _open(self, batch_id: int) -> _Opened | None:
        """Take the lease of a batch with its first group; None when it is not ours to send."""
        with self.database.transaction() as session:
            if is_leased(session, batch_id):
                # What seems over may be of somebody who saw the clock set back before we did.
                look_at(self.clock, again=True)
            valid_until = steady(self.clock) + self.lease.total_seconds()
            now = self.clock.now()
            lease = claim_batch(
                session, batch_id, now=now, over=lapsed(self.clock), span=self.lease
            )
            if lease is None:
                return None
            messages = self._messages(session, lease.issue_id)
            if lease.taken_over:
                # In the transaction that takes the lease over, or else a second crash would leave
                # doubts of which the journal is older than the lease before ours.
                self._settle_doubts(session, lease, messages, now)
            claim = ledger.claim_deliveries(
                session,
                batch_id,
                newsletter=messages.newsletter,
                limit=self.pace.group,
                now=now,
            )
            # It lies there before the claim is committed: without it, all would be in doubt.
            journal = Journal(
                journal_path(self.spool, lease.batch_id, lease.fence),
                boot=self.boot,
                about=issue_named(messages.stamp, lease.issue_id),
            )
        self._journal_before(lease).unlink(missing_ok=True)
        return _Opened(lease, messages, claim, journal, valid_until)

    def _messages(self, session: Session, issue_id: int) -> IssueMessages:
        again = self._latest[0].again(session, issue_id) if self._latest else None
        messages = again or IssueMessages.load(
            session, issue_id, sender=self.sender, signer=self.signer
        )
        self._latest[:] = [messages]
        return messages

    def _open_next(self, issue_id: int) -> _Opened | None:
        """Open another batch of an issue that is due; None when there is none."""
        with self.database.read() as session:
            waiting = due_batches(
                session,
                issue_id,
                now=self.clock.now(),
                over=lapsed(self.clock),
                limit=_LOOKED_AT,
            )
        for number in waiting:
            # Another worker may have been first.
            opened = self._open(number)
            if opened is not None:
                return opened
        return None

    async def _relay(
        self,
        issue_id: int,
        opened: _Opened | None,
        results: Results,
        *,
        until: float,
        coming: Callable[[], bool] = _no_more,
    ) -> None:
        """Work off a batch and those that follow it, two at a time where one runs dry."""
        following = opened or await self._next(issue_id, until=until, coming=coming)
        if following is None:
            return
        loop = asyncio.get_running_loop()
        ending: asyncio.Task[None] | None = None
        over = asyncio.Event()
        beside = loop.create_task(self._work_beside(over))
        try:
            while following is not None:
                lease, messages, claim, journal, valid_until = following
                work = BatchRun(self, lease, messages, journal, valid_until=valid_until)
                before = ending
                ending = loop.create_task(self._send(work, claim, results))
                await work.dry.wait()
                if before is not None:
                    await before
                following = None
                if work.undisturbed and not work.failed:
                    following = await self._next(issue_id, until=until, coming=coming)
        finally:
            if ending is not None:
                await ending
            # Not cancelled: nobody would know of a mail that is on the wire.
            over.set()
            await beside

    async def _next(
        self, issue_id: int, *, until: float, coming: Callable[[], bool]
    ) -> _Opened | None:
        """Open another batch while there is time, be it one that is still to come."""
        while time.monotonic() < until and not self.stopping():
            # Asked first: what comes between the two looks is found by the second.
            more = coming()
            opened = await asyncio.to_thread(self._open_next, issue_id)
            if opened is not None or not more:
                return opened
            await asyncio.sleep(_COMING_SECONDS)
        return None

    async def _work_beside(self, over: asyncio.Event) -> None:
        """Do each second what is to be done beside the batches, until they are over."""
        while not over.is_set():
            try:
                if self.beside is not None:
                    await self.beside()
            except (OperationalError, InterfaceError) as error:
                log.warning("database_away", error=str(error.orig))
            except Exception:  # nothing of it may hold up the batches
                log.exception("work_beside_failed")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), _BESIDE_SECONDS)

    async def _send(self, work: BatchRun, claim: Claim, results: Results) -> None:
        lease, journal = work.lease, work.journal
        with structlog.contextvars.bound_contextvars(issue=lease.issue_id, batch=lease.batch_id):
            try:
                done = await work.run(claim)
            except BaseException:
                # What it says is not in the ledger yet: it is kept for whoever takes the batch
                # over.
                journal.close()
                raise
        journal.finish()
        if work.unsendable is not None:
            raise work.unsendable
        given_back = BatchResult.GIVEN_BACK if work.yielded else BatchResult.LATER
        results[lease.batch_id] = BatchResult.DONE if done else given_back

    def _settle_doubts(
        self, session: Session, lease: Lease, messages: IssueMessages, now: datetime
    ) -> None:
        """Decide what became of the deliveries that the worker before us had claimed."""
        noted = read_journal(self._journal_before(lease), boot=self.boot)
        doubtful = ledger.in_doubt(session, lease.batch_id)
        known = noted.outcomes
        if not noted.whole:
            unknown = Outcome(Fate.UNKNOWN, 0, "the worker's machine is gone")
            known = {each.delivery_id: unknown for each in doubtful} | known
        judge = partial(messages.judge, now=now)
        untouched = settle(session, lease.issue_id, doubtful, known, judge=judge, now=now)
        ledger.give_back(session, untouched)
        log.warning(
            "batch_taken_over",
            batch=lease.batch_id,
            doubtful=len(doubtful),
            untouched=len(untouched),
            journal_whole=noted.whole,
        )

    def _journal_before(self, lease: Lease) -> Path:
        return journal_path(self.spool, lease.batch_id, lease.before)
