"""Mails that are made to hurt: every one is read, in bounded memory, and none raises."""

import base64
import gzip
import logging.config
import random
import resource
import sys
import tracemalloc
from email.message import EmailMessage
from importlib.resources import files

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.inbound.reading.commands import command_of, without_prefixes
from alerts.inbound.reading.parts import LARGEST, read_parts
from alerts.inbound.reading.read import read_mail
from alerts.inbound.reading.record import Kind

_MEGABYTE = 1024 * 1024
_HEAD = b"From: a@b.example\nTo: alerts@newsroom.example\nSubject: hello\n"
# A small multiple of what is looked at: copies of it, its text, its parts.
_MOST_MEMORY = 60 * _MEGABYTE
# Far above what any of these takes; a loop that grows with the square takes hours.
_MOST_CPU_SECONDS = 60


def _nested(depth: int) -> bytes:
    opening = b"".join(
        b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (n, n) for n in range(depth)
    )
    return _HEAD + opening + b"Content-Type: text/plain\n\nunsubscribe\n"


def _bomb() -> bytes:
    packed = base64.encodebytes(gzip.compress(b"\0" * (50 * _MEGABYTE)))
    return (
        _HEAD
        + b'Content-Type: multipart/mixed; boundary="z"\n\n--z\nContent-Type: application/gzip\n'
        + b"Content-Transfer-Encoding: base64\n\n"
        + packed
        + b"\n--z--\n"
    )


