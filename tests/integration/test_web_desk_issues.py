"""The issues' room at the desk: the list, an issue's page, composing without script, history."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode

import pytest
from lxml import html as lxml_html
from sqlalchemy import select

from alerts.articles.models import Article
from alerts.clock import FixedClock
from alerts.database import Database
from alerts.newsletters.issues import build_content, draft_issue, freeze, get_issue, move
from alerts.newsletters.lifecycle import Event
from alerts.newsletters.models import Issue, IssueState, Run, RunOutcome
from alerts.staff.models import AuditEntry
from alerts.staff.permissions import Role
from alerts.subscribers.models import Frequency
from tests.data.articles.site import LocalSite, served, title_of
from tests.data.web.running import RunningSite, running_site
from tests.desk_world import Browser, at_the_desk, token_in
from tests.factories import a_part, an_article, approved_issue, counted_queries
from tests.issue_forms import compose_form, form_on
from tests.staff_world import GOOD

WEEKLY = "africa-this-week"
BEN = "ben@example.org"


@pytest.fixture
def site(database: Database, clock: FixedClock, tmp_path: Path) -> Iterator[RunningSite]:
    with running_site(database, clock, tmp_path) as site:
        yield site


@pytest.fixture
def desk(site: RunningSite) -> Iterator[Browser]:
    with at_the_desk(site, Role.EDITOR) as opened:
        yield opened


def _draft(site: RunningSite, **changes: object) -> int:
    """Draft an issue: a signed essay in focus, and three briefs of a roundup."""
    with site.runtime.database.transaction() as session:
        an_article(session, site.clock, title="The essay", words=2_000, **changes)
        parts = [a_part(n, title=f"Brief {n}") for n in (1, 2, 3)]
        an_article(session, site.clock, title="The roundup", authors=(), parts=parts)
        return draft_issue(session, WEEKLY, clock=site.clock).id


def _titles(site: RunningSite, issue_id: int) -> list[str]:
    with site.runtime.database.read() as session:
        return [one.title for one in build_content(session, get_issue(session, issue_id)).items]


def _issue(site: RunningSite, issue_id: int) -> Issue:
    with site.runtime.database.read() as session:
        return get_issue(session, issue_id)


def _approve(site: RunningSite, issue_id: int, *then: Event) -> None:
    with site.runtime.database.transaction() as session:
        issue = get_issue(session, issue_id)
        freeze(session, issue, by="Ama", message_domain="example.org", clock=site.clock)
        for event in then:
            later = site.clock.now() + timedelta(days=1)
            move(session, issue_id, event, send_at=later, clock=site.clock)


def test_an_empty_room_says_what_to_do_first(site: RunningSite, desk: Browser) -> None:
    page = desk.get("/desk/issues")
    assert "There is no issue yet. First, articles come in" in page.text
    assert "Draft an issue now" in page.text
    assert "No issue fits" in desk.get("/desk/issues?state=sent").text


def test_an_issue_is_drafted_and_found_by_state_and_newsletter(
    site: RunningSite, desk: Browser
) -> None:
    with site.runtime.database.transaction() as session:
        an_article(session, site.clock, title="First")
    page = desk.post("/desk/issues", {"next": "gp-alert:immediate", "cut_off": ""})
    assert "Drafted, with one piece." in page.text
    again = desk.post("/desk/issues", {"next": "gp-alert:immediate", "cut_off": "2026-11-01 08:00"})
    assert again.status_code == 422
    assert "Nothing new for gp-alert since" in again.text
    # The draft that there is stands below, for whoever pressed twice.
    assert ">First<" in again.text
    assert 'value="2026-11-01 08:00"' in again.text
    for state, there in (("draft", True), ("sent", False)):
        assert (">First<" in desk.get(f"/desk/issues?state={state}").text) == there
    for slug, there in (("gp-alert", True), (WEEKLY, False)):
        assert (">First<" in desk.get(f"/desk/issues?newsletter={slug}").text) == there
    with site.runtime.database.read() as session:
        assert "issue.drafted" in session.scalars(select(AuditEntry.act)).all()


def test_where_no_draft_holds_what_is_not_new_the_newsletters_issues_are_shown(
    site: RunningSite, desk: Browser
) -> None:
    approved_issue(site.runtime.database, site.clock, articles=[{"title": "Gone out"}])
    page = desk.post("/desk/issues", {"next": "gp-alert:immediate", "cut_off": ""})
    assert page.status_code == 422
    assert ">Gone out<" in page.text


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        ({"next": "gp-alert:never"}, "Choose a newsletter and how often it comes."),
        ({"next": "gp-alert:weekly", "cut_off": "soon"}, "is no cut-off; 2026-11-30 08:00 would"),
        ({"next": "gp-alert:weekly", "cut_off": "0001-01-01"}, "is no cut-off; 2026-11-30 08:00"),
        ({"next": "gp-alert:weekly", "cut_off": "2027-01-01 08:00"}, "The cut-off lies ahead"),
        ({"next": "gp-alert:weekly", "cut_off": "2026-11-20 08:00"}, "Nothing new for gp-alert"),
    ],
)
def test_a_draft_that_cannot_be_made_says_why(
    desk: Browser, typed: dict[str, str], line: str
) -> None:
    page = desk.post("/desk/issues", typed)
    assert (page.status_code, line in page.text) == (422, True)


def test_the_list_goes_on_by_the_page_in_few_queries(site: RunningSite, desk: Browser) -> None:
    with site.runtime.database.transaction() as session:
        session.add_all(
            Issue(
                newsletter="gp-alert",
                frequency=Frequency.IMMEDIATE,
                state=IssueState.SENT,
                number=number,
                subject=f"Number {number} of many",
                until=site.clock.now(),
                created_at=site.clock.now(),
            )
            for number in range(1, 46)
        )
    with counted_queries(site.runtime.database.engine) as statements:
        page = desk.client.get("/desk/issues?state=sent")
    assert len(statements) <= 8
    assert "Number 45 of" in page.text
    assert "Number 5 of" not in page.text
    older = desk.get("/desk/issues?state=sent&before=6")
    assert "Number 5 of" in older.text
    assert "Older issues" not in older.text


def test_runs_that_made_nothing_say_why(site: RunningSite, desk: Browser) -> None:
    with site.runtime.database.transaction() as session:
        # What looks every quarter of an hour does not hide the week's.
        runs = [(WEEKLY, Frequency.WEEKLY, "2026-W47", "nothing new since 16 November")]
        runs += [
            ("gp-alert", Frequency.IMMEDIATE, f"2026-11-23 {n}", f"nothing new, {n}")
            for n in range(1, 21)
        ]
        for minutes, (newsletter, frequency, period, reason) in enumerate(runs):
            due_at = site.clock.now() + timedelta(minutes=minutes)
            session.add(
                Run(
                    newsletter=newsletter,
                    frequency=frequency,
                    period=period,
                    due_at=due_at,
                    started_at=due_at,
                    outcome=RunOutcome.SKIPPED,
                    reason=reason,
                )
            )
    page = desk.get("/desk/issues").text
    assert "Runs that made no issue" in page
    assert "nothing new since 16 November" in page
    assert ("nothing new, 20" in page, "nothing new, 19" in page) == (True, False)
    overview = desk.get("/desk/").text
    assert "skipped, nothing new since 16 November" in overview
    assert "skipped, nothing new, 20" in overview


def test_an_issues_page_shows_how_it_stands_and_leads_on(site: RunningSite, desk: Browser) -> None:
    issue_id = _draft(site)
    page = desk.get(f"/desk/issues/{issue_id}").text
    for words in ("The essay", "Brief 3", "#1, Vol. 1, No. 1", "by nobody yet", "In brief"):
        assert words in page
    for room in ("compose", "look", "send", "report", "history"):
        assert f'href="/desk/issues/{issue_id}/{room}"' in page
    assert desk.get("/desk/issues/77").status_code == 404


def test_composing_without_script_keeps_words_and_order(site: RunningSite, desk: Browser) -> None:
    issue_id = _draft(site)
    form = compose_form(desk, issue_id)
    essay, _, _, last = form.keys
    form.fill("title", "Our title", essay)
    form.fill("standfirst", "Shortened.", last)
    form.fill("note", "Dear <readers>")
    page = form.press(f"up:{last}")
    assert "Moved up: “Brief 3”." in page.text
    assert _titles(site, issue_id) == ["Our title", "Brief 1", "Brief 3", "Brief 2"]
    again = form_on(desk, form.path, page)
    assert again.value("title", essay) == "Our title"
    assert again.value("note") == "Dear <readers>"
    assert "The article says: The essay" in page.text
    again.fill("title", "", essay)
    again.fill("section", "in-focus", last)
    again.press()
    assert _titles(site, issue_id) == ["The essay", "Brief 3", "Brief 1", "Brief 2"]
    with site.runtime.database.read() as session:
        assert "The essay" in session.scalars(select(Article.title)).all()


def test_an_articles_correction_comes_through_where_nobody_wrote_other_words(
    site: RunningSite, desk: Browser
) -> None:
    issue_id = _draft(site)
    form = compose_form(desk, issue_id)
    with site.runtime.database.transaction() as session:
        for article in session.scalars(select(Article).where(Article.title == "The essay")):
            article.title = "The essay, corrected"
    form.fill("note", "x")
    form.press()
    assert _titles(site, issue_id)[0] == "The essay, corrected"


def test_texts_are_added_previewed_moved_and_taken_out(site: RunningSite, desk: Browser) -> None:
    issue_id = _draft(site)
    page = compose_form(desk, issue_id).press("text:briefs")
    form = form_on(desk, f"/desk/issues/{issue_id}/compose", page)
    form.fill("markdown", "See **this** <script>alert(1)</script>", "t2")
    page = form.press("down:t2")
    assert "See <strong>this</strong> &lt;script&gt;" in page.text
    form = form_on(desk, form.path, page)
    assert form.keys[1:3] == [form.keys[1], "t2"]
    assert "<strong>this</strong>" in desk.get(f"/desk/issues/{issue_id}").text
    form.press("out:t2")
    assert "t2" not in compose_form(desk, issue_id).keys


def test_the_essay_in_focus_is_chosen(site: RunningSite, desk: Browser) -> None:
    issue_id = _draft(site)
    form = compose_form(desk, issue_id)
    form.fill("focus-in-focus", form.keys[2])
    form.press("focus:in-focus")
    assert _titles(site, issue_id) == ["Brief 2", "The essay", "Brief 1", "Brief 3"]


def test_pieces_go_out_come_back_and_are_pulled_in(site: RunningSite, desk: Browser) -> None:
    issue_id = _draft(site)
    with site.runtime.database.transaction() as session:
        an_article(session, site.clock, title="Elsewhere", regions=["south-asia"])
    form = compose_form(desk, issue_id)
    gone = form.keys[1]
    page = form.press(f"out:{gone}")
    assert "Taken out: “Brief 1”." in page.text
    assert "Put back" in page.text
    form = form_on(desk, form.path, page)
    page = form.press(f"back:{gone}")
    assert _titles(site, issue_id) == ["The essay", "Brief 2", "Brief 3", "Brief 1"]
    form = form_on(desk, form.path, page)
    form.fill("find", "elsewh")
    page = form.press("find")
    assert "Found for “elsewh”" in page.text
    form = form_on(desk, form.path, page)
    with site.runtime.database.read() as session:
        number = session.scalar(select(Article.id).where(Article.title == "Elsewhere"))
    form.fill("into", "in-focus")
    form.press(f"add:{number}")
    assert _titles(site, issue_id)[:2] == ["The essay", "Elsewhere"]


def test_single_pieces_of_a_roundup_are_picked(site: RunningSite, desk: Browser) -> None:
    with site.runtime.database.transaction() as session:
        parts = [a_part(n, title=f"Brief {n}") for n in (1, 2)]
        roundup = an_article(session, site.clock, title="The roundup", authors=(), parts=parts)
        issue_id = draft_issue(session, "gp-alert", clock=site.clock).id
        key = str(roundup.id)
    form = compose_form(desk, issue_id)
    assert form.keys == [key]
    page = form.press(f"parts:{key}")
    assert "The pieces of a roundup" in page.text
    form = form_on(desk, form.path, page)
    form.press(f"add:{key}.2")
    compose_form(desk, issue_id).press(f"out:{key}")
    assert _titles(site, issue_id) == ["Brief 2"]


def _roundup(site: RunningSite, *, newsletter: str = "gp-alert") -> tuple[int, str]:
    """Draft an issue that holds a roundup of four pieces; return its id and the article's key."""
    with site.runtime.database.transaction() as session:
        parts = [a_part(n, title=f"Brief {n}") for n in (1, 2, 3, 4)]
        roundup = an_article(session, site.clock, title="The roundup", authors=(), parts=parts)
        return draft_issue(session, newsletter, clock=site.clock).id, str(roundup.id)


