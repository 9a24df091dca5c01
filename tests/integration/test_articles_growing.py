"""A page that grows, from the store to the issues: each block is news once."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from alerts.articles.models import Article, ArticleRevision
from alerts.articles.reading.read import read_html
from alerts.articles.service import AddOutcome, add_article
from alerts.clock import FixedClock
from alerts.newsletters.issues import NothingNew, draft_issue
from alerts.newsletters.service import ensure_built_in
from tests.factories import a_part, an_article

TEXT = "The port of Lomé in Togo closed for a day while two crews argued over one crane. " * 4
DAYS = ["21 NOVEMBER, SATURDAY", "22 NOVEMBER, SUNDAY", "23 NOVEMBER, MONDAY"]


def take_in(session: Session, clock: FixedClock, *days: str, changed: str = "") -> AddOutcome:
    blocks = "".join(f"<h3>{day}</h3><p>{TEXT}{changed}{day}.</p>" for day in days)
    markup = (
        "<html><body><p>The World Today #91</p><p>21 November 2026</p><h1>Ports and people</h1>"
        f"<p>GP Team</p>{blocks}</body></html>"
    )
    url = "https://newsroom.example/the-world-today.php?recordNo=91"
    return add_article(session, read_html(markup, url=url, source="x"), clock=clock)


def test_a_new_block_makes_no_revision_and_keeps_the_places_of_the_others(
    session: Session, clock: FixedClock
) -> None:
    article = take_in(session, clock, DAYS[0]).article
    clock.advance(timedelta(days=1))
    # The newest is printed first.
    assert take_in(session, clock, DAYS[1], DAYS[0]).kind == "updated"
    assert take_in(session, clock, DAYS[1], DAYS[0]).kind == "unchanged"

    assert article.revision == 1
    assert [
        (part.position, part.key) for part in sorted(article.parts, key=lambda p: p.position)
    ] == [
        (1, "2026-11-21"),
        (2, "2026-11-22"),
    ]
    assert session.scalar(select(func.count()).select_from(ArticleRevision)) == 0
    assert take_in(session, clock, DAYS[1], DAYS[0], changed="Corrected. ").kind == "updated"
    assert article.revision == 2
    assert session.scalar(select(func.count()).select_from(Article)) == 1


@pytest.mark.parametrize("newsletter", ["gp-alert", "africa-this-week"])
def test_each_block_is_news_once(session: Session, clock: FixedClock, newsletter: str) -> None:
    ensure_built_in(session, clock=clock)
    take_in(session, clock, DAYS[0])
    first = draft_issue(session, newsletter, clock=clock)
    with pytest.raises(NothingNew):
        draft_issue(session, newsletter, clock=clock)
    clock.advance(timedelta(days=1))
    take_in(session, clock, DAYS[1], DAYS[0])
    second = draft_issue(session, newsletter, clock=clock)
    clock.advance(timedelta(days=1))
    take_in(session, clock, *reversed(DAYS), changed="Corrected. ")
    third = draft_issue(session, newsletter, clock=clock)

    assert [[item.part for item in issue.items] for issue in (first, second, third)] == [
        [1],
        [2],
        [3],
    ]
    assert "22 November, Sunday" in second.subject


def test_an_essay_that_stands_alone_and_in_a_roundup_is_held_once(
    session: Session, clock: FixedClock
) -> None:
    ensure_built_in(session, clock=clock)
    alone = an_article(session, clock, title="Who pays for the cranes?", authors=("Afi Mensah",))
    roundup = an_article(
        session,
        clock,
        title="Africa Weekly # 131",
        authors=(),
        parts=[
            a_part(1, title="IN FOCUS | Who pays for the cranes", authors=["Afi Mensah"]),
            a_part(2, title="A bridge over the Niger", authors=["Kofi Ado"]),
            a_part(3, title="Who pays for the cranes?", authors=["Somebody Else"]),
        ],
    )
    issue = draft_issue(session, "africa-this-week", clock=clock)
    held = {(item.article_id, item.part) for item in issue.items}
    assert held == {(alone.id, 0), (roundup.id, 2), (roundup.id, 3)}
