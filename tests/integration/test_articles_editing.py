"""What editors say of an article stands against its page, and is asked about when that changes."""

from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from alerts.articles.cards import Wanted, count_flagged, find_articles, keep_card, known_series
from alerts.articles.editing import answer_question, edit_article, settle_flag
from alerts.articles.intake import read_bytes
from alerts.articles.models import Article, ArticleCard, ArticleEdit
from alerts.articles.queries import edits_of
from alerts.articles.reading.record import ReadArticle
from alerts.articles.revisions import all_changes
from alerts.articles.service import add_article, get_article, withdraw_article
from alerts.clock import FixedClock
from alerts.database import Database
from alerts.errors import Conflict, Invalid, NotFound, Refused
from tests.factories import an_article, counted_queries
from tests.integration.test_articles_once import BODY, OTHER
from tests.staff_world import at_once

URL = "https://news.example.org/cranes"


def page(
    *,
    title: str = "Who pays for the cranes?",
    author: str = "Afi Mensah",
    number: str | None = "1251",
    credit: str = "Port of Lomé",
    body: str = BODY,
    url: str | None = URL,
) -> ReadArticle:
    markup = (
        f"<html><head><title>{title}</title></head><body><h1>{title}</h1><p>{author}</p>"
        f"<p>{body}</p></body></html>"
    )
    read = read_bytes(markup.encode(), source="test", url=url)
    photo = replace(read.photo, credit=credit or None)
    return replace(
        read,
        published_on=date(2026, 11, 20),
        published_precision="day",
        series="CWA Commentary",
        number=number,
        photo=photo,
    )


def edit(session: Session, article: Article, clock: FixedClock, **changes: object) -> list[str]:
    return edit_article(session, article, changes, by="Ama", seen=article.revision, clock=clock)


def stored(session: Session, clock: FixedClock, read: ReadArticle | None = None) -> Article:
    return add_article(session, read or page(), clock=clock).article


def test_an_edit_is_a_revision_with_the_editors_name(session: Session, clock: FixedClock) -> None:
    article = stored(session, clock)
    changed = edit(
        session,
        article,
        clock,
        title="Who pays for the cranes of Lomé?",
        authors=[["Afi Mensah", "Fellow"], ["Kojo Asante", None]],
        published_on="2026-11",
        photo_credit="The port",
        countries=["TG", "GH"],
        topics=["ports"],
    )
    assert changed == ["title", "authors", "published_on", "photo_credit", "countries", "topics"]
    assert (article.revision, article.title) == (2, "Who pays for the cranes of Lomé?")
    assert [(one.name, one.about) for one in article.authors] == [
        ("Afi Mensah", "Fellow"),
        ("Kojo Asante", None),
    ]
    assert (article.published_on, article.published_precision) == (date(2026, 11, 1), "month")
    (step,) = all_changes(session, article)
    assert (step.since, step.until, step.by) == (1, 2, "Ama")
    assert ("title", "Who pays for the cranes?", article.title) in step.difference.fields
    # The same once more is no change.
    assert edit(session, article, clock, title=article.title) == []
    assert article.revision == 2


def test_a_later_look_at_the_unchanged_page_undoes_nothing(
    session: Session, clock: FixedClock
) -> None:
    article = stored(session, clock)
    edit(session, article, clock, title="Cranes", standfirst="Who pays?", regions=["africa"])
    for _ in range(2):
        assert stored(session, clock) is article
        assert (article.title, article.standfirst, article.regions) == (
            "Cranes",
            "Who pays?",
            ["africa"],
        )
    assert article.revision == 2
    assert all(one.page_now is None for one in edits_of(session, article.id))


def test_a_correction_elsewhere_leaves_the_edit_in_place(
    session: Session, clock: FixedClock
) -> None:
    article = stored(session, clock)
    edit(session, article, clock, title="Cranes")
    outcome = add_article(session, page(body=f"{BODY} {OTHER}"), clock=clock)
    assert (outcome.kind, article.title, article.revision) == ("updated", "Cranes", 3)
    assert OTHER in article.body_text
    assert [step.by for step in all_changes(session, article)] == ["Ama", None]


