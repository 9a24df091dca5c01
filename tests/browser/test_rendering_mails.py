import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route

from alerts.paths import templates_dir
from alerts.rendering.service import RenderedEdition, Renderer
from tests.data.rendering import samples

pytestmark = pytest.mark.browser

Scheme = Literal["light", "dark"]
RENDERER = Renderer(templates_dir("email"))


def _rendered(name: str) -> RenderedEdition:
    if name == "confirmation":
        return RENDERER.render_message(name, samples.CONFIRMATION)
    return RENDERER.render(
        samples.ALL[name], archive_url=samples.ARCHIVE_URL, home_url=samples.HOME_URL
    )


MAILS = {name: _rendered(name) for name in [*samples.ALL, "confirmation"]}


class MailProgram:
    """Shows mails in one window, as a mail program does; `asked` are the addresses they fetch."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.asked: list[str] = []
        self._images = True
        page.route("**/*", self._answer)

    def show(
        self, html: str, *, width: int = 640, scheme: Scheme = "light", images: bool = True
    ) -> Page:
        self.asked.clear()
        self._images = images
        self.page.set_viewport_size({"width": width, "height": 900})
        self.page.emulate_media(color_scheme=scheme)
        self.page.set_content(html)
        return self.page

    def _answer(self, route: Route) -> None:
        self.asked.append(route.request.url)
        photo = re.search(r"/photos/([a-z]+\.svg)$", route.request.url)
        if photo and self._images:
            route.fulfill(path=samples.FOLDER / photo[1], content_type="image/svg+xml")
        else:
            route.abort()


@pytest.fixture(scope="module")
def program(browser: Browser) -> Iterator[MailProgram]:
    page = browser.new_page()
    yield MailProgram(page)
    page.close()


@pytest.mark.parametrize("name", MAILS)
def test_a_phone_of_320_pixels_needs_no_sideways_scrolling(program: MailProgram, name: str) -> None:
    for images in (True, False):
        page = program.show(MAILS[name].html, width=320, images=images)
        assert page.evaluate("document.documentElement.scrollWidth") <= 320


@pytest.mark.parametrize("name", MAILS)
def test_the_column_is_at_most_640_pixels_wide_and_centred(program: MailProgram, name: str) -> None:
    page = program.show(MAILS[name].html, width=1200)
    box = page.locator(".sheet").bounding_box()
    assert box is not None
    assert box["width"] == 640
    assert box["x"] == 280


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", MAILS)
def test_every_text_has_a_contrast_of_at_least_4_5(
    program: MailProgram, name: str, scheme: Scheme
) -> None:
    page = program.show(MAILS[name].html, scheme=scheme)
    texts: list[dict[str, Any]] = page.evaluate(_TEXTS_WITH_COLOURS)
    assert len(texts) > 5
    poor = [text for text in texts if _contrast(text["front"], text["back"]) < 4.5]
    assert not poor


@pytest.mark.parametrize("name", MAILS)
def test_no_mail_breaks_a_rule_of_axe(program: MailProgram, name: str) -> None:
    page = program.show(MAILS[name].html)
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    assert [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found] == []


@pytest.mark.parametrize("name", ["gp-alert", "africa-this-week"])
def test_the_dark_mode_is_dark(program: MailProgram, name: str) -> None:
    page = program.show(MAILS[name].html, scheme="dark")
    background = page.evaluate("getComputedStyle(document.querySelector('.sheet')).backgroundColor")
    assert _luminance(background) < 0.02


def test_dark_mode_works_by_the_marks_of_outlooks_apps_too(program: MailProgram) -> None:
    html = MAILS["gp-alert"].html.replace("<body", '<body data-ogsc="" data-ogsb=""', 1)
    wrapped = html.replace("<html", '<html data-ogsc="" data-ogsb=""', 1)
    texts: list[dict[str, Any]] = program.show(wrapped).evaluate(_TEXTS_WITH_COLOURS)
    assert all(_luminance(text["front"]) > 0.3 for text in texts)
    assert all(_contrast(text["front"], text["back"]) >= 4.5 for text in texts)


@pytest.mark.parametrize("name", MAILS)
def test_nothing_is_fetched_but_the_photos(program: MailProgram, name: str) -> None:
    program.show(MAILS[name].html)
    assert all("/photos/" in url for url in program.asked)


@pytest.mark.parametrize("name", MAILS)
def test_headings_follow_one_another_without_a_gap(program: MailProgram, name: str) -> None:
    levels: list[int] = program.show(MAILS[name].html).evaluate(
        "[...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].map(h => Number(h.tagName[1]))"
    )
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_with_images_blocked_the_alternative_text_is_readable(program: MailProgram) -> None:
    page = program.show(MAILS["gp-alert"].html, images=False)
    for image in page.locator("img").all():
        assert image.get_attribute("alt")
        box = image.bounding_box()
        assert box is not None
        assert box["height"] >= 20


def test_a_mail_without_style_sheet_in_its_head_is_still_laid_out(program: MailProgram) -> None:
    bare = re.sub(r"<style.*?</style>", "", MAILS["africa-this-week"].html, flags=re.DOTALL)
    for width in (320, 640):
        page = program.show(bare, width=width)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_on_a_phone_a_photo_stands_above_its_text(program: MailProgram) -> None:
    page = program.show(MAILS["gp-alert"].html, width=320)
    photo = page.locator(".thumb").first.bounding_box()
    text = page.locator(".thumb + .beside").first.bounding_box()
    assert photo is not None
    assert text is not None
    assert photo["y"] + photo["height"] <= text["y"]


_TEXTS_WITH_COLOURS = """() => {
  const opaque = colour => !/rgba\\(.*, 0\\)/.test(colour) && colour !== 'transparent';
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.replace(/[\\s\\u00a0\\u034f\\u200c]/g, '');
    const element = walker.currentNode.parentElement;
    if (!text || !element.checkVisibility() || ['STYLE', 'SCRIPT'].includes(element.tagName)) {
      continue;
    }
    let under = element;
    while (under && !opaque(getComputedStyle(under).backgroundColor)) {
      under = under.parentElement;
    }
    found.push({
      text: text.slice(0, 40),
      front: getComputedStyle(element).color,
      back: under ? getComputedStyle(under).backgroundColor : 'rgb(255, 255, 255)',
    });
  }
  return found;
}"""


def _luminance(colour: str) -> float:
    """Return the relative luminance of `rgb(…)` as WCAG 2 defines it."""
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)
