"""Every signature holds before another implementation, and breaks when anything is changed."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from alerts.clock import FixedClock
from alerts.config import Settings, load_settings
from alerts.delivery.assembly import CompiledMessage, Envelope, Reader
from alerts.delivery.dkim import DkimSigner, check_signing, signer_for
from alerts.delivery.dkim.keys import Ed25519Key, RsaKey, SigningKey, read_key
from alerts.delivery.dkim.signatures import names_tag, relaxed
from alerts.errors import Invalid
from tests.data.delivery.signing import (
    ED25519,
    RSA,
    SHORT_RSA,
    SIGNED_AT,
    a_signer,
    holds,
    signatures,
    tags,
)

ENVELOPE = Envelope(
    sender="GP Alerts <alerts@news.example.org>",
    reply_to="Éditeurs <desk@news.example.org>",
    list_id="gp-alert.news.example.org",
    list_title="GP Alert",
    date=SIGNED_AT,
    feedback_id="7:gp-alert:alerts:newsexamp0a1b2c",
)
READER = Reader(
    "Awa Diallo",
    "awa@example.org",
    "k3.7.42@news.example.org",
    "https://news.example.org/unsubscribe/" + "Ab-_." * 30,
    "https://news.example.org/preferences/xyz",
)
HTML = "<p>Où va l’Afrique ?</p>\n" * 40 + '<a href="@@UNSUBSCRIBE_URL@@">stop</a>\n\n\n'
TEXT = "Où va l’Afrique ?\n.\nFrom here\n\n@@UNSUBSCRIBE_URL@@\n\n\n"


def signed(signer: DkimSigner, reader: Reader = READER, *, text: str = TEXT) -> bytes:
    return CompiledMessage(ENVELOPE, "Mali — what next?", HTML, text, signer=signer).fill(reader)


@pytest.mark.parametrize(
    ("keys", "algorithms"),
    [
        ({"rsa": RsaKey(RSA)}, ["rsa-sha256"]),
        ({"ed": Ed25519Key(ED25519)}, ["ed25519-sha256"]),
        ({"short": RsaKey(SHORT_RSA)}, ["rsa-sha256"]),
        ({"rsa": RsaKey(RSA), "ed": Ed25519Key(ED25519)}, ["rsa-sha256", "ed25519-sha256"]),
    ],
    ids=["rsa", "ed25519", "short rsa", "both"],
)
def test_each_kind_of_signature_holds(keys: dict[str, SigningKey], algorithms: list[str]) -> None:
    raw = signed(a_signer(**keys))
    assert [tags(signature)["a"] for signature in signatures(raw)] == algorithms
    assert all(holds(raw, number) for number in range(len(keys)))
    # The body that was read back unsigned is the one that was signed.
    unsigned = CompiledMessage(ENVELOPE, "Mali — what next?", HTML, TEXT).fill(READER)
    assert raw.endswith(unsigned)


names = st.text(max_size=60)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(names, st.emails(), names, st.text(max_size=300))
def test_any_reader_and_any_text_are_signed_rightly(
    name: str, email: str, subject: str, text: str
) -> None:
    compiled = CompiledMessage(
        ENVELOPE, subject, HTML, text + TEXT, signer=a_signer(ed=Ed25519Key(ED25519))
    )
    assert holds(compiled.fill(READER._replace(name=name, email=email)))


def test_a_signature_covers_what_a_bulk_mail_needs_covered() -> None:
    [signature] = signatures(signed(a_signer(rsa=RsaKey(RSA))))
    found = tags(signature)
    assert found["v"] == "1"
    assert (found["c"], found["d"], found["s"]) == ("relaxed/simple", "example.org", "rsa")
    assert found["t"] == str(int(SIGNED_AT.timestamp()))
    assert not {"l", "x", "i"} & set(found)
    assert found["h"].lower().split(":") == [
        *("from", "from", "reply-to", "subject", "subject", "date", "list-id", "feedback-id"),
        *("mime-version", "content-type", "to", "message-id"),
        *("list-unsubscribe", "list-unsubscribe-post"),
    ]


def test_a_single_mail_is_signed_without_fields_it_has_not() -> None:
    single = replace(ENVELOPE, list_id="", reply_to="", feedback_id="")
    compiled = CompiledMessage(single, "s", HTML, TEXT, signer=a_signer(rsa=RsaKey(RSA)))
    for reader in (READER._replace(unsubscribe_url=""), READER):
        raw = compiled.fill(reader)
        assert holds(raw)
        named = tags(signatures(raw)[0])["h"].lower()
        assert ("list-unsubscribe" in named) is bool(reader.unsubscribe_url)
        assert "list-id" not in named


def changed(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    return lambda raw: raw.replace(old, new, 1)


@pytest.mark.parametrize(
    "change",
    [
        changed(b"Afrique", b"Asie"),
        changed(b"stop</a>", b"stop!</a>"),
        changed(b"unsubscribe/Ab", b"unsubscribe/Ac"),
        changed(b"\r\nTo: Awa", b"\r\nTo: Ada"),
        changed(b"\r\nFrom: GP", b"\r\nFrom: XX"),
        changed(b"\r\nSubject: ", b"\r\nSubject: x"),
        changed(b"\r\nMessage-ID: <k", b"\r\nMessage-ID: <l"),
        changed(b"Post: List-Unsubscribe=One-Click", b"Post: List-Unsubscribe=Two"),
        changed(b"Feedback-ID: 7", b"Feedback-ID: 8"),
        changed(b"t=1", b"t=0"),
        lambda raw: b"From: else@example.org\r\n" + raw,
        lambda raw: b"Subject: Else\r\n" + raw,
        lambda raw: raw + b"more\r\n",
    ],
)
def test_a_change_on_the_way_breaks_the_signature(change: Callable[[bytes], bytes]) -> None:
    raw = signed(a_signer(ed=Ed25519Key(ED25519)))
    assert change(raw) != raw
    assert holds(raw)
    assert not holds(change(raw))


def test_what_relays_do_does_not_break_it() -> None:
    raw = signed(a_signer(ed=Ed25519Key(ED25519)))
    head, _, body = raw.partition(b"\r\n\r\n")
    folded = head.replace(b"\r\nTo: Awa Diallo", b"\r\nto:  Awa\r\n\tDiallo ")
    received = b"Received: from a by b; Mon, 23 Nov 2025 06:00:00 +0000\r\n"
    assert folded != head
    assert holds(received + folded + b"\r\n\r\n" + body + b"\r\n\r\n")


def test_a_signed_message_goes_in_seven_bits_whatever_the_way_takes() -> None:
    compiled = CompiledMessage(ENVELOPE, "s", HTML, TEXT, signer=a_signer(rsa=RsaKey(RSA)))
    assert compiled.fill(READER, eight_bit=True) == compiled.fill(READER)
    assert compiled.fill(READER).isascii()


def test_an_address_beyond_ascii_is_signed_as_it_stands() -> None:
    raw = signed(a_signer(ed=Ed25519Key(ED25519)), READER._replace(email="अमित@example.org"))
    assert "अमित@example.org".encode() in raw
    assert holds(raw)


def test_each_message_has_a_hash_of_its_own() -> None:
    compiled = CompiledMessage(ENVELOPE, "s", HTML, TEXT, signer=a_signer(rsa=RsaKey(RSA)))
    other = READER._replace(unsubscribe_url="https://news.example.org/unsubscribe/2")
    raws = [compiled.fill(reader) for reader in (READER, other, READER)]
    assert all(holds(raw) for raw in raws)
    assert raws[0] == raws[2] != raws[1]


def test_lines_of_a_signature_are_short() -> None:
    keys: dict[str, SigningKey] = {"rsa": RsaKey(RSA), "ed": Ed25519Key(ED25519)}
    head = signed(a_signer(**keys)).partition(b"\r\n\r\n")[0]
    assert max(map(len, head.split(b"\r\nFrom:")[0].split(b"\r\n"))) <= 78


def test_the_relaxed_form_is_that_of_the_rfc() -> None:
    assert relaxed(("A", "X")) == "a:X"
    assert relaxed(("B", "Y\t\r\n\tZ  ")) == "b:Y Z"
    assert names_tag(["From", "To"]) == "h=From:From:To"


def written(
    folder: Path, key: PrivateKeyTypes, *, name: str = "key.pem", password: str = ""
) -> Path:
    path = folder / name
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(password.encode())
            if password
            else serialization.NoEncryption(),
        )
    )
    return path


def test_keys_are_read_from_pem_files(tmp_path: Path) -> None:
    assert isinstance(read_key(written(tmp_path, RSA)), RsaKey)
    assert isinstance(read_key(written(tmp_path, ED25519)), Ed25519Key)
    traditional = tmp_path / "traditional.pem"
    traditional.write_bytes(
        RSA.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )
    assert isinstance(read_key(traditional), RsaKey)


def wrong_keys(folder: Path) -> Iterator[tuple[Path, str]]:
    yield folder / "none.pem", "No such file"
    yield folder, "Is a directory"
    text = folder / "text.pem"
    text.write_text("no key")
    yield text, "no private key in PEM form"
    public = folder / "public.pem"
    public.write_bytes(
        RSA.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    yield public, "no private key in PEM form"
    yield written(folder, RSA, name="locked.pem", password="x"), "the key is locked"
    yield written(folder, ec.generate_private_key(ec.SECP256R1()), name="ec.pem"), "another kind"
    tiny = folder / "tiny.pem"
    tiny.write_text(TINY)
    yield tiny, "a key of 512 bits is not accepted everywhere"
    yield Path("/dev/zero"), "no private key in PEM form"


def test_a_wrong_key_is_told_with_its_file(tmp_path: Path) -> None:
    for path, reason in wrong_keys(tmp_path):
        with pytest.raises(Invalid, match=re.escape(reason)) as told:
            read_key(path)
        with pytest.raises(Invalid):
            check_signing(signing_settings([path], ["s"]))
        assert str(path) in str(told.value)
        assert "ALERTS_DKIM_KEY_FILE" in str(told.value)
        assert "\n" not in str(told.value)


# A key of 512 bits, as this library makes none any more.
TINY = """\
-----BEGIN PRIVATE KEY-----
MIIBVQIBADANBgkqhkiG9w0BAQEFAASCAT8wggE7AgEAAkEAvguWl4z4KlgrZdEb
TPlClcbY/OBCZsMLN+ICI1IlXDKvZ0bN7U70mqEtzz7Kp5GZe3NC8prEbQ/EVm+R
IiCtjwIDAQABAkEAornhdFrsk7VzU3c9XSeBcCYX3k9YDA2uKWeIVR4dh1cVQZ1h
1lg5uHsnpw6o+jlTSpoSzWoEJLSiPbFMdjPbAQIhAN642syBA9ciXfnPGzT1uEmM
9HJPCIzNFowuwQXjCgIhAiEA2nDXZaROG4OXKUK7vFb7ZHX626BkbRjcxpHCUJmU
Ga8CIAHxoxc92Qa7qg5QHHCt5Fnf/RIyVmTENXorvkuK27+BAiAKXax7EE78k0QL
GzWZfG81lzuuTHA3lSR079nOxVr31QIhAMWS1l+U++pV2OHKhs+atR4t2r5/VTYO
AI2hqAhyxDdm
-----END PRIVATE KEY-----
"""


@dataclass(frozen=True)
class Files:
    rsa: Path
    ed25519: Path
    short: Path


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(
        written(tmp_path, RSA, name="rsa.pem"),
        written(tmp_path, ED25519, name="ed.pem"),
        written(tmp_path, SHORT_RSA, name="short.pem"),
    )


def signing_settings(
    keys: Sequence[Path], selectors: Sequence[str], domain: str = "example.org"
) -> Settings:
    return Settings(
        sender=ENVELOPE.sender,
        dkim_key_file=tuple(keys),
        dkim_selector=tuple(selectors),
        dkim_domain=domain,
    )


def test_the_signer_follows_the_settings(files: Files) -> None:
    clock = FixedClock(SIGNED_AT)
    assert DkimSigner.from_settings(Settings(sender=ENVELOPE.sender), clock=clock) is None
    chosen = signing_settings([files.rsa, files.ed25519], ["rsa", "ed"], "Example.org")
    with capture_logs() as logs:
        check_signing(chosen)
    assert logs == []
    signer = DkimSigner.from_settings(chosen, clock=clock)
    assert signer is not None
    raw = signed(signer)
    assert holds(raw, 0)
    assert holds(raw, 1)
    clock.advance(timedelta(seconds=5))
    assert tags(signatures(signed(signer))[0])["t"] == str(int(SIGNED_AT.timestamp()) + 5)


def test_a_short_key_is_warned_of_once_at_the_start(files: Files) -> None:
    chosen = signing_settings([files.short, files.rsa], ["s", "r"])
    with capture_logs() as logs:
        check_signing(chosen)
        DkimSigner.from_settings(chosen, clock=FixedClock(SIGNED_AT))
    assert [(line["event"], line["bits"]) for line in logs] == [("dkim_key_is_short", 1024)]


def test_mail_from_another_domain_goes_unsigned_and_is_told_of_once() -> None:
    signer = a_signer(rsa=RsaKey(RSA))
    with capture_logs() as logs:
        assert signer_for(signer, "A <a@example.org>") is signer
        assert signer_for(signer, "A <a@News.Example.org>") is signer
        assert signer_for(signer, "A <a@badexample.org>") is None
        assert signer_for(signer, "B <b@badexample.org>") is None
        assert signer_for(signer, "B <b@org>") is None
        assert signer_for(None, "B <b@org>") is None
    assert [line["sender"] for line in logs] == ["badexample.org", "org"]


@pytest.mark.parametrize(
    ("names", "selectors", "domain", "reason"),
    [
        ("a.pem", "", "example.org", r"ALERTS_DKIM_SELECTOR='' .* 1 selector\(s\) are needed"),
        ("a.pem b.pem", "s", "example.org", r"2 selector\(s\) are needed"),
        ("", "s", "example.org", "set ALERTS_DKIM_KEY_FILE too"),
        ("", "", "example.org", "ALERTS_DKIM_DOMAIN='example.org' .* set ALERTS_DKIM_KEY_FILE too"),
        ("a.pem", "s", "", "ALERTS_DKIM_DOMAIN='' .* the domain to sign for is needed"),
        ("a.pem", "s_1", "example.org", "no name in DNS"),
        ("a.pem", "-s", "example.org", "no name in DNS"),
        ("a.pem", "s..t", "example.org", "no name in DNS"),
        ("a.pem", "x" * 64, "example.org", "no name in DNS"),
        ("a.pem b.pem", "s S", "example.org", "the same selector stands there twice"),
        ("a.pem", "s", "example.com", "DMARC alignment .* news.example.org"),
        ("a.pem", "s", "org", "DMARC alignment"),
        ("a.pem", "s", "x.news.example.org", "DMARC alignment"),
        ("a.pem", "s", "example.org;x", "the domain to sign for is needed"),
        ("~nobody-here/a.pem", "s", "example.org", "ALERTS_DKIM_KEY_FILE=.*full path"),
    ],
)
def test_a_wrong_setting_gives_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, names: str, selectors: str, domain: str, reason: str
) -> None:
    monkeypatch.setenv("ALERTS_SENDER", ENVELOPE.sender)
    monkeypatch.setenv("ALERTS_DKIM_KEY_FILE", names)
    monkeypatch.setenv("ALERTS_DKIM_SELECTOR", selectors)
    monkeypatch.setenv("ALERTS_DKIM_DOMAIN", domain)
    with pytest.raises(Invalid, match=reason) as told:
        load_settings()
    assert "\n" not in str(told.value)


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALERTS_SENDER", "GP <a@news.bücher.example>")
    monkeypatch.setenv("ALERTS_DKIM_KEY_FILE", "a.pem  ~/b.pem")
    monkeypatch.setenv("ALERTS_DKIM_SELECTOR", "s1 s2.alerts")
    monkeypatch.setenv("ALERTS_DKIM_DOMAIN", "bücher.example")
    found = load_settings()
    assert found.dkim_key_file == (Path.cwd() / "a.pem", Path.home() / "b.pem")
    assert found.dkim_selector == ("s1", "s2.alerts")
    assert found.dkim_domain == "xn--bcher-kva.example"
