"""Composing an issue without script: pieces and texts moved, put in, taken out, reworded."""

from pathlib import Path

from lxml import html as lxml_html
from sqlalchemy import select

from alerts.articles.models import Article
from alerts.clock import FixedClock
from alerts.database import Database
from alerts.newsletters.issues import build_content, draft_issue, get_issue
from alerts.staff.permissions import Role
from tests.data.articles.site import LocalSite, served, title_of
from tests.data.web.running import RunningSite, running_site
from tests.desk_world import Browser, at_the_desk
from tests.drafts_world import WEEKLY
from tests.factories import a_part, an_article
from tests.issue_forms import compose_form, form_on
from tests.issues_world import stored, titles_of, weekly_draft


def test_composing_without_script_keeps_words_and_order(site: RunningSite, editor: Browser) -> None:
    issue_id = weekly_draft(site)
    form = compose_form(editor, issue_id)
    essay, _, _, last = form.keys
    form.fill("title", "Our title", essay)
    form.fill("standfirst", "Shortened.", last)
    form.fill("note", "Dear <readers>")
    page = form.press(f"up:{last}")
    assert "Moved up: “Brief 3”." in page.text
    assert titles_of(site, issue_id) == ["Our title", "Brief 1", "Brief 3", "Brief 2"]
    again = form_on(editor, form.path, page)
    assert again.value("title", essay) == "Our title"
    assert again.value("note") == "Dear <readers>"
    assert "The article says: The essay" in page.text
    again.fill("title", "", essay)
    again.fill("section", "in-focus", last)
    again.press()
    assert titles_of(site, issue_id) == ["The essay", "Brief 3", "Brief 1", "Brief 2"]
    with site.runtime.database.read() as session:
        assert "The essay" in session.scalars(select(Article.title)).all()


def test_an_articles_correction_comes_through_where_nobody_wrote_other_words(
    site: RunningSite, editor: Browser
) -> None:
    issue_id = weekly_draft(site)
    form = compose_form(editor, issue_id)
    with site.runtime.database.transaction() as session:
        for article in session.scalars(select(Article).where(Article.title == "The essay")):
            article.title = "The essay, corrected"
    form.fill("note", "x")
    form.press()
    assert titles_of(site, issue_id)[0] == "The essay, corrected"


def test_texts_are_added_previewed_moved_and_taken_out(site: RunningSite, editor: Browser) -> None:
    issue_id = weekly_draft(site)
    page = compose_form(editor, issue_id).press("text:briefs")
    form = form_on(editor, f"/desk/issues/{issue_id}/compose", page)
    form.fill("markdown", "See **this** <script>alert(1)</script>", "t2")
    page = form.press("down:t2")
    assert "See <strong>this</strong> &lt;script&gt;" in page.text
    form = form_on(editor, form.path, page)
    assert form.keys[1:3] == [form.keys[1], "t2"]
    assert "<strong>this</strong>" in editor.get(f"/desk/issues/{issue_id}").text
    form.press("out:t2")
    assert "t2" not in compose_form(editor, issue_id).keys


def test_the_essay_in_focus_is_chosen(site: RunningSite, editor: Browser) -> None:
    issue_id = weekly_draft(site)
    form = compose_form(editor, issue_id)
    form.fill("focus-in-focus", form.keys[2])
    form.press("focus:in-focus")
    assert titles_of(site, issue_id) == ["Brief 2", "The essay", "Brief 1", "Brief 3"]


def test_pieces_go_out_come_back_and_are_pulled_in(site: RunningSite, editor: Browser) -> None:
    issue_id = weekly_draft(site)
    with site.runtime.database.transaction() as session:
        an_article(session, site.clock, title="Elsewhere", regions=["south-asia"])
    form = compose_form(editor, issue_id)
    gone = form.keys[1]
    page = form.press(f"out:{gone}")
    assert "Taken out: “Brief 1”." in page.text
    assert "Put back" in page.text
    form = form_on(editor, form.path, page)
    page = form.press(f"back:{gone}")
    assert titles_of(site, issue_id) == ["The essay", "Brief 2", "Brief 3", "Brief 1"]
    form = form_on(editor, form.path, page)
    form.fill("find", "elsewh")
    page = form.press("find")
    assert "Found for “elsewh”" in page.text
    form = form_on(editor, form.path, page)
    with site.runtime.database.read() as session:
        number = session.scalar(select(Article.id).where(Article.title == "Elsewhere"))
    form.fill("into", "in-focus")
    form.press(f"add:{number}")
    assert titles_of(site, issue_id)[:2] == ["The essay", "Elsewhere"]


