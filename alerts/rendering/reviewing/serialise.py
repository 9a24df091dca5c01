"""A finding in the form that scripts read."""

from typing import Any

from alerts.clock import rfc3339
from alerts.rendering.reviewing.overruling import Checked


def checked_json(checked: Checked) -> dict[str, Any]:
    """Return a finding; `overruled` is null, or says by whom, when and why it may stand."""
    finding, row = checked.finding, checked.overruling
    return {
        "level": finding.level,
        "rule": finding.rule,
        "message": finding.message,
        "fix": finding.fix,
        "about": finding.about,
        "overruled": None
        if row is None
        else {"by": row.by, "at": rfc3339(row.at), "reason": row.reason},
    }