def test_ticked_pieces_take_the_place_of_their_roundup(site: RunningSite, desk: Browser) -> None:
    issue_id, key = _roundup(site)
    with site.runtime.database.transaction() as session:
        first = an_article(session, site.clock, title="A first")
        last = an_article(session, site.clock, title="A last")
    form = compose_form(desk, issue_id)
    form = form_on(desk, form.path, form.press(f"add:{first.id}"))
    form = form_on(desk, form.path, form.press(f"add:{last.id}"))
    form = form_on(desk, form.path, form.press(f"up:{first.id}"))
    assert _titles(site, issue_id) == ["A first", "The roundup", "A last"]
    form = form_on(desk, form.path, form.press(f"parts:{key}"))
    refused = form.press(f"pick:{key}")
    assert refused.status_code == 422
    assert "Tick the pieces that are to be put in." in refused.text
    # They are still there to be ticked.
    form = form_on(desk, form.path, refused)
    form.pairs += [("pick", f"{key}.3"), ("pick", f"{key}.1"), ("pick", "999.1")]
    page = form.press(f"pick:{key}")
    assert "2 pieces put in, in place of the whole roundup." in page.text
    assert _titles(site, issue_id) == ["A first", "Brief 3", "Brief 1", "A last"]
    assert "Put back<span" in page.text
    form = form_on(desk, form.path, page)
    form.pairs += [("pick", f"{key}.2"), ("pick", f"{key}.3")]
    assert "1 piece put in." in form.press(f"pick:{key}").text
    again = compose_form(desk, issue_id)
    again.pairs.append(("pick", f"{key}.2"))
    assert "Those pieces stand in the issue already." in again.press(f"pick:{key}").text
    again.pairs.append(("pick", f"{key}.9"))
    assert "has no piece 9" in again.press(f"pick:{key}").text
    assert desk.get(f"/desk/issues/{issue_id}/compose?roundup={2**62}").status_code == 200
    again.pairs.append(("pick", f"{2**70}.9"))
    assert again.press(f"pick:{2**70}").status_code == 422


