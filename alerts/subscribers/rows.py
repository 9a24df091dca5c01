"""Subscribers as rows of a CSV file: read with a line number and a reason for each bad one."""

import codecs
import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from alerts.errors import AlertsError, Invalid
from alerts.subscribers.addresses import EmailAddress, parse_address
from alerts.subscribers.details import check_time_zone, clean_name
from alerts.subscribers.models import Frequency
from alerts.subscribers.wishes import Offer, canonical_wish, choose_offers, parse_frequency

COLUMNS = ("email", "name", "newsletters", "frequency", "regions", "time_zone", "status")
# What a spreadsheet takes for a formula; the export puts an apostrophe before it.
FORMULA_MARKS = ("=", "+", "-", "@", "\t", "\r")
_DELIMITERS = (",", ";", "\t")
_PIECE = 1 << 20


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
    """A CSV file of subscribers, with what its first line says."""

    path: Path
    encoding: str
    delimiter: str
    columns: tuple[str, ...]

    @property
    def unknown_columns(self) -> list[str]:
        """The columns that this program does not read."""
        return [column for column in self.columns if column and column not in COLUMNS]

    def rows(
        self, offered: Mapping[str, Offer], *, consent: str
    ) -> Iterator[SubscriberRow | RefusedRow]:
        """Yield each row, understood or refused; empty lines are passed over."""
        with self.path.open(encoding=self.encoding, newline="") as file:
            reader = csv.reader(file, delimiter=self.delimiter)
            next(reader, None)
            while True:
                try:
                    cells = next(reader)
                except StopIteration:
                    return
                except csv.Error as error:
                    yield RefusedRow(reader.line_num, "", f"no CSV row: {error}")
                    continue
                if any(cell.strip() for cell in cells):
                    yield self._row(reader.line_num, cells, offered, consent=consent)

    def _row(
        self, line: int, cells: Sequence[str], offered: Mapping[str, Offer], *, consent: str
    ) -> SubscriberRow | RefusedRow:
        named = dict(zip(self.columns, (cell.strip() for cell in cells), strict=False))
        try:
            if len(cells) > len(self.columns):
                raise Invalid(f"{len(cells)} cells under {len(self.columns)} columns")
            return _understood(line, named, offered, consent=consent)
        except AlertsError as error:
            return RefusedRow(line, named.get("email", "")[:320], str(error))


def open_file(path: Path) -> SubscriberFile:
    """Look at a file's encoding and first line; raises Invalid when it is no list of subscribers.

    UTF-8, with a byte-order mark or without, or Windows-1252, as spreadsheets write them.
    """
    try:
        encoding = "utf-8-sig" if _is_utf8(path) else "cp1252"
        with path.open(encoding=encoding, newline="", errors="replace") as file:
            first = file.readline(_PIECE)
    except OSError as error:
        raise Invalid(f"{path} cannot be read: {error.strerror or error}") from error
    delimiter = max(_DELIMITERS, key=first.count)
    cells = next(csv.reader([first], delimiter=delimiter), [])
    columns = tuple(cell.strip().lower().replace(" ", "_").replace("-", "_") for cell in cells)
    if "email" not in columns:
        raise Invalid(
            f"{path} has no column email in its first line; the columns are {','.join(COLUMNS)}"
        )
    return SubscriberFile(path, encoding, delimiter, columns)


def without_formula_mark(cell: str) -> str:
    """Return a cell without the apostrophe that the export puts before a formula."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(FORMULA_MARKS) else cell


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


def _is_utf8(path: Path) -> bool:
    """Tell whether a whole file is UTF-8, a piece at a time."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as file:
        try:
            while piece := file.read(_PIECE):
                decoder.decode(piece)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True
