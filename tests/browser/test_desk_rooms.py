"""The rooms for articles, sources and subscribers in a real browser: width, rules, no script."""

import io
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from alerts.articles.editing import edit_article
from alerts.articles.models import ArticleEdit
from alerts.articles.service import get_article
from alerts.articles.sources.discovery import Discovered
from alerts.articles.sources.models import Source, SourceKind
from alerts.articles.sources.service import add_source
from alerts.clock import FixedClock
from alerts.database import Database
from alerts.migrations import upgrade
from alerts.newsletters.service import offers
from alerts.staff.permissions import Role
from alerts.subscribers import exclusion
from alerts.subscribers.models import SubscriberState
from alerts.subscribers.uploads.service import get_upload, keep_upload, order_check
from alerts.subscribers.uploads.working import take_upload
from alerts.web.desk.subscribers.asked import segments_of
from tests.conftest import NOW
from tests.data.web.running import RunningSite, running_site
from tests.factories import a_part, an_article
from tests.integration.test_articles_once import BODY
from tests.staff_world import AMA, GOOD, StaffRoom

pytestmark = pytest.mark.browser

NARROW = 360
FILE = b"E-mail,Full name,Town\nama@example.org,Ama,Accra\nnobody,x,y\nbina@example.org,Bina,Pune\n"
_OPTIONS = {"resultTypes": ["violations"]}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSite]:
    folder = tmp_path_factory.mktemp("site")
    database = Database(f"sqlite:///{folder / 'alerts.db'}")
    upgrade(database)
    with running_site(database, FixedClock(NOW), folder) as site:
        StaffRoom(database, site.clock).add(AMA, Role.ADMIN)
        _fill(site)
        yield site
    database.dispose()


def _fill(site: RunningSite) -> None:
    """Put something into every corner of the rooms."""
    clock, keys = site.clock, site.runtime.settings.secret_key
    for number in range(8):
        site.subscribe("gp-alert", email=f"{'long' * 8}-{number}@example.org")
    site.subscribe("africa-this-week", email="waiting@example.org", confirmed=False)
    with site.runtime.database.transaction() as session:
        for number in range(3):
            an_article(session, clock, title=f"The pier at Lomé {number}")
        printed = {
            "head": ["NIAS Africa Weekly", "No. XX"],
            "date": "22nd Nov",
            "notes": ["x" * 90],
        }
        flags = ["header: 'No. XX' was not understood"]
        parts = [a_part(1, in_focus=True), a_part(2)]
        article = an_article(session, clock, flags=flags, printed=printed, parts=parts)
        changes = {"title": "Edited", "number": "87"}
        edit_article(session, article, changes, by="Ama", seen=1, clock=clock)
        session.get_one(ArticleEdit, (article.id, "number")).page_now = {"number": "88"}
        every = timedelta(minutes=15)
        url = f"https://news.example.org/{'feed' * 12}.xml"
        source = add_source(session, Discovered(SourceKind.FEED, url), every=every, clock=clock)
        source.failing_since, source.failures, source.last_error = clock.now(), 3, "503 away"
        exclusion.block_domain(session, "spam.example", reason="robots", way="desk", clock=clock)
        exclusion.suppress(session, "out@example.org", reason="asked", keys=keys, clock=clock)
        segments_of(session, clock).create("africa", "newsletter is africa-this-week")
        offered = offers(session)
    for name in ("first.csv", "second.csv", "third.csv"):
        upload = keep_upload(
            site.runtime.database, io.BytesIO(FILE), name=name, by="Ama", clock=clock
        )
        if name != "first.csv":
            _order(site, upload.id)
        if name == "second.csv":
            take_upload(
                site.runtime.database,
                upload.id,
                offers=offered,
                suppression_keys=keys,
                clock=clock,
            )


def _order(site: RunningSite, number: int) -> None:
    with site.runtime.database.transaction() as session:
        order_check(
            get_upload(session, number),
            mapping={"email": "E-mail"},
            newsletters=[],
            confirmed=True,
            consent="Asked for it",
            clock=site.clock,
        )


