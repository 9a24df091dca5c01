"""An issue as its templates see it: bodies read and cut, briefs grouped, names gathered."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from markupsafe import Markup

from alerts.newsletters.content import (
    IssueContent,
    ItemContent,
    PhotoContent,
    SectionContent,
)
from alerts.regions import REGIONS
from alerts.rendering.bodies import Block, Body, clip, first_of, read_body, shorten
from alerts.rendering.hygiene import KEPT_PIECES, web_address
from alerts.rendering.plain import join_names, one_line

_ELSEWHERE = "Elsewhere"
_LINE_LIMIT = 300
_ALT_LIMIT = 200
_FOLDED = str.maketrans({"“": '"', "”": '"', "‘": "'", "’": "'", "…": ""})


@dataclass(frozen=True, slots=True)
class Allowance:
    """How long the parts of an issue may be, in characters of text; None sets no limit.

    `items` is how many pieces a section shows in full, and `listed` how many names and sources
    the lists at the end hold.
    """

    essay: int | None = None
    brief: int | None = 1_600
    standfirst: int = 600
    note: int | None = None
    title: int = _LINE_LIMIT
    items: int | None = None
    listed: int | None = None


@dataclass(frozen=True, slots=True)
class PieceView:
    """A piece as it is shown; `url` is None where it stands nowhere on the web.

    `more_url` leads to what was cut off, or from a teaser to the piece, else it is None.
    """

    title: str
    url: str | None
    more_url: str | None
    byline: str
    label: str
    date: str
    standfirst: str
    photo: PhotoContent | None
    blocks: tuple[Block, ...]

    @property
    def body(self) -> Markup:
        """The body's HTML; it was cleaned at intake and again when it was read into blocks."""
        return _markup(self.blocks)


@dataclass(frozen=True, slots=True)
class PlaceView:
    """Pieces filed under one country or region.

    `region` is the name of the region that begins here, where a section has pieces of several; else
    it is empty.
    """

    place: str
    pieces: tuple[PieceView, ...]
    region: str = ""


@dataclass(frozen=True, slots=True)
class _Placed:
    """A piece with where it is filed; `region` is empty where only its continent is known."""

    place: str
    region: str
    piece: PieceView


@dataclass(frozen=True, slots=True)
class PartView:
    """Pieces that follow each other, and the text of the editors' own that stands before them.

    `groups` hold the same pieces by place; `is_first` marks those that the section begins with.
    """

    text: tuple[Block, ...]
    pieces: tuple[PieceView, ...]
    groups: tuple[PlaceView, ...]
    is_first: bool

    @property
    def text_html(self) -> Markup:
        """The text's HTML; it was cleaned when it was made and again when it was read."""
        return _markup(self.text)


@dataclass(frozen=True, slots=True)
class SectionView:
    """A section, as it is to be shown in its `parts`; `left_out` counts the pieces not shown.

    `pieces` are those of all parts, and `groups` hold the same by place, for templates that show
    no texts between them.
    """

    key: str
    title: str
    kind: str
    pieces: tuple[PieceView, ...]
    groups: tuple[PlaceView, ...]
    left_out: int
    parts: tuple[PartView, ...]


@dataclass(frozen=True, slots=True)
class ContributorView:
    """A person who wrote in this issue; `note` goes on where the name ends, or is empty."""

    name: str
    note: str


@dataclass(frozen=True, slots=True)
class LinkView:
    """A title and where it leads, if anywhere."""

    title: str
    url: str | None


@dataclass(frozen=True, slots=True)
class SourceView:
    """A publication, `CWA Commentary # 1251` of a date, and the pieces taken from it."""

    label: str
    date: str
    pieces: tuple[LinkView, ...]


@dataclass(frozen=True, slots=True)
class IssueView:
    """An issue, ready for its templates; see `IssueContent` for the printed forms."""

    newsletter: str
    newsletter_title: str
    tagline: str
    publisher: str
    publisher_address: str
    subject: str
    preheader: str
    folio: str
    date: str
    editors_note: tuple[str, ...]
    sections: tuple[SectionView, ...]
    places: tuple[str, ...]
    contributors: tuple[ContributorView, ...]
    sources: tuple[SourceView, ...]


