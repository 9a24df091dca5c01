"""Put together what the site of the documentation is made of: the pages, and the reference.

Run in the program's environment; mkdocs, in another, makes the site of what is written here.
"""

import shutil
from pathlib import Path

from tools.reference import write

ROOT = Path(__file__).resolve().parent.parent
STAGED = ROOT / "build" / "docs"


def main() -> None:
    """Write `build/docs` anew."""
    shutil.rmtree(STAGED, ignore_errors=True)
    shutil.copytree(ROOT / "docs", STAGED)
    write(STAGED / "reference")


if __name__ == "__main__":
    main()
