"""Ten thousand stored pages taken in by `alerts article add`: pages a second, and memory."""

import os
import resource
import subprocess
import sys
import tempfile
import time
from html import escape
from pathlib import Path

from alerts.articles.reading.read import read_html

_PAGES = 10_000
_SAMPLE = 1_000
_MEBIBYTE = 1024
_TARGET_SECONDS = 600
_TEMPLATE = Path(__file__).resolve().parent.parent / "tests" / "data" / "articles" / "essay.html"


def run() -> None:
    """Print the figures for a tenth of the pages and for all of them: memory is to stay flat."""
    for pages in (_SAMPLE, _PAGES):
        seconds, peak = _take_in(pages)
        print(
            f"  {pages:>6,} pages: {seconds:6.1f} s, {pages / seconds:6.1f} pages/s,"
            f" peak {peak / _MEBIBYTE:.0f} MiB"
        )
        if pages == _PAGES:
            verdict = "reached" if seconds < _TARGET_SECONDS else "not reached"
            print(f"  target: {_PAGES:,} in under {_TARGET_SECONDS} s, {verdict}")


def _take_in(pages: int) -> tuple[float, int]:
    """Return the seconds that the command took, and its peak of memory in KiB."""
    with tempfile.TemporaryDirectory(prefix="alerts-intake-") as name:
        folder = Path(name)
        _write(folder / "pages", pages)
        environment = os.environ | {"ALERTS_DATA_DIR": str(folder / "var")}
        command = [sys.executable, "-m", "alerts.cli", "article", "add", str(folder / "pages")]
        start = time.perf_counter()
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - start
    # The greatest of all children so far; the larger run comes last.
    return seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss


def _write(folder: Path, pages: int) -> None:
    """Write pages that differ in title, address and text, as those of an archive do."""
    folder.mkdir()
    markup = _TEMPLATE.read_text(encoding="utf-8")
    title = escape(read_html(markup, url=None, source="essay.html").title, quote=False)
    for number in range(pages):
        page = markup.replace("recordNo=", f"recordNo=9{number}").replace(
            title, f"{title} {number}"
        )
        (folder / f"{number:05}.html").write_text(page, encoding="utf-8")
