"""When a message is tried again follows from what the server said."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.delivery.waits import Cause, cause_of, stated_wait, wait_after

NOTHING = timedelta()


@pytest.mark.parametrize(
    ("code", "answer", "cause"),
    [
        # As the greylists themselves say it: Postgrey, milter-greylist, sqlgrey, rspamd, Exim, …
        (
            450,
            "4.2.0 <a@example.org>: Greylisted, see http://postgrey.schweikert.ch/help/x.html",
            Cause.GREYLISTED,
        ),
        (451, "4.7.1 Greylisting in action, please come back in 00:04:32", Cause.GREYLISTED),
        (450, "4.7.1 <a@example.org>: Greylisted for 5 minutes (1)", Cause.GREYLISTED),
        (451, "4.7.1 Try again later", Cause.GREYLISTED),
        (451, "Graylisted, please try again in 900 seconds", Cause.GREYLISTED),
        (421, "4.7.0 [GL01] Message from (192.0.2.1) temporarily deferred", Cause.GREYLISTED),
        (451, "Temporary failure, please try again later.", Cause.GREYLISTED),
        (451, "Internal resources are temporarily unavailable", Cause.GREYLISTED),
        (450, "4.2.0 not yet", Cause.GREYLISTED),
        (451, "4.7.1 not yet", Cause.GREYLISTED),
        # Full.
        (452, "4.2.2 The email account that you tried to reach is over quota.", Cause.FULL),
        (450, "4.2.2 try again later", Cause.FULL),
        (452, "Mailbox of this user is full", Cause.FULL),
        (451, "user has exceeded its quota", Cause.FULL),
        (451, "user has exceeded their disk quota", Cause.FULL),
        # Busy, or too much at once.
        (421, "Service not available, closing channel, try again later", Cause.BUSY),
        (421, "4.7.28 our system has detected an unusual rate of mail", Cause.BUSY),
        (451, "4.7.500 Server busy. Please try again later from [192.0.2.1].", Cause.BUSY),
        (450, "4.2.1 The user is receiving mail at a rate that prevents more", Cause.BUSY),
        (451, "4.7.1 too many messages, try again later", Cause.BUSY),
        (452, "4.3.1 Insufficient system storage", Cause.BUSY),
        (452, "4.5.3 Too many recipients", Cause.BUSY),
        (451, "4.7.25 your host has no name", Cause.BUSY),
        (421, "4.7.0 daily quota exceeded", Cause.BUSY),
        (450, "the server is overloaded", Cause.BUSY),
        (421, "4.7.0 [TSS04] Messages deferred due to unexpected volume", Cause.BUSY),
        (451, "4.5.0 protocol", Cause.BUSY),
        (429, "Throttled", Cause.BUSY),
        # The network and the DNS.
        (451, "4.4.3 nameserver failure", Cause.NETWORK),
        (421, "4.4.2 timeout exceeded", Cause.NETWORK),
        (450, "4.1.8 <b@example.org>: Sender address rejected: Domain not found", Cause.NETWORK),
        (451, "Could not resolve your host", Cause.NETWORK),
        # No answer, and the rest.
        (0, "connection lost, greylisted or not", Cause.NO_ANSWER),
        (451, "Requested action aborted: local error in processing", Cause.OTHER),
        (451, "4.1.8 Domain of sender address not found", Cause.OTHER),
        (451, "", Cause.OTHER),
        # What the reader or the link is called says nothing.
        (451, "<greylist@overquota.example>: see https://example.org/greylisting/", Cause.OTHER),
        # Contradictory codes: the subject and detail count.
        (452, "5.2.2 mailbox", Cause.FULL),
    ],
)
def test_the_cause_is_read_from_the_answer(code: int, answer: str, cause: Cause) -> None:
    assert cause_of(code, answer, attempts=1) is cause


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        ("4.7.1 not yet", Cause.BUSY),
        ("4.7.1 Please try again later", Cause.BUSY),
        ("4.2.0 not yet", Cause.OTHER),
        ("Please try again later", Cause.OTHER),
    ],
)
def test_who_refuses_a_second_time_was_perhaps_not_greylisting(answer: str, cause: Cause) -> None:
    assert cause_of(451, answer, attempts=2) is cause
    assert cause_of(421, answer, attempts=1) is not Cause.GREYLISTED


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        ("4.7.1 Greylisting in action, please come back in 00:04:32", 272),
        ("Greylisted for 300 seconds", 300),
        ("4.2.0 Greylisted, try again in 5 minutes (1)", 300),
        ("Please retry in 10min", 600),
        ("try again in 1 hour and 30 minutes", 5_400),
        ("wait at least 2 h before the next one", 7_200),
        # Nobody waits for days on a server's word.
        ("try again later, in about 1 day", 43_200),
        ("Greylisted, try again in 99999 hours", 43_200),
        ("greylisted by 2 policies, see below; try again in 90s", 90),
        # The longest one stated.
        ("retry in 60 seconds; greylisted for 5 minutes", 300),
        ("too busy, come back after about 45 mins", 2_700),
        # No time to wait: a window, a code, no unit, no plausible number.
        ("4.7.0 more than 100 messages in 60 minutes", 0),
        ("try again later", 0),
        ("try again in 300", 0),
        ("try again in 5 metres", 0),
        ("try again in 12345678 seconds", 0),
        ("again" + " " * 200 + "5 minutes", 0),
    ],
)
def test_a_stated_time_is_understood(answer: str, seconds: int) -> None:
    margin = 15 if seconds else 0
    assert stated_wait(answer) == timedelta(seconds=seconds + margin)


@given(st.text(max_size=2_000))
def test_no_answer_is_too_strange(answer: str) -> None:
    assert stated_wait(answer) >= NOTHING
    assert cause_of(451, answer, attempts=1) in Cause
    assert cause_of(0, answer, attempts=1) is Cause.NO_ANSWER


@pytest.mark.parametrize(
    ("cause", "minutes"),
    [
        (Cause.GREYLISTED, [6, 15, 30]),
        (Cause.FULL, [60, 120, 240, 360, 360]),
        (Cause.BUSY, [5, 15, 30, 60]),
        (Cause.NETWORK, [5, 10, 20]),
        (Cause.NO_ANSWER, [2, 5, 15]),
        (Cause.OTHER, [5, 15, 30]),
    ],
)
def test_each_cause_has_its_pace(cause: Cause, minutes: list[int]) -> None:
    waits = [wait_after(cause, n, stated=NOTHING) for n in range(1, len(minutes) + 1)]
    assert waits == [timedelta(minutes=each) for each in minutes]


@given(
    cause=st.sampled_from(Cause),
    attempts=st.integers(1, 100),
    stated=st.timedeltas(NOTHING, timedelta(days=3)),
)
def test_waits_grow_and_heed_what_is_stated(cause: Cause, attempts: int, stated: timedelta) -> None:
    wait = wait_after(cause, attempts, stated=stated)
    assert wait >= stated
    assert wait <= wait_after(cause, attempts + 1, stated=stated) <= max(stated, timedelta(hours=6))
