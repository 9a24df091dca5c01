"""The book of numbers: no number twice and none lost, whatever is drafted, dropped and doubled."""

import random
import re
import threading
from datetime import timedelta
from html import unescape

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.delivery.publishing import render_issue
from alerts.errors import Invalid, NotFound, Refused
from alerts.newsletters.issues import build_content, draft_issue, freeze, issue_json, move
from alerts.newsletters.lifecycle import Event
from alerts.newsletters.models import Issue, IssueNumber, IssueState
from alerts.newsletters.numbering import Numbers
from alerts.newsletters.numbers import free_numbers, numbers_of, renumber
from alerts.newsletters.service import apply_toml, ensure_built_in, export_toml
from alerts.subscribers.models import Frequency
from tests.conftest import NOW
from tests.factories import RENDERER, SETTINGS, an_article

SLUG = "africa-this-week"
DOMAIN = "news.example.org"


@pytest.fixture(autouse=True)
def _built_in(database: Database, clock: FixedClock) -> None:
    with database.transaction() as session:
        ensure_built_in(session, clock=clock)
        text = export_toml(session, SLUG)
        text = text.replace("first_number = 1", "first_number = 85")
        text = text.replace("first_volume = 1", "first_volume = 2")
        text = text.replace("first_volume_number = 1", "first_volume_number = 39")
        apply_toml(session, text, source="x", clock=clock)


def a_draft(session: Session, clock: FixedClock) -> Issue:
    article = an_article(session, clock)
    return draft_issue(session, SLUG, article_ids=(article.id,), clock=clock)


def send(session: Session, issue: Issue, clock: FixedClock) -> None:
    freeze(session, issue, by="editor", message_domain=DOMAIN, clock=clock)
    move(session, issue.id, Event.SEND, clock=clock)


def drop(session: Session, issue: Issue, clock: FixedClock) -> None:
    move(session, issue.id, Event.CANCEL, clock=clock)


def given_numbers(session: Session) -> list[int]:
    query = select(IssueNumber.number).where(IssueNumber.issue_id.is_not(None))
    return sorted(session.scalars(query))


def test_a_double_issue_prints_both_numbers_and_the_next_goes_on(
    session: Session, clock: FixedClock
) -> None:
    issue = a_draft(session, clock)
    assert issue.subject.startswith("Africa This Week #85: ")
    done = renumber(session, issue.id, Numbers(85, 2, 39, 2))
    assert (done.before, done.texts_follow) == (Numbers(85, 2, 39), True)
    assert done.after.label == "#85 & 86, Vol. 2, No. 39 & 40"
    assert issue.subject.startswith("Africa This Week #85 & 86: ")
    shown = issue_json(issue)
    assert (shown["number"], shown["volume"], shown["volume_number"]) == ("85-86", "2", "39-40")
    content = build_content(session, issue)
    assert (content.number, content.volume, content.volume_number) == ("85 & 86", "2", "39 & 40")
    assert numbers_of(a_draft(session, clock)) == Numbers(87, 2, 41)


def test_a_double_issue_is_one_in_its_mail_and_in_the_address_there(
    session: Session, clock: FixedClock
) -> None:
    issue = a_draft(session, clock)
    renumber(session, issue.id, Numbers(85, 2, 39, 2))
    mail = render_issue(session, issue, settings=SETTINGS, renderer=RENDERER)
    assert mail.subject.startswith("Africa This Week #85 & 86: ")
    folio = re.sub(r"<[^>]+>|\s", " ", mail.html)
    assert "#85 & 86 · Vol. 2, No. 39 & 40" in " ".join(unescape(folio).split())
    assert "#85 & 86 · Vol. 2, No. 39 & 40" in mail.text
    for part in (mail.html, mail.text):
        assert f"{SETTINGS.base_url}/archive/africa-this-week/85-86" in part


def test_an_editors_own_subject_stays(session: Session, clock: FixedClock) -> None:
    issue = a_draft(session, clock)
    issue.subject = "Number 85 is my own"
    assert not renumber(session, issue.id, Numbers(90, 2, 44)).texts_follow
    assert issue.subject == "Number 85 is my own"


def test_a_dropped_drafts_number_goes_to_the_next_one_also_below_a_later_draft(
    session: Session, clock: FixedClock
) -> None:
    first, second, third = (a_draft(session, clock) for _ in range(3))
    renumber(session, third.id, Numbers(87, 2, 41, 2))
    drop(session, second, clock)
    assert numbers_of(second) is None
    assert free_numbers(session, SLUG, Frequency.WEEKLY) == [86]
    fourth = a_draft(session, clock)
    assert numbers_of(fourth) == Numbers(86, 2, 40)
    # What is due is counted from the issue made last, whichever number it has.
    assert fourth.since == third.until
    assert numbers_of(a_draft(session, clock)) == Numbers(89, 2, 43)
    drop(session, third, clock)
    assert [numbers_of(a_draft(session, clock)) for _ in range(3)] == [
        Numbers(87, 2, 41),
        Numbers(88, 2, 42),
        Numbers(90, 2, 44),
    ]
    assert numbers_of(first) == Numbers(85, 2, 39)


