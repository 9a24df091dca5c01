"""`alerts doctor`: what keeps mail from arriving, and how to mend it."""

from collections.abc import Iterable, Sequence
from textwrap import fill
from typing import TYPE_CHECKING

import typer

from alerts.cli.common import JsonOption, print_json, progress_bar, say
from alerts.operations.doctor.findings import GROUPS, Finding, Level
from alerts.operations.doctor.rules import Judged, Verdict

if TYPE_CHECKING:
    from alerts.operations.doctor.service import Diagnosis

_SIGNS = {Level.OK: "ok  ", Level.NOTE: "note", Level.WARNING: "warn", Level.ERROR: "ERR "}
_VERDICTS = {Verdict.PASSED: "ok  ", Verdict.FAILED: "ERR ", Verdict.UNKNOWN: "?   "}
_WIDTH, _INDENT = 96, " " * 7


def doctor(json: JsonOption = False) -> None:
    """Look at DNS, relay, links and this machine; status 1 when something keeps mail away."""
    # DNS and HTTP clients are slow to import, and no other command needs them.
    from alerts.clock import SystemClock
    from alerts.config import load_settings
    from alerts.operations.doctor.ports import Ports
    from alerts.operations.doctor.service import diagnose

    settings = load_settings()
    with progress_bar("looking") as bar:
        found = diagnose(settings, Ports.real(settings, SystemClock()), progress=bar)
    if json:
        print_json(found.as_json())
    else:
        print_diagnosis(found)
    if found.level is Level.ERROR:
        raise typer.Exit(1)


def print_diagnosis(found: "Diagnosis") -> None:
    """Print the findings by group, each with its mend, then the rules, then the sum."""
    for group, checks in GROUPS.items():
        of_group = [finding for finding in found.findings if finding.check in checks]
        if of_group:
            say(group)
            _print_findings(of_group)
            say("")
    _print_rules(found.rules)
    say(_sum(found))


def _print_findings(findings: Iterable[Finding]) -> None:
    for finding in findings:
        say(_wrapped(f"  {_SIGNS[finding.level]} {finding.what}"))
        if finding.mend:
            say(_wrapped(f"{_INDENT}{finding.mend}"))
        if finding.level in {Level.WARNING, Level.ERROR}:
            say(f"{_INDENT}{finding.link}")


def _print_rules(rules: Sequence[Judged]) -> None:
    if all(judged.verdict is Verdict.UNKNOWN for judged in rules):
        say("What Gmail, Yahoo and Microsoft ask can be told once mail leaves this machine.\n")
        return
    provider = ""
    for judged in rules:
        if judged.rule.provider != provider:
            provider = judged.rule.provider
            say(f"What {provider} asks of bulk senders")
        why = "" if judged.verdict is Verdict.PASSED else f": {judged.why}"
        say(_wrapped(f"  {_VERDICTS[judged.verdict]} {judged.rule.rule}{why}"))
    say("")


def _wrapped(text: str) -> str:
    # What is to be copied, a record or a path, stays in one piece.
    return fill(
        text,
        _WIDTH,
        subsequent_indent=_INDENT,
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=True,
    )


def _sum(found: "Diagnosis") -> str:
    counts = [
        f"{count} {word}{'' if count == 1 else 's'}"
        for level, word in (
            (Level.ERROR, "error"),
            (Level.WARNING, "warning"),
            (Level.NOTE, "note"),
        )
        if (count := sum(finding.level is level for finding in found.findings))
    ]
    return ", ".join(counts) if counts else "all is well"
