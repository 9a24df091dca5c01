"""Bodies with slots, encoded at compile time (RFC 2045 section 6).

A form takes a body that is cut at its slots. Its `pieces` stand in the message as they are, and
where a slot's value belongs there is an empty one; `put` fills these for one reader. So that a
value of any length can be put in without touching what was encoded before it, the line is broken
around it, which quoted-printable and base64 both undo when they are read.
"""

import binascii
import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Protocol, Self

from typing_extensions import override

from alerts.rendering.slots import Slot

# Octets in a line, its CRLF not counted (RFC 5322 section 2.1.1).
LONGEST_LINE = 998
# For how long a value there is room where lines are not broken around it, in octets.
LONGEST_VALUE = 400

_SLOT = re.compile("|".join(re.escape(slot.value) for slot in Slot))
_SOFT_BREAK = b"=\r\n"
# Characters in a line of quoted-printable.
_QUOTED_LINE = 76
# Characters in a line of base64, and the octets that they stand for.
_BASE64_LINE, _BASE64_OCTETS = 76, 57
# Constants shorter than a line are encoded with the values beside them: three alignments of each
# would cost more than they save.
_WORTH_ALIGNING = _BASE64_OCTETS
# Nothing that a mail may hold: NUL never, halves of surrogate pairs not in UTF-8.
_UNFIT = re.compile(r"[\x00\ud800-\udfff]")
# Old mailboxes put a ">" before such a line, and with it break the signature.
_FROM_LINE = re.compile(rb"^From (?=([^\r\n]*))", re.MULTILINE)
_DOT_LINE = re.compile(rb"^\.(.*)$", re.MULTILINE)
# As an expression: where lines are many, looking for two octets takes five times as long.
_DOT_BEHIND = re.compile(rb"\n\.")
_ROOM_AFTER_DOT = 73
_ROOM_AFTER_FROM = 69
# binascii does not count what a space at a line's end grows by when it is encoded.
_GROWN_LINE = re.compile(rb"^([^\n]{74,75})(=20|=09)$", re.MULTILINE)
# How much longer than base64 quoted-printable may be: it is the one that people can read.
_CLEARLY_LONGER = 1.35

Values = Mapping[str, bytes]
"""Slots' words, and their values in UTF-8 with LF line ends, escaped where the body is HTML.

The words are plain strings: an enumeration's members are hashed in Python, at ten times the cost.
"""


def tidy(text: str) -> bytes:
    """Return text in UTF-8 with LF line ends; what no mail may hold becomes U+FFFD."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    try:
        if "\0" not in text:
            return text.encode()
    except UnicodeEncodeError:
        pass
    return _UNFIT.sub("\ufffd", text).encode()


def escaped(value: bytes) -> bytes:
    """Return a value as it stands in HTML, also within an attribute."""
    return html.escape(value.decode(), quote=True).encode()


@dataclass(frozen=True, slots=True)
class CutBody:
    """A body cut at its slots: constants[0], slots[0], constants[1], …, constants[-1]."""

    constants: tuple[bytes, ...]
    slots: tuple[str, ...]

    @classmethod
    def of(cls, body: str) -> Self:
        """Cut a body; its constants are tidied."""
        constants = tuple(tidy(text) for text in _SLOT.split(body))
        return cls(constants, tuple(_SLOT.findall(body)))

    @property
    def longest_line(self) -> int:
        """The octets of the longest line, were each value as long as LONGEST_VALUE."""
        value = b"x" * LONGEST_VALUE
        whole = b"".join(chain.from_iterable((text, value) for text in self.constants))
        return max(map(len, whole[: -len(value)].split(b"\n")))


class Form(Protocol):
    """A body in one of the transfer encodings."""

    encoding: str
    pieces: tuple[bytes, ...]

    def put(self, values: Values, pieces: list[bytes], at: int) -> None:
        """Fill one reader's values into a copy of `pieces` that starts at `at`."""
        ...


