"""Cleaning what came from outside: encodings repaired, HTML cut down to a short allow-list."""

import codecs
import re
from urllib.parse import urljoin, urlsplit

import ftfy
import nh3

from alerts.articles.reading.record import NoArticle

LARGEST = 5 * 1024 * 1024

_TAGS = {
    *("p", "br", "h2", "h3", "h4", "ul", "ol", "li", "blockquote", "pre"),
    *("a", "b", "strong", "i", "em", "sub", "sup"),
    *("table", "caption", "thead", "tbody", "tr", "th", "td"),
}
_SCHEMES = {"http", "https", "mailto"}
_ATTRIBUTES = {"a": {"href"}, "td": {"colspan", "rowspan"}, "th": {"colspan", "rowspan"}}
_DROPPED = {"script", "style", "noscript", "iframe", "object", "template", "svg", "math"}
_CLEANER = nh3.Cleaner(
    tags=_TAGS,
    attributes=_ATTRIBUTES,
    clean_content_tags=_DROPPED,
    url_schemes=_SCHEMES,
    url_relative="deny",
    link_rel=None,
)
_CHARSET = re.compile(
    rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE
)
_INVISIBLE = re.compile("[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff\ud800-\udfff]")
# The letter that a non-breaking space of UTF-8 leaves behind when read as Latin-1.
_STRAY = re.compile(r"Â(?=[\s\u00a0]|$)")
# A text of which more than this share is control characters is none.
_MOST_CONTROLS = 0.02
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def decode(data: bytes, *, charset: str | None = None) -> str:
    """Return bytes as text, by byte-order mark, UTF-8, the charset named, else Windows-1252.

    Raises NoArticle for what is too large, empty or no text at all.
    """
    if len(data) > LARGEST:
        raise NoArticle(f"larger than {LARGEST // 1024 // 1024} MB, no article is")
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return data.decode(encoding, "replace")
    if b"\0" in data:
        raise NoArticle("a binary file, not text or HTML")
    # UTF-8 first: a page that is valid UTF-8 is hardly ever anything else, whatever it claims.
    for name in ("utf-8", charset, _declared(data)):
        if name and (text := _try(data, name)) is not None:
            return text
    return data.decode("cp1252", "replace")


def repair(text: str) -> str:
    """Return the text with mojibake, odd spaces and invisible characters put right.

    Raises NoArticle when it is too large or mostly control characters.
    """
    if len(text) > LARGEST:
        raise NoArticle(f"larger than {LARGEST // 1024 // 1024} MB, no article is")
    controls = len(_FORBIDDEN.findall(text))
    if controls > 8 and controls > len(text) * _MOST_CONTROLS:  # noqa: PLR2004 - a few are debris
        raise NoArticle("a binary file, not text or HTML")
    text = _FORBIDDEN.sub("", text)
    fixed = ftfy.fix_text(text, unescape_html=False, uncurl_quotes=False, normalization="NFC")
    fixed = _STRAY.sub("", _INVISIBLE.sub("", fixed))
    return fixed.replace("\u00a0", " ").replace("\u202f", " ")


def clean_html(markup: str) -> str:
    """Return HTML with nothing but the allow-list: no styles, scripts, images, odd schemes."""
    return _CLEANER.clean(markup)


def web_address(link: str | None, base: str | None) -> str | None:
    """Return a link as an absolute http or https address, or None where it is none."""
    if not link:
        return None
    try:
        address = urljoin(base, link.strip()) if base else link.strip()
        parts = urlsplit(address)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        return None
    return address if usable and not re.search(r"[\s<>\"\x00-\x1f]", address) else None


def _declared(data: bytes) -> str | None:
    match = _CHARSET.search(data[:4096])
    return match[1].decode("ascii") if match else None


def _try(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except (UnicodeDecodeError, LookupError, ValueError):
        return None
