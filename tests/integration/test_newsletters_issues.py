"""Drafting: what is due, in which issue, under which number."""

import threading
from datetime import date, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from alerts.articles.service import withdraw_article
from alerts.clock import FixedClock
from alerts.database import Database
from alerts.errors import Conflict, Invalid, NotFound, Refused
from alerts.newsletters.issues import (
    NothingNew,
    build_content,
    draft_issue,
    freeze,
    get_issue,
    issue_json,
    list_issues,
    move,
)
from alerts.newsletters.lifecycle import TRANSITIONS, Event
from alerts.newsletters.models import Issue, IssueState
from alerts.newsletters.service import apply_toml, ensure_built_in, export_toml
from alerts.subscribers.models import Frequency
from tests.factories import a_part, an_article, counted_queries

DOMAIN = "news.example.org"


@pytest.fixture(autouse=True)
def _built_in(session: Session, clock: FixedClock) -> None:
    ensure_built_in(session, clock=clock)


def titles(issue: Issue) -> list[str]:
    return [item["title"] for item in issue_json(issue)["articles"]]


def test_an_article_is_due_until_an_issue_at_this_frequency_holds_it(
    session: Session, clock: FixedClock
) -> None:
    an_article(session, clock, title="first")
    first = draft_issue(session, "gp-alert", clock=clock)
    with pytest.raises(NothingNew, match="nothing new for gp-alert since 23 November 2026, 11:30"):
        draft_issue(session, "gp-alert", clock=clock)
    daily = draft_issue(session, "gp-alert", frequency=Frequency.DAILY, clock=clock)
    assert titles(first) == titles(daily) == ["first"]
    clock.advance(timedelta(hours=1))
    an_article(session, clock, title="second")
    second = draft_issue(session, "gp-alert", clock=clock)
    assert titles(second) == ["second"]
    assert second.since == first.until
    assert (first.number, second.number, daily.number) == (1, 2, 1)


def test_what_is_noticed_late_is_in_the_next_issue_and_marked(
    session: Session, clock: FixedClock
) -> None:
    an_article(session, clock)
    draft_issue(session, "gp-alert", clock=clock)
    clock.advance(timedelta(days=7))
    an_article(session, clock, title="late", published_on=date(2026, 11, 20))
    an_article(session, clock, title="new", published_on=date(2026, 11, 29))
    found = issue_json(draft_issue(session, "gp-alert", clock=clock))["articles"]
    assert {item["title"]: item["late"] for item in found} == {"new": False, "late": True}
    assert found[0]["title"] == "new"


def test_nothing_at_all_withdrawn_and_unmatched_articles_make_no_issue(
    session: Session, clock: FixedClock
) -> None:
    with pytest.raises(NothingNew, match="nothing new for gp-alert yet"):
        draft_issue(session, "gp-alert", clock=clock)
    gone = an_article(session, clock)
    withdraw_article(session, gone.id, clock=clock)
    an_article(session, clock, regions=["south-asia"])
    with pytest.raises(NothingNew):
        draft_issue(session, "africa-this-week", clock=clock)
    assert list_issues(session) == []


def test_an_issue_whose_sections_take_none_of_the_articles_is_not_made(
    session: Session, clock: FixedClock
) -> None:
    text = export_toml(session, "gp-alert").replace('kind = "cards"', 'kind = "essay"')
    apply_toml(session, text, source="x", clock=clock)
    an_article(session, clock, authors=())
    with pytest.raises(NothingNew):
        draft_issue(session, "gp-alert", clock=clock)
    assert list_issues(session) == []


def test_a_window_and_named_articles(session: Session, clock: FixedClock) -> None:
    old = an_article(session, clock, title="old", published_on=date(2026, 10, 1))
    new = an_article(session, clock, title="new")
    since = clock.now() - timedelta(days=5)
    recent = draft_issue(session, "gp-alert", since=since, clock=clock)
    assert (titles(recent), recent.since) == (["new"], since)
    before = clock.now() - timedelta(hours=1)
    with pytest.raises(NothingNew):
        draft_issue(session, "gp-alert", until=before, clock=clock)
    chosen = draft_issue(session, "gp-alert", article_ids=(new.id, old.id, new.id), clock=clock)
    assert titles(chosen) == ["new", "old"]
    with pytest.raises(NotFound, match="no article 999"):
        draft_issue(session, "gp-alert", article_ids=(999,), clock=clock)
    withdraw_article(session, old.id, clock=clock)
    with pytest.raises(Refused, match="was withdrawn"):
        draft_issue(session, "gp-alert", article_ids=(old.id,), clock=clock)
    with pytest.raises(Invalid, match="does not go out monthly"):
        draft_issue(session, "gp-alert", frequency=Frequency.MONTHLY, clock=clock)


