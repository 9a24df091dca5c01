"""What editors composed arrives: in HTML, in plain text, in every variant, once approved."""

from dataclasses import replace

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.delivery.models import Delivery
from alerts.delivery.preparation import prepare_issue
from alerts.delivery.publishing import approve_issue, lint_issue
from alerts.errors import Refused
from alerts.newsletters.content import IssueContent, SectionContent, TextContent
from alerts.newsletters.editing.composition import Composition, Entry, PieceEntry, TextEntry
from alerts.newsletters.editing.service import change_composition
from alerts.newsletters.issues import build_content, draft_issue, get_issue, move
from alerts.newsletters.lifecycle import Event
from alerts.newsletters.markdown import html_of
from alerts.newsletters.service import ensure_built_in
from alerts.rendering.models import Edition
from alerts.rendering.reopening import reopen_issue
from alerts.rendering.service import RenderedEdition, edition_for
from alerts.staff.audit import COMMAND_LINE
from alerts.subscribers.models import Frequency, Subscriber
from alerts.task_queue import RecordingTaskQueue
from tests.data.rendering import samples
from tests.factories import RENDERER, SETTINGS, a_part, add_readers, an_article

WEEKLY = "africa-this-week"
TEXT = "## Also this week\n\nRead [the map](https://maps.example.org/x).\n\n- one\n- *two*"


def _render(content: IssueContent) -> RenderedEdition:
    return RENDERER.render(
        content, archive_url="https://alerts.example.org/a", home_url="https://alerts.example.org"
    )


def _composed(session: Session, clock: FixedClock) -> int:
    """Draft an issue and compose it: retitled, shortened, with texts and a note."""
    ensure_built_in(session, clock=clock)
    an_article(session, clock, title="The essay", words=2_000, regions=["africa", "west-africa"])
    parts = [
        a_part(1, title="Brief 1", country="KE", regions=["east-africa", "africa"]),
        a_part(2, title="Brief 2"),
    ]
    an_article(session, clock, title="The roundup", authors=(), parts=parts, words=900)
    issue = draft_issue(session, WEEKLY, clock=clock)

    def compose(one: Composition, _: object) -> Composition:
        essay, first, second = one.entries
        assert isinstance(essay, PieceEntry)
        assert isinstance(first, PieceEntry)
        entries: tuple[Entry, ...] = (
            replace(essay, title="Our title", standfirst="Our standfirst."),
            TextEntry("t2", "in-focus", "After the essay."),
            TextEntry("t1", "briefs", TEXT),
            replace(first, standfirst="The brief in a line."),
            second,
        )
        return replace(one, entries=entries, note="Dear readers")

    change_composition(session, issue.id, compose, actor=COMMAND_LINE, clock=clock)
    return issue.id


def test_words_and_texts_stand_in_their_place_in_both_forms(
    database: Database, clock: FixedClock
) -> None:
    with database.transaction() as session:
        issue = get_issue(session, _composed(session, clock))
        rendered = _render(build_content(session, issue))
        rules = {
            one.rule for one in lint_issue(session, issue, settings=SETTINGS, renderer=RENDERER)
        }
    in_order = (
        *("Dear readers", "Our title", "Our standfirst.", "After the essay."),
        *("Also this week", "the map", "two", "The brief in a line.", "Brief 2."),
    )
    for form in (rendered.html.partition("<h1")[2], rendered.text):
        folded = " ".join(form.split())
        places = [folded.index(words) for words in in_order]
        assert places == sorted(places)
        assert "The essay" not in form
        # The short form stands for the body, and leads to it.
        assert "Brief 1." not in form
        assert "Brief 2." in form
    assert '<a href="https://maps.example.org/x"' in rendered.html
    assert "<em>two</em>" in rendered.html
    assert "https://maps.example.org/x" in rendered.text
    assert "  * one\n  * two" in rendered.text
    assert rendered.subject == "Africa This Week #1: Our title"
    assert "subject-empty" not in rules


def test_approval_freezes_the_words_and_reopening_lets_them_go(
    database: Database, clock: FixedClock
) -> None:
    def approve(session: Session, issue_id: int) -> str:
        edition = approve_issue(
            session, issue_id, by="editor", settings=SETTINGS, renderer=RENDERER, clock=clock
        )
        return edition.html

    with database.transaction() as session:
        issue_id = _composed(session, clock)
        html = approve(session, issue_id)
        issue = get_issue(session, issue_id)
        assert issue.content is not None
        assert IssueContent.from_json(issue.content).checksum() == issue.content_checksum
        session.execute(select(Edition))
    assert "After the essay." in html
    with database.transaction() as session:
        reopen_issue(session, issue_id, actor=COMMAND_LINE, clock=clock)
        assert session.scalars(select(Edition)).all() == []
        change_composition(
            session,
            issue_id,
            lambda one, _: replace(one, note="Changed"),
            actor=COMMAND_LINE,
            clock=clock,
        )
        assert "Changed" in approve(session, issue_id)


