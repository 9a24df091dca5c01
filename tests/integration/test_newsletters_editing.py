"""Editing drafts: what is saved, kept as a version, restored, and never overwritten silently."""

import threading
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
from alerts.errors import Conflict, Invalid, NotFound, Refused
from alerts.newsletters.editing import steps
from alerts.newsletters.editing.composing import composition_of, section_keys
from alerts.newsletters.editing.composition import Composition, PieceEntry, TextEntry, WrongField
from alerts.newsletters.editing.finding import find_articles, held_elsewhere
from alerts.newsletters.editing.service import (
    Saved,
    StaleIssue,
    change_composition,
    restore_version,
    save_composition,
)
from alerts.newsletters.editing.versions import get_version, history
from alerts.newsletters.issues import (
    NothingNew,
    build_content,
    draft_issue,
    freeze,
    get_issue,
    move,
)
from alerts.newsletters.lifecycle import Event
from alerts.newsletters.models import Issue, IssueState, IssueVersion, VersionKind
from alerts.newsletters.service import definition_of, ensure_built_in, get_newsletter
from alerts.rendering.reopening import reopen_issue
from alerts.rendering.withdrawals import retract_withdrawn
from alerts.staff.audit import COMMAND_LINE, Actor
from alerts.staff.models import ActorKind, AuditEntry
from alerts.staff.permissions import Role
from tests.factories import a_part, an_article
from tests.staff_world import StaffRoom

WEEKLY = "africa-this-week"
PATIENCE = 60.0


@pytest.fixture
def issue_id(database: Database, clock: FixedClock) -> int:
    """Return a draft: a signed essay in focus, and three briefs of a roundup."""
    with database.transaction() as session:
        ensure_built_in(session, clock=clock)
        an_article(session, clock, title="The essay", words=2_000)
        parts = [a_part(n, title=f"Brief {n}") for n in (1, 2, 3)]
        an_article(session, clock, title="The roundup", authors=(), parts=parts, words=900)
        return draft_issue(session, WEEKLY, clock=clock).id


def _now(database: Database, issue_id: int) -> tuple[Composition, int]:
    with database.read() as session:
        issue = get_issue(session, issue_id)
        definition = definition_of(get_newsletter(session, issue.newsletter))
        return composition_of(issue, definition), issue.version


def _save(
    database: Database,
    clock: FixedClock,
    issue_id: int,
    change: Callable[[Composition], Composition],
    *,
    base: int | None = None,
    kind: VersionKind = VersionKind.SAVED,
    actor: Actor = COMMAND_LINE,
    request: str = "",
) -> Saved:
    composition, version = _now(database, issue_id)
    with database.transaction() as session:
        return save_composition(
            session,
            issue_id,
            change(composition),
            base=version if base is None else base,
            kind=kind,
            actor=actor,
            request=request,
            clock=clock,
        )


def _titles(database: Database, issue_id: int) -> dict[str, list[str]]:
    with database.read() as session:
        content = build_content(session, get_issue(session, issue_id))
        return {one.key: [item.title for item in one.items] for one in content.sections}


def _retitled(composition: Composition, key: str, title: str | None) -> Composition:
    entries = tuple(
        replace(entry, title=title) if entry.key == key and isinstance(entry, PieceEntry) else entry
        for entry in composition.entries
    )
    return replace(composition, entries=entries)


def _sections(database: Database) -> tuple[str, ...]:
    with database.read() as session:
        return section_keys(definition_of(get_newsletter(session, WEEKLY)))


def test_saving_orders_and_retitles_without_touching_the_article(
    database: Database, clock: FixedClock, issue_id: int
) -> None:
    sections = _sections(database)
    assert _titles(database, issue_id) == {
        "in-focus": ["The essay"],
        "briefs": ["Brief 1", "Brief 2", "Brief 3"],
    }
    composition, _ = _now(database, issue_id)
    third, essay = composition.entries[3].key, composition.entries[0].key
    _save(database, clock, issue_id, lambda one: steps.up(one, third, sections))
    _save(database, clock, issue_id, lambda one: _retitled(one, essay, "  Another\n title "))
    assert _titles(database, issue_id) == {
        "in-focus": ["Another title"],
        "briefs": ["Brief 1", "Brief 3", "Brief 2"],
    }
    with database.read() as session:
        assert session.scalars(select(Article.title).order_by(Article.id)).first() == "The essay"
        assert get_issue(session, issue_id).version == 3


