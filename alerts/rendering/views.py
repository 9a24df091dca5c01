"""An issue as its templates see it: bodies read and cut, briefs grouped, names gathered."""

from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup

from alerts.newsletters.content import IssueContent, ItemContent, PhotoContent, SectionContent
from alerts.regions import REGIONS
from alerts.rendering.bodies import Block, Body, clip, read_body, shorten
from alerts.rendering.hygiene import web_address
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
        return Markup("\n".join(block.html for block in self.blocks))  # noqa: S704 - cleaned, see bodies.py


@dataclass(frozen=True, slots=True)
class PlaceView:
    """Pieces filed under one country or region."""

    place: str
    pieces: tuple[PieceView, ...]


@dataclass(frozen=True, slots=True)
class SectionView:
    """A section; `groups` hold the same pieces by place, `left_out` counts those not shown."""

    key: str
    title: str
    kind: str
    pieces: tuple[PieceView, ...]
    groups: tuple[PlaceView, ...]
    left_out: int


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
    pieces = [(item, _piece(item, section.kind, allowance, archive_url)) for item in shown]
    groups: dict[str, list[PieceView]] = {}
    for item, piece in pieces:
        groups.setdefault(_place(item), []).append(piece)
    return SectionView(
        key=section.key,
        title=clip(section.title, _LINE_LIMIT),
        kind=section.kind,
        pieces=tuple(piece for _, piece in pieces),
        groups=tuple(PlaceView(place, tuple(some)) for place, some in groups.items()),
        left_out=len(section.items) - len(shown),
    )


def _piece(item: ItemContent, kind: str, allowance: Allowance, archive_url: str) -> PieceView:
    url = web_address(item.url)
    body = _body(item, kind, allowance)
    return PieceView(
        title=clip(item.title, allowance.title),
        url=url,
        more_url=(url or archive_url) if body.cut or (kind == "cards" and url) else None,
        byline=_byline(item),
        label=clip(item.label, _LINE_LIMIT),
        date=clip(item.date, _LINE_LIMIT),
        standfirst=_standfirst(item, kind, body, allowance),
        photo=_photo(item),
        blocks=body.blocks,
    )


def _body(item: ItemContent, kind: str, allowance: Allowance) -> Body:
    if kind == "cards":
        return Body(())
    level, limit = (4, allowance.essay) if kind == "essay" else (5, allowance.brief)
    body = read_body(item.body_html, item.body_text, heading_level=level)
    return shorten(body, limit)


def _standfirst(item: ItemContent, kind: str, body: Body, allowance: Allowance) -> str:
    """Return the standfirst where it says more than the body's own first lines."""
    standfirst = clip(item.standfirst, allowance.standfirst) if allowance.standfirst else ""
    if kind == "cards" or not body.blocks:
        return standfirst
    if kind == "briefs":
        return ""
    opening = " ".join(line for block in body.blocks[:3] for line in block.lines)
    return "" if _folded(opening).startswith(_folded(standfirst)) else standfirst


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
