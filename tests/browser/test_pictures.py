"""The quick starts, walked as they are written, with the pictures that stand in them.

`make pictures` takes the pictures anew; otherwise they are held against what the pages show. The
newsroom is the demo's, on a clock that stands still.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect
from sqlalchemy import select

from alerts.articles.intake import add_sources
from alerts.clock import Clock, FixedClock
from alerts.config import Settings
from alerts.database import Database
from alerts.delivery.completion import finish_if_done
from alerts.delivery.models import OutcomeCount
from alerts.delivery.outcome import refusal
from alerts.delivery.preparation import prepare_issue
from alerts.delivery.publishing import approve_issue
from alerts.migrations import upgrade
from alerts.newsletters.issues import draft_issue, move
from alerts.newsletters.lifecycle import Event
from alerts.newsletters.service import offers
from alerts.operations.alarms.beats import BACKUP, BEAT, WORKER, note_life
from alerts.operations.alarms.books import settle
from alerts.operations.alarms.kinds import Kind, Trouble
from alerts.operations.doctor.machine import Space
from alerts.operations.doctor.ports import Ports
from alerts.operations.doctor.relay import Seen
from alerts.operations.examining import examine
from alerts.operations.models import DoctorReport
from alerts.operations.situation import TICK
from alerts.paths import sample_photos_dir
from alerts.rendering.service import Renderer, renderer_of
from alerts.sample.newsroom import PHOTOS, write_pages, write_subscribers
from alerts.staff.permissions import Role
from alerts.subscribers.importing import import_subscribers
from alerts.subscribers.models import Subscriber
from alerts.task_queue import RecordingTaskQueue
from tests.browser.conftest import Camera
from tests.conftest import NOW
from tests.data.delivery.house import House
from tests.data.operations.name_server import asking
from tests.data.web.running import RunningSite, running_site, send_owed_confirmations
from tests.integration.test_doctor import GOOD_ZONE, Pages
from tests.staff_world import GOOD, StaffRoom

pytestmark = pytest.mark.browser

EDITOR, OPS = "ines@example.org", "omar@example.org"
READER = "asha@example.net"
# A machine that does much else keeps a page waiting, in milliseconds.
PATIENCE = 30_000
_WIDE: ViewportSize = {"width": 1100, "height": 800}
_GIB = 1024**3
_TO_THE_TOP = "one => window.scrollTo(0, one.getBoundingClientRect().top + window.scrollY - 90)"


@dataclass(frozen=True)
class Newsroom:
    """The demo's newsroom: two issues that are out, and the week's draft."""

    site: RunningSite
    draft: int
    sent: int


@pytest.fixture(scope="module")
def newsroom(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Newsroom]:
    folder = tmp_path_factory.mktemp("newsroom")
    database = Database(f"sqlite:///{folder / 'alerts.db'}")
    upgrade(database)
    settings = {"sender": "GP Alerts <alerts@example.org>"}
    with running_site(database, FixedClock(NOW), folder, webhooks=settings) as site:
        for email, role in ((EDITOR, Role.EDITOR), (OPS, Role.OPS)):
            StaffRoom(database, site.clock).add(email, role)
        _fill(site, folder)
        sent = _send(site, "gp-alert", since=timedelta(days=1), folder=folder)
        with database.transaction() as session:
            since = NOW - timedelta(days=7)
            draft = draft_issue(session, "africa-this-week", since=since, clock=site.clock).id
        _operate(site)
        yield Newsroom(site, draft, sent)
    database.dispose()


def _fill(site: RunningSite, folder: Path) -> None:
    runtime = site.runtime
    pages = write_pages(folder / "pages", today=NOW.date(), base_url=site.url)
    shutil.copytree(PHOTOS, sample_photos_dir(folder))
    added = add_sources(runtime.database, [str(page) for page in pages], clock=site.clock)
    assert not added.refused
    write_subscribers(folder / "subscribers.csv")
    with runtime.database.read() as session:
        offered = offers(session)
    import_subscribers(
        runtime.database,
        folder / "subscribers.csv",
        offers=offered,
        consent="for the pictures",
        clock=site.clock,
        suppression_keys=runtime.settings.secret_key,
    )


def _send(site: RunningSite, slug: str, *, since: timedelta, folder: Path) -> int:
    """Send an issue to its end; some of its readers' servers say no."""
    database, clock = site.runtime.database, site.clock
    renderer = renderer_of(site.runtime.settings)
    with database.transaction() as session:
        issue = draft_issue(session, slug, since=NOW - since, clock=clock)
        approve_issue(
            session,
            issue.id,
            by="editor",
            settings=site.runtime.settings,
            renderer=renderer,
            clock=clock,
        )
        move(session, issue.id, Event.SEND, clock=clock)
        people = session.scalars(select(Subscriber.email).order_by(Subscriber.id)).all()
    house = House(database, clock, folder)
    house.issue_id = issue.id
    house.transport.answers = {
        one.partition("@")[0]: [refusal(550, "5.1.1 no such user")] for one in people[5::60]
    }
    _hand_over(house, renderer, site)
    return issue.id


