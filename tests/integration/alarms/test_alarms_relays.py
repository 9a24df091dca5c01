"""A relay that refuses us: nobody's bounce, told of, and over as soon as it takes our mail."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import select

from alerts.delivery.counting import outcomes_by_issue
from alerts.delivery.loop import BackgroundLoop
from alerts.delivery.models import Delivery
from alerts.delivery.sender import BatchResult
from alerts.delivery.transports.smtp import SmtpServer, SmtpTransport
from alerts.newsletters.models import IssueState
from tests.data.delivery.house import House
from tests.data.operations.alarm_bell import Bell
from tests.functional.moody_smtp import Act, Mood, MoodySmtp, Step, kind

READERS = tuple(f"reader{number:02}" for number in range(40))


@pytest.fixture
def relay(house: House) -> Iterator[MoodySmtp]:
    """An SMTP server to which the house sends."""
    with MoodySmtp() as server:
        loop = BackgroundLoop()
        transport = SmtpTransport(SmtpServer("127.0.0.1", server.port, tls="off", connections=2))
        house.sender = replace(house.sender, transport=transport, run=loop.run)
        yield server
        loop.run(transport.close())
        loop.close()


def refuses(at: Step, answer: bytes) -> Mood:
    """Return the mood of a server that answers everybody the same at one step."""

    def mood(step: Step, recipient: str) -> Act | None:
        named = answer.replace(b"%s", recipient.encode())
        return Act(named + b"\r\n") if step is at else None

    return mood


@pytest.mark.parametrize(
    ("step", "answer"),
    [
        (Step.MAIL, b"530 5.7.0 Authentication required"),
        (Step.RCPT, b"530 5.7.1 Authentication required"),
        (Step.END, b"530 5.7.1 Authentication required"),
        (Step.RCPT, b"554 5.7.1 <%s>: Relay access denied"),
        (Step.RCPT, b"454 4.7.1 Relay access denied"),
        (Step.END, b"554 Message rejected: Email address is not verified."),
    ],
)
def test_a_relay_that_does_not_know_us_costs_nobody_their_mail(
    house: House, bell: Bell, relay: MoodySmtp, step: Step, answer: bytes
) -> None:
    relay.mood = refuses(step, answer)
    house.send_to(*READERS)
    for _ in range(3):
        assert house.work() is BatchResult.LATER
        assert bell.look() == []
        house.later(seconds=80)
    assert bell.look() == ["relay-refuses"]
    [alarm] = bell.alarms()
    said = f"127.0.0.1:{relay.port} refuses our mail without a login: {answer[:9].decode()}"
    assert alarm.what.startswith(f"issue {house.issue_id} of gp-alert does not go out: {said}")
    reasons = {reason for _, reason in house.states().values()} - {None}
    assert len(reasons) == 1, "they are not counted together"
    books = house.books()
    assert (books.pending, books.failed, relay.messages) == (len(READERS), 0, 0)
    relay.mood = kind
    # No longer than it takes to be sure that it is over.
    house.later(minutes=6)
    assert house.work() is BatchResult.DONE
    assert house.issue_state() is IssueState.SENT
    assert bell.look() == []
    assert (house.books().sent, house.books().reasons) == (len(READERS), {})
    assert (relay.messages, relay.copies) == (len(READERS), 0)
    with house.database.read() as session:
        attempts = session.scalars(select(Delivery.attempts).distinct()).all()
        outcomes = outcomes_by_issue(session, [house.issue_id])[house.issue_id]
    assert attempts == [1], "what was refused for our sake counts against a reader"
    assert outcomes.counts == {"sent": len(READERS)}


def test_what_is_refused_to_one_reader_alone_is_no_alarm(
    house: House, bell: Bell, relay: MoodySmtp
) -> None:
    def denied(step: Step, recipient: str) -> Act | None:
        mine = step is Step.RCPT and recipient.startswith("reader07@")
        return Act(b"550 5.7.1 not wanted here\r\n") if mine else None

    relay.mood = denied
    house.send_to(*READERS)
    assert house.work() is BatchResult.DONE
    assert bell.look() == []
    assert house.books().reasons == {"refused 5.7.1": 1}
