"""Subscribers as rows of a file: understood, or refused with their line and a reason."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from pathlib import Path

from alerts.errors import AlertsError, Invalid
from alerts.subscribers.addresses import EmailAddress, parse_address
from alerts.subscribers.details import check_time_zone, clean_name, printable
from alerts.subscribers.files.cells import without_formula_mark
from alerts.subscribers.files.columns import NAME_PIECES, Layout, lay_out, plain_name
from alerts.subscribers.files.detecting import is_address
from alerts.subscribers.files.lines import Rows, csv_rows
from alerts.subscribers.files.makes import Make, Standing, find_make, plain_standing, standing
from alerts.subscribers.models import Frequency, SubscriberState
from alerts.subscribers.wishes import Offer, canonical_wish, choose_offers, parse_frequency

_LONGEST_REASON = 400
_ASKED = ("newsletters", "frequency", "regions", "time_zone")
# The same few wishes stand in most rows of a file; of no more than so many the meaning is kept.
_MOST_WISHES = 4_096
_NAMED = re.compile(r'\s*"?(?P<name>[^<>]*?)"?\s*<(?P<address>[^<>]*)>\s*')
# Google puts all addresses of one label into one cell.
_SEVERAL = " ::: "


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that was not taken: its line in the file, its address as given, and why."""

    line: int
    email: str
    reason: str


@dataclass(frozen=True, slots=True)
class WishedRow:
    """What a row asks for; `explicit` tells whether it named its newsletters."""

    offers: tuple[Offer, ...]
    explicit: bool
    frequency: Frequency | None
    wish: str
    time_zone: str | None


