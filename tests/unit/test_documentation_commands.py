"""What the documentation tells people to type is there: commands, options, settings."""

import itertools
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alerts.config import Settings
from tests.conftest import REPOSITORY
from tools.reference import commands


def _names(parameter: Any) -> list[str]:  # noqa: ANN401 - typer's own click
    return [*parameter.opts, *parameter.secondary_opts]


PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
OPTIONS = {
    ("alerts", *words.split()): {name for one in command.params for name in _names(one)}
    for words, command in commands()
}


def typed(text: str) -> Iterator[str]:
    """Yield what begins with `alerts ` between backticks, and in lines that are to be typed."""
    yield from re.findall(r"`(alerts [^`]+)`", re.sub(r"\s*\n\s*", " ", text))
    joined = text.replace("\\\n", " ")
    yield from re.findall(r"^(?: {4}|\.venv/bin/)?(alerts [a-z][^#|>\n]*)$", joined, re.MULTILINE)
    yield from re.findall(r"^(?: {4})?(alerts [a-z][^#|>\n]*)[#|>]", joined, re.MULTILINE)


def fault_in(line: str) -> str | None:
    """Say what of a command line is not there; None where all of it is."""
    is_whole = line.count('"') % 2 == 0 and line.count("'") % 2 == 0
    words = shlex.split(line) if is_whole else line.split()
    known = [one for one in OPTIONS if one == tuple(words[: len(one)])]
    if not known:
        # A group of commands may be named by itself: `alerts issue`, `alerts issue …`.
        begun = tuple(itertools.takewhile(re.compile("[a-z][a-z-]*$").match, words))
        is_group = any(one[: len(begun)] == begun for one in OPTIONS)
        return None if is_group else "there is no such command"
    command = max(known, key=len)
    asked = {word.partition("=")[0].rstrip(",.;") for word in words if word.startswith("--")}
    missing = asked - OPTIONS[command] - {"--help"}
    return f"it has no {', '.join(sorted(missing))}" if missing else None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_on_a_page_is_there_with_its_options(page: Path) -> None:
    faults = {line: fault_in(line) for line in typed(page.read_text())}
    assert {line: fault for line, fault in faults.items() if fault} == {}


def test_what_is_not_there_is_noticed() -> None:
    assert fault_in("alerts issue send 7 --wait") is None
    assert fault_in("alerts issue") is None
    assert fault_in("alerts issue post 7") == "there is no such command"
    assert fault_in("alerts issue send 7 --now") == "it has no --now"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_setting_on_a_page_is_one(page: Path) -> None:
    settings = {f"ALERTS_{name.upper()}" for name in Settings.model_fields}
    named = set(re.findall(r"\bALERTS_[A-Z_]*[A-Z]\b", page.read_text()))
    assert named - settings - {"ALERTS_DEBUG"} == set()
