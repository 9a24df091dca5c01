"""What an API token looks like."""

import re

from hypothesis import given
from hypothesis import strategies as st

from alerts.staff.opaque import digest, new_secret
from alerts.staff.token_format import hint_of, is_token, new_token


def test_a_token_is_known_by_its_form_and_checksum() -> None:
    tokens = {new_token() for _ in range(200)}
    assert len(tokens) == 200
    for token in tokens:
        assert re.fullmatch("gpa_[0-9A-Za-z]{49}", token)
        assert is_token(token)
    assert is_token("gpa_" + "0" * 43 + crc_by_hand(b"0" * 43))


def crc_by_hand(octets: bytes) -> str:
    """Return the CRC-32 (ISO 3309) bit by bit, in the digits 0-9, A-Z, a-z."""
    register = 0xFFFFFFFF
    for octet in octets:
        register ^= octet
        for _ in range(8):
            register = (register >> 1) ^ (0xEDB88320 if register & 1 else 0)
    left, written = register ^ 0xFFFFFFFF, ""
    while len(written) < 6:
        left, digit = divmod(left, 62)
        written = chr(digit + (48 if digit < 10 else 55 if digit < 36 else 61)) + written
    return written


@given(st.data())
def test_a_token_with_another_character_is_none(data: st.DataObject) -> None:
    token = new_token()
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.characters().filter(lambda c: c != token[place]))
    assert not is_token(token[:place] + other + token[place + 1 :])
    assert not is_token(f"{token}\n")


@given(st.text())
def test_other_texts_are_no_tokens_and_have_digests(text: str) -> None:
    assert not is_token(text)
    assert len(digest(text)) == 64


def test_a_hint_tells_nothing() -> None:
    token = new_token()
    assert hint_of(token) == token[:8]
    assert len(new_secret()) == 43