PATHS = (
    "/desk/articles",
    "/desk/articles?q=nothing+like+it",
    "/desk/articles/4",
    "/desk/articles/4/edit",
    "/desk/articles/add",
    "/desk/sources",
    "/desk/sources/1",
    "/desk/subscribers",
    "/desk/subscribers?state=confirmed",
    "/desk/subscribers/1",
    "/desk/subscribers/9",
    "/desk/subscribers/1/erase",
    "/desk/subscribers/add",
    "/desk/subscribers/segments",
    "/desk/subscribers/segments/africa",
    "/desk/subscribers/segments?query=colour+is+red",
    "/desk/subscribers/growth",
    "/desk/subscribers/import",
    "/desk/subscribers/import/1",
    "/desk/subscribers/import/2",
    "/desk/subscribers/import/3",
    "/desk/subscribers/suppressions?email=out@example.org",
    "/desk/staff",
    "/desk/staff/1",
    "/desk/log",
    "/desk/account",
)


def _log_in(site: RunningSite, page: Page) -> None:
    page.goto(f"{site.url}/desk/login")
    page.get_by_label("Email address").fill(AMA)
    page.get_by_label("Password").fill(GOOD)
    page.get_by_role("button", name="Log in").click()
    expect(page.locator("h1")).to_be_visible()


@pytest.fixture
def desk(site: RunningSite, page: Page) -> Page:
    _log_in(site, page)
    return page


@pytest.fixture
def plain(site: RunningSite, browser: Browser) -> Iterator[Page]:
    """Return a page at the desk that runs no script."""
    context = browser.new_context(java_script_enabled=False, locale="en-GB")
    page = context.new_page()
    _log_in(site, page)
    yield page
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_room_fits_a_phone_and_breaks_no_rule(
    site: RunningSite, desk: Page, scheme: str
) -> None:
    desk.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    desk.set_viewport_size({"width": NARROW, "height": 700})
    for path in PATHS:
        answer = desk.goto(site.url + path)
        assert answer
        assert answer.status in {200, 422}, path
        assert desk.evaluate("document.documentElement.scrollWidth") <= NARROW, path
        found = Axe().run(desk, options=_OPTIONS).response["violations"]
        assert [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found] == [], path


def test_every_page_has_one_heading_and_a_title_of_its_own(site: RunningSite, desk: Page) -> None:
    titles = set()
    for path in PATHS:
        desk.goto(site.url + path)
        assert desk.locator("h1").count() == 1, path
        titles.add((desk.title(), urlsplit(path).path))
        ids = desk.evaluate("[...document.querySelectorAll('[id]')].map(one => one.id)")
        assert len(ids) == len(set(ids)), path
    assert len({title for title, _ in titles}) >= len({path for _, path in titles}) - 1


def test_an_article_is_added_and_edited_without_script(site: RunningSite, plain: Page) -> None:
    plain.goto(f"{site.url}/desk/articles")
    plain.get_by_role("link", name="Add an article").click()
    text = f"Who pays for the cranes?\n\nAfi Mensah\n\n23 November 2026\n\n{BODY}"
    plain.get_by_label("Text or HTML").fill(text)
    plain.get_by_role("button", name="Add it").click()
    expect(plain.get_by_role("status")).to_contain_text("Added.")
    expect(plain.locator("h1")).to_have_text("Who pays for the cranes?")
    plain.get_by_role("link", name="Edit", exact=True).click()
    plain.get_by_label("Number").fill("1251")
    plain.get_by_label("Date").fill("yesterday")
    plain.get_by_role("button", name="Save").click()
    expect(plain.locator("#published_on-problem")).to_contain_text("is no date")
    plain.get_by_label("Date").fill("2026-11-23")
    plain.get_by_role("checkbox", name="West Africa").check()
    plain.get_by_role("button", name="Save").click()
    expect(plain.get_by_role("status")).to_contain_text("number")
    with site.runtime.database.read() as session:
        number = int(urlsplit(plain.url).path.rpartition("/")[2])
        assert get_article(session, number).number == "1251"


