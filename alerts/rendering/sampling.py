"""Issues that are invented to try a template out: one with everything, one with next to nothing."""

from alerts.newsletters.content import IssueContent, ItemContent, PhotoContent, SectionContent
from alerts.newsletters.definitions import NewsletterDefinition, SectionDefinition

_WORDS = (
    "The talks went on through the week, and what was agreed on the first day was in doubt on the"
    " last. Three governments said that they would wait; a fourth has already acted."
)
_PIECES = 3


def sample_issues(definition: NewsletterDefinition) -> tuple[IssueContent, ...]:
    """Return invented issues of a newsletter: a full one, and the least that can be."""
    full = _issue(definition, tuple(_full_section(one) for one in definition.sections))
    first = definition.sections[0]
    least = SectionContent(first.key, first.title, first.kind, (_bare("9"),))
    return (full, _least(definition, least))


def _issue(definition: NewsletterDefinition, sections: tuple[SectionContent, ...]) -> IssueContent:
    return IssueContent(
        newsletter=definition.slug,
        newsletter_title=definition.title,
        tagline=definition.tagline,
        publisher=definition.publisher,
        publisher_address=definition.publisher_address,
        template=definition.template,
        subject=f"{definition.title}: the week in three places",
        preheader="What was agreed, and what was not",
        number="85 & 86",
        volume="2",
        volume_number="39 & 40",
        date="23 November 2026",
        editors_note="A word from the editors.\n\nAnd another one.",
        sections=sections,
        shows_contributors=definition.contributors,
        shows_sources=definition.sources,
    )


def _least(definition: NewsletterDefinition, section: SectionContent) -> IssueContent:
    return IssueContent(
        newsletter=definition.slug,
        newsletter_title=definition.title,
        tagline="",
        publisher="",
        publisher_address="",
        template=definition.template,
        subject="A piece",
        preheader="",
        number="",
        volume="",
        volume_number="",
        date="1 March 2027",
        editors_note="",
        sections=(section,),
        shows_contributors=definition.contributors,
        shows_sources=definition.sources,
    )


def _full_section(section: SectionDefinition) -> SectionContent:
    count = min(section.limit or _PIECES, _PIECES)
    items = tuple(_piece(f"{section.key}-{number}", number) for number in range(1, count + 1))
    return SectionContent(section.key, section.title, section.kind, (*items, _bare(section.key)))


def _piece(key: str, number: int) -> ItemContent:
    return ItemContent(
        key=key,
        title=f"An invented piece, the {number}. of its section",
        url=f"https://news.example.org/pieces/{number}",
        authors=("Ama Boateng", "Ravi Nair")[: 1 + number % 2],
        team=None,
        label=f"CWA Commentary # {1250 + number}",
        date="22 November 2026",
        standfirst="What was agreed on the first day was in doubt on the last.",
        body_html=f"<h2>In doubt</h2><p>{_WORDS}</p><ul><li>One</li><li>Two</li></ul>",
        body_text=f"In doubt\n\n{_WORDS}",
        place=("Mali", "Chad")[number % 2],
        regions=("west-africa", "africa"),
        photo=PhotoContent("https://news.example.org/photo.jpg", "A river at dusk", "A. Boateng"),
        author_notes=("Ama Boateng writes on rivers.", "Ravi Nair on roads.")[: 1 + number % 2],
        late=number > 1,
        countries=("ML",),
        topics=("Water",),
        series="CWA Commentary",
    )


def _bare(key: str) -> ItemContent:
    return ItemContent(
        key=f"{key}-bare",
        title="A piece of which little is known",
        url=None,
        authors=(),
        team=None,
        label="",
        date="",
        standfirst="",
        body_html="",
        body_text=_WORDS,
        place="",
        regions=(),
    )