def test_a_piece_is_found_by_its_own_title_and_the_search_stays(
    site: RunningSite, desk: Browser
) -> None:
    issue_id = _draft(site)
    with site.runtime.database.transaction() as session:
        parts = [a_part(n, title=f"Harbour {n}") for n in (1, 2)]
        other = an_article(session, site.clock, title="Another", authors=(), parts=parts)
        an_article(session, site.clock, title="Harbour lights")
        key = str(other.id)
    form = compose_form(desk, issue_id)
    form.fill("find", "harbour")
    page = form.press("find")
    (details,) = lxml_html.document_fromstring(page.text).xpath('//details[.//input[@name="pick"]]')
    assert details.get("open") is not None
    form = form_on(desk, form.path, page)
    page = form.press(f"add:{key}")
    # What was looked for is still there, for the next to be put in.
    assert "Found for “harbour”" in page.text
    assert "stands in this issue" in page.text


def test_a_roundups_piece_is_retitled_and_shortened_without_touching_it(
    site: RunningSite, desk: Browser
) -> None:
    with site.runtime.database.transaction() as session:
        body = "First sentence of it. " * 200
        parts = [a_part(1, title="Brief 1", body_text=body), a_part(2, title="Empty", body_text="")]
        an_article(session, site.clock, title="The roundup", authors=(), parts=parts)
        issue_id = draft_issue(session, WEEKLY, clock=site.clock).id
    form = compose_form(desk, issue_id)
    key, empty = form.keys
    assert "from “The roundup”" in desk.get(form.path).text
    form.fill("title", "Our title", key)
    page = form.press(f"shorten:{key}")
    assert "The text of “Our title” stands in its field" in page.text
    form = form_on(desk, form.path, page)
    begun = form.value("standfirst", key)
    assert begun.startswith("First sentence of it. First")
    assert begun.endswith("it.")
    assert len(begun) <= 2_000
    (opened,) = lxml_html.document_fromstring(page.text).xpath("//li/div/details[@open]")
    assert opened.xpath('.//textarea[@name="standfirst"]/@id') == [f"standfirst-{key}"]
    form.fill("standfirst", "Short.", key)
    page = form.press(f"shorten:{empty}")
    assert "“Empty” has no text of its own to begin from." in page.text
    form.press()
    with site.runtime.database.read() as session:
        issue = get_issue(session, issue_id)
        item = next(one for one in build_content(session, issue).items if one.key == key)
        assert (item.title, item.standfirst, item.shortened) == ("Our title", "Short.", True)
        part = issue.items[0].article.parts[0]
        assert (part.title, part.standfirst) == ("Brief 1", "")


