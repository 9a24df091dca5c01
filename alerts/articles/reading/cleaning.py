"""Cleaning what came from outside: encodings repaired, HTML cut down to a short allow-list."""

import codecs
import re
import unicodedata
from urllib.parse import urljoin, urlsplit

import ftfy
import nh3
from ftfy.badness import is_bad

from alerts.articles.reading.limits import LARGEST, MOST_ENTITIES, check_markup
from alerts.articles.reading.record import NoArticle
from alerts.articles.reading.tracking import without_tracking

_TAGS = {
    *("p", "br", "h2", "h3", "h4", "ul", "ol", "li", "blockquote", "pre"),
    *("a", "b", "strong", "i", "em", "sub", "sup"),
    *("table", "caption", "thead", "tbody", "tr", "th", "td"),
}
_SCHEMES = {"http", "https", "mailto"}
_ATTRIBUTES = {"a": {"href"}, "td": {"colspan", "rowspan"}, "th": {"colspan", "rowspan"}}
_DROPPED = {"script", "style", "noscript", "iframe", "object", "template", "svg", "math"}
_SPAN = re.compile(r"[1-9]\d{0,2}$")


def _attribute(_tag: str, name: str, value: str) -> str | None:
    """Return what nh3 is to keep of an attribute; None drops it."""
    if name == "href":
        return without_tracking(value)
    return value if _SPAN.match(value) else None


_CLEANER = nh3.Cleaner(
    tags=_TAGS,
    attributes=_ATTRIBUTES,
    attribute_filter=_attribute,
    clean_content_tags=_DROPPED,
    url_schemes=_SCHEMES,
    url_relative="deny",
    link_rel=None,
)
_CHARSET = re.compile(
    rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE
)
_INVISIBLE = re.compile(
    "[\u00ad\u061c\u115f\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff"
    "\U000e0000-\U000e007f]"
)
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufdd0-\ufdef\ufffe\uffff\ud800-\udfff]")
# No language puts more marks on a letter; what does is a flood.
_FLOOD = re.compile(
    "([\u0300-\u036f\u1ab0-\u1aff\u20d0-\u20ff]{4})[\u0300-\u036f\u1ab0-\u1aff\u20d0-\u20ff]+"
)
# The letter that a non-breaking space of UTF-8 leaves behind when read as Latin-1.
_STRAY = re.compile(r"Â(?=[\s\u00a0]|$)")
_ESCAPE = re.compile("\x1b\\[[0-9;]{0,20}[a-zA-Z]")
# Controls of ISO 6429, breaks of Unicode, ligatures and wide letters: ftfy knows what to do.
_ODD = re.compile("[\x80-\x9f\u2028\u2029\ufb00-\ufb06\uff00-\uffef]")
_SLOW = re.compile("[\x80-\xbf]")
_MOST_ODD_LINES = 5_000
# A text of which more than this share is control characters is none.
_MOST_CONTROLS = 0.02
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    # Without a mark, the first tag tells.
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
)
# As browsers take these names: the larger set that contains the one named (WHATWG Encoding, 4.2).
_WIDER = {
    **dict.fromkeys(("ascii", "iso8859-1", "latin_1"), "cp1252"),
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    **dict.fromkeys(("gb2312", "gbk"), "gb18030"),
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "big5": "big5hkscs",
}
_LABELS = {"windows-874": "cp874", "dos-874": "cp874", "x-sjis": "cp932", "x-gbk": "gb18030"}
# Python knows many more codecs, some of which are no charsets of pages, or are used to hide tags.
_CHARSETS = re.compile(
    r"^(?:utf-(?:8|16)(?:-[lb]e)?|cp(?:125\d|874|932|949|866)|iso8859-\d{1,2}|koi8-[ru]|gb18030"
    r"|big5hkscs|euc_jp|iso2022_jp|mac-?roman|mac-cyrillic)$"
)
_MOST_STRAY_BYTES = 2_000


