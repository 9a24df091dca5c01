"""An issue's mail made a page of the archive: nothing personal, and a head that says what it is.

Pure functions. The mail itself stays as it was sent.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup, escape

from alerts.clock import rfc3339
from alerts.newsletters.content import IssueContent
from alerts.rendering.hygiene import web_address
from alerts.rendering.slots import Slot

# What stands in the archive where a reader's own values stand in the mail.
_NOT_PERSONAL = {
    Slot.EMAIL: "your address",
    Slot.UNSUBSCRIBE_URL: "/",
    Slot.PREFERENCES_URL: "/",
}
_OPENING = re.compile(r"<p(?:\s[^>]*)?>")
_LINK_STYLE = re.compile(r'<a\s[^>]*?(style="[^"<>]*")')
_TO_ITSELF = re.compile(r'<a href="[^"<>]*"([^<>]*)>View in browser</a>')


@dataclass(frozen=True, slots=True)
class IssuePage:
    """An issue with its addresses: `url` is its own, `listing` that of its newsletter's issues.

    `shelves` are words and paths of lists that its pieces stand in.
    """

    content: IssueContent
    url: str
    site_name: str
    base_url: str
    newsletter: str
    out_at: datetime
    shelves: tuple[tuple[str, str], ...] = ()

    @property
    def listing(self) -> str:
        """The path of all issues of the newsletter."""
        return f"/archive/{self.newsletter}"


def page_of(html: str, page: IssuePage) -> str:
    """Return an edition's HTML as everybody may read it."""
    return _with_head(_without_personal(html, page), page)


def linked_data(page: IssuePage) -> str:
    """Return what schema.org has to say of an issue, as JSON that may stand in a script element."""
    content = page.content
    parts = [
        {
            "@type": "Article",
            "headline": item.title,
            **({"url": item.url} if web_address(item.url) else {}),
            **(
                {"author": [{"@type": "Person", "name": name} for name in item.authors]}
                if item.authors
                else {}
            ),
        }
        for item in content.items
    ]
    document = {
        "@context": "https://schema.org",
        "@type": "PublicationIssue",
        "name": content.subject,
        "description": content.preheader,
        "url": page.url,
        "issueNumber": content.number,
        "datePublished": rfc3339(page.out_at),
        "publisher": {"@type": "Organization", "name": content.publisher},
        "isPartOf": {
            "@type": "Periodical",
            "name": content.newsletter_title,
            "url": page.base_url + page.listing,
        },
        "hasPart": parts,
    }
    text = json.dumps(document)
    # Nothing in it may end the element, or begin a comment.
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _with_head(html: str, page: IssuePage) -> str:
    before, end, after = html.partition("</head>")
    return f"{before}{_head(page)}{end}{after}" if end else html


def _head(page: IssuePage) -> Markup:
    content = page.content
    properties = {
        "og:type": "article",
        "og:site_name": page.site_name,
        "og:title": content.subject,
        "og:description": content.preheader,
        "og:url": page.url,
        "article:published_time": rfc3339(page.out_at) or "",
        "og:image": _photo(content),
    }
    lines = [
        Markup('<link rel="canonical" href="{}">').format(page.url),
        Markup('<meta name="description" content="{}">').format(content.preheader),
        *(
            Markup('<meta property="{}" content="{}">').format(name, value)
            for name, value in properties.items()
            if value
        ),
        *feed_links(content.newsletter_title, page.listing),
        Markup('<script type="application/ld+json">{}</script>').format(
            Markup(linked_data(page))  # noqa: S704 - made harmless there
        ),
    ]
    return Markup("\n").join(lines) + "\n"


def feed_links(title: str, listing: str) -> Iterable[Markup]:
    """Yield the links by which a browser or a feed reader finds the feeds of a list."""
    for kind, name in (("atom+xml", "feed.atom"), ("feed+json", "feed.json")):
        yield Markup('<link rel="alternate" type="application/{}" title="{}" href="{}/{}">').format(
            kind, title, listing.rstrip("/"), name
        )


def _photo(content: IssueContent) -> str:
    found = (item.photo.url for item in content.items if item.photo)
    return next((url for url in found if web_address(url)), "")


def _without_personal(html: str, page: IssuePage) -> str:
    """Return the page without what is for one reader.

    The paragraph that tells a reader why the mail came says in the archive where the page is from.
    In a template without such a paragraph the single values are replaced.
    """
    html = _TO_ITSELF.sub(
        lambda found: f'<a href="{escape(page.listing)}"{found[1]}>All issues</a>', html
    )
    index = html.find(Slot.EMAIL.value)
    openings = list(_OPENING.finditer(html, 0, max(index, 0)))
    end = html.find("</p>", index)
    if index >= 0 and openings and "</p>" not in html[openings[-1].end() : index] and end >= 0:
        start = openings[-1].end()
        html = f"{html[:start]}{_provenance(html[start:end], page)}{html[end:]}"
    for slot, words in _NOT_PERSONAL.items():
        html = html.replace(slot.value, words)
    return html


def _provenance(replaced: str, page: IssuePage) -> Markup:
    """Return what stands in place of the personal paragraph, its links in the same style."""
    found = _LINK_STYLE.search(replaced)
    style = Markup(found[1]) if found else Markup("")  # noqa: S704 - of our own template

    def link(words: str, path: str) -> Markup:
        return Markup('<a href="{}" {}>{}</a>').format(path, style, words)

    title = page.content.newsletter_title
    ways = [
        link("Subscribe", f"/subscribe?newsletter={page.newsletter}"),
        link("All issues", page.listing),
        link("All our newsletters", "/"),
    ]
    lines = [
        Markup("This is an issue of {} in our web archive.").format(title),
        Markup(" &nbsp;·&nbsp; ").join(ways),
    ]
    if page.shelves:
        more = Markup(", ").join(link(words, path) for words, path in page.shelves)
        lines.append(Markup("More in the archive: {}").format(more))
    return Markup("<br>\n").join(lines)