def test_what_was_sent_already_is_shown_as_such(site: RunningSite, desk: Browser) -> None:
    first = _draft(site)
    with site.runtime.database.transaction() as session:
        essay = session.scalar(select(Article.id).where(Article.title == "The essay"))
        assert essay is not None
    _approve(site, first, Event.SEND)
    with site.runtime.database.transaction() as session:
        second = draft_issue(session, WEEKLY, article_ids=[essay], clock=site.clock).id
    page = desk.get(f"/desk/issues/{second}/compose").text
    assert f'sent in <a href="/desk/issues/{first}">#1</a>' in page


def test_an_address_that_may_not_be_fetched_is_told_and_kept(
    site: RunningSite, desk: Browser
) -> None:
    issue_id = _draft(site)
    for address, line in (
        ("http://127.0.0.1:9/article", "Nothing was taken in from http://127.0.0.1:9/article"),
        ("no address", "is no address"),
    ):
        form = compose_form(desk, issue_id)
        form.fill("url", address)
        form.fill("note", f"Kept beside {address}")
        page = form.press("enter")
        assert (page.status_code, line in page.text) == (422, True)
        assert form_on(desk, form.path, page).value("url") == address
        assert _issue(site, issue_id).editors_note == f"Kept beside {address}"


def test_an_article_is_taken_in_by_its_address(
    database: Database, clock: FixedClock, tmp_path: Path
) -> None:
    with (
        served(LocalSite()) as newsroom,
        running_site(database, clock, tmp_path, fetch_hosts=("127.0.0.1",)) as site,
        at_the_desk(site, Role.EDITOR) as desk,
    ):
        issue_id = _draft(site)
        form = compose_form(desk, issue_id)
        form.fill("note", "typed before")
        form.fill("into", "in-focus")
        form.fill("url", f"{newsroom.url}/view_cir_articles.php?recordNo=2&url=CWA")
        page = form.press("url")
        assert "Taken in, and put in." in page.text
        assert _titles(site, issue_id)[:2] == ["The essay", title_of(2)]
        assert _issue(site, issue_id).editors_note == "typed before"
        again = form_on(desk, form.path, page)
        again.fill("url", f"{newsroom.url}/view_cir_articles.php?recordNo=2&url=CWA")
        refused = again.press("url")
        assert "That piece stands in the issue already." in refused.text
        again.fill("url", f"{newsroom.url}/nothing-there")
        assert "Nothing was taken in from" in again.press("url").text


