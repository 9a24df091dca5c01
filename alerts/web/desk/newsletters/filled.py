"""The form of a newsletter filled in: from a definition, and back from what was typed. Pure.

What was typed stays as it was typed, right or wrong: a document is a plain one until it is checked.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alerts.newsletters.mistakes import Mistake
from alerts.web.desk.newsletters.settings import Group, Setting
from alerts.web.forms import Fields

Document = dict[str, Any]

_MOST_ROWS = 40
_GONE, _PLACE = "gone", "place"
# What says of a row that there is one.
_TELLING = {"sections": ("key", "title"), "schedules": ("rule", "name")}
_WHOLE = re.compile(r"-?\d{1,9}")


@dataclass(frozen=True, slots=True)
class Filled:
    """A setting with its value, and what is wrong with it, if anything."""

    setting: Setting
    name: str
    value: Any
    problem: str = ""
    rows: tuple[tuple["Filled", ...], ...] = ()

    @property
    def id(self) -> str:
        """The field's id in the page."""
        return "f-" + self.name.replace(".", "-").replace("_", "-")

    @property
    def shown(self) -> str:
        """The value in words, for a page that only shows it."""
        if self.setting.kind == "tick":
            return "yes" if self.value else "no"
        words = dict(self.setting.options)
        if isinstance(self.value, list | tuple):
            return ", ".join(str(words.get(one, one)) for one in self.value)
        return str(words.get(self.value, "" if self.value is None else self.value))


@dataclass(frozen=True, slots=True)
class FilledGroup:
    """A group of the form with its values."""

    group: Group
    fields: tuple[Filled, ...]


def filled(
    groups: Sequence[Group],
    document: Document,
    mistakes: Sequence[Mistake] = (),
    *,
    spare_rows: int = 0,
) -> list[FilledGroup]:
    """Return the groups with the values of a document, and each mistake at its field."""
    problems = {one.name: one.reason for one in reversed(mistakes)}
    return [
        FilledGroup(
            group,
            tuple(_filled(one, document, problems, spare_rows) for one in group.settings),
        )
        for group in groups
    ]


def elsewhere(groups: Sequence[FilledGroup], mistakes: Sequence[Mistake]) -> list[str]:
    """Return the mistakes that stand at no field of the form, each on a line."""
    shown = {one.name for each in groups for one in _all(each.fields)}
    return [
        f"{one.name}: {one.reason}"
        for one in mistakes
        if one.name not in shown and ".".join(str(part) for part in one.place[:2]) not in shown
    ]


def _all(fields: Sequence[Filled]) -> Iterator[Filled]:
    for one in fields:
        yield one
        for row in one.rows:
            yield from row


def _filled(
    setting: Setting, document: Document, problems: Mapping[str, str], spare_rows: int
) -> Filled:
    name = setting.name
    value = _value(document, name)
    if setting.kind == "rows":
        found = [*(value or ()), *({} for _ in range(spare_rows))]
        rows = tuple(
            tuple(
                Filled(
                    column,
                    f"{name}.{number}.{column.name}",
                    row.get(column.name),
                    problems.get(f"{name}.{number}.{column.name}", ""),
                )
                for column in setting.columns
            )
            for number, row in enumerate(found)
        )
        return Filled(setting, name, value, problems.get(name, ""), rows)
    return Filled(setting, name, value, _problem(name, problems))


def _problem(name: str, problems: Mapping[str, str]) -> str:
    """Return what is wrong with a field, or with an element of it."""
    inner = next((problems[one] for one in problems if one.startswith(f"{name}.")), "")
    return problems.get(name, inner)


def _value(document: Document, name: str) -> Any:  # noqa: ANN401 - whatever was typed
    value: Any = document
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def typed(groups: Sequence[Group], fields: Fields, base: Document) -> Document:
    """Return a document of what was typed into the form; what it does not show stays as it was."""
    document: Document = {
        name: dict(value) if isinstance(value, dict) else value for name, value in base.items()
    }
    for group in groups:
        for setting in group.settings:
            value = _typed(setting, setting.name, fields)
            if setting.kind == "rows":
                value = _with_unshown(setting, value, base.get(setting.name))
            holder, _, inner = setting.name.rpartition(".")
            table = document.setdefault(holder, {}) if holder else document
            if value is None:
                table.pop(inner, None)
            else:
                table[inner] = value
    return document


def _with_unshown(setting: Setting, rows: list[Document], base: object) -> list[Document]:
    """Return rows with what the form does not show of those that were there before."""
    shown = {one.name for one in setting.columns}
    before = base if isinstance(base, list | tuple) else ()
    known = {row.get("key"): row for row in before if isinstance(row, Mapping) and row.get("key")}
    return [
        {key: value for key, value in known.get(row.get("key"), {}).items() if key not in shown}
        | row
        for row in rows
    ]


def _typed(setting: Setting, name: str, fields: Fields) -> Any:  # noqa: ANN401 - whatever was typed
    match setting.kind:
        case "tick":
            return fields.has(name)
        case "ticks":
            return [one for one in fields.every(name) if one]
        case "lines":
            return [line.strip() for line in fields.one(name).splitlines() if line.strip()]
        case "number":
            text = fields.one(name)
            return (int(text) if _WHOLE.fullmatch(text) else text) if text else None
        case "rows":
            return _rows(setting, name, fields)
        case _:
            return fields.one(name)


def _rows(setting: Setting, name: str, fields: Fields) -> list[Document]:
    """Return the rows that were filled in, in the order that was asked for."""
    pattern = re.compile(rf"{re.escape(name)}\.(\d{{1,3}})\.")
    numbers = sorted({int(m[1]) for key, _ in fields.pairs if (m := pattern.match(key))})
    found: list[tuple[float, int, Document]] = []
    for number in numbers[:_MOST_ROWS]:
        here = f"{name}.{number}"
        if fields.has(f"{here}.{_GONE}"):
            continue
        row = {one.name: _typed(one, f"{here}.{one.name}", fields) for one in setting.columns}
        if not any(row.get(key) for key in _TELLING.get(name, row)):
            continue
        place = fields.one(f"{here}.{_PLACE}")
        order = int(place) if _WHOLE.fullmatch(place) else number + 1
        optional = {"name", "missed"}
        kept = {
            key: value
            for key, value in row.items()
            if value is not None and not (key in optional and not value)
        }
        found.append((order, number, kept))
    return [row for _, _, row in sorted(found, key=lambda one: one[:2])]
