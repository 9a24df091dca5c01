"""Sending from the desk in a real browser: axe-core, 360 px, without script, and live."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.delivery.outcome import refusal
from alerts.delivery.sweeper import sweep
from alerts.delivery.tallies import Place, tally
from alerts.migrations import upgrade
from alerts.newsletters.issues import draft_issue, move
from alerts.newsletters.lifecycle import Event
from alerts.newsletters.service import get_newsletter
from alerts.staff.permissions import Role
from alerts.subscribers.segments.service import Segments
from tests.conftest import NOW
from tests.data.delivery.house import House
from tests.data.web.running import RunningSite, running_site
from tests.factories import an_article, approved_issue
from tests.staff_world import AMA, GOOD, StaffRoom

pytestmark = pytest.mark.browser

NARROW = 360
# A machine that does much else keeps a page waiting.
PATIENCE = 30_000


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSite]:
    folder = tmp_path_factory.mktemp("site")
    database = Database(f"sqlite:///{folder / 'alerts.db'}")
    upgrade(database)
    with running_site(database, FixedClock(NOW), folder) as site:
        StaffRoom(database, site.clock).add(AMA, Role.EDITOR)
        with database.transaction() as session:
            newsletter = get_newsletter(session, "gp-alert")
            changes = {"test_group": ["ama@example.org"], "clicks": True}
            newsletter.definition = newsletter.definition | changes
            Segments(session, clock=site.clock).create("nearby", "domain is example.org")
        yield site
    database.dispose()


@pytest.fixture(scope="module")
def issues(site: RunningSite, tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """Make an issue in each state; return their ids by what they are."""
    database, clock = site.runtime.database, site.clock
    house = House(database, clock, tmp_path_factory.mktemp("house"))
    house.transport.answers = {
        "nobody": [refusal(550, "5.1.1 no such user")],
        "spam": [refusal(554, "5.7.1 not from you")],
    }
    sent = house.send_to("a", "b", "c", "nobody", "spam")
    house.work()
    clock.advance(timedelta(minutes=7))
    with database.transaction() as session:
        tally(session, sent, {Place("sent"): 40}, now=clock.now())
    sending = approved_issue(database, clock)
    with database.transaction() as session:
        counts = {Place("audience"): 12_400, Place("sent"): 3_000, Place("failed", "hard"): 12}
        tally(session, sending, counts, now=clock.now())
        an_article(session, clock)
        draft = draft_issue(session, "gp-alert", clock=clock).id
    approved = approved_issue(database, clock, sending=False)
    planned = approved_issue(database, clock, sending=False)
    with database.transaction() as session:
        send_at = clock.now() + timedelta(days=1)
        move(session, planned, Event.SCHEDULE, send_at=send_at, clock=clock)
    return {
        "draft": draft,
        "approved": approved,
        "scheduled": planned,
        "sending": sending,
        "sent": sent,
    }


def log_in(context: BrowserContext, site: RunningSite) -> Page:
    page = context.new_page()
    page.goto(f"{site.url}/desk/login")
    page.get_by_label("Email").fill(AMA)
    page.get_by_label("Password").fill(GOOD)
    page.get_by_role("button", name="Log in").click()
    expect(page.locator("h1")).to_have_text("Overview")
    return page


@pytest.fixture(autouse=True)
def patient() -> Iterator[None]:
    expect.set_options(timeout=PATIENCE)
    yield
    expect.set_options(timeout=None)


@pytest.fixture
def desk(browser: Browser, site: RunningSite) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB")
    yield log_in(context, site)
    context.close()


def addresses(site: RunningSite, issues: dict[str, int]) -> list[str]:
    paths = [f"/desk/issues/{number}/send" for number in issues.values()]
    approved = issues["approved"]
    paths += [
        f"/desk/issues/{approved}/send/confirm?when=now",
        f"/desk/issues/{approved}/send/confirm?when=later&day=2026-11-01&time=08:00",
        f"/desk/issues/{issues['sent']}/report",
        f"/desk/issues/{issues['sending']}/report",
        f"/desk/issues/{approved}/report",
        "/desk/",
    ]
    return [site.url + path for path in paths]


def violations(page: Page) -> list[str]:
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_breaks_a_rule_of_axe(
    site: RunningSite, issues: dict[str, int], desk: Page, scheme: str
) -> None:
    desk.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    told: list[str] = []
    desk.on("console", lambda message: told.append(message.text))
    for address in addresses(site, issues):
        desk.goto(address)
        assert violations(desk) == [], address
    # Nothing that the policy of the desk forbids stands in any page; a 422 is told as an error.
    assert [one for one in told if "422" not in one] == []


def test_every_page_fits_a_phone(site: RunningSite, issues: dict[str, int], desk: Page) -> None:
    desk.set_viewport_size({"width": NARROW, "height": 740})
    for address in addresses(site, issues):
        desk.goto(address)
        width = desk.evaluate("document.documentElement.scrollWidth")
        assert width <= NARROW, f"{address} is {width} px wide"


@pytest.mark.parametrize("width", [NARROW, 1280])
def test_what_can_be_pressed_stands_apart(
    site: RunningSite, issues: dict[str, int], desk: Page, width: int
) -> None:
    desk.set_viewport_size({"width": width, "height": 740})
    desk.goto(f"{site.url}/desk/issues/{issues['sending']}/send")
    pause = desk.get_by_role("button", name="Pause").bounding_box()
    report = desk.locator(".way").get_by_role("link", name="Report").bounding_box()
    assert pause is not None
    assert report is not None
    beside = report["x"] - (pause["x"] + pause["width"])
    below = report["y"] - (pause["y"] + pause["height"])
    assert max(beside, below) >= 8


def test_charts_are_shown(site: RunningSite, issues: dict[str, int], desk: Page) -> None:
    desk.goto(f"{site.url}/desk/issues/{issues['sent']}/report")
    pictures = desk.locator("img.chart")
    expect(pictures).to_have_count(2)
    for picture in pictures.all():
        assert picture.evaluate("one => one.complete && one.naturalWidth") > 0
        assert picture.get_attribute("alt")


def test_an_issue_is_sent_and_taken_back_by_keyboard_without_script(
    site: RunningSite, issues: dict[str, int], browser: Browser
) -> None:
    context = browser.new_context(java_script_enabled=False, locale="en-GB")
    page = log_in(context, site)
    page.goto(f"{site.url}/desk/issues/{issues['approved']}/send")
    page.get_by_role("button", name="Look at what will happen").press("Enter")
    expect(page.locator("h1")).to_contain_text("Send “")
    expect(page.locator("main")).to_contain_text("5 readers")
    page.get_by_role("button", name="Send it now").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("leaves in a moment")
    page.get_by_role("button", name="Undo").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Taken back")
    expect(page.get_by_role("heading", name="Send it", exact=True)).to_be_visible()
    context.close()


def test_what_was_typed_wrong_is_told_at_its_field(
    site: RunningSite, issues: dict[str, int], desk: Page
) -> None:
    desk.goto(f"{site.url}/desk/issues/{issues['approved']}/send")
    desk.get_by_label("At a time").check()
    desk.get_by_label("Day").fill("2026-11-01")
    desk.get_by_label("Time in").fill("08:00")
    desk.get_by_role("button", name="Look at what will happen").click()
    expect(desk.locator("#day-problem")).to_contain_text("over")
    expect(desk.get_by_label("Day")).to_have_value("2026-11-01")
    expect(desk.get_by_label("At a time")).to_be_checked()


def test_the_page_moves_by_itself_and_says_when_it_is_over(
    site: RunningSite, desk: Page, tmp_path: Path
) -> None:
    house = House(site.runtime.database, site.clock, tmp_path)
    house.issue_id = approved_issue(site.runtime.database, site.clock)
    with site.runtime.database.transaction() as session:
        tally(session, house.issue_id, {Place("audience"): 200}, now=site.clock.now())
    desk.goto(f"{site.url}/desk/issues/{house.issue_id}/send")
    expect(desk.locator('[data-show="words"]')).to_contain_text("0 of 200 readers")
    expect(desk.locator('[data-show="live"]')).to_contain_text("moves by itself")
    with site.runtime.database.transaction() as session:
        tally(session, house.issue_id, {Place("sent"): 50}, now=site.clock.now())
    expect(desk.locator('[data-show="words"]')).to_contain_text("50 of 200 readers")
    expect(desk.locator('[data-show="sent"]')).to_have_text("50")
    assert desk.locator("progress").evaluate("bar => bar.value") == 50
    with site.runtime.database.transaction() as session:
        move(session, house.issue_id, Event.PAUSE, clock=site.clock)
    expect(desk.get_by_role("heading", name="Paused", exact=True)).to_be_visible()


def test_the_seconds_until_it_leaves_are_counted_down(site: RunningSite, desk: Page) -> None:
    issue_id = approved_issue(site.runtime.database, site.clock, sending=False)
    desk.goto(f"{site.url}/desk/issues/{issue_id}/send/confirm?when=now")
    desk.get_by_role("button", name="Send it now").click()
    expect(desk.locator('[data-show="starts"]')).to_contain_text("It leaves in")
    expect(desk.get_by_role("button", name="Undo")).to_be_visible()
    site.clock.advance(timedelta(seconds=31))
    expect(desk.locator('[data-show="starts"]')).to_contain_text("about to leave")
    with site.runtime.database.transaction() as session:
        assert sweep(session, clock=site.clock)
    expect(desk.get_by_role("heading", name="On its way", exact=True)).to_be_visible()