def _hand_over(house: House, renderer: Renderer, site: RunningSite) -> None:
    prepare_issue(
        house.database,
        house.issue_id,
        renderer=renderer,
        base_url=site.url,
        clock=house.clock,
        queue=RecordingTaskQueue(),
    )
    for batch in house.batches():
        house.sender.work_off(batch)
    with house.database.transaction() as session:
        finish_if_done(session, house.issue_id, clock=house.clock)


def _operate(site: RunningSite) -> None:
    """Let a day of sending, signs of life, an alarm and the doctor's visit be on the books."""
    with site.runtime.database.transaction() as session:
        for part in (BEAT, WORKER, TICK):
            note_life(session, part, now=NOW - timedelta(seconds=20))
        note_life(session, BACKUP, now=NOW - timedelta(hours=3))
        for hours in range(24):
            at = NOW - timedelta(hours=hours)
            for provider, share in (("gmail.com", 5), ("outlook.com", 3), ("example.org", 1)):
                for outcome, count in (("sent", 90), ("deferred", 6), ("hard", 1)):
                    session.add(
                        OutcomeCount(
                            hour=at,
                            last_at=at,
                            issue_id=1,
                            provider=provider,
                            outcome=outcome,
                            count=count * share * (1 + hours % 5),
                        )
                    )
        gone = Trouble(
            Kind.SOURCE_DEAD,
            "1",
            "source 1 (news.example.org) could not be read since yesterday:"
            " the server answered 404",
            "Open its address in a browser (`alerts source list` shows it). Once it answers, it is"
            " read by itself; where it is gone for good, `alerts source pause 1`.",
        )
        settle(session, [gone], targets=(), now=NOW - timedelta(hours=1))
        report = DoctorReport(asked_at=NOW)
        session.add(report)
        session.flush()
    _examine(site, report.id)


def _examine(site: RunningSite, report_id: int) -> None:
    """Have the doctor look at a house that is nearly in order: it signs nothing yet."""
    settings = site.runtime.settings.model_copy(
        update={
            "base_url": "https://alerts.example.org",
            "sending_addresses": ("192.0.2.25",),
            "mail_url": ("smtp://relay.example.org:587?tls=required",),
        }
    )
    with asking(GOOD_ZONE) as names:

        def ports(_: Settings, clock: Clock) -> Ports:
            relay = Seen(offers={"size": "52428800", "pipelining": ""}, tls="TLSv1.3")
            space = Space(100 * _GIB, 60 * _GIB)
            return Ports(clock, names, Pages(), relay=lambda _: relay, space=lambda _: space)

        examine(site.runtime.database, report_id, settings=settings, clock=site.clock, ports=ports)


def _logged_in(browser: Browser, newsroom: Newsroom, email: str) -> tuple[BrowserContext, Page]:
    context = browser.new_context(viewport=_WIDE, locale="en-GB")
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(f"{newsroom.site.url}/desk/login")
    page.locator("#email").fill(email)
    page.locator("#password").fill(GOOD)
    page.get_by_role("button", name="Log in").click()
    expect(page.locator("h1")).to_have_text("Overview", timeout=PATIENCE)
    return context, page


