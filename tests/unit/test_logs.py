"""No log line holds an address or a token in clear."""

import pytest

from alerts.logs import hide_people, without_people


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("550 5.1.1 <ama.boateng@example.org>: unknown", "550 5.1.1 <***@example.org>: unknown"),
        ("Key (email_key)=(zoë+x@exämple.org) exists", "Key (email_key)=(***@exämple.org) exists"),
        ("mailto:a@b.example, c@[192.0.2.1]", "mailto:***@b.example, ***@[192.0.2.1]"),
        ("RCPT TO:<o'neil@example.org>", "RCPT TO:<o'***@example.org>"),
        ("GET /unsubscribe/abc.DEF_1-2~x?y", "GET /unsubscribe/***?y"),
        ("https://a.example/confirm/t0ken then /preferences/x/data.csv",
         "https://a.example/confirm/*** then /preferences/***/data.csv"),
        ("nobody here @ all", "nobody here @ all"),
    ],
)  # fmt: skip
def test_addresses_and_tokens_are_masked(text: str, masked: str) -> None:
    assert without_people(text) == masked


def test_all_values_of_an_event_are_looked_at() -> None:
    event = {"event": "x", "ids": (1, 2), "why": {"said": ["a@b.example", 3]}, "raw": b"c"}
    assert hide_people(None, "info", event) == {
        "event": "x",
        "ids": [1, 2],
        "why": {"said": ["***@b.example", 3]},
        "raw": b"c",
    }
