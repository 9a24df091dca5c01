"""Alarms: opened for what is broken and not for what is busy; told once, reminded of, closed."""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from alerts.articles.sources.models import Source, SourceKind, SourceState
from alerts.clock import FixedClock
from alerts.database import Database
from alerts.delivery.models import Batch, BatchState, OutcomeCount
from alerts.delivery.outcome import Fate, Outcome, refusal
from alerts.delivery.unsendable import halt_issue
from alerts.errors import Invalid, NotFound, Refused
from alerts.holding import lift_hold, put_on_hold
from alerts.inbound.fetching.claims import enter_mailboxes
from alerts.inbound.models import InboundMail, Mailbox, MailState
from alerts.mailbox_urls import parse_mailbox_url
from alerts.newsletters.models import Issue, IssueState, Run, RunOutcome, Schedule
from alerts.operations.alarms.beats import BEAT, WORKER, note_life
from alerts.operations.alarms.books import end_silence, past_alarms, silence
from alerts.operations.alarms.looking import Around, look_for_trouble
from alerts.operations.alarms.watching import LEFT_LYING
from alerts.operations.doctor.machine import Space
from alerts.operations.metrics import Metrics
from alerts.operations.models import Alarm, AlarmNote
from alerts.staff.audit import COMMAND_LINE, audit_page
from alerts.subscribers.models import Frequency
from tests.data.delivery.house import House
from tests.data.operations.alarm_bell import GIBIBYTE, HOOK, OPS, OTHER, SECRET, Bell


@pytest.fixture
def house(database: Database, clock: FixedClock, tmp_path: Path) -> House:
    return House(database, clock, tmp_path)


@pytest.fixture
def bell(house: House, tmp_path: Path) -> Iterator[Bell]:
    with house.database.transaction() as session:
        session.execute(update(Schedule).values(paused=True))
    bell = Bell(house.database, house.clock, tmp_path)
    yield bell
    bell.close()


def a_source(bell: Bell, *, failing_for: timedelta) -> int:
    now = bell.clock.now()
    with bell.database.transaction() as session:
        source = Source(
            key="key",
            url="https://news.example.org/feed?token=not-for-mails",
            kind=SourceKind.FEED,
            every_seconds=900,
            created_at=now,
            next_poll_at=now,
            failing_since=now - failing_for,
            last_error="the server answered 404",
        )
        session.add(source)
        session.flush()
        return source.id


def counted(bell: Bell, provider: str, *, hours_ago: int = 0, **outcomes: int) -> None:
    at = bell.clock.now() - timedelta(hours=hours_ago)
    with bell.database.transaction() as session:
        for outcome, count in outcomes.items():
            session.add(
                OutcomeCount(
                    hour=at, last_at=at, issue_id=1, provider=provider, outcome=outcome, count=count
                )
            )


def test_a_house_in_order_rings_nothing(bell: Bell) -> None:
    assert bell.look() == []
    assert bell.told() == []
    assert bell.calls.got == []