@dataclass(frozen=True, slots=True)
class SubscriberRow:
    """A row as understood."""

    line: int
    address: EmailAddress
    name: str | None
    wished: WishedRow
    standing: Standing


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for all rows of an import.

    `offered` are the newsletters there are, by slug; `usual` those for rows that name none, all
    when it is empty; `consent` says on what basis confirmed rows are mailed; `otherwise` is how
    somebody stands whose row does not say.
    """

    offered: Mapping[str, Offer]
    consent: str
    usual: Sequence[str] = ()
    otherwise: SubscriberState = SubscriberState.UNCONFIRMED


@dataclass(frozen=True, slots=True)
class SubscriberFile:
    """A file of subscribers, with what its first row says.

    Where `headless`, the first row is one of the subscribers, and the columns have numbers.
    """

    path: Path
    columns: tuple[str, ...]
    layout: Layout
    make: Make
    headless: bool

    def rows(
        self, terms: Terms, *, moved: Callable[[Rows], None] | None = None
    ) -> Iterator[SubscriberRow | RefusedRow]:
        """Yield each row, understood or refused; empty lines are passed over."""
        reader = _Reader(self, terms)
        with csv_rows(self.path) as rows:
            if moved is not None:
                moved(rows)
            lines = iter(rows)
            if not self.headless:
                next(lines, None)
            for line, cells in lines:
                yield reader.read(line, cells)


def open_file(
    path: Path, mapping: Mapping[str, str] | None = None, *, called: str = ""
) -> SubscriberFile:
    """Look at a file's first row; raises Invalid when it is no list of subscribers.

    Any encoding, delimiter and line end that spreadsheets and other services write; `mapping`
    says by field (`email`, `name`, …) which column holds it, where the names do not tell. Raises
    NoAddressColumn when no column is known to hold the addresses. `called` is how people know the
    file, where its path would tell them nothing.
    """
    where = called or str(path)
    with csv_rows(path) as rows:
        line, cells = next(iter(rows), (1, []))
        only_addresses = rows.shape.delimiter is None
    if isinstance(cells, Invalid):
        raise Invalid(f"{where}, line {line}, where the columns are named: {cells}")
    names = tuple(cell.strip() for cell in cells)
    places = [n for n, name in enumerate(names) if is_address(name)]
    if not places:
        layout = lay_out(names, mapping or {}, where=where)
        make = find_make({plain_name(name) for name in names}, file_name=called or path.name)
        return SubscriberFile(path, names, layout, make, headless=False)
    numbers = tuple(str(n) for n in range(1, len(names) + 1))
    layout = lay_out(numbers, {"email": numbers[places[0]]} | dict(mapping or {}), where=where)
    make = Make.ADDRESSES if only_addresses else Make.PLAIN
    return SubscriberFile(path, numbers, layout, make, headless=True)


@dataclass(slots=True)
class _Reader:
    """Understands the rows of one file."""

    file: SubscriberFile
    terms: Terms
    _wishes: dict[tuple[str, ...], WishedRow] = field(default_factory=dict)
    _pieces: list[str] = field(default_factory=list)
    _asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Leave out what no column of this file holds: a row then costs half as much."""
        positions = self.file.layout.positions
        self._pieces = [piece for piece in NAME_PIECES if piece in positions]
        self._asked = [name for name in _ASKED if name in positions]

    def read(self, line: int, cells: list[str] | Invalid) -> SubscriberRow | RefusedRow:
        if isinstance(cells, Invalid):
            return refused(line, "", cells)
        width = len(self.file.columns)
        email = self._cell(cells, "email")
        try:
            if len(cells) > width and any(cell.strip() for cell in cells[width:]):
                raise Invalid(f"{len(cells)} cells under {width} columns")
            return self._understood(line, cells, email)
        except AlertsError as error:
            return refused(line, email, error)

    def _understood(self, line: int, cells: list[str], email: str) -> SubscriberRow:
        name = self._name(cells)
        if email.endswith(">") and (named := _NAMED.fullmatch(email)):
            email, name = named["address"].strip(), name or _decoded(named["name"])
        if _SEVERAL in email:
            email = email.partition(_SEVERAL)[0]
        address = parse_address(without_formula_mark(email))
        stands = self._standing(cells)
        if stands.state is SubscriberState.CONFIRMED and not self.terms.consent:
            raise Invalid("confirmed, but on what basis? Say so with --consent")
        return SubscriberRow(line, address, clean_name(name), self._wished(cells), stands)

    def _cell(self, cells: Sequence[str], field_: str) -> str:
        position = self.file.layout.positions.get(field_)
        return "" if position is None or position >= len(cells) else cells[position].strip()

    def _name(self, cells: Sequence[str]) -> str:
        whole = without_formula_mark(self._cell(cells, "name"))
        if whole:
            return whole
        pieces = [without_formula_mark(self._cell(cells, piece)) for piece in self._pieces]
        return " ".join(piece for piece in pieces if piece)

    def _standing(self, cells: Sequence[str]) -> Standing:
        make, otherwise = self.file.make, self.terms.otherwise
        if make is Make.PLAIN:
            return plain_standing(self._cell(cells, "status"), otherwise=otherwise)
        named = zip(map(plain_name, self.file.columns), cells, strict=False)
        return standing(make, dict(named), otherwise=otherwise)

    def _wished(self, cells: Sequence[str]) -> WishedRow:
        texts = tuple([self._cell(cells, name) for name in self._asked])
        found = self._wishes.get(texts)
        if found is None:
            if len(self._wishes) >= _MOST_WISHES:
                self._wishes.clear()
            found = self._wishes[texts] = self._understand_wishes(
                **dict.fromkeys(_ASKED, "") | dict(zip(self._asked, texts, strict=True))
            )
        return found

    def _understand_wishes(
        self, newsletters: str, frequency: str, regions: str, time_zone: str
    ) -> WishedRow:
        named = _list(newsletters)
        return WishedRow(
            offers=tuple(choose_offers(self.terms.offered, named or self.terms.usual)),
            explicit=bool(named),
            frequency=parse_frequency(frequency),
            wish=canonical_wish(_list(regions)),
            time_zone=self._time_zone(time_zone),
        )

    def _time_zone(self, text: str) -> str | None:
        try:
            return check_time_zone(text)
        except Invalid:
            # Other services guess it from the network; no row is refused for that.
            if self.file.make is Make.PLAIN:
                raise
            return None


def refused(line: int, email: str, error: Exception) -> RefusedRow:
    """Return a row as refused, in words that can be shown."""
    return RefusedRow(line, printable(email, 320), printable(str(error), _LONGEST_REASON))


def _list(cell: str) -> list[str]:
    return [piece.strip() for piece in cell.split(";") if piece.strip()]


def _decoded(name: str) -> str:
    """Return a name as a mail's header writes it: escapes (RFC 5322), encoded words (RFC 2047)."""
    text = re.sub(r"\\(.)", r"\1", name)
    if "=?" not in text:
        return text
    try:
        return str(make_header(decode_header(text)))
    except (HeaderParseError, LookupError, ValueError):
        return text
