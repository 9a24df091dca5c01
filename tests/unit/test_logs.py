"""No log line holds an address or a token in clear."""

import io
import logging
import time
from collections.abc import Iterator

import pytest
from celery.utils.log import ColorFormatter
from uvicorn.logging import DefaultFormatter

from alerts.logs import configure_logs, hide_people, without_people


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
        ('to <"ama boateng"@example.org>', "to <***@example.org>"),
        ("GET /subscribe?email=ama%40example.org", "GET /***%40example.org"),
        ("bounce+ama=example.org@relay.example", "***@relay.example"),
        ("/desk/password/s3-cr3t?x", "/desk/password/***?x"),
        ("POST /inbound/webhooks/postmark/s3cr3t", "POST /inbound/webhooks/postmark/***"),
        ("Bearer gpa_AbC-12_x was", "Bearer *** was"),
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


def test_a_long_line_takes_no_time() -> None:
    began = time.process_time()
    for letters in ("a", "a.", "gpa_", "a="):
        without_people(letters * 500_000)
    assert time.process_time() - began < 10


@pytest.fixture
def masked() -> Iterator[None]:
    usual = logging.getLogRecordFactory()
    configure_logs()
    yield
    logging.setLogRecordFactory(usual)


@pytest.mark.usefixtures("masked")
def test_what_libraries_log_is_masked_with_its_traceback() -> None:
    written = io.StringIO()
    logger = logging.getLogger("of.a.library")
    logger.propagate = False
    for formatter in (logging.Formatter(), DefaultFormatter(use_colors=False), ColorFormatter()):
        handler = logging.StreamHandler(written)
        handler.setFormatter(formatter)
        logger.addHandler(handler)
    try:
        int("no place for ama@example.org")
    except ValueError:
        logger.exception("Task %s raised: %r", "x", {"to": "ama@example.org"})
    logger.warning("asked for /preferences/t0ken by %s", "ama@example.org")
    said = written.getvalue()
    assert said.count("10: 'no place for ***@example.org'") == 3
    assert said.count("/preferences/*** by ***@example.org") == 3
    assert "ama" not in said
