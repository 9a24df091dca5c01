"""When a message is tried again, by what the answer says."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.delivery.bounces import bounce_class, count_bounces
from alerts.delivery.outcome import refusal
from alerts.delivery.waits import Ground, ground_of, wait_after

_ANSWERS = [
    (450, "4.2.0 <x@example.org>: Recipient address rejected: Greylisted", 1, Ground.GREYLISTED),
    (451, "4.7.1 Greylisting in action, please come back later", 3, Ground.GREYLISTED),
    (451, "4.7.1 Please try again later", 1, Ground.GREYLISTED),
    (450, "4.2.0 <x@example.org>: Recipient address rejected", 1, Ground.GREYLISTED),
    (450, "4.2.0 <x@example.org>: Recipient address rejected", 2, Ground.OTHER),
    (451, "4.7.1 Please try again later", 2, Ground.BUSY),
    (451, "4.7.1 Too many messages from your network", 1, Ground.BUSY),
    (421, "4.7.0 [TSS04] Messages deferred due to unexpected volume", 1, Ground.BUSY),
    (421, "Service not available, closing transmission channel", 1, Ground.BUSY),
    (452, "4.3.1 Insufficient system storage", 1, Ground.BUSY),
    (452, "4.5.3 Too many recipients", 1, Ground.BUSY),
    (450, "the server is overloaded", 1, Ground.BUSY),
    (452, "4.2.2 The recipient's inbox is out of storage space", 1, Ground.MAILBOX_FULL),
    (450, "Mailbox full", 1, Ground.MAILBOX_FULL),
    (451, "user has exceeded their disk quota", 1, Ground.MAILBOX_FULL),
    (451, "4.4.3 Temporary lookup failure", 1, Ground.NETWORK),
    (451, "4.1.8 Domain of sender address not found", 1, Ground.OTHER),
    (0, "connection lost: the server closed the connection", 1, Ground.SILENT),
]


@pytest.mark.parametrize(("code", "answer", "attempts", "ground"), _ANSWERS)
def test_an_answer_tells_what_it_is_about(
    code: int, answer: str, attempts: int, ground: Ground
) -> None:
    reason = refusal(code, answer).reason
    assert ground_of(code, reason, answer, attempts=attempts) is ground


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        ("Greylisted, please try again in 900 seconds", 915),
        ("4.7.1 Greylisting in effect, please come back in 00:24:38", 24 * 60 + 53),
        ("4.7.0 try again in 2 hours", 7_215),
        ("too busy, come back after about 45 mins", 45 * 60 + 15),
        # Sooner than anybody would be let in.
        ("Greylisted for 60 seconds", 360),
        # Nobody waits for days on a server's word.
        ("Greylisted, try again in 99999 hours", 12 * 3_600 + 15),
    ],
)
def test_who_says_when_to_come_back_is_heard(answer: str, seconds: int) -> None:
    assert wait_after(450, "450", answer, attempts=1) == timedelta(seconds=seconds)


def test_a_full_mailbox_is_left_alone_for_an_hour_and_more() -> None:
    waits = [wait_after(452, "4.2.2", "mailbox full", attempts=n) for n in range(1, 6)]
    assert waits[0] == timedelta(hours=1)
    assert waits[-1] == timedelta(hours=6)


@given(
    st.sampled_from([0, 421, 450, 451, 452]),
    st.sampled_from(["", "4.2.0", "4.2.2", "4.3.2", "4.4.1", "4.7.1", "4.9.9"]),
    st.text(max_size=60),
    st.integers(2, 50),
)
def test_waits_grow_and_are_never_none(code: int, enhanced: str, text: str, attempts: int) -> None:
    answer = f"{enhanced} {text}"
    reason = refusal(code, answer).reason
    one = wait_after(code, reason, answer, attempts=attempts)
    other = wait_after(code, reason, answer, attempts=attempts + 1)
    assert timedelta(minutes=2) <= one <= other <= timedelta(hours=13)


@pytest.mark.parametrize(
    ("reason", "found"),
    [
        ("refused 5.1.1", "hard"),
        ("refused 5.1.10", "hard"),
        ("refused 5.1.8", "policy"),
        ("refused 5.2.1", "hard"),
        ("refused 5.2.2", "soft"),
        ("refused 5.4.1", "hard"),
        ("refused 5.4.14", "soft"),
        ("refused 5.7.26", "policy"),
        ("refused 550", "hard"),
        ("refused 554", "policy"),
        ("refused 5.9.9", "soft"),
        ("gave up after 4.2.2", "soft"),
        ("gave up after no connection", None),
        ("unsubscribed", None),
        ("deferred 4.7.1", None),
    ],
)
def test_bounces_are_told_by_class(reason: str, found: str | None) -> None:
    assert bounce_class(reason) == found


def test_bounces_are_counted() -> None:
    reasons = {"refused 5.1.1": 3, "refused 550": 1, "refused 5.7.1": 2, "unsubscribed": 9}
    assert count_bounces(reasons) == {"hard": 4, "soft": 0, "policy": 2}