def test_a_question_is_answered_without_script(site: RunningSite, plain: Page) -> None:
    plain.goto(f"{site.url}/desk/articles?only=flagged")
    plain.get_by_role("link", name="Edited").click()
    plain.get_by_role("button", name="Take the page’s").click()
    expect(plain.get_by_role("status")).to_contain_text("The page’s words stand now")
    with site.runtime.database.read() as session:
        assert get_article(session, 4).number == "88"


def test_a_source_is_paused_without_script(site: RunningSite, plain: Page) -> None:
    plain.goto(f"{site.url}/desk/sources")
    plain.get_by_role("link", name="news.example.org").click()
    plain.get_by_role("button", name="Pause").click()
    expect(plain.get_by_role("status")).to_contain_text("Paused")
    with site.runtime.database.read() as session:
        assert session.get_one(Source, 1).state.value == "paused"


def test_a_subscriber_is_added_and_a_file_imported_without_script(
    site: RunningSite, plain: Page
) -> None:
    plain.goto(f"{site.url}/desk/subscribers/add")
    plain.get_by_label("Address").fill("chandra@example.org")
    plain.get_by_role("checkbox", name="GP Alert").check()
    plain.get_by_role("button", name="Add them").click()
    expect(plain.get_by_role("status")).to_contain_text("asks them to confirm")
    assert site.subscriber("chandra@example.org").state is SubscriberState.UNCONFIRMED

    plain.goto(f"{site.url}/desk/subscribers/import")
    file = {"name": "conference.csv", "mimeType": "text/csv", "buffer": FILE}
    plain.get_by_label("File").set_input_files(file)  # type: ignore[arg-type]  # a dictionary will do
    plain.get_by_role("button", name="Hand it in").click()
    expect(plain.get_by_label("Which column holds the addresses?")).to_have_value("E-mail")
    plain.get_by_label("On what basis are these people mailed?").fill("Asked for it in Accra")
    plain.get_by_role("button", name="See what it would do").click()
    expect(plain.get_by_text("It waits for a worker.")).to_be_visible()


def test_how_many_fit_follows_the_form(site: RunningSite, desk: Page) -> None:
    desk.goto(f"{site.url}/desk/subscribers/segments")
    build = desk.locator("form[method=get][data-count]")
    told = build.get_by_role("status")
    expect(told).to_have_text("")
    build.get_by_label("Who").select_option("state is")
    build.get_by_label("Value").first.fill("unconfirmed")
    expect(told).to_contain_text("of them can be mailed")
    first = told.inner_text()
    build.get_by_label("Value").first.fill("confirmed")
    expect(told).not_to_have_text(first)
    build.get_by_label("Value").first.fill("")
    expect(told).to_have_text("")

    write = desk.locator("form[method=post][data-count]")
    write.get_by_label("Query").press_sequentially("newsletter is africa-this-week and ")
    expect(write.get_by_role("status")).to_contain_text("Segment:")
    write.get_by_label("Query").press_sequentially("state is suppressed")
    expect(write.get_by_role("status")).to_have_text("0 subscribers fit, 0 of them can be mailed.")
    # Enter in a line of the form saves, and does not only count.
    write.get_by_label("Name").fill("Nobody yet")
    write.get_by_label("Name").press("Enter")
    expect(desk.locator("h1")).to_have_text("Nobody yet")
    expect(desk.get_by_role("status").first).to_contain_text("Saved")


def test_a_segment_is_counted_without_script(site: RunningSite, plain: Page) -> None:
    plain.goto(f"{site.url}/desk/subscribers/segments")
    plain.get_by_label("Who").select_option("state is")
    plain.get_by_label("Value").first.fill("unconfirmed")
    plain.get_by_role("button", name="Count them").first.click()
    expect(plain.get_by_role("status").first).to_contain_text("of them can be mailed")
    expect(plain.get_by_label("Who")).to_have_value("state is")
    expect(plain.get_by_label("Query")).to_have_value("state is unconfirmed")


def test_a_chart_is_drawn_as_a_picture(site: RunningSite, desk: Page) -> None:
    desk.goto(f"{site.url}/desk/subscribers/growth")
    shown = desk.locator("img.chart").evaluate("one => [one.complete, one.naturalWidth]")
    assert shown == [True, 720]
