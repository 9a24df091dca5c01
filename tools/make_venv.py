"""Make a virtual environment with pip in it, also where Debian left `ensurepip` out.

Debian ships Python's venv module without the bundled pip (that is in python3-venv). Then the
environment is made empty, and pip comes as a wheel from the package index, checked by its hash.
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import urllib.request
import venv
from pathlib import Path

_INDEX = os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple").rstrip("/")
_OLDEST = (3, 11)


def main() -> int:
    """Make the environment named on the command line; the status is 1 with a line that says why."""
    folder = Path(sys.argv[1])
    if sys.version_info < _OLDEST:
        sys.stderr.write("Python 3.11 or newer is needed; name one with `make PYTHON=python3.11`\n")
        return 1
    if (folder / "bin" / "pip").exists():
        return 0
    try:
        import ensurepip  # noqa: F401 - only asks whether it is there
    except ImportError:
        venv.create(folder, with_pip=False, clear=True)
        _install_pip(folder)
    else:
        venv.create(folder, with_pip=True, clear=True)
    return 0


def _install_pip(folder: Path) -> None:
    name, url, digest = _newest_wheel()
    with tempfile.TemporaryDirectory() as temporary:
        wheel = Path(temporary) / name
        with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310 - the index's own URL
            wheel.write_bytes(answer.read())
        if hashlib.sha256(wheel.read_bytes()).hexdigest() != digest:
            raise SystemExit(f"{url} is not what the package index says it is; try again")
        # A wheel is a zip file that Python can run from.
        python = str(folder / "bin" / "python")
        command = [python, f"{wheel}/pip", "install", "--quiet", str(wheel)]
        subprocess.run(command, check=True)


def _newest_wheel() -> tuple[str, str, str]:
    request = urllib.request.Request(  # noqa: S310 - https unless the operator set an index
        f"{_INDEX}/pip/", headers={"Accept": "application/vnd.pypi.simple.v1+json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - as above
        files = json.load(answer)["files"]
    wheels = [
        entry
        for entry in files
        if entry["filename"].endswith("-py3-none-any.whl")
        and not entry.get("yanked")
        and entry["filename"].split("-")[1].replace(".", "").isdigit()
    ]
    newest = max(
        wheels, key=lambda entry: [int(n) for n in entry["filename"].split("-")[1].split(".")]
    )
    return newest["filename"], newest["url"], newest["hashes"]["sha256"]


if __name__ == "__main__":
    sys.exit(main())
