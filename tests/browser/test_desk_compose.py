"""Composing an issue in a real browser: by drag, by keyboard, without script, by two at once."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.migrations import upgrade
from alerts.newsletters.editing.composing import composition_of
from alerts.newsletters.editing.composition import Composition, PieceEntry
from alerts.newsletters.issues import build_content, draft_issue, freeze, get_issue
from alerts.newsletters.service import definition_of, get_newsletter
from alerts.staff.permissions import Role
from tests.conftest import NOW
from tests.data.web.running import RunningSite, running_site
from tests.factories import a_part, an_article
from tests.staff_world import AMA, GOOD, StaffRoom

pytestmark = pytest.mark.browser

BEN = "ben@example.org"
NARROW = 360
# A machine that does much else may keep the page's script waiting, in milliseconds.
PATIENCE = 30_000
ESSAY = "<h2>Above</h2>" + "".join(
    f"<p>Paragraph {n} begins so. {'It goes on for a while. ' * 12}So ends {n}.</p>"
    for n in range(1, 31)
)
_OPTIONS = {"resultTypes": ["violations"]}
SAVED = re.compile(r"^Saved at \d\d:\d\d UTC, as version \d+\.$")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSite]:
    folder = tmp_path_factory.mktemp("site")
    database = Database(f"sqlite:///{folder / 'alerts.db'}")
    upgrade(database)
    with running_site(database, FixedClock(NOW), folder) as site:
        for email in (AMA, BEN):
            StaffRoom(database, site.clock).add(email, Role.EDITOR)
        yield site
    database.dispose()


@pytest.fixture
def issue_id(site: RunningSite) -> int:
    """Return a draft: an essay in focus and three briefs."""
    with site.runtime.database.transaction() as session:
        essay = an_article(
            session, site.clock, title="The essay", words=2_000, body_html=ESSAY, body_text="x"
        )
        parts = [a_part(n, title=f"Brief {n}") for n in (1, 2, 3)]
        roundup = an_article(session, site.clock, title="The roundup", authors=(), parts=parts)
        chosen = [essay.id, roundup.id]
        issue = draft_issue(session, "africa-this-week", article_ids=chosen, clock=site.clock)
        return issue.id


def _log_in(page: Page, site: RunningSite, email: str = AMA) -> None:
    page.goto(f"{site.url}/desk/login")
    page.fill("#email", email)
    page.fill("#password", GOOD)
    page.press("#password", "Enter")
    expect(page.locator("h1")).to_have_text("Overview", timeout=PATIENCE)


def _compose(page: Page, site: RunningSite, issue_id: int) -> None:
    page.goto(f"{site.url}/desk/issues/{issue_id}/compose")


def _stored(site: RunningSite, issue_id: int) -> Composition:
    with site.runtime.database.read() as session:
        issue = get_issue(session, issue_id)
        return composition_of(issue, definition_of(get_newsletter(session, issue.newsletter)))


def _titles(site: RunningSite, issue_id: int) -> list[str]:
    with site.runtime.database.read() as session:
        return [one.title for one in build_content(session, get_issue(session, issue_id)).items]


def _is_saved(page: Page) -> None:
    expect(page.locator("#saved")).to_have_text(SAVED, timeout=PATIENCE)


def _entry(page: Page, title: str) -> str:
    """Return the selector of the entry with a title."""
    key = page.locator(f'.entry[data-name="“{title}”"]').get_attribute("id")
    return f"#{key}"


def test_pieces_are_dragged_within_and_between_sections(
    site: RunningSite, page: Page, issue_id: int
) -> None:
    # Both ends of a drag have to be on the screen.
    page.set_viewport_size({"width": 1280, "height": 2_000})
    _log_in(page, site)
    _compose(page, site, issue_id)
    grip = page.locator(f"{_entry(page, 'Brief 3')} .grip")
    target = page.locator(_entry(page, "Brief 1"))
    _drag(page, grip.bounding_box(), target.bounding_box())
    _is_saved(page)
    assert _titles(site, issue_id) == ["The essay", "Brief 3", "Brief 1", "Brief 2"]
    grip = page.locator(f"{_entry(page, 'Brief 2')} .grip")
    target = page.locator(_entry(page, "The essay"))
    _drag(page, grip.bounding_box(), target.bounding_box())
    expect(page.locator("#saved")).to_contain_text("“Brief 2” is now 1 of 2 in In focus")
    _is_saved(page)
    assert [one.section for one in _stored(site, issue_id).entries] == [
        *["in-focus"] * 2,
        *["briefs"] * 2,
    ]


def _drag(page: Page, start: object, end: object) -> None:
    """Drag from the middle of one box to the upper quarter of another, in small steps."""
    assert isinstance(start, dict)
    assert isinstance(end, dict)
    page.mouse.move(start["x"] + start["width"] / 2, start["y"] + start["height"] / 2)
    page.mouse.down()
    page.mouse.move(end["x"] + 60, end["y"] + end["height"] / 4, steps=12)
    page.mouse.up()


def test_pieces_are_moved_by_keyboard_alone(site: RunningSite, page: Page, issue_id: int) -> None:
    _log_in(page, site)
    _compose(page, site, issue_id)
    up = page.locator(f"{_entry(page, 'Brief 2')} [data-step=up]")
    up.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#saved")).to_contain_text("“Brief 2” is now 1 of 3 in In brief")
    expect(up).to_be_focused()
    page.keyboard.press("Space")
    expect(page.locator("#saved")).to_contain_text("“Brief 2” is now 2 of 2 in In focus")
    _is_saved(page)
    assert _titles(site, issue_id) == ["The essay", "Brief 2", "Brief 1", "Brief 3"]


def test_words_are_saved_by_themselves_and_shown_as_they_will_look(
    site: RunningSite, page: Page, issue_id: int
) -> None:
    _log_in(page, site)
    _compose(page, site, issue_id)
    page.locator('button[value="text:briefs"]').click()
    page.fill("textarea[name=markdown]", "Our **map** of [it](https://maps.example.org)")
    expect(page.locator("[data-preview] strong")).to_have_text("map", timeout=PATIENCE)
    entry = _entry(page, "The essay")
    page.locator(f"{entry} summary", has_text="Title and standfirst").click()
    page.locator(f"{entry} input[name=title]").fill("Our title")
    expect(page.locator("#subject")).to_have_value(re.compile("Our title$"), timeout=PATIENCE)
    _is_saved(page)
    stored = _stored(site, issue_id)
    assert stored.subject.endswith(": Our title")
    assert next(e.title for e in stored.entries if isinstance(e, PieceEntry)) == "Our title"
    page.reload()
    expect(page.locator("textarea[name=markdown]")).to_have_value(re.compile(r"\*\*map\*\*"))


def test_pieces_of_a_roundup_are_ticked_and_a_brief_is_shortened(
    site: RunningSite, page: Page, issue_id: int
) -> None:
    with site.runtime.database.transaction() as session:
        parts = [a_part(n, title=f"Harbour {n}") for n in (1, 2, 3)]
        an_article(session, site.clock, title="Another roundup", authors=(), parts=parts)
    page.set_viewport_size({"width": NARROW, "height": 740})
    _log_in(page, site)
    _compose(page, site, issue_id)
    page.fill("#find", "harbour")
    page.press("#find", "Enter")
    page.get_by_label("Harbour 1").check()
    page.get_by_label("Harbour 3").press("Space")
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW
    assert _violations(page) == []
    page.get_by_role("button", name="Put in what is ticked").click()
    expect(page.locator("#saved")).to_contain_text("2 pieces put in.")
    assert _titles(site, issue_id)[-2:] == ["Harbour 1", "Harbour 3"]
    entry = _entry(page, "Harbour 3")
    page.locator(f"{entry} summary").click()
    page.locator(f"{entry} button", has_text="Begin from its text").click()
    field = page.locator(f"{entry} textarea[name=standfirst]")
    expect(field).to_have_value("Brief 3.")
    field.fill("Shorter.")
    _is_saved(page)
    pieces = {piece.key: piece for piece in _stored(site, issue_id).pieces}
    assert pieces[entry.removeprefix("#entry-").replace("-", ".")].standfirst == "Shorter."


def test_an_essay_ends_earlier_in_this_issue(site: RunningSite, page: Page, issue_id: int) -> None:
    page.set_viewport_size({"width": NARROW, "height": 740})
    _log_in(page, site)
    _compose(page, site, issue_id)
    entry = _entry(page, "The essay")
    summary = page.locator(f"{entry} .ending summary")
    expect(summary).to_contain_text("all of it, 30 paragraphs")
    summary.focus()
    page.keyboard.press("Enter")
    page.get_by_label("All of it").focus()
    for _ in range(3):
        page.keyboard.press("ArrowDown")
    expect(summary).to_contain_text("the first 2 of 30 paragraphs")
    _is_saved(page)
    assert _stored(site, issue_id).pieces[0].paragraphs == 2
    page.get_by_label("Up to paragraph 29").check()
    _is_saved(page)
    page.reload()
    summary.click()
    # Where it ends is seen at once among its paragraphs, however many there are.
    page.locator(f"{entry} .paragraphs").scroll_into_view_if_needed()
    chosen = page.get_by_label("Up to paragraph 29")
    expect(chosen).to_be_checked()
    expect(chosen).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW
    assert _violations(page) == []


def test_a_piece_moved_into_focus_has_its_paragraphs_at_hand(
    site: RunningSite, page: Page, issue_id: int
) -> None:
    _log_in(page, site)
    _compose(page, site, issue_id)
    essay, brief = _entry(page, "The essay"), _entry(page, "Brief 1")
    button = page.locator(f"{brief} .choose-ending")
    expect(button).to_be_hidden()
    page.locator(f"{brief} select[name=section]").select_option("in-focus")
    page.locator(f"{essay} select[name=section]").select_option("briefs")
    expect(page.locator(f"{essay} .ending")).to_be_hidden()
    button.click()
    expect(page.locator(".notice.good")).to_have_text("Choose how much of its text is shown.")
    page.locator(brief).get_by_label("None of it").check()
    _is_saved(page)
    shown = {one.key: one.paragraphs for one in _stored(site, issue_id).pieces}
    assert shown[brief.removeprefix("#entry-").replace("-", ".")] == 0


def test_two_editors_at_once_see_both_and_lose_nothing(
    site: RunningSite, browser: Browser, page: Page, issue_id: int
) -> None:
    _log_in(page, site)
    _compose(page, site, issue_id)
    context = browser.new_context()
    other = context.new_page()
    _log_in(other, site, BEN)
    _compose(other, site, issue_id)
    page.fill("#note", "Ama's note")
    _is_saved(page)
    other.fill("#note", "Ben's note")
    expect(other.locator("#saved")).to_contain_text("saved this issue meanwhile", timeout=PATIENCE)
    other.locator('.save-bar button[value="save"]').click()
    expect(other.locator(".notice.bad")).to_contain_text("Nothing was overwritten")
    expect(other.locator(".notice.bad del")).to_contain_text("Ama's")
    expect(other.locator("#note")).to_have_value("Ben's note")
    assert _violations(other) == []
    assert _stored(site, issue_id).note == "Ama's note"
    expect(other.locator(".notice.bad")).to_contain_text("yours stands: the editor’s note")
    other.get_by_role("button", name="Bring both together").click()
    expect(other.locator(".notice.good")).to_contain_text("Brought together")
    assert _stored(site, issue_id).note == "Ben's note"
    context.close()


def test_an_ended_session_keeps_what_was_typed(
    site: RunningSite, page: Page, issue_id: int
) -> None:
    _log_in(page, site)
    _compose(page, site, issue_id)
    page.context.clear_cookies()
    page.fill("#note", "typed without a session")
    expect(page.locator("#saved")).to_contain_text("your log-in has ended", timeout=PATIENCE)
    page.locator('.save-bar button[value="save"]').click()
    page.fill("#email", AMA)
    page.fill("#password", GOOD)
    page.press("#password", "Enter")
    expect(page.get_by_label("Note")).to_have_value("typed without a session")
    page.get_by_role("button", name="Go on with it").click()
    expect(page.locator(".notice.good")).to_have_text("Saved.")
    assert _stored(site, issue_id).note == "typed without a session"


def test_a_step_pressed_while_saving_goes_on_from_what_was_saved(
    site: RunningSite, page: Page, issue_id: int
) -> None:
    _log_in(page, site)
    _compose(page, site, issue_id)
    page.fill("#note", "typed, and a button pressed at once")
    page.locator('button[value="text:in-focus"]').dblclick()
    expect(page.locator(".notice.good")).to_contain_text("A text was added")
    stored = _stored(site, issue_id)
    assert stored.note == "typed, and a button pressed at once"
    assert len([entry.key for entry in stored.entries if entry.key.startswith("t")]) == 1


def test_everything_works_without_script(
    site: RunningSite, browser: Browser, issue_id: int
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    _log_in(page, site)
    _compose(page, site, issue_id)
    expect(page.locator(".grip").first).to_be_hidden()
    page.fill("#note", "without script")
    page.locator(f"{_entry(page, 'Brief 3')} [data-step=up]").click()
    expect(page.locator(".notice.good")).to_have_text("Moved up: “Brief 3”.")
    page.locator(f"{_entry(page, 'Brief 1')} select[name=section]").select_option("in-focus")
    page.locator(f"{_entry(page, 'The essay')} .ending summary").click()
    page.get_by_label("Up to paragraph 3", exact=False).first.check()
    page.locator('.save-bar button[value="save"]').click()
    assert _stored(site, issue_id).pieces[0].paragraphs == 3
    assert _titles(site, issue_id) == ["The essay", "Brief 1", "Brief 3", "Brief 2"]
    assert _stored(site, issue_id).note == "without script"
    page.fill("#find", "The roundup")
    page.press("#find", "Enter")
    expect(page.locator("#pull-in h3")).to_have_text("Found for “The roundup”")
    context.close()


def _violations(page: Page) -> list[str]:
    """Return what axe-core finds wrong with a page, one line each."""
    found = Axe().run(page, options=_OPTIONS).response["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_within_reach_of_everybody(
    site: RunningSite, page: Page, issue_id: int, scheme: str
) -> None:
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    _log_in(page, site)
    _compose(page, site, issue_id)
    page.locator('button[value="text:briefs"]').click()
    page.fill("textarea[name=markdown]", f"{'long' * 60} https://example.org/{'x' * 200}")
    page.locator(f"{_entry(page, 'Brief 3')} .mini", has_text="Take out").click()
    with site.runtime.database.transaction() as session:
        approved = draft_issue(
            session,
            "africa-this-week",
            article_ids=[get_issue(session, issue_id).items[0].article_id],
            clock=site.clock,
        )
        freeze(session, approved, by="Ama", message_domain="example.org", clock=site.clock)
        closed = approved.id
    paths = (
        *("/desk/issues", "/desk/issues?state=sent", f"/desk/issues/{issue_id}"),
        *(
            f"/desk/issues/{issue_id}/{room}"
            for room in ("compose", "compose?find=", "history", "history/1")
        ),
        *(f"/desk/issues/{closed}", f"/desk/issues/{closed}/compose"),
    )
    for path in paths:
        page.set_viewport_size({"width": 1280, "height": 800})
        page.goto(site.url + path)
        page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
        assert _violations(page) == [], urlsplit(path).path
        page.set_viewport_size({"width": NARROW, "height": 740})
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= NARROW, f"{path} is {width} px wide"
    assert errors == []
