"""A newsletter's definition as a TOML file, read with the place of every mistake."""

import re
import tomllib
from dataclasses import replace
from typing import Any

import tomlkit
from pydantic import ValidationError

from alerts.errors import Invalid
from alerts.newsletters.definitions import NewsletterDefinition
from alerts.newsletters.mistakes import InvalidDefinition, Mistake, mistakes_in
from alerts.newsletters.toml_lines import line_of, lines_of

_TABLES = ("rule", "numbering")
_ARRAYS = ("sections", "schedules")
_LARGEST = 100_000
_PLACE = re.compile(r"\(at (?:line (\d+), column \d+|end of document)\)")


def read_definition(text: str, *, source: str) -> NewsletterDefinition:
    """Read and check a definition; raises InvalidDefinition with file, line and reason of each."""
    if len(text) > _LARGEST:
        raise Invalid(f"{source}: longer than {_LARGEST} characters; this is no newsletter")
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidDefinition(source, [_no_toml(str(error), text)]) from error
    except RecursionError as error:
        raise Invalid(f"{source}: lists within lists without end; this is no newsletter") from error
    try:
        return NewsletterDefinition.model_validate(document)
    except ValidationError as error:
        lines = lines_of(text)
        found = [replace(one, line=line_of(lines, one.place)) for one in mistakes_in(error)]
        raise InvalidDefinition(source, sorted(found, key=lambda one: one.line or 0)) from error


def _no_toml(reason: str, text: str) -> Mistake:
    """Return what the parser stumbled over, with the line it names."""
    match = _PLACE.search(reason)
    line = int(match[1]) if match and match[1] else max(1, len(text.splitlines()))
    return Mistake((), f"no TOML: {_PLACE.sub('', reason).strip()}", line)


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
