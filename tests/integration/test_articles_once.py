"""One piece is one article, whichever way it comes; what was withdrawn leaves unsent issues."""

import threading
from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from alerts.articles.intake import read_bytes
from alerts.articles.models import Article, ArticleState
from alerts.articles.queries import addresses_of
from alerts.articles.reading.record import ReadArticle
from alerts.articles.revisions import all_changes, changes_of
from alerts.articles.service import add_article, reinstate_article, withdraw_article
from alerts.clock import FixedClock
from alerts.database import Database
from alerts.delivery.publishing import approve_issue
from alerts.delivery.sweeper import sweep
from alerts.errors import NotFound, Refused
from alerts.newsletters.issues import draft_issue, get_issue, move
from alerts.newsletters.lifecycle import Event
from alerts.newsletters.models import Issue, IssueState
from alerts.newsletters.service import ensure_built_in
from alerts.rendering.models import Edition
from alerts.rendering.withdrawals import retract_withdrawn
from tests.factories import RENDERER, SETTINGS, an_article

SITE = "http://www.newsroom.example/globalpolitics"
BODY = (
    "The pier at Lomé is longer than the queue before the customs house. Ministers in three"
    " capitals have read the same report, and each of them found another sentence to quote."
    " Whoever counts the cranes on the coast counts the plans of four governments as well."
    " The bank that lends the money has asked for a list of them, and has been sent two lists,"
    " which do not agree on the number of berths, on the year, or on the name of the river."
)
OTHER = (
    "Nothing in the new budget mentions fishing boats, and the fishermen of the lagoon have"
    " noticed. They met on Tuesday, chose a speaker, and wrote down eleven demands, the first of"
    " which is ice. Without ice the catch spoils before noon, and with it so does the argument"
    " that the coast can feed its towns. Nobody from the ministry came, though two had promised."
)


def page(
    url: str | None, *, body: str = BODY, day: date | None = date(2026, 11, 20)
) -> ReadArticle:
    """Return a page as it was read."""
    markup = (
        "<html><head><title>Who pays for the cranes?</title></head><body>"
        "<h1>Who pays for the cranes?</h1><p>Afi Mensah</p>"
        f"<p>{body}</p></body></html>"
    )
    read = read_bytes(markup.encode(), source="test", url=url)
    return replace(read, published_on=day, published_precision="day" if day else None)


def count(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(Article)) or 0


@pytest.mark.parametrize(
    "other",
    [
        f"{SITE}/view_cir_articles.php?recordNo=896&url=The%20World%20This%20Week",
        f"{SITE}/view_cir_articles.php?url=The+World+This+Week&recordNo=896",
        f"{SITE}/view_cir_articles.php?url=The%2520World%2520This%2520Week&recordNo=896",
        "https://newsroom.example/globalpolitics/view_cir_articles.php?RECORDNO=0896&url=TWTW",
        f"{SITE}/TWTW_view_articles.php?url=The%20World%20This%20Week&recordNo=896",
        f"{SITE}/africa/africa-weekly.php?url=Africa&recordNo=896&ArticleNo=12#top",
    ],
)
def test_every_way_to_write_an_address_is_one_article(
    session: Session, clock: FixedClock, other: str
) -> None:
    first = f"{SITE}/view_cir_articles.php?url=The%20World%20This%20Week&recordNo=896"
    add_article(session, page(first), clock=clock)
    assert add_article(session, page(other), clock=clock).kind == "unchanged"
    assert count(session) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("view_cir_articles.php?recordNo=896", "view_cir_articles.php?recordNo=897"),
        ("view_cir_articles.php?recordNo=896", "the-world-today.php?recordNo=896"),
        ("the-world-today.php?recordNo=896", "view_events.php?recordNo=896"),
        (
            "view_cir_articles.php?ArticleNo=7&recordNo=1",
            "view_cir_articles.php?ArticleNo=7&recordNo=2",
        ),
    ],
)
def test_two_record_numbers_are_two_articles_even_of_one_title(
    session: Session, clock: FixedClock, one: str, other: str
) -> None:
    for path in (one, other):
        assert add_article(session, page(f"{SITE}/{path}"), clock=clock).kind == "added"
    assert count(session) == 2


def test_a_copy_at_another_address_is_the_same_article_and_changes_nothing(
    session: Session, clock: FixedClock
) -> None:
    first = add_article(session, page(f"{SITE}/a.php?recordNo=7"), clock=clock).article
    copy = page("https://partner.example/2026/who-pays", body=f"{BODY} First published elsewhere.")

    for _ in range(2):
        outcome = add_article(session, copy, clock=clock)
        assert (outcome.kind, outcome.article.id) == ("unchanged", first.id)
    # Found by its address now, also when its title was changed.
    retitled = replace(copy, title="Cranes: who pays?")
    assert add_article(session, retitled, clock=clock).article.id == first.id

    assert count(session) == 1
    assert first.revision == 1
    assert addresses_of(session, first.id) == ["https://partner.example/2026/who-pays"]


@pytest.mark.parametrize(
    "other",
    [
        page("https://partner.example/1", day=date(2026, 11, 21)),
        page("https://partner.example/1", day=None),
        page("https://partner.example/1", body=OTHER),
        replace(page("https://partner.example/1"), title="Who paid for the cranes?"),
    ],
    ids=["another day", "no day", "another text", "another title"],
)
def test_what_only_resembles_it_is_an_article_of_its_own(
    session: Session, clock: FixedClock, other: ReadArticle
) -> None:
    add_article(session, page(f"{SITE}/a.php?recordNo=7"), clock=clock)
    assert add_article(session, other, clock=clock).kind == "added"


