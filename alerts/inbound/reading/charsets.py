"""Bytes of unknown honesty into text: charsets, encoded words, transfer encodings. Pure.

Nothing here raises: a charset that does not exist, or does not fit, gives readable text all the
same, with what cannot be read replaced.
"""

import binascii
import codecs
import re

# These are no charsets of mails: slow over hostile input, or they act on backslashes.
_NOT_OF_MAILS = frozenset(
    {"idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined", "utf-7"}
)
_ALIASES = {"x-unknown": "utf-8", "unknown-8bit": "utf-8", "iso-8859-8-i": "iso-8859-8"}
_LONGEST_NAME = 40
_ENCODED_WORD = re.compile(r"=\?([^?\s*]{1,40})(?:\*[^?\s]{0,20})?\?([bBqQ])\?([^?]{0,4000})\?=")
# RFC 2047 section 6.2: the blank between two encoded words is not part of the text.
_BETWEEN_WORDS = re.compile(r"(?<=\?=)[ \t\n]{1,80}(?==\?[^?\s]{1,60}\?[bBqQ]\?)")
_BASE64 = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
_NOT_BASE64 = bytes(byte for byte in range(256) if byte not in _BASE64)


def decoded(data: bytes, charset: str = "") -> str:
    """Return text for bytes: in the charset named, else as UTF-8, else as Windows-1252."""
    codec = _codec(charset)
    if codec and codec != "ascii":
        try:
            return data.decode(codec, errors="replace")
        except (LookupError, ValueError):
            # Some codecs raise whatever is said about errors.
            pass
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def with_words_decoded(value: str) -> str:
    """Return a header's value with its encoded words (RFC 2047) as text."""
    if "=?" not in value:
        return value
    return _ENCODED_WORD.sub(_word, _BETWEEN_WORDS.sub("", value))


def transferred(data: bytes, encoding: str) -> bytes:
    """Undo a Content-Transfer-Encoding (RFC 2045 section 6); what is broken is passed over."""
    encoding = encoding.strip().lower()
    if encoding == "base64":
        return _from_base64(data)
    return binascii.a2b_qp(data) if encoding == "quoted-printable" else data


def _from_base64(data: bytes) -> bytes:
    # Padding is of no use in finding the end, and some put it in the middle.
    letters = data.translate(None, delete=_NOT_BASE64)
    rest = len(letters) % 4
    letters = letters[:-1] if rest == 1 else letters + b"=" * (-rest % 4)
    return binascii.a2b_base64(letters)


def _word(found: re.Match[str]) -> str:
    charset, encoding, text = found[1], found[2].lower(), found[3]
    raw = text.encode("utf-8", errors="replace")
    data = _from_base64(raw) if encoding == "b" else binascii.a2b_qp(raw, header=True)
    return decoded(data, charset)


def _codec(charset: str) -> str:
    name = charset.strip("\"' \t").lower()[:_LONGEST_NAME]
    name = _ALIASES.get(name, name)
    try:
        codec = codecs.lookup(name).name if name else ""
    except (LookupError, ValueError):
        return ""
    return "" if codec.replace("_", "-") in _NOT_OF_MAILS else codec