def test_the_proposed_subject_follows_until_somebody_changes_it(
    database: Database, clock: FixedClock, issue_id: int
) -> None:
    composition, _ = _now(database, issue_id)
    essay = composition.entries[0].key
    _save(database, clock, issue_id, lambda one: _retitled(one, essay, "Second"))
    assert _now(database, issue_id)[0].subject == "Africa This Week #1: Second"
    _save(database, clock, issue_id, lambda one: replace(one, subject="By hand"))
    _save(database, clock, issue_id, lambda one: _retitled(one, essay, "Third"))
    assert _now(database, issue_id)[0].subject == "By hand"


def test_a_step_over_a_sections_end_leads_into_the_next(
    database: Database, clock: FixedClock, issue_id: int
) -> None:
    sections = _sections(database)
    composition, _ = _now(database, issue_id)
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
    sections = _sections(database)
    composition, _ = _now(database, issue_id)
    essay = composition.entries[0].key
    _save(database, clock, issue_id, lambda one: _retitled(one, essay, "Short"))
    _save(database, clock, issue_id, lambda one: steps.without(one, essay))
    assert "in-focus" not in _titles(database, issue_id)
    assert [piece.key for piece in _now(database, issue_id)[0].aside] == [essay]
    with database.transaction() as session:
        # What stands in no issue is due in the next one.
        following = draft_issue(session, WEEKLY, clock=clock)
        assert [item.article.title for item in following.items] == ["The essay"]
        session.rollback()
    _save(database, clock, issue_id, lambda one: steps.put_back(one, essay, sections))
    assert _titles(database, issue_id)["in-focus"] == ["Short"]
    assert _now(database, issue_id)[0].aside == ()
    with pytest.raises(NotFound):
        steps.put_back(_now(database, issue_id)[0], essay, sections)


def test_a_roundups_piece_that_was_taken_out_is_due_in_the_next_issue(
    database: Database, clock: FixedClock, issue_id: int
) -> None:
    before, base = _now(database, issue_id)
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
    after, _ = _now(database, following)
    assert [piece.key for piece in after.pieces] == [gone]
    with pytest.raises(NothingNew), database.transaction() as session:
        draft_issue(session, WEEKLY, clock=clock)
    # Dropped, it gives the piece back; and what lies long behind does not come up again.
    with database.transaction() as session:
        move(session, following, Event.CANCEL, clock=clock)
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
    for change in (
        lambda one: steps.with_pieces(
            one, [PieceEntry(other.id, n, "briefs") for n in (1, 2)], sections
        ),
        lambda one: steps.without(one, f"{other.id}.1"),
    ):
        before, base = _now(database, issue_id)
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
        _save(database, clock, issue_id, lambda one: replace(one, subject="x" * 305))
    assert caught.value.field == "subject"
    with pytest.raises(Invalid, match="twice"):
        _save(
            database, clock, issue_id, lambda one: replace(one, entries=one.entries + one.entries)
        )
    foreign = PieceEntry(99_999, 0, "briefs")
    with pytest.raises(NotFound, match="no article 99999"):
        _save(database, clock, issue_id, lambda one: replace(one, entries=(*one.entries, foreign)))
    assert _now(database, issue_id)[1] == 1


def test_a_save_from_an_older_version_writes_nothing_and_tells_both(
    database: Database, clock: FixedClock, issue_id: int
) -> None:
    ama = StaffRoom(database, clock).add("ama@example.org", Role.EDITOR)
    actor = Actor(ActorKind.ACCOUNT, account_id=ama)
    _save(database, clock, issue_id, lambda one: replace(one, note="Ama's"), actor=actor)
    with pytest.raises(StaleIssue) as caught:
        _save(database, clock, issue_id, lambda one: replace(one, note="Ben's"), base=1)
    assert (caught.value.theirs.note, caught.value.version) == ("Ama's", 2)
    assert "ama@example.org saved this issue meanwhile" in str(caught.value)
    assert _now(database, issue_id)[0].note == "Ama's"


def test_the_same_form_twice_is_one_change(
    database: Database, clock: FixedClock, issue_id: int
) -> None:
    change = lambda one: replace(one, note="Once")  # noqa: E731
    first = _save(database, clock, issue_id, change, base=1, request="a" * 64)
    second = _save(database, clock, issue_id, change, base=1, request="a" * 64)
    assert (first.changed, second.changed, second.version) == (True, False, 2)
    with pytest.raises(StaleIssue):
        _save(database, clock, issue_id, lambda one: replace(one, note="No"), base=1, request="b")


