"""What a mail says itself, apart from the message it returns. Pure."""

import re
from dataclasses import dataclass

from alerts.inbound.reading.headers import Headers, looks_like_field, parse_headers
from alerts.inbound.reading.parts import Mail
from alerts.inbound.reading.phrases import any_of

_LONGEST = 100_000
_LONGEST_LINE = 2_000
_LONGEST_ORIGINAL = 64 * 1024
# The lines with which mail systems begin the message they return.
_MARKS = re.compile(rf"^[ \t>*]{{0,20}}{any_of('original_begins')}", re.IGNORECASE | re.MULTILINE)
_SURE_FIELDS = re.compile(
    r"(?:received|return-path|message-id|mime-version|dkim-signature|x-[\w-]{2,60}"
    r"|content-type|list-[a-z-]{2,30}|errors-to|delivered-to):",
    re.IGNORECASE,
)
_FEWEST_FIELDS = 3
_QUOTES_FIELDS = re.compile(r"header fields:\s{0,20}\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Notice:
    """The text of a notice, and the header of the message that it returns, if it does.

    `rest` is what of the text stands after the notice, such as the returned message.
    """

    text: str
    original: Headers
    rest: str = ""


def notice_of(mail: Mail) -> Notice:
    """Part what a mail says from what it returns."""
    whole = "\n".join(part.text() for part in mail.texts)[:_LONGEST]
    lines = [line[:_LONGEST_LINE].rstrip() for line in whole.split("\n")]
    text, rest = _parted("\n".join(lines))
    attached = (parse_headers(block[:_LONGEST_ORIGINAL]) for block in mail.originals)
    original = next((headers for headers in attached if headers.fields), None)
    return Notice(text, original if original is not None else _header_in(rest), rest)


def _parted(text: str) -> tuple[str, str]:
    """Cut a text where the returned message begins."""
    cuts = [found.start() for found in (_MARKS.search(text),) if found and found.start() > 0]
    if (block := _header_block(text)) is not None:
        cuts.append(block)
    cut = min(cuts, default=len(text))
    return text[:cut], text[cut:]


def _header_block(text: str) -> int | None:
    """Return where the first run of fields begins that only the header of a mail has."""
    start, fields, sure, position = 0, 0, False, 0
    for line in text.split("\n"):
        if looks_like_field(line.lstrip("> ")):
            start = start if fields else position
            fields += 1
            sure = sure or _SURE_FIELDS.match(line.lstrip("> ")) is not None
        elif not (line[:1] in {" ", "\t"} and fields):
            fields, sure = 0, False
        if fields >= _FEWEST_FIELDS and sure:
            if _QUOTES_FIELDS.search(text[:start]) is None:
                return start
            # They say which message it was; the notice goes on after them.
            fields, sure = 0, False
        position += len(line) + 1
    return None


def _header_in(text: str) -> Headers:
    """Read the header that stands in the rest of a text, after the line that announces it."""
    lines = text.split("\n")
    begins = next(
        (
            number
            for number, line in enumerate(lines[:60])
            if looks_like_field(line.lstrip("> "))
            and any(
                looks_like_field(after.lstrip("> ")) for after in lines[number + 1 : number + 4]
            )
        ),
        len(lines),
    )
    block: list[str] = []
    for line in lines[begins:]:
        if not line.strip():
            break
        block.append(re.sub(r"^(?:> ?| (?=\S+:))", "", line))
    return parse_headers("\n".join(block).encode("utf-8", errors="replace"))
