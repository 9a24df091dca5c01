"""Whatever a body holds and wherever its slots are, its reader gets it back, octet for octet."""

import html
import re
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from alerts.delivery.assembly import CompiledMessage, Envelope, Reader
from alerts.delivery.assembly.bodies import LONGEST_VALUE
from alerts.rendering.slots import Slot

ENVELOPE = Envelope(
    sender="GP Alerts <alerts@news.example.org>",
    reply_to="",
    list_id="gp-alert.news.example.org",
    list_title="GP Alert",
    date=datetime(2026, 11, 23, 2, 30, tzinfo=UTC),
)
LATIN = "Où va l’Afrique de l’Ouest ? La CEDEAO et l’AES négocient à Bamako. "
HINDI = "भारत के गाँवों में बदलती दुनिया और लोगों का जीवन। "
ARABIC = "أخبار من مالي والنيجر وبوركينا فاسو في هذا الأسبوع. "
CHINESE = "非洲之角的局势和印度洋的航运安全。"
AWKWARD = [
    *("=", "==", " ", "  ", "\t", ".", "..", "\n", "\n\n", "\r\n", "\r", "\0", "-", "--", "--=_"),
    *("From ", "\nFrom here ", "\n.\n", " \n", "\t\n", "=20", "=\n", "é", "अ", "😀", "e\u0301"),
    *("\u2028", "\x85", "\ud800", "\ufeff", "\u200f", "&", '"', "<b>", "@@", "\x0b", "\x0c"),
    *("x" * 75, "x" * 76, "=" * 30, "é" * 40, "x" * 1000, LATIN * 3, HINDI * 3, CHINESE * 4),
]
slots = st.sampled_from([slot.value for slot in Slot])
chunks = st.one_of(st.sampled_from(AWKWARD), st.text(max_size=90), slots)
templates = st.lists(chunks, max_size=12).map("".join)
values = st.one_of(
    st.sampled_from(["", " ", "a ", "=", "x" * 73, "x" * 75, "x" * 76, "From a", "é=", "a&b'\"<"]),
    st.text(max_size=LONGEST_VALUE),
    st.integers(0, 400).map(lambda n: "https://example.org/u/" + "Ab-_." * (n // 5)),
)


def tidied(text: str) -> str:
    """Return what a mail can hold of a text."""
    unified = text.replace("\r\n", "\n").replace("\r", "\n")
    return re.sub(r"[\0\ud800-\udfff]", "\ufffd", unified)


def filled(template: str, reader: Reader, *, markup: bool) -> str:
    """Do with a template what assembly should do with it."""
    given_values = {
        "@@EMAIL@@": reader.email,
        "@@UNSUBSCRIBE_URL@@": reader.unsubscribe_url,
        "@@PREFERENCES_URL@@": reader.preferences_url,
    }
    parts = re.split("(" + "|".join(given_values) + ")", template)
    shown = [html.escape(given_values[p]) if markup else given_values[p] for p in parts[1::2]]
    parts[1::2] = shown
    return "".join(tidied(part) for part in parts)


def body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    text = payload.decode()
    assert all("\r" not in line for line in text.split("\r\n"))
    return text.replace("\r\n", "\n")


def parts(raw: bytes) -> list[EmailMessage]:
    message = message_from_bytes(raw, policy=default)
    assert isinstance(message, EmailMessage)
    found = list(message.iter_parts())
    assert len(found) == 2
    return [part for part in found if isinstance(part, EmailMessage)]


def encodings(raw: bytes) -> list[str]:
    return [str(part["Content-Transfer-Encoding"]) for part in parts(raw)]


def check_lines(raw: bytes) -> None:
    """Check what any server may ask of a message's lines."""
    assert b"\0" not in raw
    assert raw.count(b"\n") == raw.count(b"\r\n") == raw.count(b"\r")
    assert raw.endswith(b"\r\n")
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    if b"\r\nContent-Transfer-Encoding: 8bit\r\n" not in raw:
        body_lines = raw.partition(b"\r\n\r\n")[2].split(b"\r\n")
        assert max(map(len, body_lines)) <= 76
        assert not any(line.endswith((b" ", b"\t")) for line in body_lines)
        assert not any(line.startswith(b"From ") for line in body_lines)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.tuples(templates, templates.filter(bool)), st.tuples(values, values, values), st.booleans()
)
@example(("@@EMAIL@@", "@@EMAIL@@@@EMAIL@@"), ("a", "", ""), False)
@example(("=@@EMAIL@@=@@EMAIL@@\n@@EMAIL@@\n", HINDI), ("x" * 75, "", ""), False)
@example((HINDI * 2 + "@@EMAIL@@" + HINDI * 2, HINDI), ("ab", "", ""), False)
def test_what_goes_in_is_read_back(
    bodies: tuple[str, str], slot_values: tuple[str, str, str], eight_bit: bool
) -> None:
    (text, markup), (address, unsubscribe, preferences) = bodies, slot_values
    reader = Reader("Ama", address, "k3.7.42@example.org", unsubscribe, preferences)
    raw = CompiledMessage(ENVELOPE, "s", markup, text).fill(reader, eight_bit=eight_bit)
    check_lines(raw)
    assert raw.endswith(b"--\r\n")
    message = message_from_bytes(raw, policy=default)
    assert isinstance(message, EmailMessage)
    assert [part.get_content_subtype() for part in parts(raw)] == ["plain", "html"]
    assert body(message, "plain") == filled(text, reader, markup=False)
    assert body(message, "html") == filled(markup, reader, markup=True)
    if not eight_bit:
        assert raw.partition(b"\r\n\r\n")[2].isascii()


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(templates, st.tuples(values, values, values), st.booleans())
def test_without_html_a_message_is_a_single_text(
    text: str, slot_values: tuple[str, str, str], eight_bit: bool
) -> None:
    reader = Reader("Ama", slot_values[0], "k3.7.42@example.org", *slot_values[1:])
    raw = CompiledMessage(ENVELOPE, "s", "", text).fill(reader, eight_bit=eight_bit)
    check_lines(raw)
    message = message_from_bytes(raw, policy=default)
    assert isinstance(message, EmailMessage)
    assert message.get_content_type() == "text/plain"
    assert message["Content-Type"].params["charset"] == "utf-8"
    wanted = filled(text, reader, markup=False)
    assert body(message, "plain") in {wanted, f"{wanted}\n"}


READER = Reader(
    "Ama",
    "ama@example.org",
    "k3.7.42@example.org",
    "https://news.example.org/unsubscribe/" + "Ab-_." * 30,
    "https://news.example.org/preferences/" + "xyz" * 30,
)
FOOTER = "\nStop: @@UNSUBSCRIBE_URL@@\nChange: @@PREFERENCES_URL@@\n"


@pytest.mark.parametrize("script", [HINDI, ARABIC, CHINESE])
def test_what_quoted_printable_would_treble_goes_in_base64(script: str) -> None:
    compiled = CompiledMessage(ENVELOPE, "s", f"<p>{script * 20}</p>" + FOOTER, LATIN * 5 + FOOTER)
    raw = compiled.fill(READER)
    assert encodings(raw) == ["quoted-printable", "base64"]
    assert body(parts(raw)[1], "html") == filled(
        f"<p>{script * 20}</p>" + FOOTER, READER, markup=True
    )
    lines = raw.partition(b"base64\r\n\r\n")[2].split(b"\r\n")[:20]
    assert {len(line) for line in lines} <= {*range(4, 80, 4)}


@pytest.mark.parametrize("length", range(7))
def test_base64_is_right_for_every_alignment_of_values(length: int) -> None:
    template = f"@@EMAIL@@{HINDI * 3}@@EMAIL@@a@@PREFERENCES_URL@@{HINDI * 4}@@EMAIL@@{HINDI}"
    reader = Reader("Ama", "é" + "x" * length, "1@example.org", "", "y" * (length // 3))
    raw = CompiledMessage(ENVELOPE, "s", template, template).fill(reader)
    assert encodings(raw) == ["base64", "base64"]
    assert body(parts(raw)[0], "plain") == filled(template, reader, markup=False)
    assert body(parts(raw)[1], "html") == filled(template, reader, markup=True)


def test_eight_bits_are_used_where_the_way_takes_them() -> None:
    compiled = CompiledMessage(ENVELOPE, "s", f"<p>{HINDI}</p>\n" * 9 + FOOTER, LATIN + FOOTER)
    seven, eight = compiled.fill(READER), compiled.fill(READER, eight_bit=True)
    assert len(eight) < len(seven)
    assert encodings(eight) == ["8bit", "8bit"]
    assert message_from_bytes(eight)["Content-Transfer-Encoding"] == "8bit"
    assert message_from_bytes(seven)["Content-Transfer-Encoding"] is None
    assert f"Stop: {READER.unsubscribe_url}\r\n".encode() in eight
    assert [
        body(part, kind) for part, kind in zip(parts(eight), ("plain", "html"), strict=True)
    ] == [body(part, kind) for part, kind in zip(parts(seven), ("plain", "html"), strict=True)]


def test_a_part_with_a_long_line_stays_encoded() -> None:
    long_line = "<p>" + "x" * (998 - LONGEST_VALUE - 6) + "@@EMAIL@@</p>\n"
    short_line = "<p>" + "x" * (998 - LONGEST_VALUE - 7) + "@@EMAIL@@</p>\n"
    raw = CompiledMessage(ENVELOPE, "s", long_line, LATIN).fill(READER, eight_bit=True)
    assert encodings(raw) == ["8bit", "quoted-printable"]
    raw = CompiledMessage(ENVELOPE, "s", short_line, LATIN).fill(READER, eight_bit=True)
    assert encodings(raw) == ["8bit", "8bit"]


def test_a_value_longer_than_was_counted_in_sends_its_message_in_seven_bits() -> None:
    compiled = CompiledMessage(ENVELOPE, "s", LATIN + "@@EMAIL@@", LATIN)
    fits = Reader(None, "x" * LONGEST_VALUE, "1@example.org", "", "")
    too_long = Reader(None, "x" * (LONGEST_VALUE - 4) + "&", "1@example.org", "", "")
    assert encodings(compiled.fill(fits, eight_bit=True)) == ["8bit", "8bit"]
    assert encodings(compiled.fill(too_long, eight_bit=True)) == ["quoted-printable"] * 2


def test_plain_ascii_is_encoded_too_in_seven_bits() -> None:
    raw = CompiledMessage(ENVELOPE, "s", "<p>Hi</p>", "Hi \n.\nFrom here\n").fill(READER)
    assert encodings(raw) == ["quoted-printable", "quoted-printable"]
    assert b"Hi=20\r\n=2E\r\n=46rom here\r\n" in raw


def test_one_message_does_not_leak_into_the_next() -> None:
    compiled = CompiledMessage(ENVELOPE, "s", f"<p>{HINDI * 9}</p>@@EMAIL@@", LATIN + FOOTER)
    other = Reader("Bo", "bo@example.org", "2@example.org", "https://x/2", "https://x/p2")
    first = compiled.fill(READER)
    assert compiled.fill(other) != first
    assert compiled.fill(READER) == first


def test_the_boundary_differs_with_the_text() -> None:
    texts = ["a", "b", "ab", "c"]
    boundaries = {
        re.findall(rb'boundary="(.+?)"', CompiledMessage(ENVELOPE, "s", h, t).fill(READER))[0]
        for h, t in pairwise([*texts, "a"])
    }
    assert len(boundaries) == len(texts)


@pytest.mark.parametrize("end", [" ", "\t", "  "])
def test_a_value_never_leaves_a_space_at_the_end_of_a_line(end: str) -> None:
    reader = Reader(None, "a" + end, "1@example.org", "", "")
    raw = CompiledMessage(ENVELOPE, "s", "<p>", "@@EMAIL@@\nnext").fill(reader)
    check_lines(raw)
    assert body(parts(raw)[0], "plain") == f"a{end}\nnext"


@pytest.mark.parametrize("length", range(65, 78))
def test_a_line_that_begins_a_mail_stays_short_when_it_is_changed(length: int) -> None:
    template = "\nFrom " + "x" * (length - 5) + "\n@@EMAIL@@"
    raw = CompiledMessage(ENVELOPE, "s", "<p>", template).fill(READER)
    check_lines(raw)
    assert body(parts(raw)[0], "plain") == template.replace("@@EMAIL@@", READER.email)


@pytest.mark.parametrize("space", [" ", "\t", "  "])
@pytest.mark.parametrize("length", range(70, 80))
def test_a_space_at_the_end_of_a_full_line_makes_it_no_longer(length: int, space: str) -> None:
    for line in ("x" * length, "é" * (length // 6) + "x" * (length % 6)):
        template = f"{line}{space}\n@@EMAIL@@\n{line}{space}\n{line}{space}"
        raw = CompiledMessage(ENVELOPE, "s", "<p>", template).fill(READER)
        check_lines(raw)
        assert body(parts(raw)[0], "plain") == template.replace("@@EMAIL@@", READER.email)