def test_a_page_whose_answer_got_lost_goes_on_from_what_it_saved(
    database: Database, clock: FixedClock, issue_id: int
) -> None:
    def save(note: str, page: str, request: str) -> int:
        with database.transaction() as session:
            composition = replace(
                composition_of(
                    get_issue(session, issue_id),
                    definition_of(get_newsletter(session, WEEKLY)),
                ),
                note=note,
            )
            return save_composition(
                session,
                issue_id,
                composition,
                base=1,
                kind=VersionKind.AUTO,
                actor=COMMAND_LINE,
                request=request,
                page=page,
                clock=clock,
            ).version

    assert save("first", "aa", "aa.1") == 2
    assert save("second", "aa", "aa.2") == 3
    # By its button, which ends the chain: the page that is left behind knows less.
    assert save("third", "aa", "3") == 4
    with pytest.raises(StaleIssue):
        save("fourth", "aa", "aa.4")
    with pytest.raises(StaleIssue):
        save("another page", "bb", "bb.1")


def test_two_editors_at_the_same_moment_are_one_first_and_one_told(
    database: Database, clock: FixedClock, issue_id: int
) -> None:
    composition, version = _now(database, issue_id)
    at_once = threading.Barrier(2)
    told: list[str] = []

    def save(who: str) -> None:
        at_once.wait(PATIENCE)
        try:
            with database.transaction() as session:
                save_composition(
                    session,
                    issue_id,
                    replace(composition, note=who),
                    base=version,
                    actor=COMMAND_LINE,
                    clock=clock,
                )
        except StaleIssue:
            told.append(who)

    for round_ in range(5):
        composition, version = _now(database, issue_id)
        told.clear()
        editors = [threading.Thread(target=save, args=(f"{n} {round_}",)) for n in ("A", "B")]
        for one in editors:
            one.start()
        for one in editors:
            one.join(PATIENCE)
        assert len(told) == 1
        after, now = _now(database, issue_id)
        assert (after.note in told, now) == (False, version + 1)


def test_approval_and_a_save_at_the_same_moment_freeze_what_is_saved(
    database: Database, clock: FixedClock, issue_id: int
) -> None:
    with database.read() as looking:
        # Whoever approves has read the draft; then somebody saves, and the approval comes late.
        seen = get_issue(looking, issue_id)
        build_content(looking, seen)
        looking.expunge_all()
    _save(database, clock, issue_id, lambda one: replace(one, note="later"))
    with database.transaction() as session:
        session.add(seen)
        with pytest.raises(Conflict):
            freeze(session, seen, by="editor", message_domain="example.org", clock=clock)
    with database.transaction() as session:
        issue = get_issue(session, issue_id)
        content = freeze(session, issue, by="editor", message_domain="example.org", clock=clock)
        assert content.editors_note == "later"
    with pytest.raises(Refused, match="is approved: reopen it to edit it"):
        _save(database, clock, issue_id, lambda one: replace(one, note="too late"))


def test_savings_of_one_sitting_are_one_version_with_a_readable_difference(
    database: Database, clock: FixedClock, issue_id: int
) -> None:
    sections = _sections(database)
    auto = VersionKind.AUTO
    _save(database, clock, issue_id, lambda one: replace(one, note="A"), kind=auto)
    clock.advance(timedelta(minutes=3))
    _save(database, clock, issue_id, lambda one: replace(one, note="A longer note"), kind=auto)
    clock.advance(timedelta(minutes=8))
    last = _now(database, issue_id)[0].entries[-1].key
    _save(database, clock, issue_id, lambda one: steps.up(one, last, sections), kind=auto)
    text = TextEntry("t1", "briefs", "See *below*.")
    _save(database, clock, issue_id, lambda one: replace(one, entries=(*one.entries, text)))
    with database.read() as session:
        issue = get_issue(session, issue_id)
        page = history(session, issue, definition_of(get_newsletter(session, WEEKLY)))
        told = [[change.line() for change in line.changes] for line in page.lines]
        acts = session.scalars(select(AuditEntry.act)).all()
    assert [(line.number, line.kind) for line in page.lines] == [
        (5, VersionKind.SAVED),
        (3, VersionKind.AUTO),
        (1, VersionKind.DRAFTED),
    ]
    around = "… Brief 1; Brief"
    assert told == [
        [
            f"Preheader: {around} [-2;-] {{+3;+}} Brief 3 … {around} 2; Brief [-3-] {{+2+}}",
            "Moved within In brief: “Brief 3”",
            "New text in In brief: {+See *below*.+}",
        ],
        ["Editor’s note: {+A longer note+}"],
        [],
    ]
    assert acts == ["issue.edited", "issue.edited"]
    assert page.next is None


