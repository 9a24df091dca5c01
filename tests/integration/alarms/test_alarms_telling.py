"""Alarms are told once, by each way there is, reminded of, silenced for a while, and closed."""

import base64
import hashlib
import hmac
import json
import re
import threading
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from alerts.articles.sources.models import Source, SourceState
from alerts.errors import Invalid, NotFound, Refused
from alerts.operations.alarms.books import end_silence, past_alarms, silence
from alerts.operations.alarms.watching import LEFT_LYING
from alerts.operations.doctor.machine import Space
from alerts.operations.metrics import Metrics
from alerts.operations.models import Alarm, AlarmNote
from alerts.staff.audit import COMMAND_LINE, audit_page
from tests.data.delivery.house import House
from tests.data.operations.alarm_bell import GIBIBYTE, HOOK, OPS, OTHER, SECRET, Bell, a_source


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
    # It answers nobody.
    assert message["Auto-Submitted"] == "auto-generated"
    text = message.get_body(("plain",))
    assert text is not None
    words = " ".join(text.get_content().split())
    assert f"Source {number} (news.example.org) could not be read since" in words
    assert "What to do: Open its address" in words
    html = message.get_body(("html",))
    assert html is not None
    typed = re.findall(r"<code[^>]*>(.*?)</code>", html.get_content())
    assert f"alerts source pause {number}" in [re.sub("<[^>]+>", "", one) for one in typed]
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
    assert bell.told() == ["Alarm: A source of articles is gone (source 1)"]
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
    assert bell.told()[1:] == ["Still: A source of articles is gone (source 1)"]
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