def test_an_alarm_is_told_once_reminded_of_daily_and_told_when_over(bell: Bell) -> None:
    bell.space = Space(100 * GIBIBYTE, GIBIBYTE // 2)
    for _ in range(3):
        assert bell.look() == ["disk-short"]
        assert bell.told() == ["Alarm: The disk is nearly full"]
        bell.clock.advance(timedelta(minutes=1))
    bell.clock.advance(timedelta(days=1))
    for _ in range(2):
        bell.look()
        assert bell.told()[1:] == ["Still: The disk is nearly full"]
        bell.clock.advance(timedelta(minutes=1))
    bell.space = Space(100 * GIBIBYTE, 50 * GIBIBYTE)
    bell.look()
    assert bell.told()[2:] == []
    # What comes and goes within minutes is one trouble.
    bell.clock.advance(timedelta(minutes=10))
    assert bell.look() == []
    assert bell.told()[2:] == ["Over: The disk is nearly full"]
    with bell.database.read() as session:
        [past] = past_alarms(session, limit=9)
        assert past.told_at == bell.clock.now()
        assert session.scalar(select(func.count()).select_from(AlarmNote)) == 6
    assert [json.loads(body)["occasion"] for _, body, _ in bell.calls.got] == [
        "opened",
        "reminder",
        "over",
    ]


def test_the_mail_says_what_and_what_to_do_and_no_secrets(bell: Bell) -> None:
    number = a_source(bell, failing_for=timedelta(days=2))
    bell.look()
    bell.told()
    [caught] = bell.mails()
    mail = bell.store.get(caught.id)
    assert mail is not None
    message = message_from_bytes(mail.raw, policy=default)
    assert mail.recipient == OPS
    assert message["Auto-Submitted"]
    text = message.get_body(("plain",))
    assert text is not None
    words = " ".join(text.get_content().split())
    assert f"source {number} (news.example.org) could not be had since" in words
    assert f"alerts source pause {number}" in words
    assert "https://alerts.example.org/desk/operations" in words
    assert b"not-for-mails" not in mail.raw
    assert all(b"not-for-mails" not in body for _, body, _ in bell.calls.got)


def test_the_webhook_is_signed_so_that_it_can_be_checked(bell: Bell) -> None:
    a_source(bell, failing_for=timedelta(days=2))
    bell.look()
    bell.told()
    [(url, body, headers)] = bell.calls.got
    assert url == HOOK
    signed = f"{headers['Webhook-Id']}.{headers['Webhook-Timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(SECRET.encode(), signed, hashlib.sha256).digest())
    assert headers["Webhook-Signature"] == f"v1,{expected.decode()}"
    assert int(headers["Webhook-Timestamp"]) == int(bell.clock.now().timestamp())
    document = json.loads(body)
    assert (document["kind"], document["system"]) == ("source-dead", "https://alerts.example.org")


def test_what_one_way_refuses_goes_by_the_other_and_is_tried_again(bell: Bell) -> None:
    bell.calls.away = True
    a_source(bell, failing_for=timedelta(days=2))
    bell.look()
    assert len(bell.told()) == 1
    with bell.database.read() as session:
        failures = session.scalars(select(AlarmNote.failure).order_by(AlarmNote.target)).all()
    assert sorted(failures) == ["", "no answer in time"]
    bell.calls.away = False
    assert bell.told() == ["Alarm: A source of articles is gone"]
    assert bell.calls.got == []
    bell.clock.advance(timedelta(minutes=3))
    bell.told()
    assert len(bell.calls.got) == 1


def test_everybody_is_told_and_nobody_twice_by_two_processes(
    house: House, tmp_path: Path, bell: Bell
) -> None:
    bell.close()
    both = Bell(house.database, house.clock, tmp_path, to=(OPS, OTHER), hook="")
    a_source(both, failing_for=timedelta(days=2))
    both.look()
    threads = [threading.Thread(target=both.watch.tell) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(mail.recipient for mail in both.mails()) == [OTHER, OPS]
    both.close()


def test_one_check_a_minute_over_all_processes(bell: Bell) -> None:
    other = bell.begin()
    assert bell.watch.check() is not None
    assert other.check() is None
    bell.clock.advance(timedelta(minutes=1))
    assert other.check() is not None
    assert bell.watch.check() is None


def test_a_scheduled_issue_that_is_late(bell: Bell) -> None:
    with bell.database.transaction() as session:
        schedule = session.scalars(select(Schedule)).first()
        assert schedule is not None
        schedule.paused, schedule.next_at = False, bell.clock.now()
    bell.clock.advance(timedelta(minutes=14))
    assert bell.look() == []
    bell.clock.advance(timedelta(minutes=2))
    assert bell.look() == ["run-late"]
    # A system that was restored is late on purpose, and tells nobody.
    with bell.database.transaction() as session:
        put_on_hold(session, since=bell.clock.now(), backup_of=bell.clock.now())
    assert bell.told() == []
    bell.clock.advance(timedelta(minutes=6))
    assert bell.look() == []
    with bell.database.transaction() as session:
        lift_hold(session)


def a_run(bell: Bell, outcome: RunOutcome, period: str) -> None:
    now = bell.clock.now()
    with bell.database.transaction() as session:
        session.add(
            Run(
                newsletter="gp-alert",
                frequency=Frequency.DAILY,
                period=period,
                due_at=now,
                started_at=now,
                outcome=outcome,
                reason="the template has a mistake",
            )
        )


def test_a_run_that_was_begun_and_makes_nothing(bell: Bell) -> None:
    a_run(bell, RunOutcome.CLAIMED, "one")
    bell.clock.advance(timedelta(minutes=16))
    assert bell.look() == ["run-late"]


def test_a_run_that_failed_is_told_of_until_a_later_one_did_not(bell: Bell) -> None:
    a_run(bell, RunOutcome.FAILED, "one")
    assert bell.look() == ["run-failed"]
    assert "the template has a mistake" in bell.alarms()[0].what
    bell.clock.advance(timedelta(minutes=10))
    a_run(bell, RunOutcome.SKIPPED, "two")
    assert bell.look() == []


def test_an_approved_issue_that_does_not_begin(house: House, bell: Bell) -> None:
    house.send_to("ama")
    with bell.database.transaction() as session:
        session.execute(update(Issue).values(state=IssueState.SCHEDULED, send_at=bell.clock.now()))
    bell.clock.advance(timedelta(minutes=16))
    assert bell.look() == ["issue-late"]


def test_an_issue_that_stalls_while_its_server_is_away(house: House, bell: Bell) -> None:
    house.send_to("ama", "kofi")
    house.transport.away = True
    for _ in range(14):
        house.work()
        assert bell.look() == []
        bell.clock.advance(timedelta(minutes=1))
    bell.clock.advance(timedelta(minutes=2))
    house.work()
    assert bell.look() == ["issue-stalled"]
    house.transport.away = False
    bell.clock.advance(timedelta(minutes=6))
    house.work()
    assert bell.look() == []
    assert house.issue_state() is IssueState.SENT


def test_an_issue_whose_last_readers_are_put_off_is_busy_and_not_stalled(
    house: House, bell: Bell
) -> None:
    house.send_to("ama", "slow")
    house.transport.answers = {"slow": [refusal(451, "4.7.1 greylisted")] * 9}
    house.work()
    with bell.database.read() as session:
        [waiting] = session.scalars(select(Batch.not_before))
    assert waiting is not None
    while bell.clock.now() < waiting - timedelta(seconds=30):
        assert bell.look() == []
        bell.clock.advance(timedelta(minutes=1))


def test_an_issue_under_a_limit_of_the_day_waits_on_purpose(house: House, bell: Bell) -> None:
    house.send_to("ama", "later")
    house.transport.answers = {"later": [Outcome(Fate.POSTPONED, wait=36_000)]}
    house.work()
    for _ in range(4):
        bell.clock.advance(timedelta(hours=2))
        assert bell.look() == []


def test_an_audience_that_is_never_taken(house: House, bell: Bell) -> None:
    house.send_to("ama")
    with bell.database.transaction() as session:
        session.execute(update(Batch).values(state=BatchState.DONE))
    bell.clock.advance(timedelta(minutes=16))
    assert bell.look() == ["issue-stalled"]


def test_an_issue_that_paused_by_itself(house: House, bell: Bell) -> None:
    house.send_to("ama")
    halt_issue(bell.database, house.issue_id, "the template has a mistake", clock=bell.clock)
    assert bell.look() == ["issue-halted"]
    with bell.database.transaction() as session:
        session.execute(update(Issue).values(attention=None))
    bell.clock.advance(timedelta(minutes=6))
    # Somebody paused it: nothing is broken.
    assert bell.look() == []


def test_a_bounce_rate_that_jumps(bell: Bell) -> None:
    counted(bell, "gmail.com", hours_ago=72, sent=9_900, hard=100)
    counted(bell, "gmail.com", sent=980, hard=20)
    assert bell.look() == []
    counted(bell, "gmail.com", hard=30)
    bell.clock.advance(timedelta(minutes=1))
    assert bell.look() == ["bounce-rate"]
    assert "50 of the last day's 1030 messages bounced, 4.9%; usual are 1.0%" in (
        bell.alarms()[0].what
    )


def test_a_provider_that_blocks(bell: Bell) -> None:
    counted(bell, "yahoo.com", sent=5_000, policy=9)
    assert bell.look() == []
    counted(bell, "outlook.com", sent=100, policy=12)
    bell.clock.advance(timedelta(minutes=1))
    assert bell.look() == ["policy-blocks"]
    assert bell.alarms()[0].subject == "provider:outlook.com"


def test_a_source_counts_as_dead_after_a_day_unless_it_is_paused(bell: Bell) -> None:
    a_source(bell, failing_for=timedelta(hours=23))
    assert bell.look() == []
    bell.clock.advance(timedelta(hours=2))
    assert bell.look() == ["source-dead"]
    with bell.database.transaction() as session:
        session.execute(update(Source).values(state=SourceState.PAUSED))
    bell.clock.advance(timedelta(minutes=6))
    assert bell.look() == []


def test_inbound_mail_that_nobody_reads(bell: Bell) -> None:
    with bell.database.transaction() as session:
        session.add(
            InboundMail(
                digest="d",
                raw=b"From: somebody",
                size=14,
                way="lmtp",
                envelope_from="",
                envelope_to="",
                state=MailState.NEW,
                received_at=bell.clock.now(),
                expires_at=bell.clock.now() + timedelta(days=1),
            )
        )
    bell.clock.advance(timedelta(minutes=14))
    assert bell.look() == []
    bell.clock.advance(timedelta(minutes=2))
    assert bell.look() == ["mail-waits"]
    with bell.database.transaction() as session:
        session.execute(update(InboundMail).values(state=MailState.DONE))
    bell.clock.advance(timedelta(minutes=6))
    assert bell.look() == []


def test_a_mailbox_that_cannot_be_looked_into_for_an_hour(bell: Bell) -> None:
    url = parse_mailbox_url("imaps://post:secret@mail.example.org/INBOX")
    now = bell.clock.now()
    with bell.database.transaction() as session:
        enter_mailboxes(session, [url], clock=bell.clock)
        session.execute(update(Mailbox).values(failing_since=now, last_error="no answer in time"))
    around = Around(None, timedelta(minutes=30), (url,))
    for minutes, kinds in ((59, []), (61, ["mailbox-dead"])):
        with bell.database.read() as session:
            at = now + timedelta(minutes=minutes)
            found = look_for_trouble(session, now=at, around=around)
        assert [one.kind for one in found] == kinds
    assert "no answer in time" in found[0].what
    assert "secret" not in found[0].what


def test_parts_that_are_silent(bell: Bell) -> None:
    bell.alive()
    bell.clock.advance(timedelta(minutes=4))
    with bell.database.transaction() as session:
        note_life(session, WORKER, now=bell.clock.now())
    assert bell.look_at_silence() == ["no-beat"]
    bell.clock.advance(timedelta(minutes=4))
    assert bell.look_at_silence() == ["no-beat", "no-worker"]


def test_whoever_starts_to_watch_gives_everybody_time(bell: Bell) -> None:
    bell.alive()
    bell.clock.advance(timedelta(days=1))
    late = bell.begin()
    assert bell.look_at_silence(late) == []
    bell.clock.advance(timedelta(minutes=4))
    assert sorted(bell.look_at_silence(late)) == ["no-beat", "no-worker"]


def test_workers_that_are_busy_let_ticks_pass_for_a_while(bell: Bell) -> None:
    bell.alive()
    for minute in range(1, 20):
        bell.clock.advance(timedelta(minutes=1))
        bell.alive(tick=False)
        assert bell.look_at_silence() == ([] if minute <= 15 else ["no-tick"])


def test_another_process_tells_what_no_worker_told(bell: Bell) -> None:
    bell.alive()
    bell.clock.advance(timedelta(minutes=4))
    bell.look_at_silence()
    assert bell.watch.tell(waited=LEFT_LYING) == 0
    bell.clock.advance(LEFT_LYING)
    assert bell.watch.tell(waited=LEFT_LYING) == 4


def test_a_silence_has_a_reason_an_end_and_a_line_in_the_log(bell: Bell) -> None:
    a_source(bell, failing_for=timedelta(days=2))
    bell.look()
    bell.told()
    [alarm] = bell.alarms()
    with bell.database.transaction() as session:
        silence(
            session,
            alarm.id,
            span=timedelta(days=3),
            reason="  their  site moves ",
            actor=COMMAND_LINE,
            clock=bell.clock,
        )
    for _ in range(2):
        bell.clock.advance(timedelta(days=1, minutes=1))
        bell.look()
        assert len(bell.told()) == 1
    bell.clock.advance(timedelta(days=1))
    bell.look()
    assert bell.told()[1:] == ["Still: A source of articles is gone"]
    with bell.database.read() as session:
        [line] = audit_page(session).lines
    assert (line.entry.act, line.entry.details["reason"]) == ("alarm.silenced", "their site moves")


def test_what_no_silence_can_be(bell: Bell) -> None:
    a_source(bell, failing_for=timedelta(days=2))
    bell.look()
    [alarm] = bell.alarms()

    def silenced(number: int, span: timedelta, reason: str) -> Alarm:
        with bell.database.transaction() as session:
            return silence(
                session, number, span=span, reason=reason, actor=COMMAND_LINE, clock=bell.clock
            )

    with pytest.raises(NotFound):
        silenced(alarm.id + 1, timedelta(hours=1), "why")
    with pytest.raises(Invalid, match="reason"):
        silenced(alarm.id, timedelta(hours=1), "  ")
    with pytest.raises(Invalid, match="30 days"):
        silenced(alarm.id, timedelta(days=31), "why")
    silenced(alarm.id, timedelta(days=30), "why")
    with bell.database.transaction() as session:
        assert (
            end_silence(session, alarm.id, actor=COMMAND_LINE, clock=bell.clock).silenced_until
            is None
        )
        session.execute(update(Source).values(state=SourceState.PAUSED))
    bell.clock.advance(timedelta(minutes=10))
    bell.look()
    with pytest.raises(Refused, match="is over since"):
        silenced(alarm.id, timedelta(hours=1), "why")


def test_prometheus_is_shown_what_is_open(bell: Bell) -> None:
    a_source(bell, failing_for=timedelta(days=2))
    bell.look()
    metrics = Metrics(bell.database, "", bell.clock)
    assert b'alerts_alarms_open{kind="source-dead"} 1.0' in metrics.text()
    metrics.close()


def test_nobody_to_tell_is_no_reason_to_forget(house: House, tmp_path: Path, bell: Bell) -> None:
    bell.close()
    mute = Bell(house.database, house.clock, tmp_path, to=(), hook="")
    a_source(mute, failing_for=timedelta(days=2))
    assert mute.look() == ["source-dead"]
    with mute.database.read() as session:
        assert session.scalar(select(func.count()).select_from(AlarmNote)) == 0
    mute.close()


def test_a_beat_that_never_was(bell: Bell) -> None:
    bell.clock.advance(timedelta(minutes=4))
    with bell.database.transaction() as session:
        note_life(session, BEAT, now=bell.clock.now())
    assert bell.look_at_silence() == ["no-worker"]
    assert "since it was set up" in bell.alarms()[0].what
