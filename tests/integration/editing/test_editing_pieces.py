"""Pieces of a draft: moved, retitled, taken out and put back, found, pulled in, due again."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from alerts.articles.models import Article
from alerts.articles.service import withdraw_article
from alerts.clock import FixedClock
from alerts.database import Database
from alerts.errors import Invalid, NotFound
from alerts.newsletters.editing import steps
from alerts.newsletters.editing.composing import section_keys
from alerts.newsletters.editing.composition import Composition, PieceEntry, WrongField
from alerts.newsletters.editing.finding import find_articles, held_elsewhere
from alerts.newsletters.editing.service import Saved, change_composition, save_composition
from alerts.newsletters.issues import NothingNew, draft_issue, get_issue, move
from alerts.newsletters.lifecycle import Event
from alerts.newsletters.models import Issue, IssueState
from alerts.newsletters.service import definition_of, get_newsletter
from alerts.staff.audit import COMMAND_LINE
from tests.drafts_world import (
    WEEKLY,
    now_of,
    retitled,
    saved,
    sections_of_weekly,
    send_at_once,
    titles_by_section,
)
from tests.factories import a_part, an_article


def test_saving_orders_and_retitles_without_touching_the_article(
    database: Database, clock: FixedClock, issue_id: int
) -> None:
    sections = sections_of_weekly(database)
    assert titles_by_section(database, issue_id) == {
        "in-focus": ["The essay"],
        "briefs": ["Brief 1", "Brief 2", "Brief 3"],
    }
    composition, _ = now_of(database, issue_id)
    third, essay = composition.entries[3].key, composition.entries[0].key
    saved(database, clock, issue_id, lambda one: steps.up(one, third, sections))
    saved(database, clock, issue_id, lambda one: retitled(one, essay, "  Another\n title "))
    assert titles_by_section(database, issue_id) == {
        "in-focus": ["Another title"],
        "briefs": ["Brief 1", "Brief 3", "Brief 2"],
    }
    with database.read() as session:
        assert session.scalars(select(Article.title).order_by(Article.id)).first() == "The essay"
        assert get_issue(session, issue_id).version == 3


def test_the_proposed_subject_follows_until_somebody_changes_it(
    database: Database, clock: FixedClock, issue_id: int
) -> None:
    composition, _ = now_of(database, issue_id)
    essay = composition.entries[0].key
    saved(database, clock, issue_id, lambda one: retitled(one, essay, "Second"))
    assert now_of(database, issue_id)[0].subject == "Africa This Week #1: Second"
    saved(database, clock, issue_id, lambda one: replace(one, subject="By hand"))
    saved(database, clock, issue_id, lambda one: retitled(one, essay, "Third"))
    assert now_of(database, issue_id)[0].subject == "By hand"


def test_a_step_over_a_sections_end_leads_into_the_next(
    database: Database, clock: FixedClock, issue_id: int
) -> None:
    sections = sections_of_weekly(database)
    composition, _ = now_of(database, issue_id)
    essay, first, *_, last = (entry.key for entry in composition.entries)
    assert steps.up(composition, essay, sections) == composition
    assert steps.down(composition, last, sections) == composition
    lower = steps.down(composition, essay, sections)
    assert [entry.section for entry in lower.entries] == ["briefs"] * 4
    assert [entry.key for entry in lower.entries][:2] == [essay, first]
    assert steps.up(lower, essay, sections) == composition
    focused = steps.into_focus(composition, last, "in-focus", sections)
    assert [(entry.key, entry.section) for entry in focused.entries][:2] == [
        (last, "in-focus"),
        (essay, "briefs"),
    ]


def test_a_piece_that_is_taken_out_comes_back_as_it_was_and_is_due_again(
    database: Database, clock: FixedClock, issue_id: int
) -> None:
    sections = sections_of_weekly(database)
    composition, _ = now_of(database, issue_id)
    essay = composition.entries[0].key
    saved(database, clock, issue_id, lambda one: retitled(one, essay, "Short"))
    saved(database, clock, issue_id, lambda one: steps.without(one, essay))
    assert "in-focus" not in titles_by_section(database, issue_id)
    assert [piece.key for piece in now_of(database, issue_id)[0].aside] == [essay]
    with database.transaction() as session:
        # What stands in no issue is due in the next one.
        following = draft_issue(session, WEEKLY, clock=clock)
        assert [item.article.title for item in following.items] == ["The essay"]
        session.rollback()
    saved(database, clock, issue_id, lambda one: steps.put_back(one, essay, sections))
    assert titles_by_section(database, issue_id)["in-focus"] == ["Short"]
    assert now_of(database, issue_id)[0].aside == ()
    with pytest.raises(NotFound):
        steps.put_back(now_of(database, issue_id)[0], essay, sections)


def test_a_roundups_piece_that_was_taken_out_is_due_in_the_next_issue(
    database: Database, clock: FixedClock, issue_id: int
) -> None:
    before, base = now_of(database, issue_id)
    gone = before.pieces[2].key
    with database.transaction() as session:
        save_composition(
            session,
            issue_id,
            steps.without(before, gone),
            base=base,
            actor=COMMAND_LINE,
            clock=clock,
        )
    clock.advance(timedelta(days=7))
    with database.transaction() as session:
        following = draft_issue(session, WEEKLY, clock=clock).id
    after, _ = now_of(database, following)
    assert [piece.key for piece in after.pieces] == [gone]
    with pytest.raises(NothingNew), database.transaction() as session:
        draft_issue(session, WEEKLY, clock=clock)
    # Dropped, it gives the piece back; and what lies long behind does not come up again.
    with database.transaction() as session:
        move(session, following, Event.CANCEL, clock=clock)
    with database.transaction() as session:
        assert len(draft_issue(session, WEEKLY, clock=clock).items) == 1
        session.rollback()
    clock.advance(timedelta(days=100))
    with pytest.raises(NothingNew), database.transaction() as session:
        draft_issue(session, WEEKLY, clock=clock)


def test_a_piece_from_elsewhere_that_was_taken_out_again_is_not_due_by_that(
    database: Database, clock: FixedClock, issue_id: int
) -> None:
    with database.transaction() as session:
        parts = [a_part(n, regions=["south-asia"], country="IN") for n in (1, 2)]
        other = an_article(session, clock, authors=(), regions=["south-asia"], parts=parts)
        sections = section_keys(definition_of(get_newsletter(session, WEEKLY)))
    changes: tuple[Callable[[Composition], Composition], ...] = (
        lambda one: steps.with_pieces(
            one, [PieceEntry(other.id, n, "briefs") for n in (1, 2)], sections
        ),
        lambda one: steps.without(one, f"{other.id}.1"),
    )
    for change in changes:
        before, base = now_of(database, issue_id)
        with database.transaction() as session:
            save_composition(
                session, issue_id, change(before), base=base, actor=COMMAND_LINE, clock=clock
            )
    with pytest.raises(NothingNew), database.transaction() as session:
        draft_issue(session, WEEKLY, clock=clock)


def test_what_cannot_stand_is_refused_at_its_field(
    database: Database, clock: FixedClock, issue_id: int
) -> None:
    with pytest.raises(WrongField, match="the subject is 5 longer than 300 characters") as caught:
        saved(database, clock, issue_id, lambda one: replace(one, subject="x" * 305))
    assert caught.value.field == "subject"
    with pytest.raises(Invalid, match="twice"):
        saved(
            database, clock, issue_id, lambda one: replace(one, entries=one.entries + one.entries)
        )
    foreign = PieceEntry(99_999, 0, "briefs")
    with pytest.raises(NotFound, match="no article 99999"):
        saved(database, clock, issue_id, lambda one: replace(one, entries=(*one.entries, foreign)))
    assert now_of(database, issue_id)[1] == 1


def test_articles_are_found_by_words_and_numbers_and_told_where_they_stood(
    database: Database, clock: FixedClock, issue_id: int
) -> None:
    with database.transaction() as session:
        send_at_once(session, issue_id, clock)
        extra = an_article(session, clock, title="100% of the river", number="7001")
        gone = an_article(session, clock, title="A river withdrawn")
        withdraw_article(session, gone.id, clock=clock)
        following = draft_issue(session, WEEKLY, article_ids=[extra.id], clock=clock)
    with database.read() as session:
        found = {
            words: [one.title for one in find_articles(session, words)]
            for words in ("RIVER the", "100%", "# 7001", "Brief 2", "", "nothing of that kind")
        }
        issue = session.get_one(Issue, following.id)
        roundup = next(one for one in find_articles(session, "roundup"))
        held = held_elsewhere(session, issue, [roundup.id, extra.id])
    assert found["RIVER the"] == found["100%"] == found["# 7001"] == ["100% of the river"]
    assert found["Brief 2"] == ["The roundup"]
    assert found[""] == ["100% of the river", "The roundup", "The essay"]
    assert found["nothing of that kind"] == []
    assert set(held) == {(roundup.id, part) for part in (1, 2, 3)}
    assert held[roundup.id, 1][0].state is IssueState.SENDING
    assert held[roundup.id, 1][0].started_at == clock.now()


def test_a_piece_is_pulled_in_once_and_marked_when_it_is_late(
    database: Database, clock: FixedClock, issue_id: int
) -> None:
    sections = sections_of_weekly(database)
    with database.transaction() as session:
        clock.advance(timedelta(days=7))
        fresh = an_article(session, clock, title="Fresh", published_on=clock.now().date())
        second = draft_issue(session, WEEKLY, article_ids=[fresh.id], clock=clock)
        late = an_article(session, clock, title="Late")
    wanted = PieceEntry(late.id, 0, "briefs")

    def pull(_session: Session) -> Saved:
        return change_composition(
            _session,
            second.id,
            lambda one, _: steps.with_piece(one, wanted, sections),
            actor=COMMAND_LINE,
            clock=clock,
        )

    with database.transaction() as session:
        pull(session)
    with database.transaction() as session, pytest.raises(Invalid, match="already"):
        pull(session)
    with database.read() as session:
        items = {item.article_id: item.late for item in get_issue(session, second.id).items}
    assert items == {fresh.id: False, late.id: True}
