"""Write requirements/*.txt: every package that pyproject.toml leads to, pinned with its hashes."""

import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
_COMMON = [
    "--universal",
    "--python-version",
    "3.11",
    "--generate-hashes",
    "--no-header",
    "--no-annotate",
    "--quiet",
]


def main() -> None:
    """Lock what the program runs with, then what its tests and checks need on top of it."""
    uv = [sys.executable, "-m", "uv", "pip", "compile", *_COMMON]
    runtime = _ROOT / "requirements" / "runtime.txt"
    dev = _ROOT / "requirements" / "dev.txt"
    build = _ROOT / "requirements" / "build.in"
    source = _ROOT / "pyproject.toml"
    subprocess.run([*uv, source, build, "-o", runtime], check=True)
    subprocess.run([*uv, source, "--group", "dev", "-c", runtime, "-o", dev], check=True)
    for group in ("docs", "security"):
        # Tools that share no environment with the program, and lead to none of its packages.
        target = runtime.with_name(f"{group}.txt")
        subprocess.run([*uv, "--group", f"{source}:{group}", "-o", target], check=True)


if __name__ == "__main__":
    main()
