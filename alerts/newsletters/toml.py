"""A newsletter's definition as a TOML file, read with the place of every mistake."""

import re
import tomllib
from typing import Any

import tomlkit
from pydantic import ValidationError

from alerts.errors import Invalid
from alerts.newsletters.definitions import NewsletterDefinition

_TABLES = ("rule", "numbering")
_ARRAYS = ("sections", "schedules")
_LARGEST = 100_000


def read_definition(text: str, *, source: str) -> NewsletterDefinition:
    """Read and check a definition; raises Invalid with file, line and reason."""
    if len(text) > _LARGEST:
        raise Invalid(f"{source}: longer than {_LARGEST} characters; this is no newsletter")
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Invalid(f"{source}: no TOML: {error}") from error
    except RecursionError as error:
        raise Invalid(f"{source}: lists within lists without end; this is no newsletter") from error
    try:
        return NewsletterDefinition.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the whole file"
        reason = first["msg"].removeprefix("Value error, ")
        line = _line_of(text, first["loc"])
        raise Invalid(f"{source}, line {line}: {place}: {reason}") from error


def write_definition(definition: NewsletterDefinition) -> str:
    """Return a definition as TOML, in the order of its fields; the same input, the same bytes."""
    data: dict[str, Any] = definition.model_dump(mode="json", exclude_none=True)
    document = tomlkit.document()
    for name, value in data.items():
        if name not in (*_TABLES, *_ARRAYS):
            document.add(name, tomlkit.item(value))
    for name in _TABLES:
        document.add(tomlkit.nl())
        document.add(name, tomlkit.item(data[name]))
    for name in _ARRAYS:
        if data[name]:
            tables = tomlkit.aot()
            for entry in data[name]:
                tables.append(tomlkit.item(entry))
            document.add(name, tables)
    return tomlkit.dumps(document)


def _line_of(text: str, location: tuple[str | int, ...]) -> int:
    """Return the line a mistake is in: of the key, else of its table, else the first."""
    lines = text.splitlines()
    start = 0
    names = [part for part in location if isinstance(part, str)]
    numbers = [part for part in location if isinstance(part, int)]
    if names and names[0] in (*_TABLES, *_ARRAYS):
        head = re.compile(rf"\s*\[\[?\s*{re.escape(names.pop(0))}\s*\]")
        heads = [number for number, line in enumerate(lines) if head.match(line)]
        if heads:
            start = heads[min(numbers[0] if numbers else 0, len(heads) - 1)]
    for name in names:
        key = re.compile(rf"""\s*["']?{re.escape(name)}["']?\s*=""")
        for number in range(start, len(lines)):
            if key.match(lines[number]):
                return number + 1
    return start + 1
