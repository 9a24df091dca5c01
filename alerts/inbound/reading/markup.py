"""HTML of a mail into text, in one pass and without a parser that could be led astray. Pure."""

import html
import re

_LONGEST = 400_000
_UNSEEN = ("style", "script", "head", "title")
_BREAKING = re.compile(
    r"<(?:br|/?p|/?div|/?tr|/?li|/?ul|/?h[1-6]|/?table|/?pre|hr|/?blockquote)\b[^<>]{0,2000}>",
    re.IGNORECASE,
)
_CELL = re.compile(r"</?t[dh]\b[^<>]{0,2000}>", re.IGNORECASE)
_TAG = re.compile(r"<[/!?a-zA-Z][^<>]*>")
# An address in angle brackets is text that somebody forgot to escape.
_ADDRESS = re.compile(r"<[^\s<>\"=@]{1,80}@[^\s<>\"=@]{1,260}>")
_COMMENT_OPENS, _COMMENT_CLOSES = "<!--", "-->"
_BLANKS = re.compile(r"[ \t\u00a0\u200b]+")
_QUOTE = re.compile(
    r"<(?:blockquote\b|div[^<>]{0,200}(?:gmail_quote|yahoo_quoted|moz-cite-prefix|divRplyFwdMsg"
    r"|appendonsend|OutlookMessageHeader))",
    re.IGNORECASE,
)


def text_of_html(markup: str) -> str:
    """Return the text of a page, a line for each block."""
    markup = _without_comments(markup[:_LONGEST])
    for element in _UNSEEN:
        markup = _without_element(markup, element)
    markup = re.sub(r"\s+", " ", markup) if "<pre" not in markup.lower() else markup
    markup = _CELL.sub(" ", _BREAKING.sub("\n", markup))
    text = html.unescape(_TAG.sub(_address_or_nothing, markup))
    return "\n".join(_BLANKS.sub(" ", line).strip() for line in text.split("\n"))


def without_quotes(markup: str) -> str:
    """Return a page up to the first passage that a mail client quotes."""
    found = _QUOTE.search(markup[:_LONGEST])
    return markup[: found.start()] if found else markup


def _address_or_nothing(tag: re.Match[str]) -> str:
    return tag[0] if _ADDRESS.fullmatch(tag[0]) else ""


def _without_comments(markup: str) -> str:
    kept, position = [], 0
    while (opened := markup.find(_COMMENT_OPENS, position)) >= 0:
        kept.append(markup[position:opened])
        closed = markup.find(_COMMENT_CLOSES, opened)
        if closed < 0:
            # As in a browser, what is never closed hides the rest; a bounce may be in it.
            return "".join((*kept, markup[opened + len(_COMMENT_OPENS) :]))
        position = closed + len(_COMMENT_CLOSES)
    return "".join((*kept, markup[position:]))


def _without_element(markup: str, name: str) -> str:
    low = markup.lower()
    if len(low) != len(markup):
        # A few letters grow when they are made small; positions would not fit.
        low = markup
    kept, position = [], 0
    while (opened := _opening(low, name, position)) >= 0:
        kept.append(markup[position:opened])
        closed = low.find(f"</{name}", opened)
        if closed < 0:
            return "".join((*kept, markup[opened:]))
        end = low.find(">", closed)
        position = end + 1 if end >= 0 else len(markup)
    return "".join((*kept, markup[position:]))


def _opening(low: str, name: str, position: int) -> int:
    """Return where an element opens; `<header>` is no `<head>`."""
    at = low.find(f"<{name}", position)
    while at >= 0 and low[at + len(name) + 1 : at + len(name) + 2].isalnum():
        at = low.find(f"<{name}", at + 1)
    return at
