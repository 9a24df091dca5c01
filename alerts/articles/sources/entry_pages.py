"""The page behind an entry, read; where it cannot be had, the text that the feed itself gave."""

from dataclasses import replace
from html import escape

from alerts.articles.fetching.answers import Fetched, FetchFailed
from alerts.articles.intake import read_bytes
from alerts.articles.reading.read import read_html
from alerts.articles.reading.record import NoArticle, ReadArticle
from alerts.articles.sources.models import SourceEntry
from alerts.articles.sources.shown import Shown

FROM_FEED = "the page could not be had; this is the text of the feed"


def read_entry(
    entry: SourceEntry, fetched: Fetched | None, failure: FetchFailed | None, told: Shown | None
) -> ReadArticle:
    """Return what a page says; raises NoArticle with the reason.

    A page that is gone stays gone, whatever the feed still says of it.
    """
    if fetched is not None:
        url = None if "://" not in entry.url else fetched.url
        try:
            return read_bytes(fetched.content, source=entry.url, url=url)
        except NoArticle as error:
            reason = error
    else:
        reason = NoArticle(str(failure))
    if told is None or not told.html or (failure is not None and failure.gone):
        raise reason
    return _read_told(entry, told, reason)


def _read_told(entry: SourceEntry, told: Shown, reason: NoArticle) -> ReadArticle:
    title = escape(told.title)
    said = {"author": told.author, "article:published_time": told.published}
    head = "".join(
        f'<meta name="{name}" content="{escape(value)}">' for name, value in said.items() if value
    )
    markup = (
        f"<html><head><title>{title}</title>{head}</head>"
        f"<body><h1>{title}</h1>{told.html}</body></html>"
    )
    try:
        page = read_html(markup, url=entry.url, source=entry.url)
    except NoArticle:
        raise reason from None
    return replace(page, flags=(*page.flags, FROM_FEED))
