"""Look for known holes in what the program is made of, and for careless code; write an SBOM.

`make security` runs all three. An audit that reached no source of advisories has found nothing out,
and fails: a package that is known to have holes is asked about too, and has to be found.
"""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SBOM = ROOT / "sbom.json"
_LOCKED = ROOT / "requirements" / "runtime.txt"
# Holes in it have been known for years, to every source.
_KNOWN_BAD = "jinja2==2.4.1\n"
_NOTHING_KNOWN = (
    "pip-audit reached no source of advisories: nothing is known of these packages."
    " Run it where pypi.org answers."
)
_EXCUSED = re.compile(r"# noqa: ([A-Z0-9, ]+)")
Run = Callable[[list[str]], "subprocess.CompletedProcess[str]"]


def run(command: list[str]) -> "subprocess.CompletedProcess[str]":
    """Run a tool of this environment and return what it said."""
    return subprocess.run(
        [sys.executable, "-m", *command], capture_output=True, text=True, check=False, cwd=ROOT
    )


def audit(run: Run) -> list[str]:
    """Return what is wrong with the locked packages, in lines; empty when nothing is known."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as known_bad:
        known_bad.write(_KNOWN_BAD)
        known_bad.flush()
        tried = _holes(run, Path(known_bad.name))
    if tried is None or not tried:
        return [_NOTHING_KNOWN]
    found = _holes(run, _LOCKED)
    return ["pip-audit broke off"] if found is None else found


def _holes(run: Run, requirements: Path) -> list[str] | None:
    """Return a line for each known hole; None where the tool gave no answer."""
    options = ["--no-deps", "--disable-pip", "--progress-spinner", "off", "-f", "json"]
    said = run(["pip_audit", *options, "-r", str(requirements)]).stdout
    try:
        document: dict[str, Any] = json.loads(said)
        packages = document["dependencies"]
    except (ValueError, KeyError):
        return None
    return [
        f"{package['name']} {package['version']}: {hole['id']}, mended in"
        f" {', '.join(hole['fix_versions']) or 'no version'}"
        for package in packages
        for hole in package.get("vulns", [])
    ]


def careless(run: Run) -> list[str]:
    """Return what bandit finds of medium weight and up and nobody has given a reason for, in lines.

    ruff checks the same rules under S and the same numbers; what is excused there, with its reason
    on the line, is excused here.
    """
    said = run(["bandit", "-q", "-ll", "-r", "alerts", "workers", "-f", "json"]).stdout
    try:
        document = json.loads(said)
    except ValueError:
        return ["bandit broke off"]
    errors = [f"{error['filename']}: {error['reason']}" for error in document["errors"]]
    return errors + [
        f"{one['filename']}:{one['line_number']}: {one['test_id']} {one['issue_text']}"
        for one in document["results"]
        if not _is_excused(one)
    ]


def _is_excused(finding: dict[str, Any]) -> bool:
    rule = "S" + finding["test_id"].removeprefix("B")
    lines = (ROOT / finding["filename"]).read_text().splitlines()
    return any(rule in excused for excused in _excuses(lines, finding))


def _excuses(lines: list[str], finding: dict[str, Any]) -> Iterator[str]:
    for number in {finding["line_number"], *finding["line_range"]}:
        match = _EXCUSED.search(lines[number - 1])
        if match:
            yield match[1]


def write_sbom(run: Run) -> list[str]:
    """Write what the program is made of, in CycloneDX's form; returns what went wrong, in lines."""
    options = ["--output-format", "JSON", "--output-file", str(SBOM)]
    done = run(["cyclonedx_py", "requirements", str(_LOCKED), *options])
    return [] if done.returncode == 0 else [f"cyclonedx-py broke off: {done.stderr.strip()}"]


def main() -> int:
    """Run all three; the status is 1 when any of them found something."""
    status = 0
    for title, look, well in (
        ("known holes", audit, "none"),
        ("careless code", careless, "none"),
        ("bill of materials", write_sbom, SBOM.name),
    ):
        lines = look(run)
        print(f"{title}: {'see below' if lines else well}")
        for line in lines:
            print(f"  {line}")
        status |= bool(lines)
    return status


if __name__ == "__main__":
    sys.exit(main())