def test_a_number_that_was_corrected_and_dropped_goes_to_the_next_one(
    session: Session, clock: FixedClock
) -> None:
    issue = a_draft(session, clock)
    renumber(session, issue.id, Numbers(120, 4, 7))
    drop(session, issue, clock)
    assert numbers_of(a_draft(session, clock)) == Numbers(120, 4, 7)
    assert numbers_of(a_draft(session, clock)) == Numbers(121, 4, 8)


def test_a_dropped_draft_of_the_last_volume_leaves_its_number_to_the_new_one(
    session: Session, clock: FixedClock
) -> None:
    a_draft(session, clock)
    dropped = a_draft(session, clock)
    drop(session, dropped, clock)
    clock.advance(timedelta(days=45))
    assert numbers_of(a_draft(session, clock)) == Numbers(86, 3, 1)


def test_weeks_without_an_issue_use_numbers_up_where_the_newsletter_says_so(
    session: Session, clock: FixedClock
) -> None:
    text = export_toml(session, SLUG).replace(
        "empty_periods_count = false", "empty_periods_count = true"
    )
    assert apply_toml(session, text, source="x", clock=clock).kind == "changed"
    a_draft(session, clock)
    clock.advance(timedelta(days=21))
    dropped = a_draft(session, clock)
    assert numbers_of(dropped) == Numbers(88, 2, 42)
    drop(session, dropped, clock)
    clock.advance(timedelta(days=7))
    assert numbers_of(a_draft(session, clock)) == Numbers(89, 2, 43)


def test_no_number_and_no_place_in_a_volume_is_given_twice(
    session: Session, clock: FixedClock
) -> None:
    first, second = a_draft(session, clock), a_draft(session, clock)
    send(session, first, clock)
    with pytest.raises(Refused, match=rf"#85, Vol. 2, No. 39 is that of issue {first.id} already"):
        renumber(session, second.id, Numbers(85, 9, 9))
    with pytest.raises(Refused, match=r"#85, Vol. 2, No. 39 .* already \(sending, “Africa This"):
        renumber(session, second.id, Numbers(200, 2, 39))
    with pytest.raises(Refused, match="its numbers stand for good"):
        renumber(session, first.id, Numbers(300, 2, 300))
    with pytest.raises(NotFound, match="no issue 999"):
        renumber(session, 999, Numbers(1))
    with pytest.raises(Invalid, match="say both, or neither"):
        renumber(session, second.id, Numbers(1, 2))
    third = a_draft(session, clock)
    with pytest.raises(Refused, match=f"#87, Vol. 2, No. 41 is that of issue {third.id}"):
        renumber(session, second.id, Numbers(86, 2, 40, 2))
    assert given_numbers(session) == [85, 86, 87]
    freeze(session, second, by="editor", message_domain=DOMAIN, clock=clock)
    with pytest.raises(Refused, match="is approved: its numbers stand; reopen it first"):
        renumber(session, second.id, Numbers(86, 2, 40, 2))


def test_an_issue_called_off_on_its_way_keeps_its_numbers(
    session: Session, clock: FixedClock
) -> None:
    issue = a_draft(session, clock)
    renumber(session, issue.id, Numbers(85, 2, 39, 2))
    send(session, issue, clock)
    drop(session, issue, clock)
    assert issue.number_count == 2
    assert numbers_of(a_draft(session, clock)) == Numbers(87, 2, 41)


def test_a_place_in_a_volume_that_was_given_by_hand_is_passed_over(
    session: Session, clock: FixedClock
) -> None:
    first, second = a_draft(session, clock), a_draft(session, clock)
    # The lower number has the later place.
    renumber(session, first.id, Numbers(70, 2, 41))
    assert numbers_of(second) == Numbers(86, 2, 40)
    assert [numbers_of(a_draft(session, clock)) for _ in range(2)] == [
        Numbers(85, 2, 39),
        Numbers(87, 2, 42),
    ]


def test_a_draft_that_moves_down_leaves_its_number_and_one_that_moves_up_does_not(
    session: Session, clock: FixedClock
) -> None:
    first, second = a_draft(session, clock), a_draft(session, clock)
    renumber(session, first.id, Numbers(60, 2, 20))
    assert free_numbers(session, SLUG, Frequency.WEEKLY) == [85]
    renumber(session, second.id, Numbers(186, 2, 140))
    assert free_numbers(session, SLUG, Frequency.WEEKLY) == [85]
    # A slip of the hand, mended: nothing is left behind.
    renumber(session, second.id, Numbers(86, 2, 40))
    assert free_numbers(session, SLUG, Frequency.WEEKLY) == [85]
    assert numbers_of(a_draft(session, clock)) == Numbers(85, 2, 39)


