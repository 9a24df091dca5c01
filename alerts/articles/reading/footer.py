"""The list of other pieces that a page prints: `March 2024 | CWA # 1251`, authors, title."""

from collections.abc import Sequence
from dataclasses import dataclass

from alerts.articles.reading.blocks import Block, Kind
from alerts.articles.reading.header import Header, read_header
from alerts.articles.reading.names import read_byline
from alerts.articles.reading.record import Related

# An authors' line may carry a note (`Name | Name is a scholar at …`); a title is shorter.
_LONGEST_TITLE = 220


@dataclass(frozen=True, slots=True)
class Taken:
    """The pieces found, and the blocks that are left without them."""

    related: tuple[Related, ...]
    left: list[Block]


def take_related(blocks: Sequence[Block]) -> Taken:
    """Take the lists of other pieces out of a page, wherever they stand.

    A single such line above the text is the page's own header and stays; in a list, or at the
    end, it begins an entry.
    """
    heads = [i for i, block in enumerate(blocks) if _entry_header(block) is not None]
    first_prose = next((i for i, block in enumerate(blocks) if block.is_prose), len(blocks))
    entries = {i: _read_entry(blocks, i) for i in heads}
    lone = len(heads) == 1 and heads[0] < first_prose
    related: list[Related] = []
    taken: set[int] = set()
    for i in heads:
        entry, end = entries[i]
        if entry is None or lone or _is_own(blocks, i, end, heads, first_prose):
            continue
        related.append(entry)
        taken.update(range(i, end))
    return Taken(tuple(related), [block for i, block in enumerate(blocks) if i not in taken])


def _is_own(
    blocks: Sequence[Block], start: int, end: int, heads: Sequence[int], first_prose: int
) -> bool:
    """Tell whether an entry's line above the text is the page's own header.

    In a list above the text (a column at the side) entry follows upon entry.
    """
    if start > first_prose or blocks[start].aside:
        return False
    return end not in heads and not any(_read_entry(blocks, i)[1] == start for i in heads)


def _entry_header(block: Block) -> Header | None:
    if block.kind in {Kind.TABLE, Kind.IMAGE} or "|" not in block.text:
        return None
    header = read_header(block.text)
    is_entry = header.is_whole and header.published_on and header.series and header.number
    return header if is_entry and not header.volume and not header.team else None


def _read_entry(blocks: Sequence[Block], start: int) -> tuple[Related | None, int]:
    """Read the entry whose header stands at `start`; return it and where it ends."""
    header = _entry_header(blocks[start])
    following: list[Block] = []
    position = start + 1
    while position < len(blocks) and len(following) < 2:  # noqa: PLR2004 - authors, then title
        block = blocks[position]
        if _entry_header(block) is not None or block.kind is Kind.TABLE:
            break
        if block.kind is not Kind.IMAGE:
            following.append(block)
        position += 1
    if header is None or not following:
        return None, start + 1
    authors, title = _authors_and_title(following)
    if title is None:
        return None, start + 1
    end = blocks.index(title, start) + 1
    byline = read_byline(authors.text.partition("|")[0]) if authors else None
    return (
        Related(
            title=title.text.strip(" |"),
            date=header.iso_date,
            series=header.series,
            number=header.number,
            authors=byline.names if byline else (),
            team=byline.team if byline else None,
            url=title.link,
        ),
        end,
    )


def _authors_and_title(following: Sequence[Block]) -> tuple[Block | None, Block | None]:
    """Tell the authors' line from the title; either may be missing."""
    first = following[0]
    if read_byline(first.text.partition("|")[0]) is not None and len(following) > 1:
        return first, _if_title(following[1])
    return None, _if_title(first)


def _if_title(block: Block) -> Block | None:
    return block if len(block.text) <= _LONGEST_TITLE and not block.is_prose else None
