"""Status codes are found where they stand, and said in words."""

import pytest

from alerts.delivery.status_codes import enhanced_code, in_words, words_of


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ("5.1.1 no such user", "5.1.1"),
        ("sorry, no mailbox here by that name (#5.1.1)", "5.1.1"),
        ("5.1.10: null MX", "5.1.10"),
        ("4.7.650 rate limited", "4.7.650"),
        ("nobody. 5.1.1.", "5.1.1"),
        ("host 5.188.10.2 is listed", ""),
        ("192.5.1.1 is listed", ""),
        ("version 15.2.1", ""),
        ("5.1.1234", ""),
        ("2" * 1_000 + " 5.1.1", ""),
        ("", ""),
    ],
)
def test_an_address_of_the_network_is_no_status(answer: str, code: str) -> None:
    assert enhanced_code(answer) == code


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("refused 5.1.1", "no such mailbox"),
        ("deferred 4.7.1", "greylisting, or a matter of policy"),
        ("gave up after 4.7.28", "too much mail at once"),
        ("refused 5.7.999", "a matter of policy"),
        ("refused 550", "no such mailbox, or a matter of policy"),
        # These say it themselves, or nobody knows.
        ("refused 550: not from us", ""),
        ("waits: quota of 421", ""),
        ("refused 5.9.9", ""),
        ("gave up after no connection", ""),
        ("unsubscribed", ""),
    ],
)
def test_a_reason_in_plain_words(reason: str, words: str) -> None:
    assert in_words(reason) == words


def test_names_are_left_out_of_an_answer() -> None:
    answer = "<spam@a.example>: Kofi@Bulk.example UNKNOWN, see https://a.example/spam?x now"
    assert words_of(answer).split() == [":", "unknown,", "see", "now"]
