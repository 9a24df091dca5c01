"""Taking in a file of subscribers: thousands of rows to a transaction, a few statements each."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from alerts.clock import Clock
from alerts.database import Database
from alerts.errors import Refused
from alerts.subscribers.details import printable
from alerts.subscribers.files.columns import plain_name
from alerts.subscribers.files.lines import Rows
from alerts.subscribers.files.makes import Make, reads
from alerts.subscribers.files.rows import (
    RefusedRow,
    SubscriberFile,
    SubscriberRow,
    Terms,
    open_file,
)
from alerts.subscribers.models import SubscriberState
from alerts.subscribers.storing.known import look_up
from alerts.subscribers.storing.lanes import side_by_side
from alerts.subscribers.storing.planning import REFUSED, Known, Outcome, Plan
from alerts.subscribers.storing.postgresql import PostgresTables
from alerts.subscribers.storing.refusals import Refusals
from alerts.subscribers.storing.rehearsal import Rehearsal
from alerts.subscribers.storing.sqlite import SqliteTables
from alerts.subscribers.storing.writing import Overtaken, write_plan
from alerts.subscribers.wishes import Offer, choose_offers

# Many enough that a transaction costs little, few enough that other writers hardly wait for it.
_CHUNK = 5_000
# While PostgreSQL writes one down, the next is read and prepared.
_LANES = 2
# A sign-up on the web at the same moment takes an address that we were about to insert.
_TRIES = 5
_MOST_COLUMNS_NAMED = 30

Tell = Callable[[Outcome], None]


@dataclass(slots=True)
class ImportResult:
    """What an import did; `notes` are remarks on the file as a whole."""

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: Refusals = field(default_factory=Refusals)
    notes: list[str] = field(default_factory=list)

    def count(self, outcome: Outcome) -> None:
        """Count what became of a row."""
        if outcome.what == REFUSED:
            self.refused.append(RefusedRow(outcome.line, outcome.email, outcome.why))
        else:
            setattr(self, outcome.what, getattr(self, outcome.what) + 1)


def import_subscribers(
    database: Database,
    path: Path,
    *,
    called: str = "",
    offers: Mapping[str, Offer],
    consent: str,
    clock: Clock,
    suppression_keys: Sequence[str],
    columns: Mapping[str, str] | None = None,
    newsletters: Sequence[str] = (),
    otherwise: SubscriberState = SubscriberState.UNCONFIRMED,
    dry_run: bool = False,
    progress: Callable[[int, int | None], None] | None = None,
    tell: Tell | None = None,
) -> ImportResult:
    """Add the subscribers of a file; a row that is refused stops nothing.

    `consent` says on what basis `confirmed` rows are mailed; `columns` which column holds a field,
    where its name does not tell; `newsletters` what rows get that name none; `otherwise` how
    somebody stands whose row does not say. Nobody who unsubscribed, and no suppressed address, is
    brought back by a file; who left or bounced elsewhere is not mailed here. An empty cell leaves
    what is known as it is; the same file again changes nothing, and one that was stopped half-way
    goes on. With `dry_run` nothing is written, and the counts are the same. Memory does not grow
    with the file. `progress` is told how many rows are done, of about how many; `tell` what became
    of each, in order. `called` is how people know the file, where its path would tell them nothing.
    Raises Invalid for a file that is none.
    """
    file = open_file(path, columns, called=called)
    choose_offers(offers, newsletters)
    terms = Terms(offers, consent, newsletters, otherwise)
    result = ImportResult(notes=_notes(file))
    with ExitStack() as stack:
        rehearsal = Rehearsal() if dry_run else None
        if rehearsal is not None:
            stack.callback(rehearsal.close)
        writer = _Writer(
            database,
            clock,
            consent,
            printable(called or path.name, 99),
            suppression_keys,
            rehearsal,
        )
        reach = _Reach(progress)
        groups = _chunks(file.rows(terms, moved=reach.open))
        for rows, outcomes in side_by_side(groups, writer.take, keys=_keys, lanes=writer.lanes):
            for outcome in outcomes:
                result.count(outcome)
                if tell is not None:
                    tell(outcome)
            reach.show(len(rows))
    return result


def _notes(file: SubscriberFile) -> list[str]:
    notes = []
    if file.make is not Make.PLAIN:
        notes.append(f"read as an export of {file.make.value}")
    unknown = [name for name in file.layout.unknown if not reads(file.make, plain_name(name))]
    if unknown:
        more = len(unknown) - _MOST_COLUMNS_NAMED
        names = ", ".join(unknown[:_MOST_COLUMNS_NAMED])
        notes.append(f"columns not read: {names}" + (f" and {more} more" if more > 0 else ""))
    return notes


def _chunks(
    rows: Iterable[SubscriberRow | RefusedRow],
) -> Iterator[list[SubscriberRow | RefusedRow]]:
    rows = iter(rows)
    while group := list(islice(rows, _CHUNK)):
        yield group


@dataclass(slots=True)
class _Reach:
    """How far an import got."""

    progress: Callable[[int, int | None], None] | None
    rows: Rows | None = None
    done: int = 0

    def open(self, rows: Rows) -> None:
        """Take note of the file that is read."""
        self.rows = rows

    def show(self, more: int) -> None:
        """Tell how many rows are done, and how many there may be by the file's size."""
        self.done += more
        if self.progress is not None and self.rows is not None:
            share = self.rows.position / max(self.rows.size, 1)
            self.progress(self.done, max(self.done, round(self.done / share)) if share else None)


