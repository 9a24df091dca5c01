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

    It is a warning where the mail needs it to be whole. What only adds to it is noted, all that
    the same programs drop in one note: so is every rule in the head, since many read none.
    """
    plainer: dict[tuple[str, ...], dict[str, None]] = {}
    seen: set[str] = set()
    for name, value in _declared(tree):
        for loss in _losses(name, value):
            if loss.words in seen:
                continue
            seen.add(loss.words)
            if loss.finding is not None:
                yield loss.finding
            else:
                plainer.setdefault(loss.dropped_by, {})[loss.words] = None
    for programs, words in plainer.items():
        yield _plainer("css-plainer", "the CSS", words, programs, "dropped")
    sheets = "\n".join(element.text or "" for element in tree.iter("style"))
    yield from _of_sheet(sheets)


@dataclass(frozen=True, slots=True)
class _Loss:
    """What is dropped, by whom; `finding` where the mail needs it."""

    words: str
    dropped_by: tuple[str, ...] = ()
    finding: Finding | None = None


def _declared(tree: HtmlElement) -> Iterator[tuple[str, str]]:
    for element in tree.iter("*"):
        yield from declarations(element.get("style", "")).items()


def _losses(name: str, value: str) -> Iterator[_Loss]:
    table = css_table()
    if name.startswith(table.for_one_program):
        return
    dropped_by = _looked_up(table, name)
    if dropped_by is None:
        yield _Loss(name, finding=_unknown(name))
    elif dropped_by:
        yield _loss(name, dropped_by, matters=name in table.matters)
    for kind in table.values:
        if kind.dropped_by and kind.of in {"", name} and kind.pattern.search(value):
            words = f"{name}: {kind.name}" if kind.of else kind.name
            yield _loss(words, kind.dropped_by, matters=kind.matters)


def _looked_up(table: Table, name: str) -> tuple[str, ...] | None:
    """Return who drops a property; one of a family is as its head: `border-top` as `border`."""
    while name:
        if name in table.properties:
            return table.properties[name]
        name = name.rpartition("-")[0]
    return None


def _loss(words: str, programs: tuple[str, ...], *, matters: bool) -> _Loss:
    if not matters:
        return _Loss(words, programs)
    who = " and ".join(programs)
    finding = warning(
        "css-dropped",
        f"the CSS {words} is dropped by {who}, and the mail may fall apart there",
        "lay it out with tables and plain colours, or see that it holds without",
        about=words,
    )
    return _Loss(words, programs, finding)


def _unknown(name: str) -> Finding:
    return warning(
        "css-unknown",
        f"nobody here knows what mail programs do with the CSS property {name!r}",
        "take it out, or look it up and add it to the table of properties",
        about=name,
    )


def _plainer(
    rule: str, what: str, words: Iterable[str], programs: Iterable[str], done: str
) -> Finding:
    named = ", ".join(words)
    return note(
        rule,
        f"{what} {named}: {done} by {' and '.join(programs)}, where the mail looks plainer",
        "nothing has to be done, if the mail is whole without it",
        about=named,
    )


def _of_sheet(sheets: str) -> Iterator[Finding]:
    table = css_table()
    text = " ".join([*at_rules_of(sheets), *(rule.selector for rule in rules_of(sheets))])
    passed: dict[tuple[str, ...], list[str]] = {}
    for sign, dropped_by in table.rules.items():
        if dropped_by and sign in text:
            passed.setdefault(dropped_by, []).append(sign)
    for programs, signs in passed.items():
        yield _plainer("css-rule", "rules in the head,", signs, programs, "passed over")


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
