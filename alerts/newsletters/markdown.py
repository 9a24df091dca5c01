"""What editors write between pieces: Markdown in, clean HTML out. Pure."""

import html
from functools import lru_cache

from markdown_it import MarkdownIt

from alerts.articles.reading.cleaning import clean_html
from alerts.articles.reading.record import NoArticle

# A page's own headings are above these; the mail makes an outline of them.
_HIGHEST, _LOWEST = 2, 4
# The parser leaves out what is deeper than twenty.
_DEEPEST = 18
# Pictures come with articles, which name their source; HTML is shown as it was typed.
_PARSER = MarkdownIt("commonmark", {"html": False}).disable("image")


@lru_cache(maxsize=256)
def html_of(markdown: str) -> str:
    """Return a text as HTML, cleaned as what comes in at intake is; empty for an empty one."""
    tokens = _PARSER.parse(markdown)
    for token in tokens:
        if token.type in {"heading_open", "heading_close"}:
            level = min(_LOWEST, int(token.tag[1:]) + _HIGHEST - 1)
            token.tag = f"h{level}"
    if any(token.level >= _DEEPEST for token in tokens):
        return _plain(markdown)
    rendered = _PARSER.renderer.render(tokens, _PARSER.options, {})
    try:
        return clean_html(rendered).strip()
    except NoArticle:
        return _plain(markdown)


def _plain(markdown: str) -> str:
    """Return what is nested or odd beyond measure as a paragraph: every word stays."""
    return f"<p>{html.escape(markdown, quote=False)}</p>"
