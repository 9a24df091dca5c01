"""The room Operations in a real browser: its contrast, its width, and how it renews itself."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.delivery.models import OutcomeCount
from alerts.delivery.transports.suspicion import Suspicions
from alerts.migrations import upgrade
from alerts.operations.alarms.books import settle
from alerts.operations.alarms.kinds import Kind, Trouble
from alerts.operations.examining import examine
from alerts.operations.models import DoctorReport
from alerts.staff.permissions import Role
from tests.conftest import NOW
from tests.data.web.running import RunningSite, running_site
from tests.staff_world import AMA, GOOD, StaffRoom

pytestmark = pytest.mark.browser
SAID = "one.example.org:587: refuses our mail with this login: 535 5.7.8 credentials are invalid"
PATHS = (
    "/desk/",
    "/desk/operations",
    "/desk/operations/doctor",
    "/desk/operations/release",
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, redis_url: str) -> Iterator[RunningSite]:
    folder = tmp_path_factory.mktemp("site")
    database = Database(f"sqlite:///{folder / 'alerts.db'}")
    upgrade(database)
    relays = tuple(f"catcher://?name={name}.example.org" for name in ("one", "two"))
    with running_site(database, FixedClock(NOW), folder, mail_url=relays) as site:
        site.queue.redis_url = redis_url
        suspicions = Suspicions(redis_url, ["one.example.org"])
        suspicions.note("one.example.org", rest=60, said=SAID)
        StaffRoom(database, site.clock).add(AMA, Role.OPS)
        fill(site)
        yield site
        suspicions.clear("one.example.org")
        suspicions.close()
    database.dispose()


def fill(site: RunningSite) -> None:
    with site.runtime.database.transaction() as session:
        for hours in range(40):
            at = NOW - timedelta(hours=hours)
            for outcome, count in (("sent", 900), ("deferred", 60), ("hard", 9), ("policy", 3)):
                session.add(
                    OutcomeCount(
                        hour=at,
                        last_at=at,
                        issue_id=1,
                        provider="gmail.com",
                        outcome=outcome,
                        count=count,
                    )
                )
        report = DoctorReport(asked_at=NOW)
        session.add(report)
        session.flush()
    ring(site, "news.example.org")
    examine(site.runtime.database, report.id, settings=site.runtime.settings, clock=site.clock)


def ring(site: RunningSite, *names: str) -> None:
    troubles = [Trouble(Kind.SOURCE_DEAD, name, f"{name} is gone", "See `it`.") for name in names]
    with site.runtime.database.transaction() as session:
        settle(session, troubles, targets=(), now=NOW)


def log_in(page: Page, site: RunningSite) -> None:
    page.goto(f"{site.url}/desk/login")
    page.get_by_label("Your email address").fill(AMA)
    page.get_by_label("Your password").fill(GOOD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_pass_axe_and_fit_a_phone(
    browser: Browser, site: RunningSite, scheme: str
) -> None:
    context = browser.new_context(
        viewport={"width": 360, "height": 740},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    log_in(page, site)
    for path in PATHS:
        page.goto(site.url + path)
        for summary in page.locator("summary").all():
            summary.click()
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, path
    # Nothing was kept back by the policy for content.
    assert said == []
    context.close()


def test_a_sick_mail_server_is_shown_with_who_stands_in_for_it(
    page: Page, site: RunningSite
) -> None:
    log_in(page, site)
    page.goto(f"{site.url}/desk/operations")
    said = page.get_by_text("mail goes on by two.example.org")
    expect(said).to_contain_text("sick since")
    expect(said).to_contain_text(SAID)


def test_charts_are_drawn(page: Page, site: RunningSite) -> None:
    log_in(page, site)
    page.goto(f"{site.url}/desk/operations")
    page.wait_for_load_state("networkidle")
    sizes = page.locator("img.chart").evaluate_all("all => all.map(one => one.naturalWidth)")
    assert sizes == [720, 720]


def test_the_page_renews_itself_but_takes_nothing_from_under_ones_hands(
    page: Page, site: RunningSite
) -> None:
    log_in(page, site)
    page.clock.install()
    page.goto(f"{site.url}/desk/operations")
    page.get_by_text("Silence it for a time").first.click()
    page.get_by_label("Why").first.fill("half a reas")
    ring(site, "news.example.org", "other.example.org")
    page.clock.run_for(65_000)
    expect(page.get_by_label("Why").first).to_have_value("half a reas")
    page.get_by_text("Silence it for a time").first.click()
    page.evaluate("document.activeElement.blur()")
    page.clock.run_for(35_000)
    expect(page.get_by_text("Other.example.org is gone")).to_be_visible()
