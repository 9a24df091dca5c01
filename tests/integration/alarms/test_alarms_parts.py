"""Alarms of what is around issues: returned mail, providers, sources, mailboxes, silent parts."""

from datetime import datetime, timedelta

from sqlalchemy import update

from alerts.articles.sources.models import Source, SourceState
from alerts.delivery.models import OutcomeCount
from alerts.inbound.fetching.claims import enter_mailboxes
from alerts.inbound.models import InboundMail, Mailbox, MailState
from alerts.mailbox_urls import parse_mailbox_url
from alerts.newsletters.models import Schedule
from alerts.operations.alarms.beats import BEAT, WORKER, note_life
from alerts.operations.alarms.looking import Around, look_for_trouble
from tests.data.operations.alarm_bell import Bell, a_source


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


def test_one_check_a_minute_over_all_processes(bell: Bell) -> None:
    other = bell.begin()
    assert bell.watch.check() is not None
    assert other.check() is None
    bell.clock.advance(timedelta(minutes=1))
    assert other.check() is not None
    assert bell.watch.check() is None


def test_a_bounce_rate_that_jumps(bell: Bell) -> None:
    counted(bell, "gmail.com", hours_ago=72, sent=9_900, hard=100)
    counted(bell, "gmail.com", sent=980, hard=20)
    assert bell.look() == []
    counted(bell, "gmail.com", hard=30)
    bell.clock.advance(timedelta(minutes=1))
    assert bell.look() == ["bounce-rate"]
    said = "50 of the last day's 1,030 messages bounced (4.9%); usually 1.0% do"
    assert bell.alarms()[0].what == said


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


def is_due(bell: Bell, at: datetime) -> None:
    with bell.database.transaction() as session:
        session.execute(update(Schedule).values(paused=False, next_at=at))


def test_what_was_due_while_the_machine_was_off_is_seen_to_before_it_is_told_of(
    bell: Bell,
) -> None:
    is_due(bell, bell.clock.now())
    bell.clock.advance(timedelta(hours=5))
    started = bell.begin()
    assert bell.look(started) == []
    bell.clock.advance(timedelta(minutes=4))
    assert set(bell.look(started)) == {"run-late"}


def test_no_alarm_is_over_because_the_machine_was_off(bell: Bell) -> None:
    is_due(bell, bell.clock.now())
    bell.clock.advance(timedelta(minutes=16))
    assert set(bell.look()) == {"run-late"}
    bell.clock.advance(timedelta(hours=5))
    started = bell.begin()
    assert set(bell.look(started)) == {"run-late"}
    is_due(bell, bell.clock.now() + timedelta(hours=1))
    bell.clock.advance(timedelta(minutes=6))
    assert bell.look(started) == []


def test_workers_that_are_busy_let_ticks_pass_for_a_while(bell: Bell) -> None:
    bell.alive()
    for minute in range(1, 20):
        bell.clock.advance(timedelta(minutes=1))
        bell.alive(tick=False)
        assert bell.look_at_silence() == ([] if minute <= 15 else ["no-tick"])


def test_a_beat_that_never_was(bell: Bell) -> None:
    bell.clock.advance(timedelta(minutes=4))
    with bell.database.transaction() as session:
        note_life(session, BEAT, now=bell.clock.now())
    assert bell.look_at_silence() == ["no-worker"]
    assert bell.alarms()[0].what == "no worker has given a sign of life: nothing is sent"
