"""The API's documentation and the webhooks' room in a real browser."""

from collections.abc import Iterator
from typing import Any, cast

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.migrations import upgrade
from alerts.staff.permissions import Role
from tests.conftest import NOW
from tests.data.web.running import RunningSite, running_site
from tests.desk_world import at_the_desk
from tests.webhooks_world import a_receiver

pytestmark = pytest.mark.browser

PAGES = ("/api/docs", "/desk/webhooks", "/desk/webhooks/1")


@pytest.fixture(scope="module")
def furnished(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[RunningSite, list[dict[str, str]]]]:
    """Serve a site with a webhook that failed once; yield it with an admin's cookies."""
    folder = tmp_path_factory.mktemp("site")
    database = Database(f"sqlite:///{folder / 'alerts.db'}")
    upgrade(database)
    with (
        a_receiver() as receiver,
        running_site(database, FixedClock(NOW), folder, fetch_hosts=("127.0.0.1",)) as site,
        at_the_desk(site, Role.ADMIN) as admin,
    ):
        form: dict[str, str | list[str]] = {"url": receiver.url, "event": ["issue.sent"]}
        admin.post("/desk/webhooks", form, page="/desk/webhooks")
        receiver.answer(500, body=b"no such channel " + b"x" * 400)
        admin.post("/desk/webhooks/1/test", page="/desk/webhooks")
        cookies = [
            {"name": one.name, "value": one.value or "", "url": site.url}
            for one in admin.client.cookies.jar
        ]
        yield site, cookies
    database.dispose()


@pytest.fixture
def opened(furnished: tuple[RunningSite, list[dict[str, str]]], page: Page) -> tuple[str, Page]:
    site, cookies = furnished
    page.context.add_cookies(cast("Any", cookies))
    return site.url, page


@pytest.mark.parametrize("path", PAGES)
def test_a_page_fits_a_narrow_phone_and_breaks_no_rule_of_axe(
    opened: tuple[str, Page], path: str
) -> None:
    url, page = opened
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    answer = page.goto(url + path)
    assert answer is not None
    assert answer.status == 200
    assert "script-src 'unsafe" not in answer.headers["content-security-policy"]
    assert all(one.startswith(url) for one in asked)
    assert page.locator("h1").count() == 1
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
        assert [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found] == []
    page.set_viewport_size({"width": 320, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_links_of_the_documentation_lead_somewhere(opened: tuple[str, Page]) -> None:
    url, page = opened
    page.goto(f"{url}/api/docs")
    ids = set(page.evaluate("[...document.querySelectorAll('[id]')].map(one => one.id)"))
    links = page.evaluate(
        "[...document.querySelectorAll('a[href^=\"#\"]')].map(one => one.getAttribute('href'))"
    )
    assert len(links) > 100
    assert {link.removeprefix("#") for link in links} <= ids | {"main"}