def test_what_is_too_long_is_told_at_its_field_with_what_was_typed(
    site: RunningSite, desk: Browser
) -> None:
    issue_id = _draft(site)
    form = compose_form(desk, issue_id)
    essay = form.keys[0]
    form.fill("title", "x" * 301, essay)
    form.fill("note", "typed")
    page = form.press()
    assert page.status_code == 422
    assert f'id="title-{essay}-problem">The title is 1 longer than 300 characters' in page.text
    again = form_on(desk, form.path, page)
    assert (again.value("note"), len(again.value("title", essay))) == ("typed", 301)
    auto = form.press(auto=True)
    assert auto.status_code == 422
    assert (auto.json()["field"], auto.json()["entry"]) == ("title", essay)


def test_the_script_saves_and_is_told_what_followed(site: RunningSite, desk: Browser) -> None:
    issue_id = _draft(site)
    page = compose_form(desk, issue_id).press("text:briefs")
    form = form_on(desk, f"/desk/issues/{issue_id}/compose", page)
    form.fill("title", "Other", form.keys[0])
    form.fill("markdown", "*new*", "t2")
    said = form.press(auto=True).json()
    assert said["version"] == 3
    assert said["subject"] == "Africa This Week #1: Other"
    assert said["previews"] == {"t2": "<p><em>new</em></p>"}
    stale = form.press(auto=True)
    # The very same form again, as after a lost answer, is no conflict.
    assert (stale.status_code, stale.json()["version"]) == (200, 3)
    form.fill("note", "from the older version")
    stale = form.press(auto=True)
    assert (stale.status_code, stale.json()["stale"]) == (409, True)


