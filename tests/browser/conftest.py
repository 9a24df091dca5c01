"""Fixtures for tests in a real browser: Debian's Chromium, driven by Playwright."""

import shutil
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.conftest import REPOSITORY

PICTURES = REPOSITORY / "docs" / "pictures"
# Who reads the documentation may be on a train.
_LARGEST = 200_000
# Addresses that are shown are those of a house in earnest, and nothing has the keyboard.
_AS_IN_EARNEST = """url => {
  document.activeElement.blur();
  const own = new URL(url).origin;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode;
    if (text.data.includes(own)) text.data = text.data.replaceAll(own, 'https://alerts.example.org');
  }
}"""

# Without these, a browser without a network of its own looks for its maker's hosts at every start.
_QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start one Chromium for a module's tests; `make test` installs it where it is missing.

    Not for the whole run: Playwright keeps an event loop in this thread while it lives, and
    tests elsewhere run loops of their own.
    """
    executable = shutil.which("chromium") or shutil.which("chromium-browser")
    if executable is None:
        pytest.fail("no Chromium on PATH; on Debian: apt-get install chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=Path(executable), args=[*_QUIET])
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Return an empty page in a context of its own, 1280 × 800."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-GB")
    yield context.new_page()
    context.close()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--pictures", action="store_true", help="take the pictures of the documentation anew"
    )


class Camera:
    """Takes the pictures that the documentation shows, or looks whether they are there.

    Each is what a window shows: `height` is the window's while it is taken.
    """

    def __init__(self, *, takes: bool) -> None:
        self._takes = takes

    def take(self, page: Page, name: str, *, height: int = 800) -> None:
        """Write `docs/pictures/NAME.png` when asked to, else hold it against the page's shape."""
        window = page.viewport_size
        assert window is not None
        page.set_viewport_size({"width": window["width"], "height": height})
        page.wait_for_load_state("networkidle")
        page.evaluate(_AS_IN_EARNEST, page.url)
        taken = page.screenshot(animations="disabled", caret="hide")
        page.set_viewport_size(window)
        path = PICTURES / f"{name}.png"
        if self._takes:
            path.write_bytes(taken)
        assert path.is_file(), "take it: make pictures"
        assert shape_of(path.read_bytes()) == shape_of(taken), f"take {name} anew: make pictures"
        assert path.stat().st_size < _LARGEST, f"{name} is too large: show less of the page"


def shape_of(png: bytes) -> tuple[int, int]:
    """Return the width and height of a PNG, in pixels (its IHDR)."""
    width, height = struct.unpack(">II", png[16:24])
    return width, height


@pytest.fixture(scope="session")
def camera(request: pytest.FixtureRequest) -> Camera:
    """Return the camera; with `--pictures` it takes them anew."""
    return Camera(takes=bool(request.config.getoption("--pictures", default=False)))