@pytest.fixture(scope="module")
def editor(browser: Browser, newsroom: Newsroom) -> Iterator[Page]:
    context, page = _logged_in(browser, newsroom, EDITOR)
    yield page
    context.close()


@pytest.fixture(scope="module")
def ops(browser: Browser, newsroom: Newsroom) -> Iterator[Page]:
    context, page = _logged_in(browser, newsroom, OPS)
    yield page
    context.close()


def test_a_subscriber_signs_up_confirms_and_chooses(
    newsroom: Newsroom, page: Page, camera: Camera
) -> None:
    site = newsroom.site
    page.set_viewport_size({"width": 900, "height": 800})
    page.goto(f"{site.url}/subscribe?newsletter=africa-this-week")
    page.get_by_label("Your email address").fill(READER)
    camera.take(page, "subscribe", height=900)
    site.clock.advance(timedelta(seconds=10))
    page.get_by_role("button", name="Subscribe").click()
    expect(page.locator("h1")).to_contain_text("look into your inbox")
    send_owed_confirmations(site)

    page.goto(f"{site.url}/caught/")
    page.get_by_role("link", name="Please confirm").click()
    mail = page.frame_locator("iframe")
    link = mail.get_by_role("link", name="Confirm").first.get_attribute("href")
    address = page.locator("iframe").get_attribute("src")
    assert link is not None
    assert address is not None
    page.goto(site.url + address)
    camera.take(page, "confirmation", height=620)
    page.goto(link)
    page.get_by_role("button", name="Yes, confirm").click()
    page.get_by_role("link", name="Choose what you get").click()
    expect(page.locator("h1")).to_have_text("Your preferences")
    camera.take(page, "preferences", height=900)


def test_an_issue_as_it_arrives(newsroom: Newsroom, browser: Browser, camera: Camera) -> None:
    site = newsroom.site
    look = f"{site.url}/desk/issues/{newsroom.draft}/look/mail"
    context, page = _logged_in(browser, newsroom, EDITOR)
    page.set_viewport_size({"width": 720, "height": 780})
    page.goto(look)
    camera.take(page, "issue-africa-this-week", height=740)
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{site.url}/desk/issues/{newsroom.sent}/look/mail?scheme=dark")
    camera.take(page, "issue-gp-alert-phone-dark", height=844)
    context.close()


def test_an_editor_composes_looks_and_sends(
    newsroom: Newsroom, editor: Page, camera: Camera
) -> None:
    here = f"{newsroom.site.url}/desk/issues/{newsroom.draft}"
    editor.goto(f"{newsroom.site.url}/desk/")
    camera.take(editor, "desk-overview")
    editor.goto(f"{here}/compose")
    editor.get_by_role("heading", name="In focus").evaluate(_TO_THE_TOP)
    camera.take(editor, "desk-compose", height=900)
    editor.set_viewport_size({"width": 1360, "height": 800})
    editor.goto(f"{here}/look")
    camera.take(editor, "desk-look", height=940)
    editor.set_viewport_size(_WIDE)
    editor.goto(f"{here}/checks")
    camera.take(editor, "desk-checks", height=700)
    editor.goto(f"{here}/send")
    editor.get_by_role("button", name="Approve the issue").click()
    editor.goto(f"{here}/send/confirm?when=now")
    camera.take(editor, "desk-send")
    editor.goto(f"{newsroom.site.url}/desk/issues/{newsroom.sent}/report")
    camera.take(editor, "desk-report", height=900)


def test_ops_look_at_the_room_and_at_the_doctor(
    newsroom: Newsroom, ops: Page, camera: Camera
) -> None:
    ops.goto(f"{newsroom.site.url}/desk/operations")
    expect(ops.get_by_role("heading", name="What runs")).to_be_visible()
    camera.take(ops, "desk-operations", height=1000)
    ops.goto(f"{newsroom.site.url}/desk/operations/doctor")
    expect(ops.get_by_role("heading", name="DNS")).to_be_visible()
    camera.take(ops, "desk-doctor", height=900)