def test_two_editors_see_both_and_nothing_typed_is_lost(site: RunningSite, desk: Browser) -> None:
    issue_id = _draft(site)
    with at_the_desk(site, Role.EDITOR, BEN) as ben:
        his = compose_form(ben, issue_id)
        hers = compose_form(desk, issue_id)
        hers.fill("note", "Ama wrote this")
        hers.press(f"out:{hers.keys[1]}")
        his.fill("note", "Ben wrote that")
        his.fill("title", "Ben's title", his.keys[0])
        page = his.press()
        assert page.status_code == 409
        assert "ama@example.org saved this issue" in page.text
        for words in ("Ama", "Ben", "Put into In brief: “Brief 1”", "Title of “The essay”"):
            assert words in page.text
        assert _issue(site, issue_id).editors_note == "Ama wrote this"
        again = form_on(ben, his.path, page)
        assert again.value("note") == "Ben wrote that"
        assert again.value("title", his.keys[0]) == "Ben's title"
        again.press()
        assert _issue(site, issue_id).editors_note == "Ben wrote that"
        assert _titles(site, issue_id)[0] == "Ben's title"
        history = ben.get(f"/desk/issues/{issue_id}/history").text
        assert "Ama wrote this" in history
        assert "ben@example.org" in history


def test_two_editors_who_changed_different_things_are_brought_together(
    site: RunningSite, desk: Browser
) -> None:
    issue_id = _draft(site)
    with at_the_desk(site, Role.EDITOR, BEN) as ben:
        his = compose_form(ben, issue_id)
        hers = form_on(desk, his.path, compose_form(desk, issue_id).press("text:in-focus"))
        hers.fill("markdown", "A text of Ama's", "t2")
        hers.fill("title", "Ama's title", his.keys[0])
        hers.press(f"up:{his.keys[3]}")
        his.fill("note", "Ben's note")
        his.fill("title", "Ben's title", his.keys[1])
        page = his.press()
        assert page.status_code == 409
        assert "you changed different things" in page.text
        done = form_on(ben, his.path, page).press("merge")
        assert "Brought together" in done.text
    assert _titles(site, issue_id) == ["Ama's title", "Ben's title", "Brief 3", "Brief 2"]
    issue = _issue(site, issue_id)
    assert issue.editors_note == "Ben's note"
    assert "A text of Ama&#39;s" in desk.get(f"/desk/issues/{issue_id}/compose").text