def test_a_lint_finding_names_the_title_that_readers_see(
    database: Database, clock: FixedClock
) -> None:
    with database.transaction() as session:
        ensure_built_in(session, clock=clock)
        an_article(session, clock, title="Own title", photo_url="https://img.example.org/1.jpg")
        issue = draft_issue(session, "gp-alert", clock=clock)

        def retitle(one: Composition, _: object) -> Composition:
            (piece,) = one.pieces
            return replace(one, entries=(replace(piece, title="Title here"),))

        change_composition(session, issue.id, retitle, actor=COMMAND_LINE, clock=clock)
        found = lint_issue(
            session, get_issue(session, issue.id), settings=SETTINGS, renderer=RENDERER
        )
    credit = next(one for one in found if one.rule == "no-credit")
    assert "Title here" in credit.message


def test_readers_with_wishes_get_the_texts_but_no_mail_of_texts_alone(
    database: Database, clock: FixedClock
) -> None:
    with database.transaction() as session:
        issue_id = _composed(session, clock)
        for name, wish in (("all", ""), ("kenya", "east-africa"), ("none", "south-asia")):
            add_readers(
                session,
                [name],
                now=clock.now(),
                newsletter=WEEKLY,
                frequency=Frequency.WEEKLY,
                wish=wish,
            )
        approve_issue(
            session, issue_id, by="editor", settings=SETTINGS, renderer=RENDERER, clock=clock
        )
        move(session, issue_id, Event.SEND, clock=clock)
    prepare_issue(
        database,
        issue_id,
        renderer=RENDERER,
        base_url=SETTINGS.base_url,
        clock=clock,
        queue=RecordingTaskQueue(),
    )
    with database.read() as session:
        rows = session.execute(
            select(Subscriber.email, Delivery.state, Delivery.reason, Edition.text)
            .join(Delivery, Delivery.subscriber_id == Subscriber.id)
            .outerjoin(Edition, Edition.id == Delivery.edition_id)
        ).all()
    by_name = {
        email.partition("@")[0]: (state, reason, text) for email, state, reason, text in rows
    }
    assert by_name["none"][:2] == ("skipped", "nothing for this reader's wishes")
    kenya = by_name["kenya"][2]
    assert kenya is not None
    for words in ("After the essay.", "Also this week", "Brief 1", "Dear readers"):
        assert words in kenya
    assert "Our title" not in kenya.partition("Sources")[0].partition("In brief")[2]
    assert "BRIEF 2" not in kenya
    with database.transaction() as session, pytest.raises(Refused, match="none of the pieces"):
        edition_for(
            session,
            get_issue(session, issue_id),
            build_content(session, get_issue(session, issue_id)),
            [],
            renderer=RENDERER,
            base_url=SETTINGS.base_url,
            clock=clock,
        )


def test_a_text_keeps_its_place_among_the_pieces_that_are_left() -> None:
    section = samples.africa_this_week().sections[1]
    keys = [item.key for item in section.items]
    with_texts = replace(section, texts=(TextContent("<p>a</p>", 0), TextContent("<p>b</p>", 2)))
    assert [text.after for text in with_texts.only(keys[1:3]).texts] == [0, 1]
    assert [text.after for text in with_texts.only([]).texts] == [0, 0]
    content = replace(samples.africa_this_week(), sections=(with_texts,))
    assert content.only([]).sections[0].items == ()
    assert content.only([]).items == ()


def test_what_says_nothing_changes_no_checksum() -> None:
    content = samples.africa_this_week()
    document = content.to_json()
    assert all("texts" not in section for section in document["sections"])
    assert all("shortened" not in item for s in document["sections"] for item in s["items"])
    assert IssueContent.from_json(document) == content


@pytest.mark.parametrize("template", ["africa-this-week", "gp-alert"])
@pytest.mark.parametrize("kind", ["cards", "essay", "briefs"])
def test_texts_stand_between_pieces_of_every_kind(template: str, kind: str) -> None:
    items = samples.africa_this_week().items[:3]
    texts = tuple(TextContent(f"<p>text at {n}</p>", n) for n in (0, 1, 3))
    content = replace(
        samples.africa_this_week(),
        template=template,
        sections=(SectionContent("one", "One", kind, items, texts),),
        shows_sources=False,
        shows_contributors=False,
    )
    rendered = _render(content)
    order = ["text at 0", items[0].title, "text at 1", items[1].title, items[2].title, "text at 3"]
    for form in (rendered.html.partition("<h1")[2], rendered.text):
        folded = " ".join(form.split()).casefold()
        places = [folded.index(words.casefold()[:30]) for words in order]
        assert places == sorted(places)


@pytest.mark.parametrize(
    ("markdown", "html"),
    [
        ("", ""),
        ("# Big\n\nA [link](https://x.example.org/?utm_source=mail)", ("<h2>", "https://x.")),
        ("[x](javascript:alert(1))", ("<p>",)),
        ("<script>alert(1)</script>", ("&lt;script&gt;",)),
        ("![alt](https://t.example.org/p.png)", ("<p>",)),
        ("> quoted\n\n1. one\n2. two", ("<blockquote>", "<ol>")),
        (">" * 500 + " deep", ("deep",)),
    ],
)
def test_markdown_becomes_clean_html(markdown: str, html: tuple[str, ...]) -> None:
    found = html_of(markdown)
    assert all(words in found for words in html)
    for never in ("<script", "<img", 'href="javascript', "utm_source"):
        assert never not in found
    assert bool(found) == bool(markdown)
