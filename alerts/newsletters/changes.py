"""What a change of a newsletter changes: setting by setting, before and after. Pure."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from alerts.newsletters.definitions import NewsletterDefinition
from alerts.newsletters.toml import write_definition

_BY = {"sections": ("key",), "schedules": ("frequency", "name")}
_NOTHING = ""


@dataclass(frozen=True, slots=True)
class Difference:
    """One setting that changes; `before` is None where it is new, `after` where it goes."""

    name: str
    before: str | None
    after: str | None


def in_order(definition: NewsletterDefinition) -> NewsletterDefinition:
    """Return a definition with its schedules by frequency and name, however written."""
    order = definition.frequencies.index
    schedules = sorted(definition.schedules, key=lambda one: (order(one.frequency), one.name or ""))
    return definition.model_copy(update={"schedules": tuple(schedules)})


def mark_of(definition: NewsletterDefinition | None) -> str:
    """Return what tells one state of a newsletter from every other; empty for none."""
    if definition is None:
        return ""
    return hashlib.sha256(write_definition(definition).encode()).hexdigest()[:32]


def differences(
    before: NewsletterDefinition | None, after: NewsletterDefinition
) -> list[Difference]:
    """Return the settings in which two definitions differ, in the order of the file."""
    old, new = _flat(before), _flat(in_order(after))
    names = [*new, *(name for name in old if name not in new)]
    return [
        Difference(name, old.get(name), new.get(name))
        for name in names
        if old.get(name) != new.get(name)
        # What a new newsletter leaves empty is no news.
        and not (before is None and not new.get(name))
    ]


def _flat(definition: NewsletterDefinition | None) -> dict[str, str]:
    if definition is None:
        return {}
    return dict(_entries(definition.model_dump(mode="json"), ""))


def _entries(value: Mapping[str, Any], path: str) -> Iterator[tuple[str, str]]:
    for name, inner in value.items():
        here = f"{path}{name}"
        if isinstance(inner, Mapping):
            yield from _entries(inner, f"{here}.")
        elif isinstance(inner, list) and any(isinstance(one, Mapping) for one in inner):
            yield from _rows(inner, name, here)
        else:
            yield here, _text(inner)


def _rows(rows: list[Any], name: str, here: str) -> Iterator[tuple[str, str]]:
    """Yield the entries of a list by what each is called, and the order in which they stand."""
    called = []
    for row in rows:
        words = " ".join(str(row[key]) for key in _BY.get(name, ()) if row.get(key))
        called.append(words)
        yield from _entries(row, f"{here} {words}: ")
    if name == "sections":
        yield f"{here}: order", ", ".join(called)


def _text(value: object) -> str:
    if value is None:
        return _NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(str(one) for one in value)
    return str(value)
