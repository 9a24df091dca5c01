"""The newsletters' room in a real browser: axe-core, a narrow phone, the keyboard, no script."""

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.migrations import upgrade
from alerts.newsletters.issues import draft_issue
from alerts.newsletters.schedules import set_schedule
from alerts.staff.permissions import Role
from tests.conftest import NOW
from tests.data.web.running import RunningSite, running_site
from tests.factories import an_article
from tests.staff_world import AMA, GOOD, StaffRoom

pytestmark = pytest.mark.browser

NARROW = 360
ROOM = "/desk/newsletters"
ONE = f"{ROOM}/africa-this-week"
PATHS = (
    ROOM,
    f"{ROOM}/all/new",
    f"{ROOM}/all/new?start=built-in:gp-alert",
    f"{ROOM}/all/file",
    ONE,
    f"{ONE}/change",
    f"{ONE}/text",
    f"{ONE}/schedules",
    f"{ONE}/schedules/set",
    f"{ONE}/schedules/set?frequency=weekly&name=special",
    "/desk/issues/1/number",
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSite]:
    folder = tmp_path_factory.mktemp("site")
    database = Database(f"sqlite:///{folder / 'alerts.db'}")
    upgrade(database)
    with running_site(database, FixedClock(NOW), folder) as site:
        StaffRoom(site.runtime.database, site.clock).add(AMA, Role.ADMIN)
        with database.transaction() as session:
            an_article(session, site.clock)
            draft_issue(session, "africa-this-week", clock=site.clock)
            set_schedule(
                session,
                "africa-this-week",
                "once on 2026-12-24 08:00",
                name="special",
                clock=site.clock,
            )
        yield site
    database.dispose()


@pytest.fixture
def desk(site: RunningSite, browser: Browser) -> Iterator[Page]:
    """Return a page that an admin has logged in with, without script."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 800}, locale="en-GB", java_script_enabled=False
    )
    yield _logged_in(site, context)
    context.close()


@pytest.fixture
def scripted(site: RunningSite, browser: Browser) -> Iterator[Page]:
    """Return a page that an admin has logged in with; axe-core is a script itself."""
    context = browser.new_context(viewport={"width": NARROW, "height": 740}, bypass_csp=True)
    yield _logged_in(site, context)
    context.close()


def _logged_in(site: RunningSite, context: BrowserContext) -> Page:
    page = context.new_page()
    page.goto(f"{site.url}/desk/login")
    page.get_by_label("Email address").fill(AMA)
    page.get_by_label("Password").fill(GOOD)
    page.get_by_label("Password").press("Enter")
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    return page


def _opened(site: RunningSite, page: Page) -> Iterator[str]:
    """Open each page of the room, and those that only a form leads to."""
    for path in PATHS:
        page.goto(site.url + path)
        yield path
    page.goto(f"{site.url}{ONE}/change")
    page.get_by_label("Line below the title").fill("Another line " * 12)
    page.get_by_label("At most", exact=True).last.fill("soon")
    page.get_by_role("button", name="Show what changes").click()
    yield "mistakes"
    page.get_by_label("At most", exact=True).last.fill("5/s")
    page.get_by_role("button", name="Show what changes").click()
    yield "what changes"
    page.get_by_role("button", name="Edit it as a file").click()
    page.get_by_label("Definition").fill('slug = "x"\ntitel = "' + "y" * 200 + '"')
    page.get_by_role("button", name="Show what changes").click()
    yield "mistakes in a file"
    page.goto(f"{site.url}{ONE}/schedules/set?frequency=weekly&name=")
    page.get_by_label("When", exact=True).fill("weekly on sun 02:30 Europe/Paris except 2026-12-27")
    page.get_by_role("button", name="Show what it brings").click()
    yield "what a schedule brings"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_breaks_a_rule_of_axe_or_is_wider_than_a_phone(
    site: RunningSite, scripted: Page, scheme: str
) -> None:
    scripted.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    for name in _opened(site, scripted):
        found = Axe().run(scripted).response["violations"]
        assert [f"{one['id']}: {one['nodes'][0]['html']}" for one in found] == [], name
        width = scripted.evaluate("document.documentElement.scrollWidth")
        assert width <= NARROW, f"{name} is {width} pixels wide"


def test_a_newsletter_is_made_without_script_and_by_keyboard(site: RunningSite, desk: Page) -> None:
    desk.goto(site.url + ROOM)
    desk.get_by_role("link", name="New newsletter").press("Enter")
    desk.get_by_role("link", name="As Africa This Week, as it is delivered").press("Enter")
    desk.get_by_label("Name in addresses").fill("asia-this-week")
    desk.get_by_label("Title", exact=True).fill("Asia This Week")
    desk.get_by_label("Title", exact=True).press("Enter")
    expect(desk.get_by_role("heading", name="Asia This Week: a new newsletter")).to_be_visible()
    desk.get_by_role("button", name="Make it so").press("Enter")
    expect(desk.get_by_text("Asia This Week is created.")).to_be_visible()
    desk.get_by_role("link", name="Schedules").press("Enter")
    desk.get_by_role("button", name="Pause").press("Enter")
    expect(desk.get_by_text("The weekly schedule is paused.")).to_be_visible()


def test_an_issue_becomes_a_double_one_without_script(site: RunningSite, desk: Page) -> None:
    desk.goto(f"{site.url}/desk/issues/1/number")
    desk.get_by_role("button", name="Make it a double issue").press("Enter")
    expect(desk.get_by_role("heading", name="#1 & 2, Vol. 1, No. 1 & 2")).to_be_visible()
    desk.get_by_role("button", name="Let it stand for #1 alone").press("Enter")
    expect(desk.get_by_role("heading", name="#1, Vol. 1, No. 1")).to_be_visible()


def test_a_file_is_handed_in_without_script(site: RunningSite, desk: Page) -> None:
    desk.goto(f"{site.url}{ROOM}/all/file")
    desk.get_by_label("TOML file").set_input_files(
        {"name": "own.toml", "mimeType": "application/toml", "buffer": b'slug = "x"\ntitle = 7\n'}
    )
    desk.get_by_role("button", name="Show what the file changes").press("Enter")
    expect(desk.get_by_text("title: has to be a text")).to_be_visible()
    expect(desk.get_by_label("Definition")).to_have_value('slug = "x"\ntitle = 7\n')
