"""An essay that ends earlier in one issue: chosen, kept, merged, restored, mailed, over the API."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select, text

from alerts import migrations
from alerts.articles.models import Article
from alerts.clock import FixedClock
from alerts.database import Database
from alerts.delivery.publishing import approve_issue
from alerts.newsletters.editing import steps
from alerts.newsletters.editing.composing import composition_of
from alerts.newsletters.editing.composition import Composition, PieceEntry
from alerts.newsletters.editing.service import change_composition, restore_version
from alerts.newsletters.editing.versions import history
from alerts.newsletters.issues import build_content, draft_issue, get_issue, move
from alerts.newsletters.lifecycle import Event
from alerts.newsletters.service import definition_of, ensure_built_in, get_newsletter
from alerts.staff.audit import COMMAND_LINE
from alerts.staff.permissions import Role
from alerts.web.api.shapes.issues import IssueShape
from tests.api_world import a_program
from tests.data.web.running import RunningSite, running_site
from tests.desk_world import Browser, at_the_desk
from tests.factories import RENDERER, SETTINGS, a_part, an_article, counted_queries
from tests.issue_forms import compose_form, form_on

WEEKLY = "africa-this-week"
BEN = "ben@example.org"
WORDS = ("The first of them.", "The second of them.", "The third of them.", "The last of them.")
BODY = f"<p>{WORDS[0]}</p><h2>A heading</h2>" + "".join(f"<p>{words}</p>" for words in WORDS[1:])
CHOICE = "paragraphs-{}"


@pytest.fixture
def site(database: Database, clock: FixedClock, tmp_path: Path) -> Iterator[RunningSite]:
    with running_site(database, clock, tmp_path) as site:
        yield site


@pytest.fixture
def desk(site: RunningSite) -> Iterator[Browser]:
    with at_the_desk(site, Role.EDITOR) as opened:
        yield opened


def _draft(database: Database, clock: FixedClock) -> int:
    """Draft an issue: an essay of four paragraphs in focus, and two briefs."""
    with database.transaction() as session:
        ensure_built_in(session, clock=clock)
        an_article(session, clock, title="The essay", words=2_000, body_html=BODY, body_text="x")
        parts = [a_part(n, title=f"Brief {n}") for n in (1, 2)]
        an_article(session, clock, title="The roundup", authors=(), parts=parts)
        return draft_issue(session, WEEKLY, clock=clock).id


@pytest.fixture
def issue_id(site: RunningSite) -> int:
    return _draft(site.runtime.database, site.clock)


def _now(database: Database, issue_id: int) -> Composition:
    with database.read() as session:
        issue = get_issue(session, issue_id)
        return composition_of(issue, definition_of(get_newsletter(session, issue.newsletter)))


def _end(database: Database, clock: FixedClock, issue_id: int, paragraphs: int | None) -> None:
    def change(one: Composition, _: object) -> Composition:
        essay, *others = one.entries
        assert isinstance(essay, PieceEntry)
        return replace(one, entries=(replace(essay, paragraphs=paragraphs), *others))

    with database.transaction() as session:
        change_composition(session, issue_id, change, actor=COMMAND_LINE, clock=clock)


def _shown(database: Database, issue_id: int) -> int | None:
    return _now(database, issue_id).pieces[0].paragraphs


def test_the_desk_shows_each_paragraph_and_keeps_the_choice(
    site: RunningSite, desk: Browser, issue_id: int
) -> None:
    form = compose_form(desk, issue_id)
    essay, brief, _ = form.keys
    page = desk.get(form.path).text
    for words in (*WORDS, "A heading", "Its text: <span data-shown>all of it, 4 paragraphs"):
        assert words in page
    assert form.value(CHOICE.format(essay), essay) == ""
    # Briefs have no choice of their own, and lose none that they came with.
    assert form.value(CHOICE.format(brief), brief) == ""
    form.fill(CHOICE.format(essay), "2", essay)
    page = form.press().text
    assert "the first 2 of 4 paragraphs" in page
    assert "shown in part" in page
    assert "shown in part" in desk.get(f"/desk/issues/{issue_id}").text
    assert _shown(site.runtime.database, issue_id) == 2
    # The same form again changes nothing.
    version = form_on(desk, form.path, desk.get(form.path))
    version.press()
    assert version.value("version") == compose_form(desk, issue_id).value("version")
    with site.runtime.database.read() as session:
        body = session.scalar(select(Article.body_html).where(Article.title == "The essay"))
        assert body == BODY


@pytest.mark.parametrize(
    ("chosen", "words"),
    [("0", "none of it"), ("1", "the first of 4 paragraphs"), ("9", "all of it, 4 paragraphs")],
)
def test_every_choice_is_told_in_words_and_posted_as_it_is(
    site: RunningSite, desk: Browser, issue_id: int, chosen: str, words: str
) -> None:
    form = compose_form(desk, issue_id)
    name = CHOICE.format(form.keys[0])
    form.fill(name, chosen, form.keys[0])
    assert f"<span data-shown>{words}</span>" in form.press().text
    again = compose_form(desk, issue_id)
    assert again.value(name, again.keys[0]) == chosen
    assert _shown(site.runtime.database, issue_id) == int(chosen)


@pytest.mark.parametrize("chosen", ["x", "-1", "1.5", "99999999999", "1001"])
def test_a_choice_that_no_page_of_ours_offers_is_refused(
    site: RunningSite, desk: Browser, issue_id: int, chosen: str
) -> None:
    form = compose_form(desk, issue_id)
    form.fill(CHOICE.format(form.keys[0]), chosen, form.keys[0])
    answer = form.press()
    assert answer.status_code == 422
    assert form.press(auto=True).status_code == 422
    assert _shown(site.runtime.database, issue_id) is None


def test_a_piece_keeps_its_choice_while_it_stands_elsewhere(
    site: RunningSite, desk: Browser, issue_id: int
) -> None:
    database = site.runtime.database
    form = compose_form(desk, issue_id)
    essay = form.keys[0]
    form.fill(CHOICE.format(essay), "2", essay)
    form.press(f"down:{essay}")
    moved = compose_form(desk, issue_id)
    assert moved.value(CHOICE.format(essay), essay) == "2"
    assert "How much of its text" not in desk.get(moved.path).text
    moved.press(f"out:{essay}")
    compose_form(desk, issue_id).press(f"back:{essay}")
    back = compose_form(desk, issue_id)
    back.press(f"up:{back.keys[-1]}")
    stored = {piece.key: piece.paragraphs for piece in _now(database, issue_id).pieces}
    assert stored[essay] == 2
    # Moved by script into a section that shows texts, its paragraphs are a button away.
    form = compose_form(desk, issue_id)
    form.fill("section", "in-focus", form.keys[1])
    page = form.press(f"end:{form.keys[1]}").text
    assert "Choose how much of its text is shown." in page
    assert page.count('<details class="ending" open') == 1


def test_the_page_asks_two_more_queries_however_many_essays(
    site: RunningSite, desk: Browser, issue_id: int
) -> None:
    database = site.runtime.database
    with database.transaction() as session:
        more = [an_article(session, site.clock, body_html=BODY, body_text="x").id for _ in range(9)]

    def asked() -> int:
        with counted_queries(database.engine) as statements:
            assert desk.get(f"/desk/issues/{issue_id}/compose").status_code == 200
        return len(statements)

    before = asked()

    def add(one: Composition, _: object) -> Composition:
        entries = (*one.entries, *(PieceEntry(number, 0, "in-focus") for number in more))
        return replace(one, entries=entries)

    with database.transaction() as session:
        change_composition(session, issue_id, add, actor=COMMAND_LINE, clock=site.clock)
    # One for who changed it last.
    assert asked() <= before + 1


def test_two_editors_choices_are_brought_together(
    site: RunningSite, desk: Browser, issue_id: int
) -> None:
    with at_the_desk(site, Role.EDITOR, BEN) as ben:
        his, hers = compose_form(ben, issue_id), compose_form(desk, issue_id)
        essay = his.keys[0]
        hers.fill(CHOICE.format(essay), "3", essay)
        hers.press()
        his.fill("title", "Ben's title", essay)
        page = his.press()
        assert page.status_code == 409
        assert "you changed different things" in page.text
        assert "Shown of the text of “The essay”" in page.text
        form_on(ben, his.path, page).press("merge")
        first = _now(site.runtime.database, issue_id).pieces[0]
        assert (first.title, first.paragraphs) == ("Ben's title", 3)
        his, hers = compose_form(ben, issue_id), compose_form(desk, issue_id)
        for form, chosen in ((hers, "1"), (his, "0")):
            form.fill(CHOICE.format(essay), chosen, essay)
        hers.press()
        page = his.press()
        assert "yours stands: how much is shown of “The essay”" in page.text
        form_on(ben, his.path, page).press("merge")
    assert _shown(site.runtime.database, issue_id) == 0


def test_history_tells_it_in_words_and_brings_it_back(
    database: Database, clock: FixedClock
) -> None:
    issue_id = _draft(database, clock)
    for paragraphs in (3, 1, 0, None):
        _end(database, clock, issue_id, paragraphs)
    with database.read() as session:
        issue = get_issue(session, issue_id)
        page = history(session, issue, definition_of(get_newsletter(session, WEEKLY)))
        told = [[change.line() for change in line.changes] for line in page.lines]
    shown = "Shown of the text of “The essay”: "
    assert told == [
        [f"{shown}[-none of it-] {{+all of it+}}"],
        [f"{shown}[-the first paragraph-] {{+none of it+}}"],
        [f"{shown}[-the first 3 paragraphs-] {{+the first paragraph+}}"],
        [f"{shown}[-all of it-] {{+the first 3 paragraphs+}}"],
        [],
    ]
    with database.transaction() as session:
        restore_version(session, issue_id, 2, base=5, actor=COMMAND_LINE, clock=clock)
    assert _shown(database, issue_id) == 3


def test_what_was_chosen_is_frozen_and_stands_on_the_web_as_in_the_mail(site: RunningSite) -> None:
    database, clock = site.runtime.database, site.clock
    issue_id = _draft(database, clock)
    _end(database, clock, issue_id, 2)
    with database.transaction() as session:
        edition = approve_issue(
            session, issue_id, by="editor", settings=SETTINGS, renderer=RENDERER, clock=clock
        )
        for form in (edition.html, edition.text):
            assert WORDS[1] in form
            assert WORDS[2] not in form
            assert "Continue reading" in form
        move(session, issue_id, Event.SEND, clock=clock)
    page = site.client.get("/archive/africa-this-week/1").text
    assert WORDS[1] in page
    assert WORDS[2] not in page
    assert "Continue reading" in page
    with database.read() as session:
        essay = build_content(session, get_issue(session, issue_id)).items[0]
        assert essay.paragraphs == 2
        assert essay.url is not None
        assert f'href="{essay.url}"' in page


def test_the_api_reads_and_changes_what_an_issue_says_of_its_pieces(
    database: Database, clock: FixedClock, tmp_path: Path
) -> None:
    with a_program(database, clock, tmp_path) as program:
        issue_id = _draft(database, clock)
        path = f"/issues/{issue_id}"
        pieces = program.get(path)["articles"]
        essay, brief = pieces[0], pieces[1]
        assert (essay["paragraphs"], essay["standfirst"]) == (None, None)
        changes = [
            {"id": essay["id"], "paragraphs": 2, "title": "Our title"},
            {"id": brief["id"], "part": brief["part"], "standfirst": "Short."},
        ]
        answer = program.ask("PATCH", path, {"articles": changes})
        assert answer.status_code == 200, answer.text
        IssueShape.model_validate(answer.json())
        first, second, *_ = answer.json()["articles"]
        assert (first["title"], first["paragraphs"]) == ("Our title", 2)
        assert (second["standfirst"], second["paragraphs"]) == ("Short.", None)
        assert WORDS[2] not in program.get(f"{path}/preview")["html"]
        # What is left out stays, null is the article's own.
        change = {"id": essay["id"], "title": None}
        again = program.ask("PATCH", path, {"subject": "Piers", "articles": [change]}).json()
        assert again["subject"] == "Piers"
        assert (again["articles"][0]["title"], again["articles"][0]["paragraphs"]) == (
            "The essay",
            2,
        )
        for wrong, status in (
            ({"id": 4711, "paragraphs": 1}, 404),
            ({"id": brief["id"], "paragraphs": 1}, 404),
            ({"id": essay["id"], "paragraphs": -1}, 422),
            ({"id": essay["id"], "paragraphs": 1_001}, 422),
            ({"id": essay["id"], "paragraphs": "2 of them"}, 422),
            ({"id": essay["id"], "length": 2}, 422),
        ):
            refused = program.ask("PATCH", path, {"articles": [wrong]})
            assert refused.status_code == status, refused.text
        assert _shown(database, issue_id) == 2
        program.post(f"{path}/approve")
        late = program.ask("PATCH", path, {"articles": [{"id": essay["id"], "paragraphs": 1}]})
        assert late.status_code == 409


def test_an_earlier_program_reads_what_is_left_after_a_step_back(
    database: Database, clock: FixedClock
) -> None:
    issue_id = _draft(database, clock)
    _end(database, clock, issue_id, 2)
    essay = _now(database, issue_id).pieces[0].key
    with database.transaction() as session:
        change_composition(
            session,
            issue_id,
            lambda one, _: steps.without(one, essay),
            actor=COMMAND_LINE,
            clock=clock,
        )
    migrations.downgrade(database, "0021")
    with database.engine.connect() as connection:
        kept = [
            *connection.execute(
                text("SELECT CAST(document AS TEXT) FROM issue_versions")
            ).scalars(),
            *connection.execute(text("SELECT CAST(set_aside AS TEXT) FROM issues")).scalars(),
        ]
        assert len(kept) == 4
        assert not any("paragraphs" in one for one in kept)
        assert all("The essay" not in one or essay in one for one in kept)
    migrations.upgrade(database)
    with database.transaction() as session:
        restore_version(session, issue_id, 1, base=3, actor=COMMAND_LINE, clock=clock)
    assert (_now(database, issue_id).pieces[0].key, _shown(database, issue_id)) == (essay, None)
