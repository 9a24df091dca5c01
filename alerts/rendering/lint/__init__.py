"""What an editor is told before an issue goes out: errors stop it, warnings and notes do not.

Each module looks at one thing; `linting` asks them all. `known` is what only the database knows.
"""

from alerts.rendering.lint.findings import Finding, Level, fingerprint
from alerts.rendering.lint.known import NOTHING_KNOWN, Known, LinkState, LinkVerdict
from alerts.rendering.lint.linting import lint
from alerts.rendering.lint.sizes import GMAIL_CLIPS_AT

__all__ = [
    "GMAIL_CLIPS_AT",
    "NOTHING_KNOWN",
    "Finding",
    "Known",
    "Level",
    "LinkState",
    "LinkVerdict",
    "fingerprint",
    "lint",
]
