"""Versions of a draft: one for each sitting, restored as a new one, never overwritten silently."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from alerts.articles.service import withdraw_article
from alerts.clock import FixedClock
from alerts.database import Database
from alerts.errors import Conflict, NotFound, Refused
from alerts.newsletters.editing import steps
from alerts.newsletters.editing.composing import composition_of
from alerts.newsletters.editing.composition import Composition, PieceEntry, TextEntry
from alerts.newsletters.editing.service import StaleIssue, restore_version, save_composition
from alerts.newsletters.editing.versions import get_version, history
from alerts.newsletters.issues import build_content, freeze, get_issue, move
from alerts.newsletters.lifecycle import Event
from alerts.newsletters.models import IssueState, IssueVersion, VersionKind
from alerts.newsletters.service import definition_of, get_newsletter
from alerts.rendering.reopening import reopen_issue
from alerts.rendering.withdrawals import retract_withdrawn
from alerts.staff.audit import COMMAND_LINE, Actor
from alerts.staff.models import ActorKind, AuditEntry
from alerts.staff.permissions import Role
from tests.drafts_world import WEEKLY, now_of, saved, sections_of_weekly
from tests.staff_world import StaffRoom

PATIENCE = 60.0


def test_a_save_from_an_older_version_writes_nothing_and_tells_both(
    database: Database, clock: FixedClock, issue_id: int
) -> None:
    ama = StaffRoom(database, clock).add("ama@example.org", Role.EDITOR)
    actor = Actor(ActorKind.ACCOUNT, account_id=ama)
    saved(database, clock, issue_id, lambda one: replace(one, note="Ama's"), actor=actor)
    with pytest.raises(StaleIssue) as caught:
        saved(database, clock, issue_id, lambda one: replace(one, note="Ben's"), base=1)
    assert (caught.value.theirs.note, caught.value.version) == ("Ama's", 2)
    assert "ama@example.org saved this issue meanwhile" in str(caught.value)
    assert now_of(database, issue_id)[0].note == "Ama's"


def test_the_same_form_twice_is_one_change(
    database: Database, clock: FixedClock, issue_id: int
) -> None:
    change = lambda one: replace(one, note="Once")  # noqa: E731
    first = saved(database, clock, issue_id, change, base=1, request="a" * 64)
    second = saved(database, clock, issue_id, change, base=1, request="a" * 64)
    assert (first.changed, second.changed, second.version) == (True, False, 2)
    with pytest.raises(StaleIssue):
        saved(database, clock, issue_id, lambda one: replace(one, note="No"), base=1, request="b")


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
    composition, version = now_of(database, issue_id)
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
        composition, version = now_of(database, issue_id)
        told.clear()
        editors = [threading.Thread(target=save, args=(f"{n} {round_}",)) for n in ("A", "B")]
        for one in editors:
            one.start()
        for one in editors:
            one.join(PATIENCE)
        assert len(told) == 1
        after, now = now_of(database, issue_id)
        assert (after.note in told, now) == (False, version + 1)


def test_approval_and_a_save_at_the_same_moment_freeze_what_is_saved(
    database: Database, clock: FixedClock, issue_id: int
) -> None:
    with database.read() as looking:
        # Whoever approves has read the draft; then somebody saves, and the approval comes late.
        seen = get_issue(looking, issue_id)
        build_content(looking, seen)
        looking.expunge_all()
    saved(database, clock, issue_id, lambda one: replace(one, note="later"))
    with database.transaction() as session:
        session.add(seen)
        with pytest.raises(Conflict):
            freeze(session, seen, by="editor", message_domain="example.org", clock=clock)
    with database.transaction() as session:
        issue = get_issue(session, issue_id)
        content = freeze(session, issue, by="editor", message_domain="example.org", clock=clock)
        assert content.editors_note == "later"
    with pytest.raises(Refused, match="is approved: reopen it to edit it"):
        saved(database, clock, issue_id, lambda one: replace(one, note="too late"))


def test_savings_of_one_sitting_are_one_version_with_a_readable_difference(
    database: Database, clock: FixedClock, issue_id: int
) -> None:
    sections = sections_of_weekly(database)
    auto = VersionKind.AUTO
    saved(database, clock, issue_id, lambda one: replace(one, note="A"), kind=auto)
    clock.advance(timedelta(minutes=3))
    saved(database, clock, issue_id, lambda one: replace(one, note="A longer note"), kind=auto)
    clock.advance(timedelta(minutes=8))
    last = now_of(database, issue_id)[0].entries[-1].key
    saved(database, clock, issue_id, lambda one: steps.up(one, last, sections), kind=auto)
    text = TextEntry("t1", "briefs", "See *below*.")
    saved(database, clock, issue_id, lambda one: replace(one, entries=(*one.entries, text)))
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
        saved(database, clock, issue_id, written(note), kind=VersionKind.AUTO)
    clock.advance(timedelta(hours=20))
    saved(database, clock, issue_id, lambda one: replace(one, note="b"))
    assert numbers() == [1, 2, 3, 4, 5]
    with database.read() as session:
        assert get_version(session, issue_id, 3).note == "ab"
    clock.advance(timedelta(hours=20))
    saved(database, clock, issue_id, lambda one: replace(one, note="c"))
    assert numbers() == [1, 4, 5, 6]


def test_an_earlier_version_is_restored_as_a_new_one(
    database: Database, clock: FixedClock, issue_id: int
) -> None:
    before, _ = now_of(database, issue_id)
    essay = before.entries[0].key
    saved(database, clock, issue_id, lambda one: replace(one, note="New", subject="New"))
    saved(database, clock, issue_id, lambda one: steps.without(one, essay))
    with database.transaction() as session:
        restored = restore_version(session, issue_id, 1, base=3, actor=COMMAND_LINE, clock=clock)
    assert (restored.version, now_of(database, issue_id)[0]) == (4, before)
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
    before, version = now_of(database, issue_id)
    essay = before.entries[0]
    assert isinstance(essay, PieceEntry)
    with database.transaction() as session:
        withdraw_article(session, essay.article, clock=clock)
        assert [one.id for one in retract_withdrawn(session, clock=clock)] == [issue_id]
    with pytest.raises(StaleIssue, match="the program saved this issue meanwhile"):
        saved(database, clock, issue_id, lambda _: replace(before, note="x"), base=version)
    with pytest.raises(Refused, match="was withdrawn"):
        saved(database, clock, issue_id, lambda one: replace(one, entries=before.entries))
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
    assert saved(database, clock, issue_id, lambda one: replace(one, note="x")).version == 3
    with database.read() as session:
        acts = session.scalars(select(AuditEntry.act)).all()
    assert acts == ["issue.reopened", "issue.edited"]
