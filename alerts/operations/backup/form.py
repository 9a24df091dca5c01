"""The form of a backup: a zip with a part for each table and a manifest. Pure.

A table is `tables/NAME.jsonl`, one JSON array a row, in the order of the columns that the manifest
names. Values are written in a form of their own and not in that of a database, so the same file
fills SQLite and PostgreSQL. The manifest comes last: a file that was cut off has none.
"""

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Date,
    Float,
    Integer,
    LargeBinary,
    String,
    TableClause,
    TypeDecorator,
    column,
    table,
)
from sqlalchemy.types import TypeEngine

from alerts.database import JsonColumn, UtcDateTime
from alerts.errors import Invalid

FORMAT = 1
MANIFEST = "manifest.json"
# Files are held in memory; a template has some kilobytes.
LARGEST_FILE = 16 * 1024 * 1024
_TYPES: dict[str, TypeEngine[Any]] = {
    "text": String(),
    "int": Integer(),
    "float": Float(),
    "bool": Boolean(),
    "moment": UtcDateTime(),
    "day": Date(),
    "json": JsonColumn,
    "bytes": LargeBinary(),
}
_KINDS: tuple[tuple[type[TypeEngine[Any]] | type[TypeDecorator[Any]], str], ...] = (
    (UtcDateTime, "moment"),
    (Boolean, "bool"),
    (Integer, "int"),
    (Float, "float"),
    (Date, "day"),
    (JSON, "json"),
    (LargeBinary, "bytes"),
    (String, "text"),
)


@dataclass(frozen=True, slots=True)
class ColumnForm:
    """A column and what kind of values it holds, by a word of `_TYPES`."""

    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Part:
    """One entry of the zip: a table's rows, or a file of the installation (without columns)."""

    path: str
    sha256: str
    size: int
    rows: int = 0
    columns: tuple[ColumnForm, ...] = ()
    # The highest number given to a row so far, whether or not that row is still there.
    highest: int | None = None

    @property
    def table(self) -> str:
        """The name of the part's table."""
        return self.path.removeprefix("tables/").removesuffix(".jsonl")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds; `keys` are the fingerprints of the secret keys in use then."""

    taken_at: datetime
    program: str
    revision: str
    database: str
    keys: tuple[str, ...]
    parts: tuple[Part, ...]

    @property
    def tables(self) -> list[Part]:
        """The parts that are tables, in the order they are to be filled."""
        return [part for part in self.parts if part.columns]

    @property
    def files(self) -> list[Part]:
        """The parts that are files of the installation."""
        return [part for part in self.parts if not part.columns]

    @property
    def rows(self) -> int:
        """How many rows the backup holds in all."""
        return sum(part.rows for part in self.tables)

    def to_json(self) -> dict[str, Any]:
        """Return the manifest as it stands in the file."""
        return {"format": FORMAT} | asdict(self) | {"taken_at": self.taken_at.isoformat()}


def read_manifest(document: object) -> Manifest:
    """Read a manifest; raises Invalid for one that is of another format or makes no sense."""
    if not isinstance(document, dict) or not isinstance(document.get("format"), int):
        raise Invalid("its manifest is none of this program's")
    if document["format"] > FORMAT:
        raise Invalid(
            f"it is of format {document['format']}, this program reads up to {FORMAT};"
            " restore it with the program that made it, or a newer one"
        )
    try:
        taken_at = datetime.fromisoformat(document["taken_at"])
        return Manifest(
            taken_at=taken_at.astimezone(UTC),
            program=_text(document["program"]),
            revision=_text(document["revision"]),
            database=_text(document["database"]),
            keys=tuple(_text(key) for key in document["keys"]),
            parts=tuple(_part(part) for part in document["parts"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise Invalid(f"its manifest cannot be read: {type(error).__name__} {error}") from error


def _part(document: Mapping[str, Any]) -> Part:
    columns = tuple(
        ColumnForm(_text(each["name"]), _text(each["kind"])) for each in document["columns"]
    )
    for each in columns:
        if each.kind not in _TYPES:
            raise ValueError(f"kind {each.kind!r}")
    highest = document["highest"]
    path = _text(document["path"])
    if ".." in path or path.startswith("/"):
        raise ValueError(f"path {path!r}")
    return Part(
        path=path,
        sha256=_text(document["sha256"]),
        size=int(document["size"]),
        rows=int(document["rows"]),
        columns=columns,
        highest=None if highest is None else int(highest),
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def form_of(found: Column[Any]) -> ColumnForm:
    """Return how a column's values are written; raises ValueError for a type without a form."""
    for of_type, kind in _KINDS:
        if isinstance(found.type, of_type):
            return ColumnForm(found.name, kind)
    raise ValueError(f"column {found} is of a type that backups do not know: {found.type!r}")


def plain_table(name: str, columns: Sequence[ColumnForm]) -> TableClause:
    """Return a table to read from or write to, by the forms of its columns alone."""
    return table(name, *(column(each.name, _TYPES[each.kind]) for each in columns))


def written(columns: Sequence[ColumnForm], row: Sequence[Any]) -> str:
    """Return a row as one line of JSON."""
    values = [
        value if value is None or (write := _WRITE.get(each.kind)) is None else write(value)
        for each, value in zip(columns, row, strict=True)
    ]
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"))


def read(columns: Sequence[ColumnForm], lines: Sequence[bytes]) -> list[list[Any]]:
    """Read lines back into columns of values, one for each form; raises ValueError.

    Each value is of its kind then, and as the line has it: a moment stays a text with its zone.
    Many lines and whole columns at a time take a fifth of what a value after the other takes.
    """
    rows = json.loads(b"[%b]" % b",".join(lines))
    if len(rows) != len(lines) or set(map(type, rows)) != {list}:
        raise ValueError("a line is no array")
    if set(map(len, rows)) != {len(columns)}:
        raise ValueError(f"{len(columns)} values are needed")
    found = [list(values) for values in zip(*rows, strict=True)]
    for each, values in zip(columns, found, strict=True):
        if odd := set(map(type, values)) - _READ[each.kind] - {type(None)}:
            raise ValueError(f"{each.name} is not {each.kind} but {odd.pop().__name__}")
        if check := _CHECK.get(each.kind):
            for value in values:
                if value is not None:
                    check(value)
    return found


def _moment(text: str) -> None:
    if datetime.fromisoformat(text).tzinfo is None:
        raise ValueError(f"{text} has no zone")


def _bytes(text: str) -> None:
    try:
        base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"{text[:40]!r} is no base64") from error


_WRITE: dict[str, Callable[[Any], object]] = {
    "moment": datetime.isoformat,
    "day": date.isoformat,
    "bytes": lambda value: base64.b64encode(value).decode(),
}
# The types that JSON has for a kind, and what is asked of a value besides.
_READ: dict[str, set[type]] = {
    "text": {str},
    "int": {int},
    "float": {float, int},
    "bool": {bool},
    "moment": {str},
    "day": {str},
    "json": {dict, list, str, int, float, bool},
    "bytes": {str},
}
_CHECK: dict[str, Callable[[str], object]] = {
    "moment": _moment,
    "day": date.fromisoformat,
    "bytes": _bytes,
}
