"""What stands where on a page: title, signatures, photo, text, notes about the authors."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from alerts.articles.reading.blocks import Block, Kind
from alerts.articles.reading.boilerplate import is_boilerplate, photo_credit
from alerts.articles.reading.growing import end_of_head
from alerts.articles.reading.header import Header, read_header
from alerts.articles.reading.names import (
    Byline,
    folded,
    is_about_heading,
    read_byline,
    subject_of_note,
)
from alerts.articles.reading.pieces import is_marker, without_focus
from alerts.articles.reading.record import ReadPhoto
from alerts.articles.reading.titles import find_title

_LONGEST_REST = 40


@dataclass(slots=True)
class Layout:
    """The regions of a page; `left_out` are lines that belong to none, kept for the editor."""

    title: str | None = None
    # Whether `IN FOCUS` stands over the title or before it.
    in_focus: bool = False
    header: Header = field(default_factory=Header)
    headers: list[Header] = field(default_factory=list)
    # Words on a header line that are no part of it that is known.
    unread: list[str] = field(default_factory=list)
    byline: Byline = field(default_factory=Byline)
    photo: ReadPhoto = field(default_factory=ReadPhoto)
    body: list[Block] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    printed_head: list[str] = field(default_factory=list)


def lay_out(blocks: Sequence[Block], *, titles: Sequence[str] = ()) -> Layout:
    """Recognise the regions of a page; `titles` are what the page's own head calls it."""
    layout = Layout()
    blocks = _without_asides(blocks, layout)
    text, tail = _split_at_notes(blocks)
    _read_notes(tail, layout)
    text = _take_photo(_cut_ending(text, layout), layout)
    text = [block for block in text if not is_boilerplate(block.text)]
    first_prose = next((i for i, block in enumerate(text) if block.is_prose), len(text))
    head_end = end_of_head(text, first_prose)
    body_at = _read_head(text, head_end, titles, layout)
    layout.body = text[body_at:]
    return layout


def _without_asides(blocks: Sequence[Block], layout: Layout) -> list[Block]:
    """Leave out what stands beside the article, unless that is all there is."""
    inside = [block for block in blocks if not block.aside]
    if not any(block.is_prose for block in inside):
        return list(blocks)
    layout.left_out += [block.text for block in blocks if block.aside and block.text]
    return inside


def _split_at_notes(blocks: Sequence[Block]) -> tuple[list[Block], list[Block]]:
    seen_prose = False
    for i, block in enumerate(blocks):
        seen_prose = seen_prose or block.is_prose
        if seen_prose and is_about_heading(block.text):
            return list(blocks[:i]), list(blocks[i + 1 :])
    return list(blocks), []


def _read_notes(tail: Sequence[Block], layout: Layout) -> None:
    """Take the notes, up to the site's own lines; below these nothing is the article's."""
    for i, block in enumerate(tail):
        if is_boilerplate(block.text) or block.kind is Kind.IMAGE:
            layout.left_out += [
                rest.text for rest in tail[i:] if rest.text and not is_boilerplate(rest.text)
            ]
            return
        layout.notes.append(block.text)


def _cut_ending(blocks: list[Block], layout: Layout) -> list[Block]:
    """Cut what follows the site's own lines below the last running text."""
    last_prose = max((i for i, block in enumerate(blocks) if block.is_prose), default=len(blocks))
    for i in range(last_prose + 1, len(blocks)):
        if is_boilerplate(blocks[i].text):
            layout.left_out += [
                rest.text for rest in blocks[i:] if rest.text and not is_boilerplate(rest.text)
            ]
            return blocks[:i]
    return blocks


def _take_photo(blocks: Sequence[Block], layout: Layout) -> list[Block]:
    """Take the first photo and its credit; other pictures and captions are left out."""
    image = next((block for block in blocks if block.kind is Kind.IMAGE), None)
    credit: str | None = None
    left = []
    for block in blocks:
        found = photo_credit(block.text) if block.kind is not Kind.IMAGE else None
        credit = credit or found
        if block.kind is Kind.CAPTION and not found:
            layout.left_out.append(block.text)
        elif found is None and block.kind not in {Kind.IMAGE, Kind.CAPTION}:
            left.append(block)
    layout.photo = ReadPhoto(
        url=image.link if image else None,
        credit=credit,
        alt=(image.text or None) if image else None,
    )
    return left