def test_the_book_itself_refuses_a_number_twice(session: Session, clock: FixedClock) -> None:
    first, second = a_draft(session, clock), a_draft(session, clock)
    for values in ({"number": 85}, {"volume": 2, "volume_number": 39}):
        with pytest.raises(Exception, match=r"(?i)unique"), session.begin_nested():
            session.execute(
                update(IssueNumber).where(IssueNumber.issue_id == second.id).values(**values)
            )
    assert first.number == 85


# What editors do, in any order: each step names one of the open issues by a number.
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["draft", "drop", "send", "double", "single", "weeks", "call off"]),
        st.integers(0, 5),
    ),
    max_size=25,
)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(STEPS)
def test_no_number_is_given_twice_and_none_is_lost(
    database: Database, steps: list[tuple[str, int]]
) -> None:
    clock = FixedClock(NOW)
    with database.transaction() as session:
        session.execute(delete(IssueNumber))
        session.execute(delete(Issue))
        for what, which in steps:
            _do(session, what, which, clock)
            _books_agree(session)
        # Whatever was dropped, the next issues take up all that lies between.
        while True:
            a_draft(session, clock)
            numbers = given_numbers(session)
            if not free_numbers(session, SLUG, Frequency.WEEKLY):
                break
        assert numbers == list(range(85, 85 + len(numbers)))


def _do(session: Session, what: str, which: int, clock: FixedClock) -> None:
    if what == "draft":
        a_draft(session, clock)
        return
    if what == "weeks":
        clock.advance(timedelta(days=7 * which))
        return
    state = IssueState.SENDING if what == "call off" else IssueState.DRAFT
    found = list(session.scalars(select(Issue).where(Issue.state == state).order_by(Issue.id)))
    if not found:
        return
    issue = found[which % len(found)]
    numbers = numbers_of(issue)
    assert numbers is not None
    match what:
        case "drop" | "call off":
            drop(session, issue, clock)
        case "send":
            send(session, issue, clock)
        case _:
            count = 2 if what == "double" else 1
            wanted = Numbers(numbers.number, numbers.volume, numbers.volume_number, count)
            try:
                renumber(session, issue.id, wanted)
            except Refused:
                # The next number, or the next place of the volume, is another issue's.
                assert what == "double"


def _books_agree(session: Session) -> None:
    """Hold the book against what the issues print."""
    rows = session.execute(
        select(
            IssueNumber.number, IssueNumber.volume, IssueNumber.volume_number, IssueNumber.issue_id
        ).where(IssueNumber.issue_id.is_not(None))
    )
    issues = session.scalars(select(Issue).where(Issue.number.is_not(None)))
    borne = [
        (one.number, one.volume, one.volume_number, issue.id)
        for issue in issues
        if (numbers := numbers_of(issue))
        for one in numbers.each
    ]
    assert sorted(tuple(row) for row in rows) == sorted(borne)
    for key in ({one[0] for one in borne}, {one[1:3] for one in borne}):
        assert len(key) == len(borne)


def test_editors_who_draft_drop_and_double_at_once_share_no_number_and_lose_none(
    database: Database, clock: FixedClock
) -> None:
    with database.transaction() as session:
        ids = [an_article(session, clock).id for _ in range(24)]
    start = threading.Barrier(4)
    troubles: list[BaseException] = []

    def edit(seed: int) -> None:
        dice = random.Random(seed)  # noqa: S311 - a walk that can be repeated
        own: list[int] = []
        start.wait()
        try:
            for step in range(6):
                article = ids[seed * 6 + step]
                with database.transaction() as session:
                    own.append(draft_issue(session, SLUG, article_ids=(article,), clock=clock).id)
                _disturb(database, dice, own, clock)
        except BaseException as error:  # noqa: BLE001 - told by the test's own thread
            troubles.append(error)

    threads = [threading.Thread(target=edit, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert troubles == []
    with database.transaction() as session:
        _books_agree(session)
        while free_numbers(session, SLUG, Frequency.WEEKLY):
            a_draft(session, clock)
        numbers = given_numbers(session)
        assert numbers == list(range(85, 85 + len(numbers)))
        _books_agree(session)


def _disturb(database: Database, dice: random.Random, own: list[int], clock: FixedClock) -> None:
    what = dice.choice(["drop", "double", "nothing"])
    if what == "drop":
        with database.transaction() as session:
            move(session, own.pop(dice.randrange(len(own))), Event.CANCEL, clock=clock)
    elif what == "double":
        with database.transaction() as session:
            issue = session.get_one(Issue, own[-1])
            numbers = numbers_of(issue)
            assert numbers is not None
            wanted = Numbers(numbers.number, numbers.volume, numbers.volume_number, 2)
            try:
                renumber(session, issue.id, wanted)
            except Refused:
                session.rollback()