def view_of(content: IssueContent, allowance: Allowance, *, archive_url: str) -> IssueView:
    """Return the view of an issue in which nothing is longer than the allowance."""
    sections = tuple(_section(one, allowance, archive_url) for one in content.sections)
    note = shorten(read_body("", content.editors_note, heading_level=3), allowance.note)
    return IssueView(
        newsletter=content.newsletter,
        newsletter_title=clip(content.newsletter_title, _LINE_LIMIT),
        tagline=clip(content.tagline, _LINE_LIMIT),
        publisher=clip(content.publisher, _LINE_LIMIT),
        publisher_address=clip(content.publisher_address, _LINE_LIMIT),
        subject=clip(content.subject, _LINE_LIMIT),
        preheader=clip(content.preheader, _LINE_LIMIT),
        folio=_folio(content),
        date=content.date,
        editors_note=tuple(line for block in note.blocks for line in block.lines),
        sections=sections,
        places=_places(sections),
        contributors=_contributors(content, allowance) if content.shows_contributors else (),
        sources=_sources(content, allowance) if content.shows_sources else (),
    )


def _section(section: SectionContent, allowance: Allowance, archive_url: str) -> SectionView:
    shown = section.items[: allowance.items]
    placed = [_placed(item, _piece(item, section.kind, allowance, archive_url)) for item in shown]
    return SectionView(
        key=section.key,
        title=clip(section.title, _LINE_LIMIT),
        kind=section.kind,
        pieces=tuple(one.piece for one in placed),
        groups=_groups(placed),
        left_out=len(section.items) - len(shown),
        parts=tuple(_parts(section, placed, allowance)),
    )


def _parts(
    section: SectionContent, placed: Sequence[_Placed], allowance: Allowance
) -> Iterator[PartView]:
    """Yield a section's pieces, parted by the texts between them.

    A text that stands behind what is not shown stays: it is for everybody, and comes last.
    """
    level = 3 if section.title else 2
    cuts: list[tuple[int, tuple[Block, ...]]] = [(0, ())]
    for text in section.texts:
        words = shorten(read_body(text.body_html, "", heading_level=level), allowance.note)
        cuts.append((min(text.after, len(placed)), words.blocks))
    ends = [*(start for start, _ in cuts[1:]), len(placed)]
    for (start, blocks), end in zip(cuts, ends, strict=True):
        if blocks or end > start:
            some = placed[start:end]
            pieces = tuple(one.piece for one in some)
            yield PartView(blocks, pieces, _groups(some), is_first=start == 0)


def _groups(placed: Sequence[_Placed]) -> tuple[PlaceView, ...]:
    groups: dict[str, list[_Placed]] = {}
    for one in placed:
        groups.setdefault(one.place, []).append(one)
    shows_regions = len({one.region for one in placed if one.region}) > 1
    views, before = list[PlaceView](), ""
    for place, some in groups.items():
        region = some[0].region if shows_regions else ""
        begins = region if region not in {before, place} else ""
        views.append(PlaceView(place, tuple(one.piece for one in some), begins))
        before = region
    return tuple(views)


def _placed(item: ItemContent, piece: PieceView) -> _Placed:
    region = REGIONS.get(item.regions[0]) if item.regions else None
    name = region.name if region and region.parent else ""
    return _Placed(_place(item), name, piece)


@lru_cache(maxsize=KEPT_PIECES)
def _piece(item: ItemContent, kind: str, allowance: Allowance, archive_url: str) -> PieceView:
    url = web_address(item.url)
    body = _body(item, kind, allowance)
    is_teaser = url is not None and (kind == "cards" or _stands_for_body(item, kind))
    return PieceView(
        title=clip(item.title, allowance.title),
        url=url,
        more_url=_more_url(item, url, archive_url) if body.cut or is_teaser else None,
        byline=_byline(item),
        label=clip(item.label, _LINE_LIMIT),
        date=clip(item.date, _LINE_LIMIT),
        standfirst=_standfirst(item, kind, body, allowance),
        photo=_photo(item),
        blocks=body.blocks,
    )


def _body(item: ItemContent, kind: str, allowance: Allowance) -> Body:
    if kind == "cards" or _stands_for_body(item, kind):
        return Body(())
    level, limit = (4, allowance.essay) if kind == "essay" else (5, allowance.brief)
    body = read_body(item.body_html, item.body_text, heading_level=level)
    return shorten(first_of(body, item.paragraphs) if kind == "essay" else body, limit)


