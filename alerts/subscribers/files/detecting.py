"""What a file of rows is made of, found out from how it begins. Pure."""

import codecs
import re
from dataclasses import dataclass

# So much of a file is looked at.
HEAD_BYTES = 1 << 16
DELIMITERS = (",", ";", "\t", "|")
# The longer marks come first: the one of UTF-32 begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# In UTF-16, of text in any European language, nearly every second octet is zero.
_MANY_ZEROS = 0.4
# Excel writes, and reads, a first line that names the delimiter.
_DELIMITER_LINE = re.compile(r'\s*"?sep=(.)"?[,;\t|]*\s*', re.IGNORECASE | re.DOTALL)
_IN_QUOTES = re.compile(r'"[^"]*"')
_ADDRESS = r'[^\s@<>,;|"]+@[^\s@<>,;|"]+\.[^\s@<>,;|"]+'
_BARE_ADDRESS = re.compile(rf"\s*{_ADDRESS}\s*")
_NAMED_ADDRESS = re.compile(rf"[^<>]*<\s*{_ADDRESS}\s*>\s*")


@dataclass(frozen=True, slots=True)
class Shape:
    """How a file is to be read.

    `delimiter` stands between cells; it is None where each line is an address, or `Name <address>`.
    `names_delimiter` tells that the first line says nothing but which delimiter there is.
    """

    encoding: str
    delimiter: str | None
    names_delimiter: bool = False

    @property
    def may_be_windows(self) -> bool:
        """Whether lines that are not UTF-8 are to be taken for Windows-1252."""
        return self.encoding.startswith("utf-8")


def detect(head: bytes) -> Shape:
    """Return the shape of a file that begins with these octets."""
    encoding = _encoding(head)
    lines = head.decode(encoding, errors="replace").splitlines()
    first = next((line for line in lines if line.strip()), "")
    if named := _DELIMITER_LINE.fullmatch(first):
        return Shape(encoding, named[1], names_delimiter=True)
    if is_address(first):
        return Shape(encoding, None)
    outside = _IN_QUOTES.sub("", first)
    return Shape(encoding, max(DELIMITERS, key=outside.count))


def is_address(text: str) -> bool:
    """Tell whether a text has the look of an address, or of `Name <address>`."""
    return bool(_BARE_ADDRESS.fullmatch(text) or _NAMED_ADDRESS.fullmatch(text))


def _encoding(head: bytes) -> str:
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    half = len(head) // 2
    even, odd = head[::2].count(0), head[1::2].count(0)
    if odd > half * _MANY_ZEROS > even:
        return "utf-16-le"
    if even > half * _MANY_ZEROS > odd:
        return "utf-16-be"
    return "utf-8"
