"""`make security` fails where it could find nothing out, and where something is found."""

import json
from subprocess import CompletedProcess
from typing import Any

import pytest

from tools.security import audit, careless

HOLE = {
    "name": "jinja2",
    "version": "2.4.1",
    "vulns": [{"id": "CVE-2014-1402", "fix_versions": ["2.7.2"]}],
}
CLEAN = {"name": "lxml", "version": "6.0.0", "vulns": []}
SKIPPED = {"name": "jinja2", "skip_reason": "not found on PyPI and could not be audited"}


class Tool:
    """A tool that says what it is told to, an answer a call."""

    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)

    def __call__(self, command: list[str]) -> "CompletedProcess[str]":
        answer = self.answers.pop(0)
        text = answer if isinstance(answer, str) else json.dumps(answer)
        return CompletedProcess(command, 0, stdout=text, stderr="")


def packages(*found: dict[str, Any]) -> dict[str, Any]:
    return {"dependencies": list(found), "fixes": []}


@pytest.mark.parametrize("first", [packages(SKIPPED), packages(), "", "no answer", {"other": 1}])
def test_an_audit_that_reached_nobody_fails(first: object) -> None:
    [line] = audit(Tool(first, packages(CLEAN)))
    assert "reached no source of advisories" in line


def test_an_audit_that_found_nothing_passes() -> None:
    assert audit(Tool(packages(HOLE), packages(CLEAN))) == []


def test_holes_are_told_with_what_mends_them() -> None:
    assert audit(Tool(packages(HOLE), packages(CLEAN, HOLE))) == [
        "jinja2 2.4.1: CVE-2014-1402, mended in 2.7.2"
    ]


def test_an_audit_that_breaks_off_fails() -> None:
    assert audit(Tool(packages(HOLE), "")) == ["pip-audit broke off"]


def finding(line: int, rule: str = "B704") -> dict[str, Any]:
    return {
        "filename": "alerts/web/pages.py",
        "line_number": line,
        "line_range": [line],
        "test_id": rule,
        "issue_text": "what it is",
    }


def excused_line() -> int:
    with open("alerts/web/pages.py") as file:  # noqa: PTH123 - read as the tool reads it
        return next(number for number, line in enumerate(file, 1) if "noqa: S704" in line)


def test_what_has_a_reason_on_its_line_is_excused(monkeypatch: pytest.MonkeyPatch) -> None:
    from tools.security import ROOT

    monkeypatch.chdir(ROOT)
    line = excused_line()
    said = {"errors": [], "results": [finding(line), finding(line, "B602"), finding(1)]}
    assert careless(Tool(said)) == [
        f"alerts/web/pages.py:{line}: B602 what it is",
        "alerts/web/pages.py:1: B704 what it is",
    ]


def test_a_tool_that_breaks_off_fails() -> None:
    assert careless(Tool("")) == ["bandit broke off"]