def _more_url(item: ItemContent, url: str | None, archive_url: str) -> str | None:
    """Return where the rest stands: the issue on the web has no more than editors let it have."""
    return url or (archive_url if item.paragraphs is None else None)


def _standfirst(item: ItemContent, kind: str, body: Body, allowance: Allowance) -> str:
    """Return the standfirst where it says more than the body's own first lines."""
    standfirst = clip(item.standfirst, allowance.standfirst) if allowance.standfirst else ""
    if kind == "cards" or not body.blocks or item.shortened:
        return standfirst
    if kind == "briefs":
        return ""
    opening = " ".join(line for block in body.blocks[:3] for line in block.lines)
    return "" if _folded(opening).startswith(_folded(standfirst)) else standfirst


def _stands_for_body(item: ItemContent, kind: str) -> bool:
    """Tell whether an editor's short form is all that is shown of a brief."""
    return kind == "briefs" and item.shortened and bool(item.standfirst)


def _markup(blocks: Iterable[Block]) -> Markup:
    return Markup("\n".join(block.html for block in blocks))  # noqa: S704 - cleaned, see bodies.py


def _folded(text: str) -> str:
    return one_line(text.translate(_FOLDED)).casefold().rstrip(" .")


def _byline(item: ItemContent) -> str:
    names = [*item.authors] or ([item.team] if item.team else [])
    kept = names
    while len(kept) > 1 and len(join_names(kept)) > _LINE_LIMIT:
        kept = kept[:-1]
    others = len(names) - len(kept)
    shown = join_names(kept) if not others else f"{', '.join(kept)} and {others} more"
    return clip(shown, _LINE_LIMIT)


def _photo(item: ItemContent) -> PhotoContent | None:
    """Return the photo with an alternative text: where nobody wrote one, the piece's title."""
    photo = item.photo
    url = web_address(photo.url) if photo else None
    if photo is None or url is None:
        return None
    credit = clip(photo.credit, _ALT_LIMIT) if photo.credit else None
    return PhotoContent(url, clip(photo.alt or f"Photo: {item.title}", _ALT_LIMIT), credit)


def _place(item: ItemContent) -> str:
    if item.place:
        return clip(item.place, _LINE_LIMIT)
    region = REGIONS.get(item.regions[0]) if item.regions else None
    return region.name if region else _ELSEWHERE


def _places(sections: Iterable[SectionView]) -> tuple[str, ...]:
    places = (group.place for one in sections if one.kind == "briefs" for group in one.groups)
    return tuple(dict.fromkeys(place for place in places if place != _ELSEWHERE))


def _folio(content: IssueContent) -> str:
    parts = [
        f"Vol. {content.volume}" if content.volume else "",
        f"No. {content.volume_number}" if content.volume_number else "",
    ]
    volume = ", ".join(filter(None, parts))
    number = f"#{content.number}" if content.number else ""
    return " · ".join(filter(None, (number, volume)))


def _contributors(content: IssueContent, allowance: Allowance) -> tuple[ContributorView, ...]:
    found: dict[str, str] = {}
    for item in content.items:
        notes = item.author_notes if len(item.author_notes) == len(item.authors) else ()
        for index, name in enumerate(item.authors):
            found[name] = found.get(name) or (notes[index] if notes else "")
    views = (
        ContributorView(clip(name, _LINE_LIMIT), clip(_note(name, note), _LINE_LIMIT))
        for name, note in found.items()
    )
    return tuple(views)[: allowance.listed]


def _note(name: str, note: str) -> str:
    """Return the note without the name it begins with, so that the name is printed once."""
    if note.casefold().startswith(name.casefold()):
        return note[len(name) :].lstrip(" ,:–—-")
    return note


def _sources(content: IssueContent, allowance: Allowance) -> tuple[SourceView, ...]:
    found: dict[tuple[str, str], dict[LinkView, None]] = {}
    for item in content.items[: allowance.listed]:
        link = LinkView(clip(item.title, allowance.title), web_address(item.url))
        found.setdefault((item.label, item.date), {})[link] = None
    return tuple(
        SourceView(clip(label, _LINE_LIMIT), clip(date, _LINE_LIMIT), tuple(links))
        for (label, date), links in found.items()
    )