def test_what_was_passed_by_in_a_sitting_serves_for_a_day(
    database: Database, clock: FixedClock, issue_id: int
) -> None:
    def numbers() -> list[int]:
        with database.read() as session:
            return list(session.scalars(select(IssueVersion.number).order_by(IssueVersion.number)))

    def written(note: str) -> Callable[[Composition], Composition]:
        return lambda one: one.saying(note=note)

    for note in ("a", "ab", "abc"):
        _save(database, clock, issue_id, written(note), kind=VersionKind.AUTO)
    clock.advance(timedelta(hours=20))
    _save(database, clock, issue_id, lambda one: replace(one, note="b"))
    assert numbers() == [1, 2, 3, 4, 5]
    with database.read() as session:
        assert get_version(session, issue_id, 3).note == "ab"
    clock.advance(timedelta(hours=20))
    _save(database, clock, issue_id, lambda one: replace(one, note="c"))
    assert numbers() == [1, 4, 5, 6]


def test_an_earlier_version_is_restored_as_a_new_one(
    database: Database, clock: FixedClock, issue_id: int
) -> None:
    before, _ = _now(database, issue_id)
    essay = before.entries[0].key
    _save(database, clock, issue_id, lambda one: replace(one, note="New", subject="New"))
    _save(database, clock, issue_id, lambda one: steps.without(one, essay))
    with database.transaction() as session:
        saved = restore_version(session, issue_id, 1, base=3, actor=COMMAND_LINE, clock=clock)
    assert (saved.version, _now(database, issue_id)[0]) == (4, before)
    with database.transaction() as session, pytest.raises(NotFound, match="no version 77"):
        restore_version(session, issue_id, 77, base=4, actor=COMMAND_LINE, clock=clock)
    with database.transaction() as session, pytest.raises(StaleIssue):
        restore_version(session, issue_id, 2, base=3, actor=COMMAND_LINE, clock=clock)
    with database.read() as session:
        kinds = session.scalars(select(IssueVersion.kind).order_by(IssueVersion.number.desc()))
        assert kinds.first() is VersionKind.RESTORED


def test_a_withdrawn_article_is_a_version_and_does_not_come_back(
    database: Database, clock: FixedClock, issue_id: int
) -> None:
    before, version = _now(database, issue_id)
    essay = before.entries[0]
    assert isinstance(essay, PieceEntry)
    with database.transaction() as session:
        withdraw_article(session, essay.article, clock=clock)
        assert [one.id for one in retract_withdrawn(session, clock=clock)] == [issue_id]
    with pytest.raises(StaleIssue, match="the program saved this issue meanwhile"):
        _save(database, clock, issue_id, lambda _: replace(before, note="x"), base=version)
    with pytest.raises(Refused, match="was withdrawn"):
        _save(database, clock, issue_id, lambda one: replace(one, entries=before.entries))
    with database.transaction() as session:
        restored = restore_version(session, issue_id, 1, base=2, actor=COMMAND_LINE, clock=clock)
    assert essay.key not in [entry.key for entry in restored.composition.entries]


def test_reopening_forgets_the_approval_and_lets_editors_in_again(
    database: Database, clock: FixedClock, issue_id: int
) -> None:
    with database.transaction() as session, pytest.raises(Refused, match="it cannot reopen"):
        reopen_issue(session, issue_id, actor=COMMAND_LINE, clock=clock)
    with database.transaction() as session:
        issue = get_issue(session, issue_id)
        freeze(session, issue, by="editor", message_domain="example.org", clock=clock)
        later = clock.now() + timedelta(days=1)
        move(session, issue_id, Event.SCHEDULE, send_at=later, clock=clock)
    with database.transaction() as session:
        issue = reopen_issue(session, issue_id, actor=COMMAND_LINE, clock=clock)
        assert (issue.state, issue.content, issue.send_at) == (IssueState.DRAFT, None, None)
    assert _save(database, clock, issue_id, lambda one: replace(one, note="x")).version == 3
    with database.read() as session:
        acts = session.scalars(select(AuditEntry.act)).all()
    assert acts == ["issue.reopened", "issue.edited"]


def _sent(session: Session, issue_id: int, clock: FixedClock) -> None:
    issue = get_issue(session, issue_id)
    freeze(session, issue, by="editor", message_domain="example.org", clock=clock)
    move(session, issue_id, Event.SEND, clock=clock)


def test_articles_are_found_by_words_and_numbers_and_told_where_they_stood(
    database: Database, clock: FixedClock, issue_id: int
) -> None:
    with database.transaction() as session:
        _sent(session, issue_id, clock)
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
    sections = _sections(database)
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
