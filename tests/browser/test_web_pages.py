"""Every page in a real browser: its width, its keyboard, its contrast, and hostile mail."""

from collections.abc import Iterator
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route, expect

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.delivery.catcher import CatcherStore
from alerts.migrations import upgrade
from alerts.subscribers.models import Frequency, SubscriberState
from tests.conftest import NOW
from tests.data.rendering import samples
from tests.data.web.running import RunningSite, running_site, send_owed_confirmations

pytestmark = pytest.mark.browser

NARROW = 320
HOSTILE = """<!DOCTYPE html><html><head><title>x</title>
<meta http-equiv="refresh" content="0;url=/subscribe">
<script>top.document.title = 'run'; fetch('/caught/')</script></head>
<body onload="document.body.textContent='run'">
<img src="x" onerror="document.body.textContent='run'">
<iframe src="/caught/"></iframe><object data="/caught/"></object>
<form action="/caught/clear" method="post"><button id="send">Send</button></form>
<style>body { background: url('/healthz'); }</style>
<p id="shown">Shown</p><a id="script" href="javascript:document.body.textContent='run'">js</a>
<a id="out" href="/archive/">out</a></body></html>"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSite]:
    folder = tmp_path_factory.mktemp("site")
    database = Database(f"sqlite:///{folder / 'alerts.db'}")
    upgrade(database)
    _catch(folder, "<p>An alert</p>")
    with running_site(database, FixedClock(NOW), folder) as site:
        site.subscribe("gp-alert", "africa-this-week")
        site.add_issue(samples.africa_this_week(), 86, frequency=Frequency.WEEKLY)
        yield site
    database.dispose()


def _catch(folder: Path, html: str) -> int:
    """Have a mail caught; return its number."""
    message = EmailMessage()
    message["Subject"] = "A" * 200
    message["To"] = "asha@example.org"
    message["List-Unsubscribe"] = f"<https://example.org/unsubscribe/{'x' * 300}>"
    message.set_content("x" * 300)
    message.add_alternative(html, subtype="html")
    store = CatcherStore(folder)
    store.add([("bounce@localhost", f"{'a' * 60}@{'b' * 60}.example.org", message.as_bytes())])
    number = store.newest(limit=1)[0].id
    store.close()
    return number


def _addresses(site: RunningSite) -> list[str]:
    public_id = site.subscriber().public_id
    personal = [
        site.links.confirm_url(public_id),
        site.links.preferences_url(public_id),
        site.links.preferences_url(public_id) + "?saved=true",
        site.links.preferences_url(public_id) + "/erase",
        f"{site.url}/preferences/forged",
        site.links.unsubscribe_url(public_id, newsletter="gp-alert"),
        site.links.unsubscribe_url(public_id),
        f"{site.url}/unsubscribe/forged",
    ]
    paths = ["/preferences", "/embed", "/embed?newsletter=gp-alert"]
    paths += ["/", "/subscribe", "/archive/", "/archive/africa-this-week", "/no-such-page"]
    paths += ["/archive/africa-this-week/86", "/caught/", "/caught/?q=nothing"]
    paths += [f"/caught/1?view={view}" for view in ("html", "text", "headers", "source")]
    return personal + [site.url + path for path in paths]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_a_narrow_phone(site: RunningSite, page: Page, scheme: str) -> None:
    page.set_viewport_size({"width": NARROW, "height": 700})
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.route("https://**", Route.abort)
    for address in _addresses(site):
        page.goto(address)
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= NARROW, f"{urlsplit(address).path} is {width} px wide"


def test_what_is_folded_fits_too(site: RunningSite, page: Page) -> None:
    page.set_viewport_size({"width": NARROW, "height": 700})
    for address in (f"{site.url}/subscribe", _addresses(site)[1]):
        page.goto(address)
        for summary in page.locator("summary").all():
            summary.click()
        assert page.evaluate("document.documentElement.scrollWidth") <= NARROW
        assert _violations(page) == []


# A caught mail is somebody else's page: it stands in a frame of its own, and is not judged here.
_OPTIONS = {"resultTypes": ["violations"], "iframes": False}


def _violations(page: Page) -> list[str]:
    """Return what axe-core finds wrong with a page, one line each."""
    found = Axe().run(page, options=_OPTIONS).response["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found]


def test_no_page_breaks_a_rule_of_axe(site: RunningSite, page: Page) -> None:
    page.route("https://**", Route.abort)
    for address in _addresses(site):
        answer = page.goto(address)
        assert answer
        if "sandbox" in answer.headers["content-security-policy"]:
            # An issue as a page: no script runs in it, axe-core's neither.
            markup = answer.text()
            page.goto("about:blank")
            page.set_content(markup)
        assert _violations(page) == [], urlsplit(address).path


# The contrast of every text with the ground behind it, by WCAG 2's formula.
CONTRAST = """() => {
  const rgb = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b]
    .map(v => v / 255).map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = node => {
    for (; node; node = node.parentElement) {
      const colour = rgb(getComputedStyle(node).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const low = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !node.getClientRects().length) continue;
    const [a, b] = [light(rgb(getComputedStyle(node).color)), light(ground(node))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) low.push(walker.currentNode.data.trim() + ' ' + ratio.toFixed(2));
  }
  return low;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read(site: RunningSite, page: Page, scheme: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    for address in _addresses(site):
        if "/archive/africa-this-week/86" not in address:
            page.goto(address)
            assert page.evaluate(CONTRAST) == [], address


def test_every_page_has_one_heading_a_title_and_labels(site: RunningSite, page: Page) -> None:
    titles = set()
    for address in _addresses(site):
        if "/archive/africa-this-week/86" in address:
            continue
        page.goto(address)
        assert page.locator("h1").count() == 1, address
        titles.add(page.title())
        for control in page.locator("input:not([type=hidden]), iframe").all():
            named = control.evaluate("one => !!(one.title || (one.labels && one.labels.length))")
            assert named, f"{address}: {control}"
        ids = page.evaluate("[...document.querySelectorAll('[id]')].map(one => one.id)")
        assert len(ids) == len(set(ids)), address
    assert len(titles) >= 10


def _outline(page: Page) -> str:
    style: str = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    return style


def test_signing_up_by_keyboard_alone_without_script(site: RunningSite, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site.url}/subscribe?newsletter=gp-alert")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.locator("#email")).to_be_focused()
    page.keyboard.type("bina@example.org")
    for name in ("Africa This Week", None, None, "GP Alert"):
        page.keyboard.press("Tab")
        if name:
            expect(page.get_by_role("checkbox", name=name)).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    # Too quick for a person: the clock of this test stands still.
    expect(page.get_by_role("alert")).to_contain_text("press the button once more")
    expect(page.locator("#email")).to_have_value("bina@example.org")
    expect(page.get_by_role("radio", name="Once a day")).to_be_checked()
    site.clock.advance(timedelta(seconds=10))
    page.get_by_role("button", name="Subscribe").press("Enter")
    expect(page.locator("h1")).to_contain_text("look into your inbox")
    assert site.subscriptions("bina@example.org")["gp-alert"].frequency is Frequency.DAILY
    context.close()


def test_where_the_keyboard_stands_is_seen(site: RunningSite, page: Page) -> None:
    for path in ("/subscribe", "/caught/"):
        page.goto(site.url + path)
        for _ in range(12):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement === document.body"):
                break
            assert _outline(page) != "none", page.evaluate("document.activeElement.outerHTML")


def test_the_whole_way_of_a_reader(site: RunningSite, page: Page) -> None:
    """Subscribe, confirm by the mail in the catcher, choose, leave, take it back."""
    page.goto(site.url)
    page.get_by_role("link", name="Subscribe to GP Alert").click()
    page.get_by_label("Your email address").fill("chandra@example.org")
    site.clock.advance(timedelta(seconds=10))
    page.get_by_role("button", name="Subscribe").click()
    expect(page.locator("h1")).to_contain_text("look into your inbox")
    send_owed_confirmations(site)

    page.goto(f"{site.url}/caught/?q=chandra")
    page.get_by_role("link", name="Please confirm").click()
    with page.expect_popup() as opened:
        page.frame_locator("iframe").get_by_role("link", name="Confirm").first.click()
    page = opened.value
    assert site.subscriber("chandra@example.org").state is SubscriberState.UNCONFIRMED
    page.get_by_role("button", name="Yes, confirm").click()
    expect(page.locator("h1")).to_have_text("You are confirmed")
    assert site.subscriber("chandra@example.org").state is SubscriberState.CONFIRMED

    page.get_by_role("link", name="Choose what you get").click()
    page.get_by_role("checkbox", name="Africa This Week").check()
    page.get_by_role("radio", name="Once a week").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_contain_text("Saved")
    assert len(site.subscriptions("chandra@example.org")) == 2

    public_id = site.subscriber("chandra@example.org").public_id
    page.goto(site.links.unsubscribe_url(public_id, newsletter="gp-alert"))
    page.get_by_role("button", name="Unsubscribe").click()
    expect(page.locator("h1")).to_contain_text("You are unsubscribed")
    assert list(site.subscriptions("chandra@example.org")) == ["africa-this-week"]
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("h1")).to_have_text("Taken back")
    assert site.subscriptions("chandra@example.org")["gp-alert"].frequency is Frequency.WEEKLY


def test_a_hostile_mail_is_shown_and_runs_nothing(site: RunningSite, page: Page) -> None:
    mail = f"/caught/{_catch(site.runtime.settings.data_dir, HOSTILE)}"
    asked: list[str] = []
    page.on("request", lambda request: asked.append(urlsplit(request.url).path))
    page.goto(site.url + mail)
    frame = page.frame_locator("iframe")
    expect(frame.locator("#shown")).to_have_text("Shown")
    frame.locator("#send").click()
    page.wait_for_timeout(300)
    assert "run" not in frame.locator("body").inner_text()
    assert page.title() != "run"
    # A picture of the mail's own may be fetched; it is only a picture.
    pictures = {f"{mail}/x", "/healthz", "/caught/x"}
    assert set(asked) <= {mail, f"{mail}/html", "/static/site.css", "/static/icon.svg"} | pictures
    assert site.client.get(mail).status_code == 200


def test_a_link_in_a_caught_mail_opens_beside_it(site: RunningSite, page: Page) -> None:
    number = _catch(site.runtime.settings.data_dir, '<a id="out" href="/archive/">out</a>')
    page.goto(f"{site.url}/caught/{number}")
    with page.expect_popup() as popup:
        page.frame_locator("iframe").locator("#out").click()
    expect(popup.value.locator("h1")).to_have_text("Archive")


def test_the_archive_shows_the_issue_and_its_links_lead_on(site: RunningSite, page: Page) -> None:
    page.route("https://**", Route.abort)
    page.goto(f"{site.url}/archive/africa-this-week/86")
    expect(page.locator("body")).to_contain_text("After the blue helmets")
    expect(page.get_by_role("link", name="Unsubscribe")).to_have_count(0)
    page.get_by_role("link", name="Subscribe", exact=True).first.click()
    page.wait_for_url(f"{site.url}/subscribe?newsletter=africa-this-week")
