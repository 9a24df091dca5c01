"""Reading an article's page, against only parsing its HTML."""

from pathlib import Path

from lxml import html

from alerts.articles.placing import place
from alerts.articles.reading.read import read_html
from benchmarks import pages
from benchmarks.measure import seconds_each, show

_PAGES = Path(__file__).resolve().parent.parent / "tests" / "data" / "articles"


def run() -> None:
    """Print pages a second: parsed by lxml, read whole, and placed on the map; then many pages."""
    markup = (_PAGES / "essay.html").read_bytes()
    article = read_html(markup, url=None, source="essay.html")
    parsed = seconds_each(lambda: html.document_fromstring(markup), times=200)
    show("parsed by lxml (reference)", parsed)
    read = seconds_each(lambda: read_html(markup, url=None, source="essay.html"), times=50)
    show("read: title, authors, text, related", read, reference=parsed)
    placed = seconds_each(lambda: place(article.title, article.body_text), times=50)
    show("placed: countries and regions", placed, reference=parsed)
    pages.run()
