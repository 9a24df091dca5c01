"""CSS that a large mail program drops, by the table in `client_css.toml`."""

import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from lxml.html import HtmlElement

from alerts.rendering.lint.css import at_rules_of, declarations, rules_of
from alerts.rendering.lint.findings import Finding, note, warning

_FILE = Path(__file__).with_name("client_css.toml")
_DROPS = "n"


@dataclass(frozen=True, slots=True)
class Value:
    """A kind of value that programs treat unlike its property; `of` is empty for all of them."""

    of: str
    name: str
    pattern: re.Pattern[str]
    dropped_by: tuple[str, ...]
    matters: bool


@dataclass(frozen=True, slots=True)
class Table:
    """Which programs drop what: by property, by kind of value, by sign of a rule."""

    source: str
    as_of: date
    properties: dict[str, tuple[str, ...]]
    matters: frozenset[str]
    for_one_program: tuple[str, ...]
    values: tuple[Value, ...]
    rules: dict[str, tuple[str, ...]]


def check_styles(tree: HtmlElement) -> Iterator[Finding]:
    """Yield each property, value and rule that a program drops, once, with the programs.

    It is a warning where the mail needs it to be whole, and a note where it only adds to it: a
    rule in the head adds, since many programs read none.
    """
    seen: dict[str, Finding] = {}
    for element in tree.iter("*"):
        for name, value in declarations(element.get("style", "")).items():
            for finding in _of_declaration(name, value):
                seen.setdefault(finding.about, finding)
    yield from seen.values()
    sheets = "\n".join(element.text or "" for element in tree.iter("style"))
    yield from _of_sheet(sheets, {finding.about for finding in seen.values()})


def _of_declaration(name: str, value: str) -> Iterator[Finding]:
    table = css_table()
    if name.startswith(table.for_one_program):
        return
    dropped_by = _looked_up(table, name)
    if dropped_by is None:
        yield warning(
            "css-unknown",
            f"nobody here knows what mail programs do with the CSS property {name!r}",
            "take it out, or look it up and add it to the table of properties",
            about=name,
        )
    elif dropped_by:
        yield _dropped(name, dropped_by, matters=name in table.matters)
    for kind in table.values:
        if kind.dropped_by and kind.of in {"", name} and kind.pattern.search(value):
            words = f"{name}: {kind.name}" if kind.of else kind.name
            yield _dropped(words, kind.dropped_by, matters=kind.matters)


def _looked_up(table: Table, name: str) -> tuple[str, ...] | None:
    """Return who drops a property; one of a family is as its head: `border-top` as `border`."""
    while name:
        if name in table.properties:
            return table.properties[name]
        name = name.rpartition("-")[0]
    return None


def _dropped(words: str, programs: Iterable[str], *, matters: bool) -> Finding:
    who = " and ".join(programs)
    if matters:
        return warning(
            "css-dropped",
            f"the CSS {words} is dropped by {who}, and the mail may fall apart there",
            "lay it out with tables and plain colours, or see that it holds without",
            about=words,
        )
    return note(
        "css-plainer",
        f"the CSS {words} is dropped by {who}; the mail looks plainer there",
        "nothing has to be done, if the mail is whole without it",
        about=words,
    )


def _of_sheet(sheets: str, known: set[str]) -> Iterator[Finding]:
    table = css_table()
    text = " ".join([*at_rules_of(sheets), *(rule.selector for rule in rules_of(sheets))])
    for sign, dropped_by in table.rules.items():
        if dropped_by and sign in text and sign not in known:
            who = " and ".join(dropped_by)
            yield note(
                "css-rule",
                f"the rule {sign} in the head is passed over by {who}",
                "nothing has to be done, if the mail is whole without it",
                about=sign,
            )


@cache
def css_table() -> Table:
    """Return the table, read once."""
    document = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    clients = tuple(document["clients"])

    def dropping(row: str) -> tuple[str, ...]:
        words = zip(clients, row.split(), strict=True)
        return tuple(client for client, word in words if word == _DROPS)

    return Table(
        source=document["source"],
        as_of=document["as_of"],
        properties={name: dropping(row) for name, row in document["properties"].items()},
        matters=frozenset(document["matters"]),
        for_one_program=tuple(document["for_one_program"]),
        values=tuple(
            Value(
                one["of"],
                one["name"],
                re.compile(one["pattern"]),
                dropping(one["kept"]),
                one["matters"],
            )
            for one in document["values"]
        ),
        rules={name: dropping(row) for name, row in document["rules"].items()},
    )
