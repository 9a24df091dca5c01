"""Which refusals say that nobody is there, and which that our mail is not wanted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.delivery.bounces import Bounce, bounce_of, reason_of_refusal

HARD, SOFT, POLICY = Bounce.HARD, Bounce.SOFT, Bounce.POLICY


@pytest.mark.parametrize(
    ("code", "answer", "reason", "bounce"),
    [
        # The status says it.
        (550, "5.1.1 The email account that you tried to reach does not exist", "5.1.1", HARD),
        (550, "5.1.2 bad domain", "5.1.2", HARD),
        (0, "5.1.3 the address holds what no address may", "5.1.3", HARD),
        (551, "5.1.6 moved", "5.1.6", HARD),
        (556, "5.1.10 Domain does not accept mail (nullMX)", "5.1.10", HARD),
        (550, "5.2.1 The email account that you tried to reach is disabled", "5.2.1", HARD),
        (552, "5.2.2 over quota", "5.2.2", SOFT),
        (552, "5.3.4 too big", "5.3.4", SOFT),
        (550, "5.4.4 no route", "5.4.4", HARD),
        (554, "5.7.1 Service unavailable; blocked using zen.spamhaus.org", "5.7.1", POLICY),
        (550, "5.7.26 unauthenticated mail", "5.7.26", POLICY),
        (550, "5.7.515 Access denied", "5.7.515", POLICY),
        (550, "5.1.8 sender's domain", "5.1.8", POLICY),
        (550, "5.1.0 Address rejected", "5.1.0", HARD),
        (550, "5.1.0 sender rejected", "5.1.0: not from us", POLICY),
        (550, "5.4.14 hop count exceeded", "5.4.14", SOFT),
        (554, "5.6.1 media not supported", "5.6.1", POLICY),
        (553, "5.6.7 needs SMTPUTF8", "5.6.7", HARD),
        (550, "5.9.9 whatever", "5.9.9", SOFT),
        # An address of the network is no status.
        (554, "Client host [5.188.10.2] blocked", "554: not from us", POLICY),
        # The text says more than the status.
        (550, "5.4.1 Recipient address rejected: Access denied.", "5.4.1: no such mailbox", HARD),
        (550, "5.4.1 no answer from host", "5.4.1: not now", SOFT),
        (550, "5.4.1 whatever", "5.4.1", HARD),
        (550, "5.5.0 mailbox unavailable (S2017062302)", "5.5.0: no such mailbox", HARD),
        (550, "5.7.1 <a@example.org>... User unknown", "5.7.1: no such mailbox", HARD),
        (550, "5.2.1 receiving mail at a rate that prevents more", "5.2.1: not now", SOFT),
        (550, "5.0.0 rejected as spam", "5.0.0: not from us", POLICY),
        # No status at all.
        (550, "No such user here", "550: no such mailbox", HARD),
        (550, "Unknown user", "550: no such mailbox", HARD),
        (550, "<a@example.org>: User unknown in virtual table", "550: no such mailbox", HARD),
        (550, "Unrouteable address", "550: no such mailbox", HARD),
        (550, "sorry, no mailbox here by that name", "550: no such mailbox", HARD),
        (551, "User not local; please try elsewhere", "551: no such mailbox", HARD),
        (553, "invalid recipient", "553: no such mailbox", HARD),
        (554, "delivery error: dd This user doesn't have a yahoo.com account", None, HARD),
        (550, "mailbox <spam@bulk.example> does not exist", "550: no such mailbox", HARD),
        (550, "Requested action not taken: mailbox unavailable", "550: no such mailbox", HARD),
        (550, "high probability of spam", "550: not from us", POLICY),
        (554, "Your message was rejected due to DMARC", "554: not from us", POLICY),
        (550, "Relaying denied", "550: not from us", POLICY),
        (550, "Sender verify failed: no such user here", "550: not from us", POLICY),
        (552, "message storage exceeded", "552", SOFT),
        (550, "", "550", HARD),
        (551, "elsewhere", "551", HARD),
        (553, "we do not like it", "553", HARD),
        (553, "not in my list of allowed rcpthosts", "553: not from us", POLICY),
        (554, "no", "554", POLICY),
        (556, "null", "556", HARD),
        (501, "what?", "501", SOFT),
        (550, "over quota", "550: not now", SOFT),
        (554, "mailbox is full", "554: not now", SOFT),
        # Providers over HTTP.
        (
            406,
            "Recipients that have been marked as inactive: a hard bounce, a spam complaint",
            "406: takes no mail to this reader",
            HARD,
        ),
        (400, "'to' parameter is not a valid address", "400: no such mailbox", HARD),
        (400, "Does not contain a valid address.", "400: no such mailbox", HARD),
        (422, "Invalid 'From' address", "422: not from us", POLICY),
    ],
)
def test_a_refusal_is_classed_by_its_code_and_text(
    code: int, answer: str, reason: str | None, bounce: Bounce
) -> None:
    found = reason_of_refusal(code, answer)
    assert found == f"refused {reason or '554: no such mailbox'}"
    assert bounce_of(found) is bounce


@pytest.mark.parametrize(
    ("reason", "bounce"),
    [
        ("gave up after 4.2.2", SOFT),
        ("gave up after 451: greylisted", SOFT),
        ("gave up after 4.1.1", SOFT),
        ("gave up after 4.7.28", POLICY),
        ("gave up after no answer", None),
        ("gave up after no connection", None),
        ("gave up after waiting: quota of 50/d", None),
        ("gave up after a limit", None),
        ("issue cancelled", None),
        ("", None),
    ],
)
def test_who_was_given_up_bounced_if_a_server_refused(reason: str, bounce: Bounce | None) -> None:
    assert bounce_of(reason) is bounce


@given(code=st.integers(500, 599), answer=st.text(max_size=300))
def test_every_refusal_has_a_class_and_a_reason_that_fits_the_ledger(
    code: int, answer: str
) -> None:
    reason = reason_of_refusal(code, answer)
    assert len(reason) <= 100
    assert bounce_of(reason) is not None
