"""Whether a page is one of this house's: it prints marks that no other page does. Pure."""

import re
from collections.abc import Sequence

from alerts.articles.reading.blocks import Block, Kind
from alerts.articles.reading.header import read_header

_COURSE = re.compile(
    r"\bNIAS\s+Course\s+on\s+Global\s+Politics\b|\bsubscribe\s+to\s+GP\s+alerts\b", re.IGNORECASE
)
_MAY_BE_MARK = re.compile(r"[#№]|\bteam\b|\bvol|\bno\b|\bissue\b|\d{4}", re.IGNORECASE)
_LONGEST_MARK = 200


def is_of_the_house(blocks: Sequence[Block]) -> bool:
    """Tell whether a page prints a series with its number, one of the house's teams or courses."""
    return any(_is_mark(block) for block in blocks)


def _is_mark(block: Block) -> bool:
    if block.kind in {Kind.TABLE, Kind.IMAGE} or len(block.text) > _LONGEST_MARK:
        return False
    if _COURSE.search(block.text):
        return True
    if not _MAY_BE_MARK.search(block.text):
        return False
    header = read_header(block.text)
    numbered = header.series and (header.number or header.volume or header.published_on)
    return bool((numbered or header.team) and header.is_whole)
