"""Reading whole pages, one after the other in one process: those of the house, and any other."""

import time
import tracemalloc
from pathlib import Path

from alerts.articles.reading.read import read_html
from benchmarks.measure import show

_DATA = Path(__file__).resolve().parent.parent / "tests" / "data" / "articles"
_HOUSE = ("essay.html", "roundup.html")
_GENERAL = ("wordpress.html", "graph.html", "drupal.html", "tables.html", "german.html", "two.html")
_PAGES = 300


def run() -> None:
    """Print pages a second over 300 different pages of each kind, and the memory they leave."""
    for label, folder, names in (
        ("pages of the house", _DATA, _HOUSE),
        ("pages of any make", _DATA.parent / "other_pages", _GENERAL),
    ):
        templates = [(folder / name).read_bytes() for name in names]
        # The pages differ: the readers remember lines that they have seen.
        pages = [_varied(templates[n % len(templates)], n) for n in range(_PAGES)]
        _read_all(pages[: len(templates)])
        started = time.perf_counter()
        _read_all(pages)
        show(label, (time.perf_counter() - started) / len(pages))
        print(f"  {'memory left by the second 150 of them':44} {_growth(pages):12,.0f} KB")


def _varied(markup: bytes, number: int) -> bytes:
    for word in (b"government", b"ferry", b"Kran", b"crane", b"council", b"rains", b"1873"):
        markup = markup.replace(word, b"%s%d" % (word, number))
    return markup


def _read_all(pages: list[bytes]) -> None:
    for page in pages:
        read_html(page, url=None, source="a page")


def _growth(pages: list[bytes]) -> float:
    half = len(pages) // 2
    tracemalloc.start()
    try:
        _read_all(pages[:half])
        before, _ = tracemalloc.get_traced_memory()
        _read_all(pages[half:])
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return (after - before) / 1024
