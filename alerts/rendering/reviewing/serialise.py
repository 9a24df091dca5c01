"""A finding in the form that scripts read."""

from typing import Any

from alerts.clock import rfc3339
from alerts.rendering.lint.findings import Finding
from alerts.rendering.reviewing.overruling import Checked


def parts_json(finding: Finding) -> list[dict[str, str]]:
    """Return what a finding stands for: the links of one site that are told as one."""
    return [{"about": one.about, "message": one.message} for one in finding.within]


def checked_json(checked: Checked) -> dict[str, Any]:
    """Return a finding; `overruled` is null, or says by whom, when and why it may stand."""
    finding, row = checked.finding, checked.overruling
    return {
        "level": finding.level,
        "rule": finding.rule,
        "message": finding.message,
        "fix": finding.fix,
        "about": finding.about,
        "within": parts_json(finding),
        "overruled": None
        if row is None
        else {"by": row.by, "at": rfc3339(row.at), "reason": row.reason},
    }
