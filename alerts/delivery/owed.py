"""A mail that is owed to somebody since a moment: put off while one worker mails it, then settled.

Where it stands is a column of the reader's row. It is changed only while it still says what was
read, so that of two workers one mails it, and a debt made anew meanwhile stays.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import ColumnElement, update
from sqlalchemy.orm import InstrumentedAttribute

from alerts.clock import Clock
from alerts.database import Database
from alerts.delivery.assembly import CompiledMessage, Reader
from alerts.delivery.outcome import Fate
from alerts.delivery.transactional import attempt
from alerts.delivery.transports.base import Transport
from alerts.errors import Refused
from alerts.holding import not_held

log = structlog.get_logger(__name__)

# A mail that no worker took is enqueued again, but not for ever: the reader has given up.
_LOST_AFTER = timedelta(minutes=2)
_GIVEN_UP_AFTER = timedelta(days=1)
_CLOCKS_DIFFER = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Owing:
    """A kind of mail that is owed: the rows that owe it, and since when.

    A mail is `under_way` for seconds; a worker that dies over it leaves it owed from then on.
    """

    name: str
    id: InstrumentedAttribute[int]
    since: InstrumentedAttribute[datetime | None]
    under_way: timedelta

    def lost(self, now: datetime) -> tuple[ColumnElement[bool], ...]:
        """Return the conditions that a mail got lost on its way to a worker, and is wanted yet."""
        return (self.since <= now - _LOST_AFTER, self.since > now - _GIVEN_UP_AFTER, not_held())

    def take(
        self, database: Database, number: int, since: datetime, *, clock: Clock
    ) -> "Debt | None":
        """Put a debt off for us; None where it is not due, or another was faster."""
        now = clock.now()
        if since > now + _CLOCKS_DIFFER:
            return None
        debt = Debt(self, database, number, since, now + self.under_way)
        return debt if debt.change(since, debt.claim) else None


@dataclass(frozen=True, slots=True)
class Debt:
    """A mail that is ours to send; `claim` is until when it is put off."""

    owing: Owing
    database: Database
    id: int
    since: datetime
    claim: datetime

    async def mail(
        self,
        transport: Transport,
        compiled: CompiledMessage,
        reader: Reader,
        *,
        sender: str,
        settled: dict[str, object] | None = None,
    ) -> bool:
        """Hand the mail over and write down what came of it; True when it was sent.

        What may help later stays owed since the same moment as before: the sweeper asks again.
        Whatever else ends the debt, an unknown fate too: who misses the mail can ask for it anew.
        `settled` are columns that are set where it ends.
        """
        try:
            outcome = await attempt(transport, compiled, reader, sender=sender)
        except Refused as error:
            return await self._stays("not_sent", str(error))
        if outcome.fate in {Fate.TEMPORARY, Fate.POSTPONED}:
            return await self._stays("deferred", outcome.reason)
        if outcome.fate is Fate.PERMANENT:
            self._tell("refused", outcome.reason)
        await asyncio.to_thread(self.change, self.claim, None, **(settled or {}))
        return outcome.fate is not Fate.PERMANENT

    async def _stays(self, what: str, reason: str) -> bool:
        self._tell(what, reason)
        await asyncio.to_thread(self.change, self.claim, self.since)
        return False

    def _tell(self, what: str, reason: str) -> None:
        event = f"{self.owing.name}_{what}"
        log.warning(event, reason=reason, **{self.owing.id.class_.__name__.lower(): self.id})

    def change(self, known: datetime, due_at: datetime | None, **also: object) -> bool:
        """Set anew since when it is owed, if it is still what was `known`; False where it is not.

        A crash between mail and record sends the mail twice, which does no harm, and never not at
        all.
        """
        changed = (
            update(self.owing.id.class_)
            .where(self.owing.id == self.id, self.owing.since == known)
            .values({self.owing.since.key: due_at, **also})
            .returning(self.owing.id)
            .execution_options(synchronize_session=False)
        )
        with self.database.transaction() as session:
            return bool(session.scalars(changed).all())
