"""Header fields say what they were given to say, and nothing else, whatever that was."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, message_from_string
from email.header import decode_header, make_header
from email.headerregistry import AddressHeader
from email.message import Message
from email.policy import compat32, default
from email.utils import parseaddr

import idna
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from alerts.delivery.assembly import (
    CompiledMessage,
    Envelope,
    Reader,
    address_of,
    ascii_address,
    fields,
)

ENVELOPE = Envelope(
    sender="GP Alerts <alerts@news.example.org>",
    reply_to="Desk <desk@news.example.org>",
    list_id="gp-alert.news.example.org",
    list_title="GP Alert",
    date=datetime(2026, 11, 23, 2, 30, tzinfo=UTC),
)
READER = Reader(
    "Ama", "ama@example.org", "k3.7.42@example.org", "https://x.org/u", "https://x.org/p"
)
NAMES = [
    *("Awa Diallo", "Diallo, Awa", 'The "Chief"', "back\\slash", "a.b", "O'Brien-Smith", "x" * 61),
    *("अमित शर्मा", "😀" * 40, "e\u0301" * 50, "\u202eevil", "José", "A  B", "", " ", "=", "\u200d"),
    *("=?utf-8?q?=41?=", "=?x", "a@b.org", "<a@b.org>", "(note)", "x:;", "Müller (GP)", "a\u2028b"),
    *(
        "a\r\nBcc: b@example.org",
        "a\nb",
        "a\rb",
        "a\0b",
        "a\x85b",
        "a\ud800b",
        "\u200fمرحب",
        "ß" * 300,
    ),
]
ADDRESSES = [
    *("ama@example.org", "a.b+c@example.org", '"a b"@example.org', '"a\\\\"b"@example.org'),
    *(
        "o'brien@example.org",
        "अमित@example.org",
        "info@bücher.example",
        "用户@例え.jp",
        "a@[192.0.2.1]",
    ),
    *(
        "x" * 64 + "@" + ".".join(["y" * 60] * 4),
        "a,b@example.org",
        "a b@example.org",
        '"@example.org',
    ),
    *("\\@example.org", "a@b@example.org", "😀@example.org", "Ama@Example.ORG", "a..b@example.org"),
]
BROKEN = [
    *("", "@", "a", "a@", "@example.org", "a@exa mple.org", "a@exa,mple.org", "a@b>c", "a@b..c"),
    *(
        "a@b\r\nBcc: c@example.org",
        "a\r\nBcc: c@d.org @b.org",
        "a@\0b",
        "a@b\u2028c",
        "a\ud800@b.org",
    ),
    *("x" * 2000 + "@example.org", "अ" * 900 + "@example.org", "a\u2028@b.org", "a\x85b@c.org"),
]
texts = st.one_of(st.sampled_from(NAMES), st.text(max_size=120))
CHANGED = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def shown(text: str) -> str:
    """Return what a header field can say of a text."""
    return re.sub(r"[\ud800-\udfff]", "\ufffd", CHANGED.sub(" ", text)).strip()


def decoded(value: str) -> str:
    return str(make_header(decode_header(value)))


def read(raw: bytes) -> "Message[str, str]":
    """Read a message back, its header fields as they stand; check the lines it came in."""
    head = raw.partition(b"\r\n\r\n")[0]
    assert head.count(b"\n") == head.count(b"\r\n") == head.count(b"\r")
    assert b"\0" not in head
    lines = head.decode().split("\r\n")
    assert max(len(line.encode()) for line in lines) <= 998
    # A line is a field of ours or goes on with one: no text made another.
    assert all(re.match(r"[A-Z][A-Za-z-]+: |[ ]", line) for line in lines)
    assert not any(line.isspace() for line in lines)
    message = message_from_string(head.decode() + "\r\n\r\n", policy=compat32)
    for name in ("From", "To", "Subject", "Message-ID", "Date", "List-Id"):
        assert len(message.get_all(name, [])) == 1
    assert "Bcc" not in message
    return message


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(name=texts, subject=texts, title=texts, sender=texts)
@example("a\r\nBcc: b@example.org", "a\r\nBcc: b@example.org", "a\r\n\r\nb", "a\nBcc: b@c.org")
def test_any_text_is_read_back(name: str, subject: str, title: str, sender: str) -> None:
    who = fields.mailbox(sender, "alerts@news.example.org")
    envelope = replace(ENVELOPE, sender=who, list_title=title)
    compiled = CompiledMessage(envelope, subject, "<p>", "x")
    raw = compiled.fill(READER._replace(name=name))
    message = read(raw)
    # Spaces are kept in all fields but where a quoted name is unfolded.
    assert decoded(message["Subject"].replace("\r\n", "")) == shown(subject)
    to, address = parseaddr(message["To"].replace("\r\n", ""))
    assert address == READER.email
    assert decoded(to) == shown(name)
    phrase, _, identifier = message["List-Id"].replace("\r\n", "").rpartition("<")
    assert identifier == "gp-alert.news.example.org>"
    assert decoded(parseaddr(f"{phrase}<a@b.org>")[0]) == shown(title)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(texts)
def test_every_line_of_a_field_has_at_most_78_characters(text: str) -> None:
    compiled = CompiledMessage(replace(ENVELOPE, list_title=text), text, "<p>", "x")
    head = compiled.fill(READER._replace(name=text)).partition(b"\r\n\r\n")[0]
    assert max(map(len, head.split(b"\r\n"))) <= 78


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(texts, st.one_of(st.sampled_from(ADDRESSES), st.emails()))
def test_any_address_is_read_back(name: str, address: str) -> None:
    raw = CompiledMessage(ENVELOPE, "s", "<p>", "x").fill(READER._replace(name=name, email=address))
    value = read(raw)["To"].replace("\r\n", "")
    expected = ascii_address(address) or address
    spec = value.rpartition("<")[2].removesuffix(">") if "<" in value else value
    local, _, domain = expected.rpartition("@")
    assert spec.rpartition("@")[2] == domain
    written = spec.rpartition("@")[0]
    assert written == local or (
        written[0] == written[-1] == '"' and re.sub(r"\\(.)", r"\1", written[1:-1]) == local
    )


@pytest.mark.parametrize("address", [a for a in ADDRESSES if a.isascii()])
def test_the_standard_library_finds_one_address(address: str) -> None:
    for name in ("Ama", "Diallo, Awa", "José", None):
        raw = CompiledMessage(ENVELOPE, "s", "<p>", "x").fill(
            READER._replace(name=name, email=address)
        )
        field = message_from_bytes(raw, policy=default)["To"]
        assert isinstance(field, AddressHeader)
        assert len(field.addresses) == 1
        assert field.addresses[0].domain.lower() == address.rpartition("@")[2].lower()
        assert field.addresses[0].display_name == (name or "")


@pytest.mark.parametrize("address", BROKEN)
def test_what_is_no_address_makes_no_field_of_its_own(address: str) -> None:
    raw = CompiledMessage(ENVELOPE, "s", "<p>", "x").fill(READER._replace(email=address))
    assert read(raw)["To"] == "undisclosed-recipients:;"


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(max_size=120), st.text(max_size=2000))
@example("a\r\nBcc: b@example.org", "https://x.org/\r\nBcc: b@example.org")
def test_no_token_breaks_out_of_its_brackets(message_id: str, url: str) -> None:
    reader = READER._replace(message_id=message_id, unsubscribe_url=url or "x")
    message = read(CompiledMessage(ENVELOPE, "s", "<p>", "x").fill(reader))
    for value in (message["Message-ID"], message["List-Unsubscribe"]):
        assert re.fullmatch(r"<[!-;=?-~]*(\r\n [!-;=?-~]+)*>", value)


def test_tokens_of_ours_stand_as_they_are() -> None:
    url = "https://news.example.org/unsubscribe/" + "Ab-_." * 50 + "?a=b&c=%20~"
    assert fields.bracketed(url) == f"<{url}>"
    assert fields.bracketed("k3.7.42@example.org") == "<k3.7.42@example.org>"
    assert fields.bracketed("https://bücher.example/x y") == "<https://b%C3%BCcher.example/x%20y>"


plain_names = st.from_regex(r"[A-Za-z0-9'-]{1,20}( [A-Za-z0-9'-]{1,20}){0,4}", fullmatch=True)
plain_addresses = st.from_regex(
    r"[a-z0-9_+-]{1,30}(\.[a-z0-9_+-]{1,9})?@[a-z0-9-]{1,30}(\.[a-z0-9-]{1,9}){0,2}", fullmatch=True
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.one_of(plain_names, st.none()), plain_addresses)
def test_the_short_way_for_plain_readers_leads_to_the_same(name: str | None, address: str) -> None:
    spec = fields._addr_spec(address)
    assert spec is not None
    assert fields.mailbox(name, address) == fields._mailbox(fields.phrase(name or ""), spec)


def test_names_are_readable_in_raw_where_they_can_be() -> None:
    assert fields.mailbox("Awa Diallo", "a@x.org") == "Awa Diallo <a@x.org>"
    assert fields.mailbox("José", "a@x.org") == "=?utf-8?q?Jos=C3=A9?= <a@x.org>"
    assert fields.mailbox("अमित", "a@x.org") == "=?utf-8?b?4KSF4KSu4KS/4KSk?= <a@x.org>"
    assert fields.mailbox("A  B", "a@x.org") == '"A  B" <a@x.org>'
    long = fields.mailbox("Awa Diallo", "a" * 60 + "@x.org")
    assert long == "Awa Diallo\r\n <" + "a" * 60 + "@x.org>"


def test_a_long_ascii_subject_is_folded_between_its_words() -> None:
    raw = CompiledMessage(ENVELOPE, "word " * 60, "<p>", "x").fill(READER)
    head = raw.partition(b"\r\n\r\n")[0]
    assert b"=?" not in head
    assert read(raw)["Subject"].replace("\r\n", "") == ("word " * 60).strip()


def test_an_international_domain_asks_for_no_smtputf8() -> None:
    raw = CompiledMessage(ENVELOPE, "s", "<p>", "x").fill(
        READER._replace(email="info@bücher.example")
    )
    assert raw.isascii()
    assert read(raw)["To"] == "Ama <info@xn--bcher-kva.example>"
    assert address_of("Bücher <info@bücher.example>") == "info@xn--bcher-kva.example"
    unknown = "a@\u2603\ufe0f" + "x" * 70 + ".org"
    with pytest.raises(idna.IDNAError):
        idna.encode(unknown.partition("@")[2], uts46=True)
    assert ascii_address(unknown) is None
