"""The one shape that text copies and HTML pages are brought into: a row of blocks."""

import enum
import html
import re
from dataclasses import dataclass

# A sentence ends with one of these, and maybe closing quotes or brackets. Chinese and Japanese set
# no blank after it.
_SENTENCE_END = re.compile(
    r"(?<![.!?…؟۔।॥])[.!?…؟۔।॥]++[\"'”’»)\]]*+(?=\s|$)|[。！？][”’』」）]*+"  # noqa: RUF001 - the stops of these scripts
)
_ABBREVIATION = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Mme|Mlle|Dr|Prof|Gen|Col|Lt|Sgt|Capt|Maj|Adm|Cmdr|St|Mt|Ft|Rev|Hon|Gov|Sen"
    r"|Rep|Amb|Pres|No|Nos|Nr|Art|Vol|Fig|vol|fig|vs|cf|al|pp?|eds?|Jr|Sr|Inc|Ltd|Corp|Co|Bros|e\.g"
    r"|i\.e|ca|approx|bzw|usw|vgl|inkl|Mio|Mrd|Jan|Feb|Aug|Sept?|Oct|Nov|Dec|[ap]\.m)"
    r"|\b[^\W\d_](?:\.\s?[^\W\d_])*)\.$"
)
_LONGEST_ABBREVIATION = 24


class Kind(enum.Enum):
    """What a block is."""

    HEADING = "heading"
    PARAGRAPH = "paragraph"
    ITEM = "item"
    QUOTE = "quote"
    TABLE = "table"
    CAPTION = "caption"
    IMAGE = "image"


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of a page that stands by itself.

    `text` is one line (a table's rows are joined by ` | `); `html` its inline HTML, not yet
    cleaned. `level` is that of an HTML heading. `strong` tells a line set in bold throughout,
    `aside` one that stands outside the article proper, `link` the address that it leads to.
    An image has its address in `link` and its alternative text in `text`.
    """

    kind: Kind
    text: str
    html: str
    level: int = 0
    strong: bool = False
    aside: bool = False
    link: str | None = None
    ordered: bool = False

    @property
    def is_prose(self) -> bool:
        """Whether this is running text: a sentence of some length, or several."""
        return (
            self.kind in {Kind.PARAGRAPH, Kind.QUOTE, Kind.ITEM}
            and len(self.text.split()) >= _PROSE_WORDS
            and has_sentence(self.text)
        )


_PROSE_WORDS = 14


def one_line(text: str) -> str:
    """Return the text with every run of white space as one blank, and none at the ends."""
    return " ".join(text.split())


def paragraph(text: str) -> Block:
    """Return a plain line as a block."""
    line = one_line(text)
    return Block(Kind.PARAGRAPH, line, html.escape(line, quote=False))


def has_sentence(text: str) -> bool:
    """Tell whether a sentence ends in the text."""
    return any(_is_end(text, match) for match in _SENTENCE_END.finditer(text))


def sentence_ends(text: str) -> list[int]:
    """Return the positions behind the ends of sentences; titles, initials and the like end none."""
    return [match.end() for match in _SENTENCE_END.finditer(text) if _is_end(text, match)]


def _is_end(text: str, match: re.Match[str]) -> bool:
    if match.end() == len(text):
        return True
    if text[match.end() + 1 : match.end() + 2].islower():
        return False
    end = match.start() + 1
    return not _ABBREVIATION.search(text[max(0, end - _LONGEST_ABBREVIATION) : end])


def first_sentences(text: str, *, at_most: int) -> str:
    """Return the first whole sentences of up to `at_most` characters.

    Where even the first is longer it is cut between words and ends with an ellipsis.
    """
    line = one_line(text)
    if len(line) <= at_most:
        return line
    ends = [end for end in sentence_ends(line) if end <= at_most]
    if ends:
        return line[: ends[-1]]
    return line[: at_most - 1].rsplit(" ", 1)[0].rstrip(" ,;:–—-(") + "…"