def test_single_pieces_of_a_roundup_are_picked(site: RunningSite, editor: Browser) -> None:
    with site.runtime.database.transaction() as session:
        parts = [a_part(n, title=f"Brief {n}") for n in (1, 2)]
        roundup = an_article(session, site.clock, title="The roundup", authors=(), parts=parts)
        issue_id = draft_issue(session, "gp-alert", clock=site.clock).id
        key = str(roundup.id)
    form = compose_form(editor, issue_id)
    assert form.keys == [key]
    page = form.press(f"parts:{key}")
    assert "The pieces of a roundup" in page.text
    form = form_on(editor, form.path, page)
    form.press(f"add:{key}.2")
    compose_form(editor, issue_id).press(f"out:{key}")
    assert titles_of(site, issue_id) == ["Brief 2"]


def _roundup(site: RunningSite, *, newsletter: str = "gp-alert") -> tuple[int, str]:
    """Draft an issue that holds a roundup of four pieces; return its id and the article's key."""
    with site.runtime.database.transaction() as session:
        parts = [a_part(n, title=f"Brief {n}") for n in (1, 2, 3, 4)]
        roundup = an_article(session, site.clock, title="The roundup", authors=(), parts=parts)
        return draft_issue(session, newsletter, clock=site.clock).id, str(roundup.id)


def test_ticked_pieces_take_the_place_of_their_roundup(site: RunningSite, editor: Browser) -> None:
    issue_id, key = _roundup(site)
    with site.runtime.database.transaction() as session:
        first = an_article(session, site.clock, title="A first")
        last = an_article(session, site.clock, title="A last")
    form = compose_form(editor, issue_id)
    form = form_on(editor, form.path, form.press(f"add:{first.id}"))
    form = form_on(editor, form.path, form.press(f"add:{last.id}"))
    form = form_on(editor, form.path, form.press(f"up:{first.id}"))
    assert titles_of(site, issue_id) == ["A first", "The roundup", "A last"]
    form = form_on(editor, form.path, form.press(f"parts:{key}"))
    refused = form.press(f"pick:{key}")
    assert refused.status_code == 422
    assert "Tick the pieces that are to be put in." in refused.text
    # They are still there to be ticked.
    form = form_on(editor, form.path, refused)
    form.pairs += [("pick", f"{key}.3"), ("pick", f"{key}.1"), ("pick", "999.1")]
    page = form.press(f"pick:{key}")
    assert "2 pieces put in, in place of the whole roundup." in page.text
    assert titles_of(site, issue_id) == ["A first", "Brief 3", "Brief 1", "A last"]
    assert "Put back<span" in page.text
    form = form_on(editor, form.path, page)
    form.pairs += [("pick", f"{key}.2"), ("pick", f"{key}.3")]
    assert "1 piece put in." in form.press(f"pick:{key}").text
    again = compose_form(editor, issue_id)
    again.pairs.append(("pick", f"{key}.2"))
    assert "Those pieces stand in the issue already." in again.press(f"pick:{key}").text
    again.pairs.append(("pick", f"{key}.9"))
    assert "has no piece 9" in again.press(f"pick:{key}").text
    assert editor.get(f"/desk/issues/{issue_id}/compose?roundup={2**62}").status_code == 200
    again.pairs.append(("pick", f"{2**70}.9"))
    assert again.press(f"pick:{2**70}").status_code == 422


def test_a_piece_is_found_by_its_own_title_and_the_search_stays(
    site: RunningSite, editor: Browser
) -> None:
    issue_id = weekly_draft(site)
    with site.runtime.database.transaction() as session:
        parts = [a_part(n, title=f"Harbour {n}") for n in (1, 2)]
        other = an_article(session, site.clock, title="Another", authors=(), parts=parts)
        an_article(session, site.clock, title="Harbour lights")
        key = str(other.id)
    form = compose_form(editor, issue_id)
    form.fill("find", "harbour")
    page = form.press("find")
    (details,) = lxml_html.document_fromstring(page.text).xpath('//details[.//input[@name="pick"]]')
    assert details.get("open") is not None
    form = form_on(editor, form.path, page)
    page = form.press(f"add:{key}")
    # What was looked for is still there, for the next to be put in.
    assert "Found for “harbour”" in page.text
    assert "stands in this issue" in page.text