class QuotedPrintable(Form):
    """Seven bits on any path, lines of at most 76 (RFC 2045 section 6.7); readable as it is."""

    encoding = "quoted-printable"

    def __init__(self, body: CutBody) -> None:
        last = len(body.slots)
        segments = [
            _segment(text, after=number > 0, before=number < last)
            for number, text in enumerate(body.constants)
        ]
        self.pieces = tuple(_with_places(segments))
        self._places = _places(body.slots)

    @override
    def put(self, values: Values, pieces: list[bytes], at: int) -> None:
        for slot, places in self._places:
            value = _encoded_value(values[slot])
            for place in places:
                pieces[at + place] = value


class Plain(Form):
    """The text as it is, for a way that takes 8 bits (RFC 6152)."""

    encoding = "8bit"

    def __init__(self, body: CutBody) -> None:
        self.pieces = tuple(_with_places([_crlf(text) for text in body.constants]))
        self._places = _places(body.slots)

    @override
    def put(self, values: Values, pieces: list[bytes], at: int) -> None:
        for slot, places in self._places:
            value = _crlf(values[slot])
            for place in places:
                pieces[at + place] = value


class Base64(Form):
    """Base64 (RFC 2045 section 6.8), whose groups of three octets go across slots.

    Where a constant begins within a group depends on the values before it; so each is encoded in
    all three alignments, and a reader's values choose one.
    """

    encoding = "base64"

    def __init__(self, body: CutBody) -> None:
        constants, self._runs = _runs(body)
        start = len(constants[0]) // 3 * 3 if self._runs else len(constants[0])
        first, self._carried = constants[0][:start], constants[0][start:]
        last = len(self._runs)
        self._aligned = [
            [_aligned(text, need, ends=number == last) for need in range(3)]
            for number, text in enumerate(constants[1:], 1)
        ]
        # Behind each run there is a place for a constant, in the alignment that a reader needs.
        self.pieces = tuple(_with_places([_base64_lines(first), *(b"" for _ in self._runs)]))

    @override
    def put(self, values: Values, pieces: list[bytes], at: int) -> None:
        carried = self._carried
        for run, aligned in zip(self._runs, self._aligned, strict=True):
            octets = carried + b"".join(
                [part if isinstance(part, bytes) else _crlf(values[part]) for part in run]
            )
            head, lines, carried = aligned[-len(octets) % 3]
            pieces[at + 1] = _base64_lines(octets + head)
            pieces[at + 2] = lines
            at += 2


def seven_bit_form(body: CutBody) -> Form:
    """Return a body's form for seven bits: quoted-printable, or base64 where that is far shorter.

    Never `7bit`, however plain the text: only an encoded line ends where we end it. A relay that
    strips a trailing space or breaks a long line in two would break the signature with it.
    """
    quoted = QuotedPrintable(body)
    too_long = _size(quoted) > _CLEARLY_LONGER * _base64_size(body)
    return Base64(body) if too_long else quoted


def eight_bit_form(body: CutBody) -> Form:
    """Return a body's form where the way takes 8 bits: as it is, if lines are short and it pays."""
    dotted = any(text.startswith(b".") or _DOT_BEHIND.search(text) for text in body.constants)
    longest = body.longest_line
    if dotted or longest > LONGEST_LINE:
        return seven_bit_form(body)
    # What has to be encoded, or broken, is shorter as it is: nearly always, and seen at a glance.
    whole = b"".join(body.constants)
    if longest > _QUOTED_LINE or b"=" in whole or not whole.isascii():
        return Plain(body)
    plain, quoted = Plain(body), seven_bit_form(body)
    return plain if _size(plain) < _size(quoted) else quoted


def quoted_printable(text: bytes) -> bytes:
    """Encode text with LF line ends, for CRLF ones; a final space or tab is encoded too."""
    encoded = binascii.b2a_qp(text, istext=True)
    if b"=20\n" in encoded or b"=09\n" in encoded:
        encoded = _GROWN_LINE.sub(rb"\1=\n\2", encoded)
    if b"From " in encoded:
        encoded = _FROM_LINE.sub(_spared, encoded)
    if encoded.startswith(b".") or b"\n." in encoded:
        # Then no dot has to be doubled on the way (RFC 5321 section 4.5.2).
        encoded = _DOT_LINE.sub(_undotted, encoded)
    return _crlf(encoded)


