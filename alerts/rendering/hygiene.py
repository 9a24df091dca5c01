"""What comes into a mail from outside, made harmless: slots, control characters, addresses."""

import re
from dataclasses import fields, is_dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from alerts.newsletters.content import IssueContent, ItemContent
from alerts.rendering.plain import one_line

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

URL_LIMIT = 2_000

# The editions of an issue hold the same pieces, in ever other company: so many are remembered. An
# issue seldom has more.
KEPT_PIECES = 256

# Their line breaks mean paragraphs; everything else in an issue is a single line.
_MANY_LINES = frozenset({"body_html", "body_text", "editors_note"})
_SLOT_MARK = re.compile("@(?=@)")
_BROKEN_MARK = "@\u200b"
_LINE_BREAKS = re.compile(r"\r\n?|\u2028|\u2029|\x85|\x0b|\x0c")
# Unicode's categories Cc and Cs, but line feed and tab.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


_Record = TypeVar("_Record", bound="DataclassInstance")


def without_slots(text: str) -> str:
    """Return the text with an invisible space between two @, so that no slot can stand in it.

    A slot is filled wherever it stands. An article that could smuggle one in would learn its
    readers' addresses, or end their subscriptions. Words are not looked at: `@@emaıl@@` becomes
    a slot where a template writes capitals.
    """
    return _SLOT_MARK.sub(_BROKEN_MARK, text)


def address_without_slots(url: str) -> str:
    """Return an address with two @ in a row written as RFC 3986 lets them be written."""
    return url.replace("@@", "%40%40")


def clean_text(text: str) -> str:
    """Return the text without slots, control characters and halves of surrogate pairs."""
    return without_slots(_CONTROLS.sub("", _LINE_BREAKS.sub("\n", text)))


def clean_content(content: IssueContent) -> IssueContent:
    """Return the issue with every text cleaned, and all but bodies and notes on one line."""
    return _with_clean_fields(content)


def web_address(url: str | None) -> str | None:
    """Return the address when it is http or https, of sensible length; else None."""
    if not url or len(url) > URL_LIMIT or any(c.isspace() or c in "<>\"'" for c in url):
        return None
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return None
    return url if parts.scheme in {"http", "https"} and host else None


def clean_values(value: Any, key: str = "") -> Any:  # noqa: ANN401 - values of any shape
    """Return values of any shape in which every text is cleaned; `key` names where they stand."""
    if isinstance(value, str):
        if key.endswith("url"):
            value = address_without_slots(value)
        cleaned = clean_text(value)
        return cleaned if key in _MANY_LINES else one_line(cleaned)
    if isinstance(value, list | tuple):
        return type(value)(clean_values(entry, key) for entry in value)
    if isinstance(value, dict):
        # Keys of pieces are no text: they are compared with those of the ledger.
        return {
            name: entry if name == "key" else clean_values(entry, name)
            for name, entry in value.items()
        }
    if isinstance(value, ItemContent):
        return _clean_piece(value)
    if is_dataclass(value) and not isinstance(value, type):
        return _with_clean_fields(value)
    return value


@lru_cache(maxsize=KEPT_PIECES)
def _clean_piece(piece: ItemContent) -> ItemContent:
    return _with_clean_fields(piece)


def _with_clean_fields(record: _Record) -> _Record:
    names = (field.name for field in fields(record) if field.name != "key")
    return replace(record, **{name: clean_values(getattr(record, name), name) for name in names})
