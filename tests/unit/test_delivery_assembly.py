"""A message is read back by the standard library as what went into it, for any reader."""

import html
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import compat32, default
from email.utils import parseaddr

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.delivery.assembly import CompiledMessage, Envelope, Reader, ascii_address
from alerts.delivery.assembly.bodies import quoted_printable
from alerts.delivery.assembly.fields import mailbox
from alerts.rendering.slots import Slot

ENVELOPE = Envelope(
    sender="GP Alerts <alerts@news.example.org>",
    reply_to="Éditeurs <desk@news.example.org>",
    list_id="gp-alert.news.example.org",
    list_title="GP Alert",
    date=datetime(2026, 11, 23, 2, 30, tzinfo=UTC),
)
HTML = '<p>Für @@EMAIL@@ — <a href="@@UNSUBSCRIBE_URL@@">stop</a>\n.\nFrom here</p>'
TEXT = "To @@EMAIL@@\n\nUnsubscribe:\n@@UNSUBSCRIBE_URL@@\n\n@@PREFERENCES_URL@@\n"

printable = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=80)
local_parts = st.from_regex(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]{1,30}", fullmatch=True)


def reader(name: str | None = "Ama Boateng", email: str = "ama@example.org") -> Reader:
    return Reader(
        name=name,
        email=email,
        message_id="k3.7.42@news.example.org",
        unsubscribe_url="https://news.example.org/unsubscribe/" + "Ab-_." * 30,
        preferences_url="https://news.example.org/preferences/xyz",
    )


def body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert isinstance(part, EmailMessage)
    content = part.get_content()
    assert isinstance(content, str)
    return content.replace("\r\n", "\n").removesuffix("\n")


def test_headers_are_those_a_bulk_mail_needs() -> None:
    raw = CompiledMessage(ENVELOPE, "Mali — what next?", HTML, TEXT).fill(reader())
    message = message_from_bytes(raw, policy=default)
    assert message["From"] == "GP Alerts <alerts@news.example.org>"
    assert message["Reply-To"].addresses[0].display_name == "Éditeurs"
    assert message["Subject"] == "Mali — what next?"
    assert message["To"] == "Ama Boateng <ama@example.org>"
    assert message["Message-ID"] == "<k3.7.42@news.example.org>"
    assert message["Date"].datetime == ENVELOPE.date
    assert message["List-Id"] == '"GP Alert" <gp-alert.news.example.org>'
    assert message["List-Unsubscribe"] == f"<{reader().unsubscribe_url}>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == [
        "text/plain",
        "text/html",
    ]
    for name in set(message.keys()):
        assert len(message.get_all(name, [])) == 1, name


def test_no_line_is_longer_than_the_rfc_allows_and_all_end_with_crlf() -> None:
    raw = CompiledMessage(ENVELOPE, "Ü" * 200, "é" * 5000 + HTML, TEXT * 40).fill(reader())
    assert raw.isascii()
    assert raw.count(b"\n") == raw.count(b"\r\n") == raw.count(b"\r")
    assert max(len(line) for line in raw.split(b"\r\n")) < 998
    body_lines = raw.partition(b"\r\n\r\n")[2].split(b"\r\n")
    assert max(len(line) for line in body_lines) <= 76


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    before=st.text(st.sampled_from("aé= \t\n."), max_size=170),
    value=st.text(st.sampled_from("ab-"), min_size=1, max_size=170),
)
def test_lines_around_a_slot_are_as_short_as_any_and_nothing_is_lost(
    before: str, value: str
) -> None:
    who = reader()._replace(unsubscribe_url=f"https://x/{value}")
    text = f"{before}@@UNSUBSCRIBE_URL@@@@EMAIL@@{before}."
    raw = CompiledMessage(ENVELOPE, "s", "<p>", text).fill(who)
    assert max(len(line) for line in raw.partition(b"\r\n\r\n")[2].split(b"\r\n")) <= 76
    shown = body(message_from_bytes(raw, policy=default), "plain")
    assert shown == f"{before}https://x/{value}{who.email}{before}."