def decode(data: bytes, *, charset: str | None = None) -> str:
    """Return bytes as text, by byte-order mark, UTF-8, the charset named, else Windows-1252.

    `charset` is what the header of an answer names. Single bytes of Windows-1252 in a text that is
    UTF-8 otherwise are read as such. Raises NoArticle for what is too large or no text at all.
    """
    if len(data) > LARGEST:
        raise NoArticle(f"larger than {LARGEST // 1024 // 1024} MB, no article is")
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return data.decode(encoding, "replace")
    if b"\0" in data:
        raise NoArticle("a binary file, not text or HTML")
    named = [name for name in map(_known, (charset, _declared(data))) if name]
    # UTF-8 first: a page that is valid UTF-8 is hardly ever anything else, whatever it claims; but
    # the escapes of ISO-2022-JP are ASCII.
    first = [name for name in named if name == "iso2022_jp" and b"\x1b$" in data]
    for name in (*first, "utf-8", *named):
        if (text := _try(data, name)) is not None:
            return text
    return _mixed(data) or data.decode("cp1252", "replace")


def _mixed(data: bytes) -> str | None:
    """Return a text that is UTF-8 but for some bytes, or None when it is not."""
    text = data.decode("utf-8", "replace")
    stray = text.count("\ufffd")
    whole = sum(1 for _ in re.finditer(r"[^\x00-\x7f\ufffd]", text))
    if stray > _MOST_STRAY_BYTES or whole <= stray:
        return None
    return data.decode("utf-8", _AS_CP1252)


def _as_cp1252(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


_AS_CP1252 = "alerts.cp1252"
codecs.register_error(_AS_CP1252, _as_cp1252)


def repair(text: str) -> str:
    """Return the text with mojibake, odd spaces and invisible characters put right.

    Raises NoArticle when it is too large or mostly control characters.
    """
    if len(text) > LARGEST:
        raise NoArticle(f"larger than {LARGEST // 1024 // 1024} MB, no article is")
    controls = len(_FORBIDDEN.findall(text))
    if controls > 8 and controls > len(text) * _MOST_CONTROLS:  # noqa: PLR2004 - a few are debris
        raise NoArticle("a binary file, not text or HTML")
    text = _FLOOD.sub(r"\1", _FORBIDDEN.sub("", _ESCAPE.sub("", text)))
    fixed = _without_mojibake(text)
    fixed = _STRAY.sub("", _INVISIBLE.sub("", fixed))
    return fixed.replace("\u00a0", " ").replace("\u202f", " ")


def _without_mojibake(text: str) -> str:
    """Return the text with letters restored that were read in a wrong charset, line by line.

    ftfy takes a while for every line; most lines show at a glance that nothing is wrong with them.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if text.isascii():
        return text
    if not _is_odd(text):
        return unicodedata.normalize("NFC", text)
    lines = text.split("\n")
    odd = [i for i, line in enumerate(lines) if not line.isascii() and _is_odd(line)]
    if len(odd) > _MOST_ODD_LINES:
        return _fixed(text)
    for i in odd:
        lines[i] = _fixed(lines[i])
    return unicodedata.normalize("NFC", "\n".join(lines))


def _is_odd(text: str) -> bool:
    return bool(_ODD.search(text)) or is_bad(text)


def _fixed(text: str) -> str:
    return ftfy.fix_and_explain(
        text, unescape_html=False, uncurl_quotes=False, normalization="NFC", explain=False
    ).text


def clean_html(markup: str) -> str:
    """Return HTML with nothing but the allow-list: no styles, scripts, images, odd schemes.

    Links keep their addresses without what only follows readers about. Raises NoArticle for what
    is too large or nested too deeply to be cleaned.
    """
    if len(markup) > LARGEST:
        raise NoArticle(f"larger than {LARGEST // 1024 // 1024} MB, no article is")
    check_markup(markup, slash_closes=False)
    # The time that nh3 takes grows with the square of how many of these there are.
    if sum(1 for _ in _SLOW.finditer(markup)) > MOST_ENTITIES:
        raise NoArticle(f"more than {MOST_ENTITIES:,} signs such as § or °, no article has so many")
    return _CLEANER.clean(_FORBIDDEN.sub("", markup))


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


def _known(name: str | None) -> str | None:
    """Return Python's name for a charset of web pages, or None."""
    label = (name or "").strip().lower()
    try:
        known = codecs.lookup(_LABELS.get(label, label)).name
    except (LookupError, ValueError):
        return None
    known = _WIDER.get(known, known)
    return known if _CHARSETS.match(known) else None


def _try(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except (UnicodeDecodeError, LookupError, ValueError):
        return None
