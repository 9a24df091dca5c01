"""Subscribers as rows of a CSV file: read with a line number and a reason for each bad one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from alerts.errors import AlertsError, Invalid
from alerts.subscribers.addresses import EmailAddress, parse_address
from alerts.subscribers.details import check_time_zone, clean_name, printable
from alerts.subscribers.lines import csv_rows
from alerts.subscribers.models import Frequency
from alerts.subscribers.wishes import Offer, canonical_wish, choose_offers, parse_frequency

COLUMNS = ("email", "name", "newsletters", "frequency", "regions", "time_zone", "status")
# What a spreadsheet takes for a formula.
_FORMULA_MARKS = ("=", "+", "-", "@", "\t", "\r")
_LOST = "\N{REPLACEMENT CHARACTER}"
_LONGEST_REASON = 400


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that was not taken: its line in the file, its address as given, and why."""

    line: int
    email: str
    reason: str


@dataclass(frozen=True, slots=True)
class SubscriberRow:
    """A row as understood; `explicit` tells whether it named its newsletters."""

    line: int
    address: EmailAddress
    name: str | None
    offers: tuple[Offer, ...]
    explicit: bool
    frequency: Frequency | None
    wish: str
    time_zone: str | None
    confirmed: bool


@dataclass(frozen=True, slots=True)
class SubscriberFile:
    """A CSV file of subscribers, with what its first row says."""

    path: Path
    columns: tuple[str, ...]

    @property
    def unknown_columns(self) -> list[str]:
        """The columns that this program does not read."""
        return [printable(name, 80) for name in self.columns if name and name not in COLUMNS]

    def rows(
        self, offered: Mapping[str, Offer], *, consent: str
    ) -> Iterator[SubscriberRow | RefusedRow]:
        """Yield each row, understood or refused; empty lines are passed over."""
        with csv_rows(self.path) as rows:
            next(rows, None)
            for line, cells in rows:
                if isinstance(cells, Invalid):
                    yield _refused(line, "", cells)
                else:
                    yield self._row(line, cells, offered, consent=consent)

    def _row(
        self, line: int, cells: Sequence[str], offered: Mapping[str, Offer], *, consent: str
    ) -> SubscriberRow | RefusedRow:
        cells = [cell.strip() for cell in cells]
        named = dict(zip(self.columns, cells, strict=False))
        try:
            if any(cells[len(self.columns) :]):
                raise Invalid(f"{len(cells)} cells under {len(self.columns)} columns")
            if any(_LOST in cell for cell in cells):
                raise Invalid("some characters are lost; save the file as UTF-8")
            return _understood(line, named, offered, consent=consent)
        except AlertsError as error:
            return _refused(line, named.get("email", ""), error)


def open_file(path: Path) -> SubscriberFile:
    """Look at a file's first row; raises Invalid when it is no list of subscribers.

    UTF-8, with a byte-order mark or without, or Windows-1252; cells between commas, semicolons
    or tabs: as spreadsheets write them.
    """
    with csv_rows(path) as rows:
        line, cells = next(rows, (1, []))
    if isinstance(cells, Invalid):
        raise Invalid(f"{path}, line {line}, where the columns are named: {cells}")
    columns = tuple(cell.strip().lower().replace(" ", "_").replace("-", "_") for cell in cells)
    if "email" not in columns:
        raise Invalid(
            f"{path} has no column email in its first line; the columns are {','.join(COLUMNS)}"
        )
    for column in COLUMNS:
        if columns.count(column) > 1:
            raise Invalid(f"{path} has the column {column} twice; leave one of them out")
    return SubscriberFile(path, columns)


def with_formula_mark(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula: an apostrophe stands before it."""
    return f"'{cell}" if cell.lstrip("'").startswith(_FORMULA_MARKS) else cell


def without_formula_mark(cell: str) -> str:
    """Return what a cell was before `with_formula_mark`."""
    formula = cell.startswith("'") and cell.lstrip("'").startswith(_FORMULA_MARKS)
    return cell[1:] if formula else cell


def _refused(line: int, email: str, error: AlertsError) -> RefusedRow:
    return RefusedRow(line, printable(email, 320), printable(str(error), _LONGEST_REASON))


def _understood(
    line: int, cells: Mapping[str, str], offered: Mapping[str, Offer], *, consent: str
) -> SubscriberRow:
    address = parse_address(without_formula_mark(cells.get("email", "")))
    status = cells.get("status", "").lower() or "unconfirmed"
    if status not in {"confirmed", "unconfirmed"}:
        raise Invalid(f"status {status!r} is neither confirmed nor unconfirmed")
    if status == "confirmed" and not consent:
        raise Invalid("confirmed, but on what basis? Say so with --consent")
    named = _list(cells.get("newsletters", ""))
    return SubscriberRow(
        line=line,
        address=address,
        name=clean_name(without_formula_mark(cells.get("name", ""))),
        offers=tuple(choose_offers(offered, named)),
        explicit=bool(named),
        frequency=parse_frequency(cells.get("frequency")),
        wish=canonical_wish(_list(cells.get("regions", ""))),
        time_zone=check_time_zone(cells.get("time_zone")),
        confirmed=status == "confirmed",
    )


def _list(cell: str) -> list[str]:
    return [piece.strip() for piece in cell.split(";") if piece.strip()]