def test_where_the_page_changes_afterwards_an_editor_is_asked(
    session: Session, clock: FixedClock
) -> None:
    article = stored(session, clock)
    edit(session, article, clock, title="Cranes", number="1252")
    outcome = add_article(session, page(title="Who paid for the cranes?"), clock=clock)
    assert (outcome.article, article.title) == (article, "Cranes")
    (asked,) = [one for one in edits_of(session, article.id) if one.page_now]
    assert (asked.field, asked.printed, asked.page_now) == (
        "title",
        {"title": "Who pays for the cranes?"},
        {"title": "Who paid for the cranes?"},
    )
    assert count_flagged(session) == 1
    # Asked once, however often the page is read.
    add_article(session, page(title="Who paid for the cranes?"), clock=clock)
    assert len([one for one in edits_of(session, article.id) if one.page_now]) == 1
    answer_question(session, article, "title", take=False, by="Bina", clock=clock)
    add_article(session, page(title="Who paid for the cranes?"), clock=clock)
    assert article.title == "Cranes"
    assert count_flagged(session) == 0
    with pytest.raises(Refused, match="answered already"):
        answer_question(session, article, "title", take=True, by="Bina", clock=clock)


def test_the_pages_words_may_be_taken_over(session: Session, clock: FixedClock) -> None:
    article = stored(session, clock)
    edit(session, article, clock, number="1252")
    add_article(session, page(number="1253"), clock=clock)
    assert article.number == "1252"
    answer_question(session, article, "number", take=True, by="Bina", clock=clock)
    assert (article.number, article.revision) == ("1253", 3)
    assert edits_of(session, article.id) == []
    add_article(session, page(number="1254"), clock=clock)
    assert article.number == "1254"


def test_a_page_that_comes_to_say_the_same_ends_the_edit(
    session: Session, clock: FixedClock
) -> None:
    article = stored(session, clock)
    edit(session, article, clock, number="1252")
    add_article(session, page(number="1252"), clock=clock)
    assert (article.number, edits_of(session, article.id)) == ("1252", [])
    add_article(session, page(number="1255"), clock=clock)
    assert article.number == "1255"


def test_an_editor_may_take_an_edit_back(session: Session, clock: FixedClock) -> None:
    article = stored(session, clock)
    edit(session, article, clock, number="1252")
    edit(session, article, clock, number="1251")
    assert (article.revision, edits_of(session, article.id)) == (3, [])


def test_a_copy_of_the_page_is_known_whatever_an_editor_changed(
    session: Session, clock: FixedClock
) -> None:
    article = stored(session, clock)
    edit(session, article, clock, number="1252", published_on="2026-10-02")
    outcome = add_article(session, replace(page(url=None), is_copy=True), clock=clock)
    assert outcome.article is article
    assert session.scalar(select(func.count()).select_from(Article)) == 1


def test_two_editors_at_once_are_told(session: Session, clock: FixedClock) -> None:
    article = stored(session, clock)
    edit(session, article, clock, title="Cranes")
    with pytest.raises(Conflict, match="revision 2 now"):
        edit_article(session, article, {"title": "Ports"}, by="Bina", seen=1, clock=clock)
    with pytest.raises(Invalid, match="needs a title"):
        edit(session, article, clock, title=None)


def test_of_editors_at_the_same_moment_one_is_told(database: Database, clock: FixedClock) -> None:
    with database.transaction() as session:
        number = stored(session, clock).id

    def change() -> list[str]:
        with database.transaction() as session:
            article = get_article(session, number)
            return edit_article(session, article, {"title": "Ports"}, by="Ama", seen=1, clock=clock)

    results = at_once(4, change)
    assert [one for one in results if one == ["title"]] == [["title"]]
    assert len([one for one in results if isinstance(one, Conflict)]) == 3


