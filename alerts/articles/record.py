"""What an article's record says: a page's fields joined with what was known before. Pure."""

import hashlib
import json
from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from typing import Any

from alerts.articles.placing import place
from alerts.articles.reading.names import folded
from alerts.articles.reading.record import ReadArticle
from alerts.articles.topics import Topics, load_topics

# With room for a number behind it, in a column of 200.
_LONGEST_KEY = 190
_EXPECTED = {
    "authors": "none found, nor a team",
    "published_on": "none printed",
    "series": "none printed",
    "number": "none printed",
    "photo.credit": "none printed",
}


@dataclass(frozen=True, slots=True)
class PartRecord:
    """One piece of a roundup, placed."""

    title: str
    authors: tuple[str, ...]
    in_focus: bool
    country: str | None
    regions: tuple[str, ...]
    standfirst: str
    body_html: str
    body_text: str
    key: str = ""
    dated_on: date | None = None


@dataclass(frozen=True, slots=True)
class ArticleRecord:
    """All that is stored of an article's content; `authors` are pairs of name and note."""

    title: str
    url: str | None
    series: str | None
    number: str | None
    volume: str | None
    volume_number: str | None
    published_on: date | None
    published_precision: str | None
    authors: tuple[tuple[str, str | None], ...]
    team: str | None
    photo_url: str | None
    photo_credit: str | None
    photo_alt: str | None
    standfirst: str
    body_html: str
    body_text: str
    language: str | None
    words: int
    parts: tuple[PartRecord, ...]
    regions: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    printed: dict[str, Any] = field(default_factory=dict)
    related: tuple[dict[str, Any], ...] = ()
    grows: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the record as a JSON document."""
        document = asdict(self)
        document["published_on"] = self.published_on.isoformat() if self.published_on else None
        for part in document["parts"]:
            part["dated_on"] = part["dated_on"].isoformat() if part["dated_on"] else None
        return document

    def checksum(self) -> str:
        """Return the SHA-256 of what readers see.

        The site's lists, our flags and our topics do not count: new rules make no new revision.
        """
        seen = self.to_json()
        for part in seen["parts"]:
            del part["key"], part["dated_on"]
        for name in ("flags", "printed", "related", "topics", "grows"):
            seen.pop(name)
        canonical = json.dumps(seen, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(canonical.encode()).hexdigest()


def record_of(
    page: ReadArticle, known: ArticleRecord | None = None, *, topics: Topics | None = None
) -> ArticleRecord:
    """Return the record that a page makes, joined with what another rendering told before.

    Its topics follow the rules given, else those that the program ships.

    What a page does not print it does not take back: a text copy has no address and no picture.
    The text of a copy replaces that of a page only where the words differ.
    """
    same_text = known is not None and folded(known.body_text) == folded(page.body_text)
    keeps_text = known is not None and same_text and page.is_copy
    body = known if keeps_text and known is not None else page
    parts = known.parts if keeps_text and known is not None else _parts(page)
    placed = place(page.title, page.body_text, series=page.series)
    fields: dict[str, Any] = {
        "title": page.title,
        "url": page.url,
        "series": page.series,
        "number": page.number,
        "volume": page.volume,
        "volume_number": page.volume_number,
        "published_on": page.published_on,
        "published_precision": page.published_precision,
        "authors": tuple((author.name, author.about) for author in page.authors),
        "team": page.team,
        "photo_url": page.photo.url,
        "photo_credit": page.photo.credit,
        "photo_alt": page.photo.alt,
        "language": page.language,
    }
    if known is not None:
        fields = {name: value or getattr(known, name) for name, value in fields.items()}
        if page.published_on is None:
            fields["published_precision"] = known.published_precision
        if keeps_text:
            fields["title"] = known.title
    record = ArticleRecord(
        **fields,
        standfirst=body.standfirst,
        body_html=body.body_html,
        body_text=body.body_text,
        words=body.words,
        parts=parts,
        regions=placed.regions,
        countries=placed.countries,
        topics=(topics or load_topics(None)).of(page.title, page.body_text),
        printed=page.printed,
        related=tuple(entry.to_json() for entry in page.related),
        grows=page.grows,
    )
    return _flagged(record, page.flags)


def key_of_part(title: str) -> str:
    """Return what tells a piece of a roundup from the others: its title, as it is compared."""
    return folded(title)[:_LONGEST_KEY]


def _parts(page: ReadArticle) -> tuple[PartRecord, ...]:
    records = []
    seen = Counter[str]()
    for part in page.parts:
        key = part.key or key_of_part(part.title)
        seen[key] += 1
        placed = place(part.title, part.body_text, series=page.series)
        records.append(
            PartRecord(
                title=part.title,
                authors=part.authors,
                in_focus=part.in_focus,
                country=next(iter(placed.countries), None),
                regions=placed.regions,
                standfirst=part.standfirst,
                body_html=part.body_html,
                body_text=part.body_text,
                # Two pieces of one title are told apart by their order.
                key=key if seen[key] == 1 else f"{key} {seen[key]}",
                dated_on=part.dated_on,
            )
        )
    return tuple(records)


def _flagged(record: ArticleRecord, flags: tuple[str, ...]) -> ArticleRecord:
    """Add what an editor should look for: fields that a page of this house prints as a rule."""
    found = {
        "authors": record.authors or record.team or any(part.authors for part in record.parts),
        "published_on": record.published_on,
        "series": record.series,
        "number": record.number or record.volume_number,
        "photo.credit": record.photo_credit,
    }
    missing = tuple(f"{name}: {_EXPECTED[name]}" for name, value in found.items() if not value)
    return replace(record, flags=flags + missing)