def test_a_text_of_several_lines_that_one_of_two_changed_is_taken_from_that_one(
    site: RunningSite, desk: Browser
) -> None:
    issue_id = _draft(site)
    form = compose_form(desk, issue_id)
    form = form_on(desk, form.path, form.press("text:in-focus"))
    form.fill("markdown", "One line\n\nand another", "t2")
    form.press()
    with at_the_desk(site, Role.EDITOR, BEN) as ben:
        his, hers = compose_form(ben, issue_id), compose_form(desk, issue_id)
        hers.fill("markdown", "One line\n\nand Ama's", "t2")
        hers.press()
        his.fill("note", "Ben's note\nin two lines")
        page = his.press()
        assert "you changed different things" in page.text
        assert "ama@example.org saved this issue" in page.text
        form_on(ben, his.path, page).press("merge")
    assert compose_form(desk, issue_id).value("markdown", "t2") == "One line\n\nand Ama's"
    assert _issue(site, issue_id).editors_note == "Ben's note\nin two lines"


def test_what_both_changed_is_named_before_it_is_brought_together(
    site: RunningSite, desk: Browser
) -> None:
    issue_id = _draft(site)
    with at_the_desk(site, Role.EDITOR, BEN) as ben:
        his, hers = compose_form(ben, issue_id), compose_form(desk, issue_id)
        for form, name in ((hers, "Ama"), (his, "Ben")):
            form.fill("title", f"{name}'s title", his.keys[0])
        hers.press()
        page = his.press()
        assert "yours stands: the title of “The essay”" in page.text
        hers.fill("note", "and once more")
        hers.fill("version", "2")
        hers.press()
        again = form_on(ben, his.path, page).press("merge")
        assert again.status_code == 409
        form_on(ben, his.path, again).press("merge")
    assert _titles(site, issue_id)[0] == "Ben's title"
    assert _issue(site, issue_id).editors_note == "and once more"


def test_a_double_click_is_one_change(site: RunningSite, desk: Browser) -> None:
    issue_id = _draft(site)
    form = compose_form(desk, issue_id)
    form.fill("note", "once")
    first, second = form.press("text:briefs"), form.press("text:briefs")
    assert (first.status_code, second.status_code) == (200, 200)
    assert compose_form(desk, issue_id).keys.count("t2") == 1
    assert "t3" not in compose_form(desk, issue_id).keys
    assert _issue(site, issue_id).version == 2


def test_a_lost_session_loses_no_work(site: RunningSite, desk: Browser) -> None:
    issue_id = _draft(site)
    form = compose_form(desk, issue_id)
    form.fill("title", "Typed before the session ended", form.keys[0])
    desk.client.cookies.clear()
    auto = form.press(auto=True)
    assert (auto.status_code, "json" in auto.headers["content-type"]) == (403, False)
    page = form.press()
    assert "what you typed is shown again" in page.text
    kept = dict(_fields(page.text))
    kept |= {"email": "ama@example.org", "password": GOOD}
    shown = desk.client.post("/desk/login", data=kept, follow_redirects=True)
    assert "Typed before the session ended" in shown.text
    pairs = _fields(shown.text)
    done = desk.client.post(
        form.path,
        content=urlencode(pairs),
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        follow_redirects=True,
    )
    assert done.status_code == 200
    assert _titles(site, issue_id)[0] == "Typed before the session ended"


def _fields(page: str) -> list[tuple[str, str]]:
    """Return the fields of the form in the main part of a page, in order."""
    form = lxml_html.document_fromstring(page).xpath("//main//form")[0]
    controls = form.xpath(".//input | .//textarea")
    return [(one.get("name"), (one.value or "").removeprefix("\n")) for one in controls]


def test_only_drafts_are_edited_and_reopening_says_what_it_means(
    site: RunningSite, desk: Browser
) -> None:
    issue_id = _draft(site)
    form = compose_form(desk, issue_id)
    form.fill("note", "typed while it was approved")
    _approve(site, issue_id, Event.SCHEDULE)
    late = form.press()
    assert late.status_code == 409
    assert "is scheduled: reopen it to edit it" in late.text
    assert "typed while it was approved" in late.text
    page = desk.get(f"/desk/issues/{issue_id}/compose").text
    assert "Only drafts can be edited" in page
    assert "What was approved is forgotten, and it is no longer scheduled" in page
    desk.client.post(f"/desk/issues/{issue_id}/reopen", data={"form_token": token_in(page)})
    assert _issue(site, issue_id).state is IssueState.DRAFT
    assert form.keys == compose_form(desk, issue_id).keys
    assert "Reopened" in desk.get(f"/desk/issues/{issue_id}/history").text
    _approve(site, issue_id, Event.SEND)
    assert "cannot be edited" in desk.get(f"/desk/issues/{issue_id}/compose").text
    refused = desk.post(f"/desk/issues/{issue_id}/reopen")
    assert (refused.status_code, "it cannot reopen" in refused.text) == (409, True)


