"""Which column of a file holds what: by its name, or as somebody says. Pure."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alerts.errors import Invalid
from alerts.subscribers.details import printable

COLUMNS = ("email", "name", "newsletters", "frequency", "regions", "time_zone", "status")
# A name in pieces, put together in this order when there is no whole one.
NAME_PIECES = ("first_name", "middle_name", "last_name")
FIELDS = (*COLUMNS, *NAME_PIECES)

# Names are compared without case, accents, spaces and signs; of several, the first here counts.
_NAMES: Mapping[str, tuple[str, ...]] = {
    "email": (
        *("email", "emailaddress", "mail", "mailaddress", "email1value", "email1address"),
        *("emailadresse", "mailadresse", "adressemail", "adresseemail", "adresseelectronique"),
        *("courriel", "correo", "correoelectronico", "emailid", "primaryemail", "subscriberemail"),
        # Where nothing better is there: elsewhere these are the postal ones.
        *("address", "adresse"),
    ),
    "name": ("name", "fullname", "displayname", "realname", "subscribername", "nomcomplet"),
    "first_name": ("firstname", "givenname", "forename", "fname", "vorname", "prenom"),
    "middle_name": ("middlename", "additionalname"),
    "last_name": ("lastname", "familyname", "surname", "lname", "nachname", "nomdefamille"),
    "newsletters": ("newsletters", "newsletter"),
    "frequency": ("frequency",),
    "regions": ("regions",),
    "time_zone": ("timezone",),
    "status": ("status",),
}
_LONGEST = 80
_MOST_SHOWN = 12


class NoAddressColumn(Invalid):
    """No column is known to hold the addresses; `columns` are those of the file."""

    def __init__(self, message: str, columns: Sequence[str]) -> None:
        super().__init__(message)
        self.columns = tuple(columns)


@dataclass(frozen=True, slots=True)
class Layout:
    """Where each field stands, and the columns of which nothing is known."""

    positions: Mapping[str, int]
    unknown: tuple[str, ...]


def plain_name(column: str) -> str:
    """Return a column's name as it is compared: `E-mail Address` is `emailaddress`."""
    folded = unicodedata.normalize("NFKD", column.casefold())
    return "".join(character for character in folded if character.isalnum())


def lay_out(columns: Sequence[str], mapping: Mapping[str, str], *, where: str) -> Layout:
    """Return where the fields stand; `mapping` names a field's column and goes before all else.

    Raises Invalid for a mapping that fits nothing and for a column that is there twice, and
    NoAddressColumn when none is known to hold the addresses. `where` names the file.
    """
    plain = [plain_name(column) for column in columns]
    positions = {
        field: _mapped(field, column, columns, plain, where=where)
        for field, column in mapping.items()
    }
    for field, names in _NAMES.items():
        found = next((name for name in names if name in plain), None)
        if field in positions or found is None:
            continue
        if plain.count(found) > 1:
            raise Invalid(f"{where} has the column {field} twice; leave one of them out")
        if plain.index(found) not in positions.values():
            positions[field] = plain.index(found)
    if "email" not in positions:
        raise NoAddressColumn(_no_address(columns, where=where), columns)
    unknown = [name for n, name in enumerate(columns) if name and n not in positions.values()]
    return Layout(positions, tuple(printable(name, _LONGEST) for name in unknown))


def _mapped(
    field: str, column: str, columns: Sequence[str], plain: Sequence[str], *, where: str
) -> int:
    if field not in FIELDS:
        raise Invalid(f"--map: there is no field {field!r}; the fields are {', '.join(FIELDS)}")
    if column in columns:
        return columns.index(column)
    if plain_name(column) in plain:
        return plain.index(plain_name(column))
    raise Invalid(f"--map: {where} has no column {column!r}; it has {shown(columns)}")


def shown(columns: Sequence[str]) -> str:
    """Return the names of columns for a message, a dozen at most."""
    names = ", ".join(printable(name, _LONGEST) for name in columns[:_MOST_SHOWN] if name)
    return f"{names}, …" if len(columns) > _MOST_SHOWN else names or "none"


def _no_address(columns: Sequence[str], *, where: str) -> str:
    return (
        f"{where} has no column email in its first line, which names {shown(columns)}; "
        "say with --map email=COLUMN which one holds the addresses"
    )