def _read_head(
    blocks: Sequence[Block], head_end: int, titles: Sequence[str], layout: Layout
) -> int:
    """Read the lines above the text; return where the body begins."""
    head = list(blocks[:head_end])
    noted = {folded(name) for note in layout.notes if (name := subject_of_note(note))}
    title_at = find_title(head, titles, noted)
    layout.printed_head = [block.text for block in head]
    if title_at is None:
        layout.left_out += [block.text for block in head]
        return head_end
    layout.title = _title_text(head[title_at], layout)
    above = head[title_at - 1].text if title_at else ""
    layout.in_focus = is_marker(above, "focus") or without_focus(layout.title)[1]
    body_at = next(
        (i for i in range(title_at + 1, len(head)) if not _read_head_line(head[i], layout)),
        head_end,
    )
    _read_above(head[:title_at], layout)
    return body_at


def _read_above(blocks: Sequence[Block], layout: Layout) -> None:
    """Read the lines above the title; second, because a menu may hold what looks like names.

    Names are taken where nobody signed below; where a team did, only close above the title.
    """
    signed, by_team = bool(layout.byline.names), layout.byline.team is not None
    close = {id(block) for block in _close_above(blocks)}
    for block in blocks:
        no_names = signed or (by_team and id(block) not in close)
        if is_marker(block.text):
            continue
        if block.kind is Kind.ITEM or not _read_head_line(
            block, layout, above=True, no_names=no_names
        ):
            layout.left_out.append(block.text)


def _close_above(blocks: Sequence[Block]) -> list[Block]:
    """Return the lines just above the title, up to one that is no header line and names nobody."""
    close = []
    for block in reversed(blocks):
        header = read_header(block.text)
        named = read_byline(block.text if header.is_empty else header.rest)
        if block.kind is Kind.ITEM or not (header.is_whole or named):
            break
        close.append(block)
    return close


def _title_text(block: Block, layout: Layout) -> str:
    """Return the title; a number or volume on its line is the header's, not the title's.

    Where the line is a header line and nothing else the page is called by its series and number.
    """
    header = read_header(block.text)
    numbered = header.number or header.volume
    if header.is_whole or numbered:
        _take_header(layout, header)
    if header.is_whole and header.series and header.number:
        return f"{header.series} # {header.number}"
    return header.rest if header.rest and numbered else block.text


def _read_head_line(
    block: Block, layout: Layout, *, above: bool = False, no_names: bool = False
) -> bool:
    """Read a line as header or byline; False when it is neither.

    Above the title a line is a header line wholly or not at all: there may be a menu.
    """
    if layout.title is not None and folded(block.text) == folded(layout.title):
        return True
    header = read_header(block.text)
    if header.is_whole:
        _take_header(layout, header)
        if header.team and not layout.byline.team:
            layout.byline = Byline(layout.byline.names, header.team)
        return True
    byline = read_byline(block.text if header.is_empty else header.rest)
    if byline is None:
        return not above and _read_what_can_be(header, layout)
    if no_names:
        return False
    _take_header(layout, header)
    team = layout.byline.team or header.team or byline.team
    names = tuple(dict.fromkeys(layout.byline.names + byline.names))
    layout.byline = Byline(names, team)
    return True


def _read_what_can_be(header: Header, layout: Layout) -> bool:
    """Take a line that surely is a header line, of which some words stay unread."""
    sure = header.begins_with_series and (header.number or header.volume)
    if not sure or len(header.rest) > _LONGEST_REST:
        return False
    _take_header(layout, header)
    layout.unread.append(header.rest)
    return True


def _take_header(layout: Layout, header: Header) -> None:
    layout.headers.append(header)
    layout.header = _joined(layout.header, header)


def _joined(known: Header, new: Header) -> Header:
    numbered = new.number or new.volume
    if numbered and not (known.number or known.volume):
        return new.completed_by(known)
    return known.completed_by(new)
