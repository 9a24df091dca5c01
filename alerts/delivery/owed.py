"""Mails that are owed to people since a moment: put off while a worker mails them, then settled.

Where one stands is a column of the reader's row. It is changed only while it still says what was
read, so that of two workers one mails it, and a debt made anew meanwhile stays.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import ColumnElement, tuple_, update
from sqlalchemy.orm import InstrumentedAttribute

from alerts.clock import Clock
from alerts.database import Database
from alerts.delivery.outcome import Fate, Outcome
from alerts.delivery.transactional import Mail, attempt_each
from alerts.delivery.transports.base import Transport
from alerts.holding import not_held

log = structlog.get_logger(__name__)

# A mail that no worker took is enqueued again, but not for ever: the reader has given up.
_LOST_AFTER = timedelta(minutes=2)
GIVEN_UP_AFTER = timedelta(days=1)
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
        return (self.since <= now - _LOST_AFTER, self.since > now - GIVEN_UP_AFTER, not_held())

    def take(self, database: Database, since: Mapping[int, datetime], *, clock: Clock) -> "Debts":
        """Put debts off for us, by the rows' numbers with what was read of them.

        What is not due, and where another was faster, is not among the debts that are ours.
        """
        now = clock.now()
        due = {number: at for number, at in since.items() if at <= now + _CLOCKS_DIFFER}
        debts = Debts(self, database, due, now + self.under_way)
        ours = debts.change(due, debts.claim) if due else ()
        return Debts(self, database, {number: due[number] for number in ours}, debts.claim)


@dataclass(frozen=True, slots=True)
class Debts:
    """Mails that are ours to send, owed `since`; `claim` is until when they are put off."""

    owing: Owing
    database: Database
    since: Mapping[int, datetime]
    claim: datetime

    async def mail(
        self,
        transport: Transport,
        mails: Mapping[int, Mail],
        *,
        sender: str,
        settled: dict[str, object] | None = None,
    ) -> int:
        """Hand a mail over for each debt, write down what came of it; return how many went.

        What may help later stays owed since the same moment as before: the sweeper asks again.
        Whatever else ends a debt, an unknown fate too: who misses the mail can ask for it anew.
        `settled` are columns that are set where it ends. A crash between mails and record sends
        them twice, which does no harm, and never not at all.
        """
        outcomes, why = await attempt_each(transport, mails, sender=sender)
        stay = [number for number in mails if not self._ends(number, outcomes.get(number), why)]
        ended = [number for number in mails if number not in stay]
        await asyncio.to_thread(self._write_down, ended, stay, settled or {})
        fates = (outcomes[number].fate for number in ended)
        return sum(fate is not Fate.PERMANENT for fate in fates)

    def end(self) -> None:
        """Have it that nothing is owed any more; no mail goes."""
        self._write_down(self.since, (), {})

    def _ends(self, number: int, outcome: Outcome | None, why: str) -> bool:
        """Tell whether a debt ends with what came of its mail, and log what went wrong."""
        if outcome is None:
            self._tell(number, "not_sent", why)
            return False
        if outcome.fate in {Fate.TEMPORARY, Fate.POSTPONED}:
            self._tell(number, "deferred", outcome.reason)
            return False
        if outcome.fate is Fate.PERMANENT:
            self._tell(number, "refused", outcome.reason)
        return True

    def _tell(self, number: int, what: str, reason: str) -> None:
        event = f"{self.owing.name}_{what}"
        log.warning(event, reason=reason, **{self.owing.id.class_.__name__.lower(): number})

    def _write_down(
        self, ended: Iterable[int], stay: Iterable[int], settled: dict[str, object]
    ) -> None:
        if done := dict.fromkeys(ended, self.claim):
            self.change(done, None, **settled)
        for number in stay:
            self.change({number: self.claim}, self.since[number])

    def change(
        self, known: Mapping[int, datetime], due_at: datetime | None, **also: object
    ) -> Sequence[int]:
        """Set anew since when rows owe it, where they still say what was `known`; return those."""
        changed = (
            update(self.owing.id.class_)
            .where(tuple_(self.owing.id, self.owing.since).in_(known.items()))
            .values({self.owing.since.key: due_at, **also})
            .returning(self.owing.id)
            .execution_options(synchronize_session=False)
        )
        with self.database.transaction() as session:
            return session.scalars(changed).all()
