"""What stands in an issue, as plain data: made from articles, frozen at approval, then rendered."""

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any, Self

from pydantic import TypeAdapter


@dataclass(frozen=True, slots=True)
class PhotoContent:
    """A photo as it is shown in a mail."""

    url: str
    alt: str
    credit: str | None


@dataclass(frozen=True, slots=True)
class ItemContent:
    """One piece in a section.

    `key` is the article's id, with `.part` for a piece of a roundup, and never changes.
    `label` is how the house prints series and number (`CWA Commentary # 1251`), `date` the printed
    form of the publication date (`31 October 2023`, `March 2024`), each empty when unknown.
    `regions` holds slugs (`west-africa`), `countries` ISO 3166 codes, `place` is what a brief is
    filed under (`Mali`); by these, `topics` and `series` readers choose.
    `body_html` was cleaned at intake; `body_text` are its paragraphs, separated by a blank line.
    A `shortened` piece has a standfirst that an editor wrote for this issue. Where a section shows
    pieces in full, `paragraphs` is how many of the text stand there: None for all of them.
    """

    key: str
    title: str
    url: str | None
    authors: tuple[str, ...]
    team: str | None
    label: str
    date: str
    standfirst: str
    body_html: str
    body_text: str
    place: str
    regions: tuple[str, ...]
    photo: PhotoContent | None = None
    author_notes: tuple[str, ...] = ()
    late: bool = False
    countries: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    series: str = ""
    shortened: bool = False
    paragraphs: int | None = None


@dataclass(frozen=True, slots=True)
class TextContent:
    """Words of the editors' own in a section, for every reader; clean HTML.

    `after` is how many of the section's items stand before it.
    """

    body_html: str
    after: int


@dataclass(frozen=True, slots=True)
class SectionContent:
    """A section with its items, and the texts between them.

    `kind` decides how it is shown: `cards` (article teasers), `essay` (the piece in full),
    `briefs` (short texts grouped by `place`).
    """

    key: str
    title: str
    kind: str
    items: tuple[ItemContent, ...]
    texts: tuple[TextContent, ...] = ()

    def only(self, keys: Collection[str]) -> Self:
        """Return the section with these items alone; every text stays, in its place."""
        kept = [item.key in keys for item in self.items]
        items = tuple(item for item, is_kept in zip(self.items, kept, strict=True) if is_kept)
        texts = tuple(replace(text, after=sum(kept[: text.after])) for text in self.texts)
        return replace(self, items=items, texts=texts)


@dataclass(frozen=True, slots=True)
class IssueContent:
    """An issue as it was approved: everything that rendering needs, nothing personal.

    `number`, `volume`, `volume_number` are printed forms (`86`, `2`, `40`; of a
    double issue `85 & 86`, `2`, `39 & 40`) or empty.
    `date` is the printed date of the issue in the newsletter's zone (`23 November 2026`).
    """

    newsletter: str
    newsletter_title: str
    tagline: str
    publisher: str
    publisher_address: str
    template: str
    subject: str
    preheader: str
    number: str
    volume: str
    volume_number: str
    date: str
    editors_note: str
    sections: tuple[SectionContent, ...]
    shows_contributors: bool = False
    shows_sources: bool = False
    counts_clicks: bool = False

    @property
    def items(self) -> tuple[ItemContent, ...]:
        """All items, in the order of their sections."""
        return tuple(item for section in self.sections for item in section.items)

    @property
    def item_keys(self) -> tuple[str, ...]:
        """The keys of all items, in order."""
        return tuple(item.key for item in self.items)

    def only(self, keys: Collection[str]) -> Self:
        """Return the issue with these items alone; sections left empty are dropped.

        What the editors wrote between the items is for everybody, and stays.
        """
        sections = (section.only(keys) for section in self.sections)
        return replace(self, sections=tuple(one for one in sections if one.items or one.texts))

    def to_json(self) -> dict[str, Any]:
        """Return the content as a JSON document, to be frozen."""
        document: dict[str, Any] = _CONTENT.dump_python(self, mode="json")
        # What came later is left out where it says nothing: older issues keep their checksums.
        for section in document["sections"]:
            if not section["texts"]:
                del section["texts"]
            for item in section["items"]:
                if not item["shortened"]:
                    del item["shortened"]
                if item["paragraphs"] is None:
                    del item["paragraphs"]
        return document

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> "IssueContent":
        """Read frozen content back."""
        return _CONTENT.validate_python(document)

    def checksum(self) -> str:
        """Return the SHA-256 of the content in a canonical form, in hex."""
        canonical = json.dumps(self.to_json(), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(canonical.encode()).hexdigest()


_CONTENT = TypeAdapter(IssueContent)