def _spared(match: re.Match[bytes]) -> bytes:
    """Return a line's "From " as nothing takes it for the start of a mail, two octets longer."""
    return b"=46rom " if len(match[1]) <= _ROOM_AFTER_FROM else b"=46rom =\n"


def _undotted(match: re.Match[bytes]) -> bytes:
    """Return a line with its first dot encoded, two octets longer."""
    return b"=2E" + match[1] if len(match[1]) <= _ROOM_AFTER_DOT else b"=2E=\n" + match[1]


def _crlf(text: bytes) -> bytes:
    return text.replace(b"\n", b"\r\n")


def _open_ended(text: bytes) -> bytes:
    """Encode text so that its last line has room for a soft break, and ends in no space.

    An equals sign is encoded at its end, and then makes place for the break: the last line would
    else be one octet too long for it now and then.
    """
    if text.endswith((b" ", b"\t")):
        return quoted_printable(text[:-1] + b"=")[:-3] + b"=%02X" % text[-1]
    return quoted_printable(text + b"=")[:-3].removesuffix(_SOFT_BREAK)


@lru_cache(maxsize=8)
def _encoded_value(value: bytes) -> bytes:
    """Return a value in quoted-printable, made once where it stands in both of a reader's parts."""
    return _open_ended(value)


def _segment(text: bytes, *, after: bool, before: bool) -> bytes:
    """Encode a constant that stands after a slot, or before one, or both.

    Next to a slot the line is broken softly, unless it ends there anyway.
    """
    encoded = _open_ended(text) if before else quoted_printable(text)
    if after and text and not text.startswith(b"\n"):
        encoded = _SOFT_BREAK + encoded
    if before and (text or after) and not text.endswith(b"\n"):
        encoded += _SOFT_BREAK
    return encoded


def _with_places(segments: list[bytes]) -> Iterator[bytes]:
    """Yield segments with an empty place between each two."""
    yield segments[0]
    for segment in segments[1:]:
        yield from (b"", segment)


def _places(slots: tuple[str, ...]) -> list[tuple[str, list[int]]]:
    """Return for each slot in use where its places are among the pieces."""
    return [
        (slot, [2 * number + 1 for number, other in enumerate(slots) if other == slot])
        for slot in dict.fromkeys(slots)
    ]


def _runs(body: CutBody) -> tuple[list[bytes], list[list[bytes | str]]]:
    """Return constants that are worth aligning, and between each two a run of slots and texts."""
    constants, runs = [_crlf(body.constants[0])], list[list[bytes | str]]()
    for slot, following in zip(body.slots, body.constants[1:], strict=True):
        if len(constants) > len(runs):
            runs.append([])
        runs[-1].append(slot)
        text = _crlf(following)
        if len(text) >= _WORTH_ALIGNING:
            constants.append(text)
        else:
            runs[-1].append(text)
    if len(constants) == len(runs):
        constants.append(b"")
    return constants, runs


def _aligned(text: bytes, need: int, *, ends: bool) -> tuple[bytes, bytes, bytes]:
    """Return what completes the group of octets before a constant, its lines, and what is left."""
    end = len(text) if ends else need + (len(text) - need) // 3 * 3
    return text[:need], _base64_lines(text[need:end]), text[end:]


def _base64_lines(octets: bytes) -> bytes:
    encoded = binascii.b2a_base64(octets, newline=False)
    lines = [encoded[at : at + _BASE64_LINE] for at in range(0, len(encoded), _BASE64_LINE)]
    return b"".join([line + b"\r\n" for line in lines])


def _size(form: Form) -> int:
    return sum(map(len, form.pieces))


def _base64_size(body: CutBody) -> float:
    octets = sum(len(_crlf(text)) for text in body.constants)
    return octets * (_BASE64_LINE + 2) / _BASE64_OCTETS
