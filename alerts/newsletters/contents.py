"""From article rows to the plain content of an issue."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from alerts.articles.models import Article, ArticlePart
from alerts.newsletters.arranging import WHOLE
from alerts.newsletters.content import (
    IssueContent,
    ItemContent,
    PhotoContent,
    SectionContent,
    TextContent,
)
from alerts.newsletters.definitions import NewsletterDefinition, SectionDefinition
from alerts.newsletters.markdown import html_of
from alerts.newsletters.models import Issue, IssueItem
from alerts.newsletters.numbering import printed
from alerts.newsletters.places import place_of

_REST_LENGTH = 160


def content_of(issue: Issue, definition: NewsletterDefinition) -> IssueContent:
    """Return what an issue says now, made from its articles as they stand."""
    sections = (_section(issue, section) for section in definition.sections)
    return IssueContent(
        newsletter=issue.newsletter,
        newsletter_title=definition.title,
        tagline=definition.tagline,
        publisher=definition.publisher,
        publisher_address=definition.publisher_address,
        template=definition.template,
        subject=issue.subject,
        preheader=issue.preheader,
        number=printed(issue.number, issue.number_count),
        volume=printed(issue.volume),
        volume_number=printed(issue.volume_number, issue.number_count),
        date=printed_day(issue.until.astimezone(ZoneInfo(definition.time_zone)).date()),
        editors_note=issue.editors_note,
        sections=tuple(section for section in sections if section.items or section.texts),
        shows_contributors=definition.contributors,
        shows_sources=definition.sources,
        counts_clicks=definition.clicks,
    )


def item_content(item: IssueItem) -> ItemContent:
    """Return one item of an issue as plain data."""
    article = item.article
    part = next((p for p in article.parts if p.position == item.part), None)
    place = place_of(article, part)
    piece: Article | ArticlePart = part or article
    authors = tuple(part.authors) if part else tuple(a.name for a in article.authors)
    notes = {author.name: author.about for author in article.authors}
    return ItemContent(
        key=str(article.id) if item.part == WHOLE else f"{article.id}.{item.part}",
        title=item.title or piece.title,
        url=article.url,
        authors=authors,
        team=article.team,
        label=label_of(article),
        date=_printed_date(article),
        standfirst=piece.standfirst if item.standfirst is None else item.standfirst,
        body_html=piece.body_html,
        body_text=piece.body_text,
        place=place.name,
        regions=tuple(piece.regions),
        photo=_photo(article) if part is None else None,
        author_notes=tuple(note for name in authors if (note := notes.get(name))),
        late=item.late,
        countries=((part.country,) if part.country else ()) if part else tuple(article.countries),
        topics=tuple(article.topics),
        series=article.series or "",
        shortened=item.standfirst is not None,
        paragraphs=item.paragraphs,
    )


def _section(issue: Issue, section: SectionDefinition) -> SectionContent:
    """Return a section as it stands; its texts know how many items are before them."""
    items = sorted(
        (item for item in issue.items if item.section == section.key),
        key=lambda item: item.position,
    )
    texts = sorted(
        (text for text in issue.texts if text.section == section.key),
        key=lambda text: text.position,
    )
    written = (
        TextContent(html_of(text.markdown), sum(item.position < text.position for item in items))
        for text in texts
    )
    return SectionContent(
        section.key,
        section.title,
        section.kind,
        tuple(item_content(item) for item in items),
        tuple(text for text in written if text.body_html),
    )


def label_of(article: Article) -> str:
    """Return series, number and volume as the house prints them, or an empty text.

    `NIAS Africa Weekly # 85 & 86, Vol. 2, No. 39 & 40`.
    """
    label = article.series or ""
    if article.number:
        label += f" # {_double(article.number)}"
    if article.volume:
        label += f", Vol. {_double(article.volume)}"
    if article.volume_number:
        label += f", No. {_double(article.volume_number)}"
    return label.strip(" ,")


def printed_day(day: date) -> str:
    """Return a day as the house prints it: `23 November 2026`."""
    return f"{day.day} {day:%B %Y}"


def proposed_texts(content: IssueContent, definition: NewsletterDefinition) -> tuple[str, str]:
    """Return a subject and a preheader for an issue, by the newsletter's patterns."""
    titles = [item.title for item in content.items]
    lead = titles[0] if titles else definition.title
    others = len(titles) - 1
    standfirst = content.items[0].standfirst if titles else ""
    fields = {
        "title": definition.title,
        "number": content.number,
        "volume": content.volume,
        "volume_number": content.volume_number,
        "date": content.date,
        "lead": lead,
        "more": f", and {others} more" if others > 0 else "",
        "rest": _shortened("; ".join(titles[1:]) or standfirst),
    }
    subject = definition.subject.format_map(fields)
    preheader = definition.preheader.format_map(fields)
    return " ".join(subject.split()), " ".join(preheader.split())


def is_late(article: Article, previous_cut_off: datetime | None, zone: str) -> bool:
    """Tell whether a piece was published before the last cut-off and noticed after it."""
    if previous_cut_off is None or article.published_on is None:
        return False
    cut_off_day = previous_cut_off.astimezone(ZoneInfo(zone)).date()
    return article.noticed_at > previous_cut_off and article.published_on < cut_off_day


def _photo(article: Article) -> PhotoContent | None:
    if not article.photo_url:
        return None
    alt = article.photo_alt or f"Photo for “{article.title}”"
    return PhotoContent(article.photo_url, alt, article.photo_credit)


def _printed_date(article: Article) -> str:
    if article.published_on is None:
        return ""
    if article.published_precision == "month":
        return f"{article.published_on:%B %Y}"
    return printed_day(article.published_on)


def _double(number: str) -> str:
    return number.replace("-", " & ")


def _shortened(text: str) -> str:
    if len(text) <= _REST_LENGTH:
        return text
    return text[:_REST_LENGTH].rsplit(" ", 1)[0].rstrip(" ,;:.") + " …"