_HTML = _HEAD + b"Content-Type: text/html\n\n"
HOSTILE = {
    "fifty_megabytes": _HEAD + b"\n" + b"word " * (10 * _MEGABYTE),
    "one_line": _HEAD + b"\n" + b"a" * (3 * _MEGABYTE),
    "one_address_like_line": _HEAD + b"\n" + b"a@" * _MEGABYTE,
    "many_parts": _HEAD
    + b'Content-Type: multipart/mixed; boundary="p"\n\n'
    + b"--p\nContent-Type: text/plain\n\nx\n" * 10_000,
    "deep": _nested(1_000),
    "long_header": _HEAD + b"X-Long: " + b"a" * _MEGABYTE + b"\n\nhello\n",
    "folded_header": _HEAD + b"X-Long: a\n" + b" b\n" * 400_000 + b"\nhello\n",
    "many_headers": _HEAD + b"X-A: b\n" * 200_000 + b"\nhello\n",
    "subject_prefixes": b"From: a@b.example\nSubject: " + b"Re: " * 200_000 + b"\n\nhello\n",
    "encoded_words": b"From: a@b.example\nSubject: " + b"=?utf-8?q?a?= " * 90_000 + b"\n\nx\n",
    "received_in_text": _HEAD + b"\n" + b"Received: from a\n" * 100_000,
    "nulls": b"From: a@b.example\0\nSub\0ject: \0\n\n\0\0\0" * 10_000,
    "html_opened": _HTML + b"<div>" * 300_000,
    "html_styles": _HTML + b"<style" * 300_000,
    "html_comments": _HTML + b"<!--" * 500_000,
    "html_angles": _HTML + b"<" * 1_500_000,
    "entities": _HTML + b"&" * 1_500_000,
    "quoted_printable": _HEAD + b"Content-Transfer-Encoding: quoted-printable\n\n" + b"=" * 900_000,
    "bomb": _bomb(),
    "parameters": _HEAD
    + b"Content-Type: multipart/mixed"
    + b"; boundary*0=a" * 90_000
    + b"\n\nx\n",
    "dsn_of_many": _HEAD
    + b"Content-Type: message/delivery-status\n\n"
    + b"Final-Recipient: rfc822; a@b.example\nAction: failed\n\n" * 30_000,
    "failed_addresses": b"From: MAILER-DAEMON@b.example\nSubject: failure notice\n\n"
    + b"".join(b"<r%d@there.example>: user unknown\n" % n for n in range(60_000)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_mail_is_read_in_bounded_memory(name: str) -> None:
    raw = HOSTILE[name]
    before = resource.getrusage(resource.RUSAGE_SELF)
    tracemalloc.start()
    try:
        reading = read_mail(raw)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    after = resource.getrusage(resource.RUSAGE_SELF)
    assert peak < _MOST_MEMORY
    assert after.ru_utime - before.ru_utime < _MOST_CPU_SECONDS
    assert reading.truncated is (len(raw) > LARGEST)
    assert len(reading.recipients) <= 500


def test_what_lies_deep_or_late_is_left_unread() -> None:
    assert len(read_parts(HOSTILE["many_parts"]).texts) == 100
    assert read_parts(_nested(5)).texts[0].text().strip() == "unsubscribe"
    assert read_mail(_nested(1_000)).command is None


@pytest.mark.parametrize(
    "charset",
    ["idna", "punycode", "unicode_escape", "zlib", "hex", "utf-16", "no\0such", "x" * 500, "é", ""],
)
def test_a_charset_that_is_none_gives_text_all_the_same(charset: str) -> None:
    head = f'From: a@b.example\nContent-Type: text/plain; charset="{charset}"\n\n'
    reading = read_mail(head.encode() + b"unsubscribe \\N{x} \xff\xfe" + b"\\x" * 1_000)
    assert reading.kind is Kind.REPLY


@given(st.binary(max_size=3_000))
def test_no_bytes_raise(raw: bytes) -> None:
    assert read_mail(raw).to_json("x")["source"] == "x"


_PIECES = st.sampled_from(
    [
        *(
            b"\n",
            b"\r\n",
            b" ",
            b"\0",
            b"--b",
            b"--b--",
            b"<",
            b">",
            b"@",
            b";",
            b"=?utf-8?b?",
            b"?=",
        ),
        *(b"Content-Type: multipart/report; boundary=b", b"Content-Type: message/delivery-status"),
        *(b"Content-Type: message/rfc822", b"Content-Type: text/html", b"Return-Path: <>"),
        *(
            b"Final-Recipient: rfc822;",
            b"Action: failed",
            b"Status: 5.1.1",
            b"Diagnostic-Code: smtp;",
        ),
        *(b"Feedback-Type: abuse", b"From: MAILER-DAEMON@x.example", b"Subject: failure notice"),
        *(b"a@b.example", b"550 5.1.1 user unknown", b"\\x{110000}", b"\xff\xfe", b"unsubscribe"),
        *(b"Content-Transfer-Encoding: base64", b"Received: from x", b"To: ", b"Re: ", b"X: "),
    ]
)


@settings(max_examples=300)
@given(st.lists(_PIECES, max_size=60))
def test_no_mixture_of_a_reports_pieces_raises(pieces: list[bytes]) -> None:
    raw = b"".join(pieces)
    reading = read_mail(raw, ours=("a@b.example",))
    assert "a@b.example" not in reading.recipients or reading.kind is Kind.COMPLAINT


@given(st.text(max_size=300), st.text(max_size=300))
def test_no_words_raise(subject: str, text: str) -> None:
    assert without_prefixes(f"Re: {subject}") == without_prefixes(subject)
    command_of(("x@y.example",), subject, text)


def test_a_report_cut_or_bent_anywhere_names_nobody_but_its_recipient() -> None:
    message = EmailMessage()
    message["From"] = "MAILER-DAEMON@there.example"
    message["Subject"] = "Undelivered Mail"
    message.set_content("<reader@there.example>: host said: 550 5.1.1 user unknown\n")
    whole = message.as_bytes()
    chance = random.Random(7)  # noqa: S311 - a test wants the same mishaps each time
    for _ in range(300):
        bent = bytearray(whole)
        bent[chance.randrange(len(bent))] = chance.randrange(256)
        cut = bytes(bent[: chance.randrange(len(bent))])
        assert len(read_mail(cut).recipients) <= 1


def test_the_samples_of_pythons_own_email_tests_are_read() -> None:
    samples = [
        path
        for path in files("test.test_email.data").iterdir()
        if path.name.startswith("msg_") and path.name.endswith(".txt")
    ]
    read = {path.name: read_mail(path.read_bytes()) for path in samples}
    assert len(read) >= 40
    bounces = {name: str(one.bounce) for name, one in read.items() if one.kind is Kind.BOUNCE}
    # A full mailbox, a loop, and an attachment that is not wanted; all else is no bounce.
    expected = {"msg_16.txt": "soft", "msg_25.txt": "soft", "msg_43.txt": "policy"}
    wrong = bounces.items() ^ expected.items()
    sys.stdout.write(f"{len(read)} mails, right in {1 - len(wrong) / len(read):.1%}\n")
    assert not wrong
    assert read["msg_16.txt"].recipients == ("jangel1@cougar.noc.ucla.edu",)
    assert read["msg_25.txt"].recipients == ("scoffman@wellpartner.com",)
    assert len(read["msg_43.txt"].recipients) == 11


@pytest.mark.parametrize("sender", [b"", b"From: \xff\xfe\n", b"From:\n", b"From: <>\n"])
def test_a_bounce_that_the_second_opinion_stumbles_over_is_read_in_silence(
    sender: bytes, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    # As uvicorn does when it starts: every logger that was turned off is on again.
    logging.config.dictConfig({"version": 1, "disable_existing_loggers": False})
    raw = (
        b"Return-Path: <>\n" + sender + b"Subject: Undelivered Mail\n\nIt could not be delivered.\n"
    )
    reading = read_mail(raw)
    assert (reading.kind, reading.recipients) == (Kind.BOUNCE, ())
    assert not caplog.records
    assert capfd.readouterr() == ("", "")