def test_a_roundups_piece_is_retitled_and_shortened_without_touching_it(
    site: RunningSite, editor: Browser
) -> None:
    with site.runtime.database.transaction() as session:
        body = "First sentence of it. " * 200
        parts = [a_part(1, title="Brief 1", body_text=body), a_part(2, title="Empty", body_text="")]
        an_article(session, site.clock, title="The roundup", authors=(), parts=parts)
        issue_id = draft_issue(session, WEEKLY, clock=site.clock).id
    form = compose_form(editor, issue_id)
    key, empty = form.keys
    assert "from “The roundup”" in editor.get(form.path).text
    form.fill("title", "Our title", key)
    page = form.press(f"shorten:{key}")
    assert "The text of “Our title” stands in its field" in page.text
    form = form_on(editor, form.path, page)
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


def test_an_address_that_may_not_be_fetched_is_told_and_kept(
    site: RunningSite, editor: Browser
) -> None:
    issue_id = weekly_draft(site)
    for address, line in (
        ("http://127.0.0.1:9/article", "Nothing was taken in from http://127.0.0.1:9/article"),
        ("no address", "is no address"),
    ):
        form = compose_form(editor, issue_id)
        form.fill("url", address)
        form.fill("note", f"Kept beside {address}")
        page = form.press("enter")
        assert (page.status_code, line in page.text) == (422, True)
        assert form_on(editor, form.path, page).value("url") == address
        assert stored(site, issue_id).editors_note == f"Kept beside {address}"


def test_an_article_is_taken_in_by_its_address(
    database: Database, clock: FixedClock, tmp_path: Path
) -> None:
    with (
        served(LocalSite()) as newsroom,
        running_site(database, clock, tmp_path, fetch_hosts=("127.0.0.1",)) as site,
        at_the_desk(site, Role.EDITOR) as editor,
    ):
        issue_id = weekly_draft(site)
        form = compose_form(editor, issue_id)
        form.fill("note", "typed before")
        form.fill("into", "in-focus")
        form.fill("url", f"{newsroom.url}/view_cir_articles.php?recordNo=2&url=CWA")
        page = form.press("url")
        assert "Taken in, and put in." in page.text
        assert titles_of(site, issue_id)[:2] == ["The essay", title_of(2)]
        assert stored(site, issue_id).editors_note == "typed before"
        again = form_on(editor, form.path, page)
        again.fill("url", f"{newsroom.url}/view_cir_articles.php?recordNo=2&url=CWA")
        refused = again.press("url")
        assert "That piece stands in the issue already." in refused.text
        again.fill("url", f"{newsroom.url}/nothing-there")
        assert "Nothing was taken in from" in again.press("url").text


def test_what_is_too_long_is_told_at_its_field_with_what_was_typed(
    site: RunningSite, editor: Browser
) -> None:
    issue_id = weekly_draft(site)
    form = compose_form(editor, issue_id)
    essay = form.keys[0]
    form.fill("title", "x" * 301, essay)
    form.fill("note", "typed")
    page = form.press()
    assert page.status_code == 422
    assert f'id="title-{essay}-problem">The title is 1 longer than 300 characters' in page.text
    again = form_on(editor, form.path, page)
    assert (again.value("note"), len(again.value("title", essay))) == ("typed", 301)
    auto = form.press(auto=True)
    assert auto.status_code == 422
    assert (auto.json()["field"], auto.json()["entry"]) == ("title", essay)


def test_an_issue_of_many_pieces_in_a_long_script_is_taken(
    site: RunningSite, editor: Browser
) -> None:
    with site.runtime.database.transaction() as session:
        parts = [
            a_part(n, title=f"समाचार {n} " * 8, standfirst="लंबा वाक्य " * 20) for n in range(1, 181)
        ]
        an_article(session, site.clock, title="Roundup", authors=(), parts=parts)
        issue_id = draft_issue(session, WEEKLY, clock=site.clock).id
    form = compose_form(editor, issue_id)
    assert len(form.pairs) > 700
    form.fill("note", "all of it")
    assert form.press().status_code == 200
    assert stored(site, issue_id).editors_note == "all of it"
    assert len(titles_of(site, issue_id)) == 180