@dataclass(frozen=True, slots=True)
class _Writer:
    """Puts one group of rows after the other into the database, a transaction each."""

    database: Database
    clock: Clock
    consent: str
    origin: str
    keys: Sequence[str]
    rehearsal: Rehearsal | None

    @property
    def lanes(self) -> int:
        """How many transactions may be under way: SQLite has one place for writers."""
        return 1 if self.rehearsal is not None or self.database.is_sqlite else _LANES

    def take(self, rows: Sequence[SubscriberRow | RefusedRow]) -> list[Outcome]:
        """Do what the rows say; return what became of each, in order."""
        good = [row for row in rows if isinstance(row, SubscriberRow)]
        done = iter(self._taken(good) if good else ())
        return [next(done) if isinstance(row, SubscriberRow) else _refused(row) for row in rows]

    def _taken(self, rows: Sequence[SubscriberRow]) -> list[Outcome]:
        if self.rehearsal is not None:
            return self._rehearsed(rows, self.rehearsal)
        for _ in range(_TRIES):
            try:
                return self._stored(rows)
            except Overtaken:
                continue
        raise Refused(
            f"others kept changing the same subscribers, near line {rows[0].line}; "
            "run the import again, and it goes on there"
        )

    def _stored(self, rows: Sequence[SubscriberRow]) -> list[Outcome]:
        with self.database.transaction() as session:
            known = look_up(session, rows, keys=self.keys)
            plan, outcomes = self._plan(known, rows)
            tables = SqliteTables(session) if self.database.is_sqlite else PostgresTables(session)
            write_plan(session, tables, plan, origin=self.origin, keys=self.keys)
        return outcomes

    def _rehearsed(self, rows: Sequence[SubscriberRow], rehearsal: Rehearsal) -> list[Outcome]:
        with self.database.read() as session:
            known = look_up(session, rows, keys=self.keys)
        rehearsal.correct(known, {row.address.key for row in rows})
        plan, outcomes = self._plan(known, rows)
        rehearsal.keep(plan)
        return outcomes

    def _plan(self, known: Known, rows: Sequence[SubscriberRow]) -> tuple[Plan, list[Outcome]]:
        plan = Plan(known, self.clock.now(), self.consent)
        return plan, [plan.take(row) for row in rows]


def _keys(rows: Sequence[SubscriberRow | RefusedRow]) -> set[str]:
    return {row.address.key for row in rows if isinstance(row, SubscriberRow)}


def _refused(row: RefusedRow) -> Outcome:
    return Outcome(row.line, row.email, REFUSED, row.reason)
