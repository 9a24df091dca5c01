"""Refusals that are meant for us, by the words and codes that relays use for them."""

import pytest

from alerts.delivery.outcome import Fate, Outcome, refusal
from alerts.delivery.strangers import Stranger, stranger

SURELY = [
    # Postfix, Gmail, Amazon SES, Dovecot's submission, Exchange, Brevo.
    "530 5.7.0 Must issue a STARTTLS command first",
    "530 5.7.1 Authentication required",
    "530-5.7.0 Authentication Required. For more information, go to https://support.example/mail",
    "530 Authentication required",
    "535 5.7.8 Error: authentication failed: UGFzc3dvcmQ6",
    "535 Authentication Credentials Invalid",
    "534 5.7.9 Application-specific password required",
    "538 5.7.11 Encryption required for requested authentication mechanism",
    "525 5.7.1 Unauthorized IP address 203.0.113.7",
    "550 5.7.57 Client was not authenticated to send anonymous mail during MAIL FROM",
]
PERHAPS = [
    # Postfix (and with defer_unauth_destination), sendmail, Exim, qmail, Exchange, SES, SendGrid.
    "554 5.7.1 <amina@example.org>: Relay access denied",
    "454 4.7.1 <amina@example.org>: Relay access denied",
    "554 5.7.1 <unknown[203.0.113.7]>: Client host rejected: Access denied",
    "550 5.7.1 <amina@example.org>... Relaying denied. Proper authentication required.",
    "550 relay not permitted",
    "550 relaying is not allowed",
    "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)",
    "550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain",
    "550 5.7.1 Unable to relay for amina@example.org",
    "550 5.7.0 Mail relay denied [203.0.113.7]. Invalid credentials for relay",
    "454 4.7.0 Temporary authentication failure",
    "550 Unauthenticated senders not allowed",
    "550 SMTP authentication is required.",
    "550 5.7.1 You must authenticate first",
    "554 Message rejected: Email address is not verified.",
    "550 The from address does not match a verified Sender Identity.",
]
ABOUT_READERS = [
    "550 5.1.1 no such user",
    "550 5.7.1 not you",
    "554 5.7.1 not wanted here",
    "550 5.7.1 rejected: your address is on a blocklist",
    "450 4.7.1 Greylisted, try again in 5 minutes",
    "421 4.3.2 going down",
    "452 4.2.2 mailbox full",
    # Of SPF and DKIM, in words much like those of logins.
    "550 5.7.26 The sender is unauthenticated; all must authenticate with either SPF or DKIM.",
    "554 5.7.9 Message not accepted for policy reasons",
    "550 5.7.515 Access denied, sending domain does not meet the required authentication level",
    # The relay asked the reader's own server.
    "550 5.1.1 undeliverable address: host mx.example.org said: 554 5.7.1 relay access denied",
    "550 5.1.1 recipient verification failed: relaying denied",
    # Nothing that somebody chose to be called says anything.
    "550 5.1.1 <relay.denied@example.org> is not here",
]


def told(text: str) -> Stranger | None:
    code, _, answer = text.partition(" ")
    return stranger(refusal(int(code[:3]), answer))


@pytest.mark.parametrize("text", SURELY)
def test_an_answer_of_logins_means_us(text: str) -> None:
    assert told(text) is Stranger.SURELY


@pytest.mark.parametrize("text", PERHAPS)
def test_words_of_logins_and_relaying_mean_us_perhaps(text: str) -> None:
    assert told(text) is Stranger.PERHAPS


@pytest.mark.parametrize("text", ABOUT_READERS)
def test_other_refusals_are_about_readers(text: str) -> None:
    assert told(text) is None


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome(Fate.ACCEPTED, 250, "2.0.0 relaying denied"),
        Outcome(Fate.UNKNOWN, 0, "authentication required"),
        Outcome(Fate.PERMANENT, 0, "5.6.7 relay not permitted"),
        Outcome(Fate.POSTPONED, 530, "authentication required"),
    ],
)
def test_what_no_server_refused_says_nothing(outcome: Outcome) -> None:
    assert stranger(outcome) is None
