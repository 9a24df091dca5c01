"""Codes by the clock, recovery codes, and the picture that sets up a device."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree as ET

import pyotp
import pytest

from alerts.errors import Refused
from alerts.staff.seal import Seal
from alerts.staff.second_factor import (
    enrolment_uri,
    looks_like_totp,
    matching_counter,
    new_recovery_codes,
    new_totp_secret,
    qr_svg,
    recovery_digest,
)

# RFC 6238 appendix B, its secret in base32; codes there have eight digits, of which six are shown.
SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
KEYS = tuple(f"key number {n} of the tests, of 32 characters" for n in range(3))


@pytest.mark.parametrize(
    ("second", "code"),
    [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")],
)
def test_codes_are_those_of_the_rfc(second: int, code: str) -> None:
    at = datetime.fromtimestamp(second, UTC)
    assert matching_counter(SECRET, code, at, after=None) == second // 30
    assert matching_counter(SECRET, f" {code[:3]} {code[3:]}", at, after=None) == second // 30
    assert matching_counter(SECRET, code[::-1], at, after=None) is None


def test_a_clock_may_be_off_by_one_interval() -> None:
    at = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
    code = pyotp.TOTP(SECRET).at(at)
    for seconds, good in ((-31, False), (-30, True), (29, True), (59, True), (60, False)):
        moment = at + timedelta(seconds=seconds)
        assert (matching_counter(SECRET, code, moment, after=None) is not None) is good


def test_a_code_is_used_once_and_none_before_it() -> None:
    at = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
    totp = pyotp.TOTP(SECRET)
    used = matching_counter(SECRET, totp.at(at), at, after=None)
    assert used is not None
    assert matching_counter(SECRET, totp.at(at), at, after=used) is None
    assert matching_counter(SECRET, totp.at(at, counter_offset=-1), at, after=used) is None
    assert matching_counter(SECRET, totp.at(at, counter_offset=1), at, after=used) == used + 1


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "١٢٣٤٥٦", "12345a", "k3rm-t8wz"])
def test_what_is_no_code_of_a_device(typed: str) -> None:
    assert not looks_like_totp(typed)
    assert matching_counter(SECRET, typed, datetime.now(UTC), after=None) is None


def test_recovery_codes_are_ten_hard_to_guess_and_easy_to_type() -> None:
    codes = new_recovery_codes()
    assert len(set(codes)) == 10
    assert all(len(code) == 19 and not set("01ilo") & set(code) for code in codes)
    assert not any(looks_like_totp(code) for code in codes)
    one = codes[0]
    typed = f" {one.replace('-', ' ').upper()} "
    assert recovery_digest(typed) == recovery_digest(one) != recovery_digest(codes[1])


def test_a_device_learns_what_it_shows_codes_for() -> None:
    secret = new_totp_secret()
    uri = enrolment_uri(secret, email="ama+desk@example.org", issuer="GP: Alerts & more")
    parts = urlsplit(uri)
    assert (parts.scheme, parts.netloc) == ("otpauth", "totp")
    assert unquote(parts.path) == "/GP  Alerts & more:ama+desk@example.org"
    assert parse_qs(parts.query) == {"secret": [secret], "issuer": ["GP  Alerts & more"]}
    picture = ET.fromstring(qr_svg(uri, title="<QR> of Ama"))  # noqa: S314 - our own picture
    assert picture.tag.endswith("svg")
    assert [child.text for child in picture if child.tag.endswith("title")] == ["<QR> of Ama"]
    assert "style" not in picture.attrib


def test_what_is_sealed_opens_with_old_keys_and_not_without() -> None:
    old = Seal(KEYS[:1])
    sealed = old.close(SECRET)
    assert SECRET not in sealed
    both = Seal(KEYS[:2])
    assert both.open(sealed) == SECRET
    moved = both.close(both.open(sealed))
    assert Seal(KEYS[1:2]).open(moved) == SECRET
    for wrong in (sealed, moved, "no seal"):
        with pytest.raises(Refused, match="ALERTS_SECRET_KEY"):
            Seal(KEYS[2:]).open(wrong)
    assert old.digest("ama@example.org") != both.digest("ama@example.org")