def test_an_edit_and_a_look_at_the_page_wait_for_each_other(
    database: Database, clock: FixedClock
) -> None:
    with database.transaction() as session:
        number = stored(session, clock).id

    def edit_it() -> str:
        with database.transaction() as session:
            article = get_article(session, number)
            edit_article(
                session, article, {"number": "7"}, by="Ama", seen=article.revision, clock=clock
            )
        return "edited"

    def look() -> str:
        with database.transaction() as session:
            return add_article(session, page(body=f"{BODY} {OTHER}"), clock=clock).kind

    acts = iter([edit_it, look])

    def act() -> str:
        return next(acts)()

    results = at_once(2, act)
    # Whoever came second saw what the first one made of it, or was told.
    if "edited" in results:
        assert "updated" in results
        with database.read() as session:
            article = get_article(session, number)
            assert (article.number, OTHER in article.body_text) == ("7", True)
    else:
        assert any(isinstance(one, Conflict) for one in results)


def test_what_is_filled_in_or_settled_is_not_asked_again(
    session: Session, clock: FixedClock
) -> None:
    article = stored(session, clock, page(credit="", number=None))
    assert {flag.partition(":")[0] for flag in article.flags} >= {"number", "photo.credit"}
    edit(session, article, clock, number="1251")
    (credit,) = [flag for flag in article.flags if flag.startswith("photo")]
    assert not any(flag.startswith("number") for flag in article.flags)
    settle_flag(session, article, credit, clock=clock)
    with pytest.raises(NotFound, match="settled already"):
        settle_flag(session, article, credit, clock=clock)
    add_article(session, page(credit="", number=None, body=f"{BODY} {OTHER}"), clock=clock)
    assert (article.revision, article.flags) == (3, [])
    assert count_flagged(session) == 0


def test_articles_are_found_by_what_is_on_their_cards(session: Session, clock: FixedClock) -> None:
    cranes = stored(session, clock)
    mali = an_article(session, clock, title="L’été à Bamako", authors=("Zoë Núñez",))
    niger = an_article(session, clock, countries=["NE"], series="Africa Weekly", flags=["date: ?"])
    withdraw_article(session, niger.id, reason="an error", clock=clock)

    def ids(**wanted: object) -> list[int]:
        return [line.id for line in find_articles(session, Wanted(**wanted)).lines]  # type: ignore[arg-type]  # by name

    assert ids() == [niger.id, mali.id, cranes.id]
    assert ids(words="nunez ETE") == [mali.id]
    assert ids(words="crane 1251") == [cranes.id]
    assert ids(words="xyzzy") == []
    assert ids(series="Africa Weekly") == [niger.id]
    assert ids(country="ML") == [mali.id]
    assert mali.id in ids(region="west-africa")
    assert ids(withdrawn=True) == [niger.id]
    assert niger.id in ids(flagged=True)
    assert known_series(session) == ["Africa Weekly", "CWA Commentary"]
    first = find_articles(session, Wanted(), limit=2)
    assert ([line.id for line in first.lines], first.next) == ([niger.id, mali.id], mali.id)
    rest = find_articles(session, Wanted(), before=first.next, limit=2)
    assert ([line.id for line in rest.lines], rest.next) == ([cranes.id], None)


def test_a_page_of_articles_reads_no_texts(
    session: Session, database: Database, clock: FixedClock
) -> None:
    for _ in range(30):
        an_article(session, clock)
    session.flush()
    session.expunge_all()
    with counted_queries(database.engine) as statements:
        assert len(find_articles(session, Wanted(words="piece")).lines) == 30
    assert len(statements) == 3
    assert not any("body" in statement for statement in statements)


def test_a_card_and_its_edits_go_with_the_article(session: Session, clock: FixedClock) -> None:
    article = stored(session, clock)
    edit(session, article, clock, number="7")
    keep_card(session, article)
    session.delete(article)
    session.flush()
    session.expire_all()
    for table in (ArticleCard, ArticleEdit):
        assert session.scalar(select(func.count()).select_from(table)) == 0
