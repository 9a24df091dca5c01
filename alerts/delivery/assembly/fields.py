"""Header fields (RFC 5322, RFC 2047): any text in, and lines that no text can break out of.

A value never brings a line break of its own: control characters and Unicode's line separators
become spaces. What ASCII cannot carry is written in encoded words, and so is what a reader's
program could mistake for one.
"""

import binascii
import re
from collections.abc import Callable, Iterable, Iterator
from email.utils import quote
from urllib.parse import quote as percent_encoded

from alerts.delivery.assembly.addresses import ascii_address

Field = tuple[str, str]
"""A header field: its name, and its value with folds, without the final CRLF."""

_WIDTH = 76
# A field's name, a colon and a space stand before the value; none that holds a mailbox or a
# phrase is longer than "Reply-To: ".
_FIRST_LINE = _WIDTH - len("Reply-To: ")
_LONGEST_WORD = 60
# Octets of text in an encoded word, and its characters in the Q encoding: with its 12 characters
# of frame it then fits behind any of our field names (RFC 2047 section 2 allows 75).
_WORD_OCTETS = 36
_WORD_CHARACTERS = 48
# How much longer the readable encoding may be. Filters count needless base64 against a mail.
_CLEARLY_LONGER = 1.5
# Well within the 998 octets of a line (RFC 5322 section 2.1.1).
_LONGEST_TOKEN = 900

_UNCLEAN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_SURROGATES = re.compile(r"[\ud800-\udfff]")
_NOT_IN_Q = re.compile(rb"[^A-Za-z0-9!*+/ -]")
_URI = re.compile(r"[!-;=?-~]+")

_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]"
_BEYOND_ASCII = r"[^\x00-\x9f\s\ud800-\udfff]"
_ATOMS = re.compile(rf"{_ATEXT}+(?: {_ATEXT}+)*")
_DOT_ATOM = re.compile(rf"(?:{_ATEXT}|{_BEYOND_ASCII})+(?:\.(?:{_ATEXT}|{_BEYOND_ASCII})+)*")
_QUOTED = re.compile(rf'"(?:[ !#-\[\]-~]|\\[ -~]|{_BEYOND_ASCII})*"')
_QUOTABLE = re.compile(rf"(?:[ -~]|{_BEYOND_ASCII})+")
_DOMAIN = re.compile(
    rf"(?:[A-Za-z0-9_-]|{_BEYOND_ASCII})+(?:\.(?:[A-Za-z0-9_-]|{_BEYOND_ASCII})+)*"
    r"|\[[!-Z^-~]+\]"
)
# Most readers: a name of ASCII words, an address that needs no second look.
_PLAIN_NAME = re.compile(r"[A-Za-z0-9'-]+(?: [A-Za-z0-9'-]+){0,5}")
_PLAIN_ADDRESS = re.compile(r"[a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*@[a-z0-9-]+(?:\.[a-z0-9-]+)*")
_NOBODY = "undisclosed-recipients:;"


def field_bytes(fields: Iterable[Field]) -> bytes:
    """Return header fields as they stand in a message, each ended by CRLF."""
    return "".join([f"{name}: {value}\r\n" for name, value in fields]).encode()


def mailbox(name: str | None, address: str) -> str:
    """Return an address field's value: the name quoted or encoded (RFC 2047), then the address.

    The domain stands in IDNA form, so that the message asks for SMTPUTF8 only where its reader's
    local part does. An address that no address field can hold, as one with a line break in it,
    gives an empty group (RFC 5322 section 3.4): it can be no way to anybody, but does no harm.
    """
    if _PLAIN_ADDRESS.fullmatch(address) and len(address) <= _LONGEST_WORD:
        if not name:
            return address
        if _PLAIN_NAME.fullmatch(name) and len(name) <= _LONGEST_WORD:
            return _mailbox(name, address)
    spec = _addr_spec(address)
    return _mailbox(phrase(name or ""), spec) if spec else _NOBODY


