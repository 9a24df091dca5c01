"""Working off one batch: claim, commit, send, record.

No transaction is open while the transport speaks to a server, and nothing is sent that was not
claimed in a committed row before.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy.orm import Session

from alerts.delivery import ledger
from alerts.delivery.batch_run import BatchRun, Means
from alerts.delivery.dkim import DkimSigner
from alerts.delivery.journal import Journal, journal_path, read_journal, this_boot
from alerts.delivery.leases import LEASE, Lease, claim_batch
from alerts.delivery.ledger import Claim
from alerts.delivery.messages import IssueMessages
from alerts.delivery.outcome import Fate, Outcome
from alerts.delivery.recording import record
from alerts.delivery.tallies import tally_verdicts
from alerts.delivery.unsendable import Unsendable, halt_issue

log = structlog.get_logger(__name__)


class BatchResult(Enum):
    """How the work on a batch ended; one that was given back is to be handed out again at once."""

    NOT_OURS = "not ours"
    DONE = "done"
    LATER = "later"
    GIVEN_BACK = "given back"


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
    run: Callable[[Coroutine[Any, Any, BatchResult]], BatchResult] = asyncio.run

    def work_off(self, batch_id: int) -> BatchResult:
        """Send what is due in a batch; safe to call twice, and at the same time, for one batch.

        An issue of which no messages can be made is paused, with the reason.
        """
        try:
            return self._work_off(batch_id)
        except Unsendable as error:
            halt_issue(self.database, error.issue_id, str(error), clock=self.clock)
            return BatchResult.LATER

    def _work_off(self, batch_id: int) -> BatchResult:
        with self.database.transaction() as session:
            now = self.clock.now()
            lease = claim_batch(session, batch_id, now=now, span=self.lease)
            if lease is None:
                return BatchResult.NOT_OURS
            messages = IssueMessages.load(
                session, lease.issue_id, sender=self.sender, signer=self.signer
            )
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
            journal = Journal(journal_path(self.spool, lease.batch_id, lease.fence), boot=self.boot)
        self._journal_before(lease).unlink(missing_ok=True)
        with structlog.contextvars.bound_contextvars(issue=lease.issue_id, batch=batch_id):
            return self.run(self._send(lease, messages, claim, journal, now + self.lease))

    async def _send(
        self,
        lease: Lease,
        messages: IssueMessages,
        claim: Claim,
        journal: Journal,
        valid_until: datetime,
    ) -> BatchResult:
        work = BatchRun(self, lease, messages, journal, valid_until=valid_until)
        try:
            done = await work.run(claim)
        except BaseException:
            # What it says is not in the ledger yet: it is kept for whoever takes the batch over.
            journal.close()
            raise
        journal.finish()
        if work.unsendable is not None:
            raise work.unsendable
        if done:
            return BatchResult.DONE
        return BatchResult.GIVEN_BACK if work.yielded else BatchResult.LATER

    def _settle_doubts(
        self, session: Session, lease: Lease, messages: IssueMessages, now: datetime
    ) -> None:
        """Decide what became of the deliveries that the worker before us had claimed."""
        noted = read_journal(self._journal_before(lease), boot=self.boot)
        doubtful = ledger.in_doubt(session, lease.batch_id)
        unknown = Outcome(Fate.UNKNOWN, 0, "the worker's machine is gone")
        known = noted.outcomes
        if not noted.whole:
            known = {number: unknown for number, _ in doubtful} | known
        untouched = [number for number, _ in doubtful if number not in known]
        ledger.give_back(session, untouched)
        verdicts = [
            (number, messages.judge(known[number], attempts=attempts, now=now), known[number])
            for number, attempts in doubtful
            if number in known
        ]
        record(session, verdicts, now=now)
        tally_verdicts(session, lease.issue_id, (one for _, one, _ in verdicts), now=now)
        log.warning(
            "batch_taken_over",
            batch=lease.batch_id,
            doubtful=len(doubtful),
            untouched=len(untouched),
            journal_whole=noted.whole,
        )

    def _journal_before(self, lease: Lease) -> Path:
        return journal_path(self.spool, lease.batch_id, lease.fence - 1)