def test_an_earlier_version_is_restored_from_the_history(site: RunningSite, desk: Browser) -> None:
    issue_id = _draft(site)
    assert "Nobody has changed this issue" in desk.get(f"/desk/issues/{issue_id}/history").text
    form = compose_form(desk, issue_id)
    form.fill("subject", "A mistake")
    form.press()
    page = desk.get(f"/desk/issues/{issue_id}/history").text
    assert "Compare or restore" in page
    compared = desk.get(f"/desk/issues/{issue_id}/history/1").text
    assert "From now back to version 1" in compared
    assert "A mistake</del>" in compared
    assert "says now what it said then" in desk.get(f"/desk/issues/{issue_id}/history/2").text
    assert desk.get(f"/desk/issues/{issue_id}/history/9").status_code == 404
    path = f"/desk/issues/{issue_id}/history/1/restore"
    done = desk.post(path, {"version": "2"})
    assert "It says again what it said in version 1" in done.text
    assert _issue(site, issue_id).subject == "Africa This Week #1: The essay"
    assert desk.post(path, {"version": "2"}).status_code == 409


def test_an_issue_of_many_pieces_in_a_long_script_is_taken(
    site: RunningSite, desk: Browser
) -> None:
    with site.runtime.database.transaction() as session:
        parts = [
            a_part(n, title=f"समाचार {n} " * 8, standfirst="लंबा वाक्य " * 20) for n in range(1, 181)
        ]
        an_article(session, site.clock, title="Roundup", authors=(), parts=parts)
        issue_id = draft_issue(session, WEEKLY, clock=site.clock).id
    form = compose_form(desk, issue_id)
    assert len(form.pairs) > 700
    form.fill("note", "all of it")
    assert form.press().status_code == 200
    assert _issue(site, issue_id).editors_note == "all of it"
    assert len(_titles(site, issue_id)) == 180


def test_a_draft_is_dropped_and_its_pieces_and_number_go_to_the_next(
    site: RunningSite, desk: Browser
) -> None:
    issue_id = _draft(site)
    assert f"/desk/issues/{issue_id}/send#cancel-title" in desk.get(f"/desk/issues/{issue_id}").text
    page = desk.get(f"/desk/issues/{issue_id}/send").text
    assert "its pieces are due again in the next one, and its number goes to the next one" in page
    unsure = desk.post(f"/desk/issues/{issue_id}/send/cancel")
    assert "Tick the box first" in unsure.text
    dropped = desk.post(f"/desk/issues/{issue_id}/send/cancel", {"sure": "yes"})
    assert "The draft is dropped" in dropped.text
    assert _issue(site, issue_id).state is IssueState.CANCELLED
    with site.runtime.database.transaction() as session:
        following = draft_issue(session, WEEKLY, clock=site.clock)
        assert (following.number, len(following.items)) == (1, 4)
        again = following.id
    # What was approved is called off, in its own words.
    _approve(site, again)
    page = desk.get(f"/desk/issues/{again}/send").text
    assert "the issue ends here, and its number goes to the next one" in page


def test_ops_may_look_and_not_edit(site: RunningSite) -> None:
    issue_id = _draft(site)
    with at_the_desk(site, Role.OPS) as ops:
        assert ops.get("/desk/issues").status_code == 200
        assert "Draft an issue now" not in ops.get("/desk/issues").text
        page = ops.get(f"/desk/issues/{issue_id}/compose")
        assert page.status_code == 200
        assert "desk-compose.js" not in page.text
        form = form_on(ops, f"/desk/issues/{issue_id}/compose", page)
        assert form.press().status_code == 403
