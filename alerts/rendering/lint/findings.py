"""What a check finds: how bad, what, about what, and what to do about it."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

# An error keeps an issue from being approved; a warning asks for a look; a note is worth knowing.
Level = Literal["error", "warning", "note"]

_RANKS: dict[Level, int] = {"error": 0, "warning": 1, "note": 2}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to mend: `rule` is its stable name, `fix` says what to do about it.

    `about` names what it is about, as `subject` or a link's address; `content` is what was found
    wanting there. While both stay as they are, it is the same finding. One that stands for several
    holds them `within`.
    """

    level: Level
    rule: str
    message: str
    fix: str
    about: str = ""
    content: str = ""
    within: tuple["Finding", ...] = ()


def error(rule: str, message: str, fix: str, *, about: str = "", content: str = "") -> Finding:
    """Return what keeps an issue from going out."""
    return Finding("error", rule, message, fix, about, content)


def warning(rule: str, message: str, fix: str, *, about: str = "", content: str = "") -> Finding:
    """Return what an editor mends, or overrules."""
    return Finding("warning", rule, message, fix, about, content)


def note(rule: str, message: str, fix: str, *, about: str = "", content: str = "") -> Finding:
    """Return what is worth knowing, and asks for nothing."""
    return Finding("note", rule, message, fix, about, content)


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Return each finding once, the worst first.

    A dead link that stands in a mail twice is one thing to mend, in the words of its first place.
    """
    first: dict[tuple[str, str, str], Finding] = {}
    for finding in findings:
        first.setdefault((finding.rule, finding.about, finding.content), finding)
    return sorted(first.values(), key=lambda finding: _RANKS[finding.level])


def fingerprint(finding: Finding) -> str:
    """Return the SHA-256, in hex, of what a finding is: its rule, its object, its content."""
    parts = f"{finding.rule}\0{finding.about}\0{finding.content}"
    return hashlib.sha256(parts.encode("utf-8", "replace")).hexdigest()


def shown(text: str, length: int = 80) -> str:
    """Return a text as a message quotes it."""
    line = " ".join(text.split())
    return f"“{line if len(line) <= length else line[: length - 1] + '…'}”"