def phrase(text: str) -> str:
    """Return a name for an address field or a List-Id: as it is, quoted, or in encoded words."""
    clean = one_line(text)
    if clean.isascii() and "=?" not in clean:
        shown = clean if _ATOMS.fullmatch(clean) or not clean else f'"{quote(clean)}"'
        if len(shown) <= _LONGEST_WORD:
            return shown
    return encoded_words(clean)


def encoded_text(value: str, *, field: str) -> str:
    """Return an unstructured field's value, folded and encoded where it must be."""
    clean = one_line(value)
    words = clean.split(" ")
    # What has no space to be folded at is encoded too, or a line might pass the limit of 998;
    # and so is what has two spaces together, which some programs make one of.
    foldable = all(0 < len(word) <= _LONGEST_WORD for word in words)
    if clean and not (clean.isascii() and foldable and "=?" not in clean):
        return encoded_words(clean)
    lines = [""]
    for word in words:
        room = _WIDTH - (len(field) + 1 if len(lines) == 1 else 0)
        if len(lines[-1]) + 1 + len(word) > room and lines[-1]:
            lines.append("")
        lines[-1] += f" {word}"
    return "\r\n".join(lines)[1:]


def encoded_words(text: str) -> str:
    """Return text in encoded words (RFC 2047), one a line; readable ones if not far longer.

    Only characters that may stand in a phrase are used, so it serves in every field.
    """
    octets = text.encode()
    in_q = len(_q(octets)) <= _CLEARLY_LONGER * len(_b(octets))
    if in_q:
        words = [_q(part.encode()) for part in _cut(text, lambda c: len(_q(c)), _WORD_CHARACTERS)]
    else:
        words = [_b(part.encode()) for part in _cut(text, len, _WORD_OCTETS)]
    encoding = "q" if in_q else "b"
    return "\r\n ".join(f"=?utf-8?{encoding}?{word.decode()}?=" for word in words)


def bracketed(value: str) -> str:
    """Return a URL or a Message-ID in angle brackets; what may not stand there is %-encoded.

    What no line could hold is folded: RFC 2369 section 2 has such white space ignored.
    """
    if not _URI.fullmatch(value):
        value = percent_encoded(_SURROGATES.sub("\ufffd", value), safe="!#$%&'()*+,/:;=?@[]~")
    if len(value) > _LONGEST_TOKEN:
        starts = range(0, len(value), _LONGEST_TOKEN)
        value = "\r\n ".join(value[start : start + _LONGEST_TOKEN] for start in starts)
    return f"<{value}>"


def one_line(text: str) -> str:
    """Return text without line breaks and control characters, and without lone surrogates."""
    return _SURROGATES.sub("\ufffd", _UNCLEAN.sub(" ", text)).strip()


def _mailbox(shown: str, spec: str) -> str:
    if not shown:
        return spec if spec.isascii() else f"<{spec}>"
    between = " " if len(shown) + len(spec) < _FIRST_LINE - 2 else "\r\n "
    return f"{shown}{between}<{spec}>"


def _addr_spec(address: str) -> str | None:
    """Return an address as RFC 5322 and RFC 6532 write it, or None where they cannot."""
    address = ascii_address(address) or address
    local, _, domain = address.rpartition("@")
    if not local or len(address.encode(errors="replace")) > _LONGEST_TOKEN:
        return None
    if not _DOMAIN.fullmatch(domain):
        return None
    if _DOT_ATOM.fullmatch(local) or _QUOTED.fullmatch(local):
        return f"{local}@{domain}"
    return f'"{quote(local)}"@{domain}' if _QUOTABLE.fullmatch(local) else None


def _cut(text: str, size: Callable[[bytes], int], most: int) -> Iterator[str]:
    """Yield text in pieces of whole characters, each of at most `most` by their sizes."""
    start = used = 0
    for position, character in enumerate(text):
        more = size(character.encode())
        if used + more > most:
            yield text[start:position]
            start, used = position, 0
        used += more
    yield text[start:]


def _q(octets: bytes) -> bytes:
    return _NOT_IN_Q.sub(lambda match: b"=%02X" % match[0][0], octets).replace(b" ", b"_")


def _b(octets: bytes) -> bytes:
    return binascii.b2a_base64(octets, newline=False)
