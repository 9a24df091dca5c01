"""The header of a mail, or of a part, or a block of a report: fields in order. Pure.

Read by hand and not with Python's `email`: that raises over some broken fields, and takes minutes
over some long ones.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from alerts.inbound.reading.charsets import decoded, with_words_decoded

# A mail from an honest program has some fifty fields, of which few pass a thousand octets.
_MOST_FIELDS = 400
_LONGEST_VALUE = 8_000
_NAME = re.compile(r"([!-9;-~]{1,80})[ \t]*:")
_PARAMETER = re.compile(
    r";\s{0,20}([A-Za-z0-9_-]{1,40})(\*\d{0,2}\*?)?\s{0,20}=\s{0,20}"
    r"(?:\"((?:[^\"\\]|\\.){0,1000})\"?|([^;\s]{0,1000}))"
)


@dataclass(frozen=True, slots=True)
class Headers:
    """Fields with names in small letters and unfolded, decoded values."""

    fields: tuple[tuple[str, str], ...] = ()

    def get(self, name: str) -> str:
        """Return the first value of a field; empty if there is none."""
        return next((value for key, value in self.fields if key == name), "")

    def all(self, *names: str) -> Iterator[str]:
        """Yield all values of these fields."""
        return (value for key, value in self.fields if key in names)

    def __contains__(self, name: str) -> bool:
        return any(key == name for key, _ in self.fields)

    @property
    def content_type(self) -> str:
        """The media type in small letters; text/plain if none is said (RFC 2045 section 5.2)."""
        kind = self.get("content-type").partition(";")[0].strip().lower()
        return kind if "/" in kind else "text/plain"

    def parameter(self, field: str, name: str) -> str:
        """Return a parameter of a field, its numbered pieces joined (RFC 2231); else empty."""
        value = self.get(field)
        pieces = [
            found[3] if found[3] is not None else found[4]
            for found in _PARAMETER.finditer(value)
            if found[1].lower() == name
        ]
        return "".join(pieces if f"{name}*0" in value.lower() else pieces[:1])


def parse_headers(block: bytes) -> Headers:
    """Read a block of header lines that end in a line feed; what is no field is passed over."""
    fields: list[tuple[str, str]] = []
    name, lines = "", list[str]()
    for line in decoded(block).split("\n"):
        if line[:1] in {" ", "\t"}:
            lines.append(line.strip())
            continue
        if name:
            fields.append((name, _value(lines)))
            if len(fields) >= _MOST_FIELDS:
                return Headers(tuple(fields))
        found = _NAME.match(line)
        name = found[1].lower() if found else ""
        lines = [line[found.end() :].strip()] if found else []
    if name:
        fields.append((name, _value(lines)))
    return Headers(tuple(fields))


def looks_like_field(line: str) -> bool:
    """Tell whether a line of text may be a header field."""
    return _NAME.match(line) is not None


def _value(lines: list[str]) -> str:
    return with_words_decoded(" ".join(lines)[:_LONGEST_VALUE])
