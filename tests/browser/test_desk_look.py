"""Looking at an issue in a real browser: its frames, dark mode, a narrow phone, no script."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.migrations import upgrade
from alerts.newsletters.models import IssueState
from alerts.staff.permissions import Role
from alerts.subscribers.models import Frequency
from tests.conftest import NOW
from tests.data.rendering import samples
from tests.data.web.running import EMAIL, RunningSite, running_site
from tests.staff_world import AMA, GOOD, StaffRoom

pytestmark = pytest.mark.browser

HOSTILE = replace(
    samples.HARD["gp-alert: HTML and Jinja"], subject="Test: <script>alert(1)</script> {{ 7 * 7 }}"
)
LOOK, HOSTILE_LOOK = "/desk/issues/1/look", "/desk/issues/2/look"
PATHS = [
    LOOK,
    f"{LOOK}?scheme=dark&pictures=off",
    f"{LOOK}?view=inbox",
    f"{LOOK}?view=text",
    f"{LOOK}?view=source",
    f"{LOOK}?whose=wish&region=west-africa",
    f"{LOOK}?whose=wish&region=oceania",
    "/desk/issues/1/checks",
    HOSTILE_LOOK,
    f"{HOSTILE_LOOK}?view=inbox",
    "/desk/issues/2/checks",
]
_OPTIONS = {"resultTypes": ["violations"], "iframes": False}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSite]:
    folder = tmp_path_factory.mktemp("site")
    database = Database(f"sqlite:///{folder / 'alerts.db'}")
    upgrade(database)
    clock = FixedClock(NOW)
    with running_site(database, clock, folder) as site:
        StaffRoom(database, clock).add(AMA, Role.EDITOR)
        site.subscribe("africa-this-week")
        state = IssueState.APPROVED
        site.add_issue(samples.africa_this_week(), 86, frequency=Frequency.WEEKLY, state=state)
        site.add_issue(HOSTILE, 12, frequency=Frequency.IMMEDIATE, state=state)
        yield site
    database.dispose()


def _logged_in(context: BrowserContext, site: RunningSite) -> Page:
    context.route("https://**", Route.abort)
    page = context.new_page()
    page.goto(f"{site.url}/desk/login")
    page.locator("#email").fill(AMA)
    page.locator("#password").fill(GOOD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/desk/")
    return page


@pytest.fixture(scope="module")
def desk(browser: Browser, site: RunningSite) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB")
    yield _logged_in(context, site)
    context.close()


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_passes_axe_and_fits_a_phone(
    site: RunningSite, desk: Page, path: str, scheme: str
) -> None:
    desk.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    for width in (360, 1280):
        desk.set_viewport_size({"width": width, "height": 900})
        desk.goto(site.url + path)
        assert desk.evaluate("document.documentElement.scrollWidth") <= width
    for summary in desk.locator("summary").all():
        if summary.locator("xpath=..").get_attribute("open") is None:
            summary.click()
    found = Axe().run(desk, options=_OPTIONS).response["violations"]
    assert [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found] == []
    assert desk.locator("h1").count() == 1


_GROUND = "getComputedStyle(document.querySelector('.sheet')).backgroundColor"


@pytest.mark.parametrize("system", ["light", "dark"])
def test_dark_mode_is_the_mails_whatever_the_system(
    site: RunningSite, desk: Page, system: str
) -> None:
    desk.emulate_media(color_scheme="dark" if system == "dark" else "light")
    for scheme, ground in (("light", "rgb(255, 253, 248)"), ("dark", "rgb(27, 25, 23)")):
        # By itself, as a frame shows it: a sandbox lets no test look in from outside.
        answer = desk.goto(f"{site.url}{LOOK}/mail?scheme={scheme}")
        assert answer
        html = answer.text()
        desk.goto("about:blank")
        desk.set_content(html)
        assert desk.evaluate(_GROUND) == ground


def test_the_frames_show_the_mail_at_both_widths_and_nothing_runs(
    site: RunningSite, desk: Page
) -> None:
    desk.emulate_media(color_scheme="light")
    desk.set_viewport_size({"width": 1280, "height": 900})
    desk.goto(site.url + HOSTILE_LOOK)
    boxes = [frame.bounding_box() for frame in desk.locator("iframe").all()]
    assert [box["width"] for box in boxes if box] == [375, 700]
    expect(desk.frame_locator("iframe >> nth=0").locator("h1")).to_have_text("GP Alert")
    assert desk.evaluate("document.querySelectorAll('main script').length") == 0
    expect(desk.locator("h1")).to_contain_text("<script>alert(1)</script>")


def test_the_whole_way_without_script(site: RunningSite, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = _logged_in(context, site)
    page.goto(site.url + LOOK)
    page.get_by_role("link", name="Dark mode").click()
    page.get_by_role("link", name="Phone", exact=True).click()
    expect(page.locator("figcaption")).to_have_text("Phone, 375 pixels, dark mode")
    page.get_by_role("link", name="Plain text", exact=True).click()
    expect(page.locator("pre")).to_contain_text("AFRICA THIS WEEK")
    page.get_by_text("Somebody who follows only").click()
    page.get_by_role("checkbox", name="West Africa").check()
    page.get_by_role("button", name="Show this reader’s mail").click()
    expect(page.get_by_role("status")).to_contain_text("3 of 10 pieces")
    # What was chosen before is kept.
    expect(page.locator("pre")).to_contain_text("AFRICA THIS WEEK")
    page.get_by_label("A subscriber’s address").fill(EMAIL)
    page.get_by_role("button", name="Show theirs").click()
    expect(page.get_by_role("status")).to_contain_text(f"{EMAIL} gets 10 of 10 pieces")
    context.close()


def test_overruling_a_warning_by_keyboard(site: RunningSite, desk: Page) -> None:
    desk.goto(f"{site.url}/desk/issues/2/checks")
    desk.locator("summary", has_text="the subject holds the word").focus()
    desk.keyboard.press("Enter")
    desk.keyboard.press("Tab")
    desk.keyboard.type("The issue is about a test")
    desk.keyboard.press("Enter")
    expect(desk.get_by_role("status").first).to_contain_text("Overruled, with your name")
    expect(desk.locator("main")).to_contain_text("“The issue is about a test”, ama@example.org")
