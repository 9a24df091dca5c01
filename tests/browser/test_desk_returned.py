"""The room for returned mail in a real browser: a phone's width, dark, by axe, and its picture."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.migrations import upgrade
from alerts.staff.permissions import Role
from tests.conftest import NOW
from tests.data.inbound.room import Room, complaint, dsn, letter
from tests.data.web.running import RunningSite, running_site
from tests.staff_world import AMA, GOOD, StaffRoom

pytestmark = pytest.mark.browser

NARROW = 360
_OPTIONS = {"resultTypes": ["violations"]}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSite]:
    folder = tmp_path_factory.mktemp("site")
    database = Database(f"sqlite:///{folder / 'alerts.db'}")
    upgrade(database)
    room = Room(database, FixedClock(NOW), folder)
    names = [f"reader-with-a-name{number}" for number in range(12)]
    room.send_to(*names)
    for number, name in enumerate(names):
        room.clock.advance(timedelta(hours=20))
        status = ("5.1.1", "4.2.2", "5.7.1")[number % 3]
        address = f"{name}@a-domain-that-is-long{number % 4}.example.org"
        room.arrives(dsn(address, status=status, serial=number), to=[room.path_of(name)])
    room.arrives(complaint(), to=[room.path_of(names[0])])
    room.arrives(letter("someone@there.example", subject="Thank you", body="x" * 400))
    with running_site(database, room.clock, folder) as running:
        StaffRoom(database, room.clock).add(AMA, Role.OPS)
        yield running
    database.dispose()


def _log_in(page: Page, site: RunningSite) -> None:
    page.goto(f"{site.url}/desk/login")
    page.fill("#email", AMA)
    page.fill("#password", GOOD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/desk/")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_room_fits_a_phone_and_passes_axe(site: RunningSite, page: Page, scheme: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    _log_in(page, site)
    for path in ("/desk/returned?days=30", "/desk/returned/1", "/desk/returned?kind=reply"):
        for width in (NARROW, 1280):
            page.set_viewport_size({"width": width, "height": 800})
            page.goto(site.url + path)
            for summary in page.locator("summary").all():
                summary.click()
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
            found = Axe().run(page, options=_OPTIONS).response["violations"]
            assert found == [], [(one["id"], one["nodes"][0]["html"]) for one in found]


def test_the_picture_is_drawn_and_the_policy_lets_it(site: RunningSite, page: Page) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    _log_in(page, site)
    page.goto(f"{site.url}/desk/returned")
    assert page.evaluate("document.querySelector('img.chart').naturalWidth") == 720
    assert complaints == []


def test_a_mail_is_worked_on_again_by_keyboard(site: RunningSite, page: Page) -> None:
    _log_in(page, site)
    page.goto(f"{site.url}/desk/returned/1")
    page.get_by_role("button", name="Work on it again").focus()
    page.keyboard.press("Enter")
    page.get_by_text("It is worked on once more").wait_for()