def test_a_roundup_is_taken_apart_into_essay_and_briefs(
    session: Session, clock: FixedClock
) -> None:
    essay = an_article(session, clock, title="essay")
    an_article(
        session,
        clock,
        title="roundup",
        authors=(),
        parts=[
            a_part(1, title="Mali brief"),
            a_part(2, title="India brief", regions=["south-asia"], country="IN"),
            a_part(3, title="Chad brief", country="TD", regions=["central-africa", "africa"]),
        ],
    )
    issue = draft_issue(session, "africa-this-week", clock=clock)
    content = build_content(session, issue)
    shown = {section.key: [item.title for item in section.items] for section in content.sections}
    assert shown == {"in-focus": ["essay"], "briefs": ["Chad brief", "Mali brief"]}
    assert content.sections[0].items[0].key == str(essay.id)
    assert [item.place for item in content.sections[1].items] == ["Chad", "Mali"]


def test_an_essay_that_stands_alone_and_in_a_roundup_is_held_once(
    session: Session, clock: FixedClock
) -> None:
    an_article(session, clock, title="After the Blue Helmets", authors=("Ama Boateng",))
    an_article(session, clock, title="Elections in Ghana", authors=("Ravi Nair",))
    an_article(
        session,
        clock,
        title="Roundup",
        authors=(),
        parts=[
            a_part(1, title="After the blue helmets", authors=["Ama Boateng"]),
            a_part(2, title="Elections in Ghana", authors=["Li Wei"]),
            a_part(3, title="Chad brief"),
        ],
    )
    issue = draft_issue(session, "africa-this-week", clock=clock)
    # Of one title by two people both are kept.
    assert sorted(titles(issue)) == [
        "After the Blue Helmets",
        "Chad brief",
        "Elections in Ghana",
        "Elections in Ghana",
    ]


def test_a_roundup_does_not_bring_again_what_an_issue_held_alone(
    session: Session, clock: FixedClock
) -> None:
    an_article(session, clock, title="After the Blue Helmets", authors=("Ama Boateng",))
    first = draft_issue(session, "africa-this-week", clock=clock)
    clock.advance(timedelta(days=7))
    an_article(
        session,
        clock,
        title="Roundup",
        authors=(),
        parts=[
            a_part(1, title="After the blue helmets", authors=["Ama Boateng"]),
            a_part(2, title="After the blue helmets", authors=["Li Wei"]),
            a_part(3, title="Chad brief"),
        ],
    )
    second = draft_issue(session, "africa-this-week", clock=clock)
    assert titles(first) == ["After the Blue Helmets"]
    assert sorted(titles(second)) == ["After the blue helmets", "Chad brief"]
    # Where the essay was in no issue after all, the roundup brings it.
    move(session, second.id, Event.CANCEL, clock=clock)
    move(session, first.id, Event.CANCEL, clock=clock)
    third = draft_issue(session, "africa-this-week", clock=clock)
    assert len(titles(third)) == 3


def test_numbers_go_on_past_cancelled_issues(session: Session, clock: FixedClock) -> None:
    def next_issue() -> Issue:
        an_article(session, clock)
        return draft_issue(session, "gp-alert", clock=clock)

    next_issue()
    dropped = next_issue()
    move(session, dropped.id, Event.CANCEL, clock=clock)
    assert dropped.number is None
    called_off = draft_issue(session, "gp-alert", clock=clock)
    assert called_off.number == 2
    freeze(session, called_off, by="editor", message_domain=DOMAIN, clock=clock)
    move(session, called_off.id, Event.SEND, clock=clock)
    move(session, called_off.id, Event.CANCEL, clock=clock)
    # Some readers have seen number 2; its articles are due again, under a number of their own.
    assert called_off.number == 2
    again = draft_issue(session, "gp-alert", clock=clock)
    assert again.number == 3
    assert titles(again) == titles(called_off)


def test_volume_and_number_go_on_and_begin_anew(session: Session, clock: FixedClock) -> None:
    text = export_toml(session, "africa-this-week")
    text = text.replace("first_number = 1", "first_number = 85")
    text = text.replace("first_volume_number = 1", "first_volume_number = 39")
    apply_toml(session, text, source="x", clock=clock)
    printed = []
    for _ in range(2):
        an_article(session, clock)
        issue = issue_json(draft_issue(session, "africa-this-week", clock=clock))
        printed.append((issue["number"], issue["volume"], issue["volume_number"]))
        clock.advance(timedelta(days=45))
    assert printed == [("85", "1", "39"), ("86", "2", "1")]