def test_ten_at_once_with_ten_addresses_make_one_article(
    database: Database, clock: FixedClock
) -> None:
    start = threading.Barrier(10)
    kinds: list[str] = []

    def add(number: int) -> None:
        copy = page(f"https://mirror{number}.example/who-pays")
        start.wait()
        with database.transaction() as session:
            kinds.append(add_article(session, copy, clock=clock).kind)

    threads = [threading.Thread(target=add, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(kinds) == ["added", *["unchanged"] * 9]
    with database.read() as session:
        assert count(session) == 1
        assert len(addresses_of(session, session.scalars(select(Article.id)).one())) == 9


def test_a_correction_can_be_read(session: Session, clock: FixedClock) -> None:
    url = f"{SITE}/a.php?recordNo=7"
    article = add_article(session, page(url), clock=clock).article
    with pytest.raises(Refused, match="never corrected"):
        changes_of(session, article.id)
    clock.advance(timedelta(hours=2))
    corrected = page(url, body=BODY.replace("three capitals", "four capitals"))
    add_article(session, replace(corrected, number="12"), clock=clock)
    clock.advance(timedelta(hours=2))
    add_article(session, replace(corrected, number="13"), clock=clock)

    first, second = all_changes(session, article)

    (change,) = first.difference.text
    assert (change.removed, change.added) == ("three", "four")
    assert change.before.endswith("Ministers in")
    assert "in [-three-] {+four+} capitals have" in change.line()
    assert first.difference.fields == (("number", "", "12"),)
    assert (second.since, second.until, second.at) == (2, 3, clock.now())
    assert second.difference.lines() == ["number: [-12-] {+13+}"]
    assert changes_of(session, article.id, since=1, until=3).difference.fields[0][2] == "13"
    with pytest.raises(NotFound, match="no revision 9; it has 1 to 3"):
        changes_of(session, article.id, since=9, until=3)


def drafted(session: Session, clock: FixedClock, articles: int = 2) -> tuple[Issue, list[Article]]:
    ensure_built_in(session, clock=clock)
    held = [an_article(session, clock) for _ in range(articles)]
    issue = draft_issue(session, "gp-alert", article_ids=[a.id for a in held], clock=clock)
    return issue, held


def approved(session: Session, issue: Issue, clock: FixedClock) -> None:
    approve_issue(session, issue.id, by="ada", settings=SETTINGS, renderer=RENDERER, clock=clock)


def test_a_withdrawn_article_leaves_a_draft(session: Session, clock: FixedClock) -> None:
    issue, (gone, kept) = drafted(session, clock)
    withdraw_article(session, gone.id, reason="its authors asked", clock=clock)

    assert [one.id for one in retract_withdrawn(session, clock=clock)] == [issue.id]
    assert retract_withdrawn(session, clock=clock) == []
    assert [item.article_id for item in issue.items] == [kept.id]
    assert issue.state is IssueState.DRAFT
    assert issue.attention is not None
    assert "its authors asked" in issue.attention


def test_an_approved_or_scheduled_issue_becomes_a_draft_again(
    session: Session, clock: FixedClock
) -> None:
    issue, (gone, kept) = drafted(session, clock)
    approved(session, issue, clock)
    at = clock.now() + timedelta(hours=1)
    move(session, issue.id, Event.SCHEDULE, send_at=at, clock=clock)
    withdraw_article(session, gone.id, clock=clock)
    clock.advance(timedelta(hours=2))

    # The moment to send has come, and nothing is sent.
    assert sweep(session, clock=clock) == []

    reopened = get_issue(session, issue.id)
    assert (reopened.state, reopened.content, reopened.send_at) == (IssueState.DRAFT, None, None)
    assert "was scheduled, and is to be approved again" in (reopened.attention or "")
    assert session.scalars(select(Edition).where(Edition.issue_id == issue.id)).all() == []
    approved(session, reopened, clock)
    assert [item.article_id for item in reopened.items] == [kept.id]
    assert reopened.attention is None
    edition = session.scalars(select(Edition).where(Edition.issue_id == issue.id)).one()
    assert gone.title not in edition.html


def test_an_issue_that_is_left_empty_is_cancelled(session: Session, clock: FixedClock) -> None:
    issue, (gone,) = drafted(session, clock, articles=1)
    withdraw_article(session, gone.id, clock=clock)
    retract_withdrawn(session, clock=clock)
    assert (issue.state, issue.number) == (IssueState.CANCELLED, None)


def test_an_issue_on_its_way_keeps_what_it_has(session: Session, clock: FixedClock) -> None:
    issue, (gone, _) = drafted(session, clock)
    approved(session, issue, clock)
    move(session, issue.id, Event.SEND, clock=clock)
    withdraw_article(session, gone.id, clock=clock)
    assert retract_withdrawn(session, clock=clock) == []
    assert len(issue.items) == 2


def test_a_withdrawal_may_be_taken_back(session: Session, clock: FixedClock) -> None:
    article = an_article(session, clock)
    with pytest.raises(Refused, match="is not withdrawn"):
        reinstate_article(session, article.id, clock=clock)
    withdraw_article(session, article.id, clock=clock)
    reinstate_article(session, article.id, clock=clock)
    assert (article.state, article.withdrawn_because) == (ArticleState.PUBLISHED, None)
