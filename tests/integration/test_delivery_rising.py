"""A sudden rise of bounces pauses the issue, says why, and leaves the rest to a person."""

import re
from pathlib import Path

import pytest

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.delivery.outcome import Fate, Outcome
from alerts.delivery.retrying import retry_issue
from alerts.delivery.returned import BounceRise
from alerts.delivery.rising import Sum, is_rise, pause_if_rising
from alerts.newsletters.issues import get_issue, issue_json, move
from alerts.newsletters.lifecycle import Event
from alerts.newsletters.models import Issue, IssueState
from alerts.newsletters.service import apply_toml, export_toml
from tests.data.inbound.room import Room, dsn

POLICY = Outcome(
    Fate.PERMANENT, 550, "550 5.7.1 <ama@there.example>: rejected: your address is on a blocklist"
)
NOBODY = Outcome(Fate.PERMANENT, 550, "550 5.1.1 no such user")
LATER = Outcome(Fate.TEMPORARY, 451, "451 4.3.2 please try again later")
NAMES = [f"reader{number:02}" for number in range(40)]


@pytest.fixture
def room(database: Database, clock: FixedClock, tmp_path: Path) -> Room:
    return Room(database, clock, tmp_path)


def pauses_at(room: Room, share: str, *, after: int = 20) -> None:
    with room.database.transaction() as session:
        text = export_toml(session, "gp-alert")
        for name, value in (("pause_at_bounces", f'"{share}"'), ("pause_after", after)):
            text = re.sub(rf"^{name} = .*$", f"{name} = {value}", text, flags=re.MULTILINE)
        apply_toml(session, text, source="test", clock=room.clock)


def issue(room: Room) -> Issue:
    with room.database.read() as session:
        return get_issue(session, room.house.issue_id)


def send(room: Room, answers: dict[str, Outcome]) -> int:
    """Send an issue to everybody; the last one is to be tried again, so that it goes on."""
    answers = answers | {NAMES[-1]: LATER}
    room.house.transport.answers = {name: [answer] for name, answer in answers.items()}
    return room.send_to(*NAMES)


def swept(room: Room) -> IssueState:
    room.house.swept()
    return issue(room).state


def came_back(room: Room, *names: str, status: str = "5.1.1") -> None:
    for serial, name in enumerate(names):
        raw = dsn(f"{name}@example.org", status=status, serial=serial)
        room.arrives(raw, to=[room.path_of(name)])


def test_refusals_by_policy_pause_the_issue_with_the_reason(room: Room) -> None:
    pauses_at(room, "5%")
    number = send(room, dict.fromkeys(NAMES[:4], POLICY))
    assert issue(room).state is IssueState.SENDING
    assert pause_if_rising(room.database, number, clock=room.clock)
    shown = issue_json(issue(room))
    assert shown["state"] == "paused"
    assert shown["attention"] == (
        "paused: 4 of 39 messages came back (10.3%; this newsletter pauses at 5%):"
        " 4 refused by policy (most were told: 550 5.7.1 rejected: your address is on a blocklist),"
        " 0 returned; see `alerts issue report 1`, then `alerts issue resume 1` goes on,"
        " and `alerts issue retry 1 --reason policy` takes up the refused"
    )
    with room.database.read() as session:
        assert session.get_one(BounceRise, number).waits
    assert not pause_if_rising(room.database, number, clock=room.clock)
    # Nobody is suppressed for what is about us.
    assert {room.reader(name).state.value for name in NAMES[:4]} == {"confirmed"}


def test_a_storm_that_is_our_own_trouble_costs_nobody_the_issue(room: Room) -> None:
    pauses_at(room, "5%", after=10)
    number = send(room, dict.fromkeys(NAMES, POLICY))
    assert swept(room) is IssueState.PAUSED
    # The relay lets us in again; a person goes on, and has those tried again who were refused.
    room.house.transport.answers = {}
    with room.database.transaction() as session:
        move(session, number, Event.RESUME, clock=room.clock)
        retried = retry_issue(session, number, reasons=["policy"], clock=room.clock)
    assert retried.deliveries == len(NAMES) - 1
    room.house.later(hours=1)
    for _ in range(2):
        swept(room)
        room.house.work()
    assert issue(room).state is IssueState.SENT
    assert issue(room).attention is None
    assert (room.house.books().sent, room.house.books().reasons) == (len(NAMES), {})


def test_whoever_has_the_refused_tried_again_has_seen_what_was(room: Room) -> None:
    pauses_at(room, "5%", after=10)
    room.house.transport.answers = {name: [POLICY] for name in NAMES}
    # All were refused before anybody looked: it ended.
    number = room.send_to(*NAMES)
    assert issue(room).state is IssueState.SENT
    with room.database.transaction() as session:
        retried = retry_issue(session, number, reasons=["policy"], clock=room.clock)
    assert retried.deliveries == len(NAMES)
    assert not pause_if_rising(room.database, number, clock=room.clock)
    room.house.transport.answers = {name: [POLICY] for name in NAMES[1:]} | {NAMES[0]: [LATER]}
    assert swept(room) is IssueState.SENDING
    room.house.work()
    # What comes back after that counts again.
    assert swept(room) is IssueState.PAUSED


def test_what_comes_back_later_counts_as_well(room: Room) -> None:
    pauses_at(room, "5%")
    send(room, {})
    came_back(room, *NAMES[:2])
    assert swept(room) is IssueState.PAUSED
    assert "2 returned, most at example.org 2" in (issue(room).attention or "")


def test_readers_who_are_not_there_when_it_is_handed_over_do_not_count(room: Room) -> None:
    pauses_at(room, "5%")
    send(room, dict.fromkeys(NAMES[:20], NOBODY))
    assert swept(room) is IssueState.SENDING


@pytest.mark.parametrize(("share", "after"), [("", 20), ("60%", 20), ("5%", 40)])
def test_a_newsletter_says_how_much_is_too_much_and_of_how_many(
    room: Room, share: str, after: int
) -> None:
    pauses_at(room, share, after=after)
    send(room, dict.fromkeys(NAMES[:20], POLICY))
    assert swept(room) is IssueState.SENDING


def test_whoever_resumes_it_has_seen_what_was(room: Room) -> None:
    pauses_at(room, "5%", after=5)
    number = send(room, dict.fromkeys(NAMES[:10], POLICY))
    assert swept(room) is IssueState.PAUSED
    # Meanwhile more comes back; it is seen, too.
    came_back(room, NAMES[10])
    with room.database.transaction() as session:
        move(session, number, Event.RESUME, clock=room.clock)
    assert [swept(room), swept(room)] == [IssueState.SENDING] * 2
    assert issue(room).attention is None
    with room.database.read() as session:
        assert not session.get_one(BounceRise, number).waits
    room.house.later(hours=1)
    room.house.work()
    assert issue(room).state is IssueState.SENT


@pytest.mark.parametrize(
    ("messages", "bounces", "seen", "expected"),
    [
        (100, 5, (0, 0), True),
        (100, 4, (0, 0), False),
        (99, 50, (0, 0), False),
        (300, 20, (200, 16), False),
        (300, 21, (200, 16), True),
        (250, 90, (200, 16), False),
        (100, 0, (0, 0), False),
    ],
)
def test_a_rise_is_a_share_of_enough_messages_since_somebody_looked(
    messages: int, bounces: int, seen: tuple[int, int], expected: bool
) -> None:
    found = Sum(messages, bounces // 2, bounces - bounces // 2)
    seen_messages, seen_bounces = seen
    assert expected is is_rise(
        found, seen_messages=seen_messages, seen_bounces=seen_bounces, share=0.05, least=100
    )