def move_to(session: Session, issue: Issue, state: IssueState, clock: FixedClock) -> None:
    ways = {
        IssueState.DRAFT: (),
        IssueState.APPROVED: (Event.APPROVE,),
        IssueState.SCHEDULED: (Event.APPROVE, Event.SCHEDULE),
        IssueState.SENDING: (Event.APPROVE, Event.SEND),
        IssueState.PAUSED: (Event.APPROVE, Event.SEND, Event.PAUSE),
        IssueState.SENT: (Event.APPROVE, Event.SEND, Event.FINISH),
        IssueState.CANCELLED: (Event.CANCEL,),
    }
    for event in ways[state]:
        happen(session, issue, event, clock)
    assert issue.state is state


def happen(session: Session, issue: Issue, event: Event, clock: FixedClock) -> None:
    if event is Event.APPROVE:
        freeze(session, issue, by="editor", message_domain=DOMAIN, clock=clock)
    else:
        move(session, issue.id, event, clock=clock, send_at=clock.now())


def test_every_state_and_event_in_the_database(session: Session, clock: FixedClock) -> None:
    for state in IssueState:
        for event in Event:
            an_article(session, clock)
            issue = draft_issue(session, "gp-alert", clock=clock)
            move_to(session, issue, state, clock)
            if (state, event) in TRANSITIONS:
                happen(session, issue, event, clock)
                assert issue.state is TRANSITIONS[state, event]
            else:
                with pytest.raises(Refused):
                    happen(session, issue, event, clock)
                assert issue.state is state
            if issue.state not in {IssueState.SENT, IssueState.CANCELLED}:
                session.delete(issue)
                session.flush()


def test_a_state_that_changed_meanwhile_is_a_conflict(
    database: Database, session: Session, clock: FixedClock
) -> None:
    an_article(session, clock)
    number = draft_issue(session, "gp-alert", clock=clock).id
    session.commit()
    with database.transaction() as one:
        seen = get_issue(one, number)
        one.execute(
            Issue.__table__.update()  # type: ignore[attr-defined]  # behind the session's back
            .where(Issue.id == number)
            .values(state=IssueState.CANCELLED)
        )
        with pytest.raises(Conflict, match="changed at the same moment"):
            freeze(one, seen, by="editor", message_domain=DOMAIN, clock=clock)


def test_an_issue_is_scheduled_for_a_moment_and_approved_by_freezing(
    session: Session, clock: FixedClock
) -> None:
    an_article(session, clock)
    issue = draft_issue(session, "gp-alert", clock=clock)
    with pytest.raises(ValueError, match="freeze"):
        move(session, issue.id, Event.APPROVE, clock=clock)
    freeze(session, issue, by="editor", message_domain=DOMAIN, clock=clock)
    with pytest.raises(Invalid, match="without a moment"):
        move(session, issue.id, Event.SCHEDULE, clock=clock)
    with pytest.raises(NotFound, match="no issue 999"):
        move(session, 999, Event.SEND, clock=clock)


def test_two_drafts_at_once_share_no_article_and_no_number(
    database: Database, session: Session, clock: FixedClock
) -> None:
    an_article(session, clock)
    session.commit()
    start = threading.Barrier(2)
    found: list[int | None] = []

    def draft() -> None:
        start.wait()
        try:
            with database.transaction() as own:
                found.append(draft_issue(own, "gp-alert", clock=clock).number)
        except NothingNew:
            found.append(None)

    threads = [threading.Thread(target=draft) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found, key=str) == [1, None]


def test_what_is_frozen_stays_when_its_article_changes(session: Session, clock: FixedClock) -> None:
    article = an_article(session, clock, title="as approved")
    issue = draft_issue(session, "gp-alert", clock=clock)
    content = freeze(session, issue, by="editor", message_domain=DOMAIN, clock=clock)
    article.title = "changed"
    session.flush()
    session.expire_all()
    assert build_content(session, issue) == content
    assert build_content(session, issue).items[0].title == "as approved"
    assert issue.content_checksum == build_content(session, issue).checksum()


def test_drafting_and_listing_cost_the_same_for_few_and_many(
    session: Session, clock: FixedClock
) -> None:
    def cost(count: int) -> tuple[int, int]:
        for _ in range(count):
            an_article(session, clock, parts=[a_part(1), a_part(2)])
        session.expire_all()
        with counted_queries(session.get_bind().engine) as drafting:
            draft_issue(session, "gp-alert", clock=clock)
        session.expire_all()
        with counted_queries(session.get_bind().engine) as listing:
            found = [issue_json(issue) for issue in list_issues(session)]
        assert sum(len(issue["articles"]) for issue in found) >= count
        # SQLite inserts the pieces one by one.
        pieces = [text for text in drafting if text.startswith("INSERT INTO issue_items")]
        return len(drafting) - len(pieces), len(listing)

    an_article(session, clock)
    draft_issue(session, "gp-alert", clock=clock)
    few = cost(2)
    assert cost(40) == few
    assert len(session.scalars(select(Issue.id)).all()) == 3