@given(
    st.text(st.sampled_from(".\n ab=é") | st.characters(codec="utf-8"), max_size=300),
    st.booleans(),
)
def test_no_line_starts_with_a_dot(text: str, eight_bit: bool) -> None:
    body = f".\n..\n{text}\n.{Slot.EMAIL.value}\n{text}.{Slot.UNSUBSCRIBE_URL.value}\n." + "é" * 99
    raw = CompiledMessage(ENVELOPE, "s", body, body).fill(reader(), eight_bit=eight_bit)
    assert b"\n." not in raw


def test_no_list_header_stands_in_a_mail_that_nothing_is_subscribed_to() -> None:
    who = reader()._replace(unsubscribe_url="")
    message = message_from_bytes(CompiledMessage(ENVELOPE, "s", HTML, TEXT).fill(who))
    assert message["List-Unsubscribe"] is None
    assert message["List-Unsubscribe-Post"] is None


def test_a_subject_without_a_space_is_folded_as_well() -> None:
    raw = CompiledMessage(ENVELOPE, "x" * 3000, HTML, TEXT).fill(reader())
    assert max(len(line) for line in raw.split(b"\r\n")) < 998
    assert message_from_bytes(raw, policy=default)["Subject"] == "x" * 3000


def test_nobodys_absence_answers_a_single_mail() -> None:
    single = replace(ENVELOPE, list_id="")
    message = message_from_bytes(CompiledMessage(single, "s", HTML, TEXT).fill(reader()))
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["List-Id"] is None


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(name=printable, local=local_parts, subject=printable, before=printable, after=printable)
def test_any_reader_and_any_text_are_read_back(
    name: str, local: str, subject: str, before: str, after: str
) -> None:
    email = f"{local}@example.org"
    who = reader(name, email)
    html_body = f"{html.escape(before)} {HTML} {html.escape(after)}"
    raw = CompiledMessage(ENVELOPE, subject, html_body, before + TEXT + after).fill(who)
    message = message_from_bytes(raw, policy=default)
    assert not message.defects

    plain = message_from_bytes(raw, policy=compat32)
    # The parser of 3.11 leaves a space between encoded words of a phrase; decode_header does not.
    shown, address = parseaddr(plain["To"].replace("\r\n", ""))
    assert address == email
    assert str(make_header(decode_header(shown))).split() == name.split()
    assert str(make_header(decode_header(plain["Subject"]))).split() == subject.split()

    expected_text = (
        (before + TEXT + after)
        .replace("@@EMAIL@@", email)
        .replace("@@UNSUBSCRIBE_URL@@", who.unsubscribe_url)
        .replace("@@PREFERENCES_URL@@", who.preferences_url)
    )
    assert body(message, "plain") == expected_text.removesuffix("\n")
    expected_html = html_body.replace("@@EMAIL@@", html.escape(email)).replace(
        "@@UNSUBSCRIBE_URL@@", who.unsubscribe_url
    )
    assert body(message, "html") == expected_html


@pytest.mark.parametrize("attack", ["x\r\nBcc: all@example.org", "x\nSubject: y", "a\0b"])
def test_a_line_break_never_makes_a_header(attack: str) -> None:
    raw = CompiledMessage(ENVELOPE, attack, HTML, TEXT).fill(reader(name=attack))
    message = message_from_bytes(raw, policy=default)
    assert "Bcc" not in message
    assert len(message.get_all("Subject", [])) == 1
    assert b"\0" not in raw


def test_names_are_quoted_when_they_must_be() -> None:
    assert mailbox("Diallo, Awa", "a@example.org") == '"Diallo, Awa" <a@example.org>'
    assert mailbox('The "Chief"', "a@example.org") == '"The \\"Chief\\"" <a@example.org>'
    assert mailbox(None, "a@example.org") == "a@example.org"
    assert mailbox("अमित", "a@example.org").startswith("=?utf-8?")


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=300))
def test_quoted_printable_is_ascii_with_short_lines(text: str) -> None:
    encoded = quoted_printable(text.encode())
    assert encoded.isascii()
    assert all(len(line) <= 76 for line in encoded.split(b"\r\n"))


def test_an_international_domain_goes_out_in_ascii_and_a_local_part_does_not() -> None:
    assert ascii_address("info@bücher.example") == "info@xn--bcher-kva.example"
    assert ascii_address("info@example.org") == "info@example.org"
    assert ascii_address("अमित@example.org") is None
