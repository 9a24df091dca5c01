"""Articles in the database: once and only once, with their revisions."""

import threading
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from alerts.articles.intake import add_sources, read_bytes
from alerts.articles.models import Article, ArticleRevision, ArticleState
from alerts.articles.queries import in_order
from alerts.articles.reading.record import ReadArticle
from alerts.articles.serialise import article_json
from alerts.articles.service import add_article, get_article, list_articles, withdraw_article
from alerts.clock import FixedClock
from alerts.database import Database
from alerts.errors import NotFound, Refused

DATA = Path(__file__).parent.parent / "data" / "articles"


def page(name: str) -> ReadArticle:
    return read_bytes((DATA / name).read_bytes(), source=name)


def count(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(Article)) or 0


def test_the_same_page_again_changes_nothing(session: Session, clock: FixedClock) -> None:
    kinds = [add_article(session, page("essay.html"), clock=clock).kind for _ in range(3)]
    assert kinds == ["added", "unchanged", "unchanged"]
    assert count(session) == 1
    assert session.scalar(select(func.count()).select_from(ArticleRevision)) == 0


@pytest.mark.parametrize(
    ("names", "kinds"),
    [
        (["essay.txt", "essay.html", "essay.txt"], ["added", "updated", "unchanged"]),
        (["essay.html", "essay.txt", "essay.html"], ["added", "unchanged", "unchanged"]),
    ],
)
def test_a_text_copy_and_its_page_are_one_article(
    session: Session, clock: FixedClock, names: list[str], kinds: list[str]
) -> None:
    outcomes = [add_article(session, page(name), clock=clock) for name in names]
    assert [outcome.kind for outcome in outcomes] == kinds
    article = outcomes[-1].article
    assert count(session) == 1
    assert article.url is not None
    assert article.photo_url == "https://newsroom.example.org/photos/refinery.jpg"
    assert "<a href=" in article.body_html


def test_a_correction_is_a_new_revision_and_the_old_text_is_kept(
    session: Session, clock: FixedClock
) -> None:
    first = page("essay.html")
    add_article(session, first, clock=clock)
    corrected = replace(first, body_text=first.body_text.replace("eleven", "twelve"))
    outcome = add_article(session, corrected, clock=clock)
    assert outcome.kind == "updated"
    assert outcome.article.revision == 2
    [revision] = session.scalars(select(ArticleRevision))
    assert "eleven tonnes" in revision.snapshot["body_text"]
    assert "twelve tonnes" in outcome.article.body_text
    assert [author.name for author in outcome.article.authors] == ["Amara Diallo", "Wen Li"]


def test_two_numbers_or_two_dates_are_two_articles(session: Session, clock: FixedClock) -> None:
    copy = page("essay.txt")
    add_article(session, copy, clock=clock)
    assert add_article(session, replace(copy, number="1874"), clock=clock).kind == "added"
    assert add_article(session, replace(copy, title="Another"), clock=clock).kind == "added"
    assert count(session) == 3


def test_a_roundup_keeps_its_parts_with_their_places(session: Session, clock: FixedClock) -> None:
    article = add_article(session, page("roundup.html"), clock=clock).article
    document = article_json(article)
    assert [(part["title"], part["country"]) for part in document["parts"]] == [
        ("The Nile after the rains", "ET"),
        ("Malawi: A quiet ballot", "MW"),
        ("Senegal: The bridge at Rosso", "SN"),
    ]
    assert document["regions"][-1] == "Africa"
    assert document["number"] == "85-86"
    assert document["team"] == "NIAS Africa Team"


def test_the_fields_for_scripts(session: Session, clock: FixedClock) -> None:
    document = article_json(add_article(session, page("essay.html"), clock=clock).article)
    assert document["published_on"] == "2026-11-14"
    assert document["authors"][0]["name"] == "Amara Diallo"
    assert document["photo"]["credit"] == "Lindiwe Maseko, Kestrel Pictures"
    assert (document["countries"], document["regions"]) == (["GH"], ["West Africa", "Africa"])
    assert document["related"][0]["number"] == "1851"
    assert document["revision"] == 1
    assert document["volume"] is None


def test_ten_at_once_make_one_article(database: Database, clock: FixedClock) -> None:
    start = threading.Barrier(10)
    pages = [page("essay.html"), page("essay.txt")] * 5
    kinds: list[str] = []

    def add(read: ReadArticle) -> None:
        start.wait()
        with database.transaction() as session:
            kinds.append(add_article(session, read, clock=clock).kind)

    threads = [threading.Thread(target=add, args=(read,)) for read in pages]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(kinds).count("added") == 1
    assert len(kinds) == 10
    with database.read() as session:
        assert count(session) == 1


def test_a_withdrawn_article_is_marked_once(session: Session, clock: FixedClock) -> None:
    article = add_article(session, page("essay.html"), clock=clock).article
    assert withdraw_article(session, article.id, clock=clock).state is ArticleState.WITHDRAWN
    with pytest.raises(Refused, match="was withdrawn before"):
        withdraw_article(session, article.id, clock=clock)
    assert list_articles(session, state=ArticleState.PUBLISHED) == []
    with pytest.raises(NotFound, match="no article 999"):
        get_article(session, 999)


def test_a_folder_is_taken_in_and_one_refused_file_stops_nothing(
    database: Database, clock: FixedClock, tmp_path: Path
) -> None:
    folder = tmp_path / "pages"
    folder.mkdir()
    for name in ("essay.html", "debris.txt"):
        (folder / name).write_bytes((DATA / name).read_bytes())
    (folder / "notes.txt").write_text("To buy: ink, paper.\n")
    (folder / "picture.png").write_bytes(b"\x89PNG")
    told: list[tuple[int, int | None]] = []
    intake = add_sources(
        database,
        [str(folder), str(tmp_path / "nowhere.txt"), "https://newsroom.example.org/"],
        clock=clock,
        progress=lambda done, total: told.append((done, total)),
    )
    with database.read() as session:
        assert [len(article.authors) for article in in_order(session, intake.added)] == [0, 2]
        assert [a.id for a in in_order(session, intake.added[::-1])] == intake.added[::-1]
    reasons = {Path(refused.source).name: refused.reason for refused in intake.refused}
    assert "no article" in reasons["notes.txt"]
    assert "No such file" in reasons["nowhere.txt"]
    assert "nothing is fetched here" in reasons["newsroom.example.org"]
    assert told == [(0, 5), (1, 5), (2, 5), (3, 5), (4, 5)]
