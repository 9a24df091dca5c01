"""JSON from outside, read without trust: whatever stands where a text should be is no text. Pure.

Nothing here raises but `document_of`: a field that is missing, or of another type, is empty.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from alerts.errors import Invalid

Document: TypeAlias = Mapping[str, Any]

_LONGEST_TEXT = 4_000
_MOST_ITEMS = 10_000


def document_of(body: bytes | str) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Return what a JSON text holds; raises Invalid."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        # A number of thousands of digits is a ValueError, and so are bytes that are no text.
        raise Invalid("the body is no JSON document") from error


def part(document: object, *names: str) -> Document:
    """Return the object below these names; an empty one if there is none."""
    found = document
    for name in names:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def text(document: object, *names: str) -> str:
    """Return the text or number below these names, without what no database stores."""
    found = part(document, *names[:-1]).get(names[-1])
    if isinstance(found, bool) or not isinstance(found, str | int | float):
        return ""
    shown = str(found)[:_LONGEST_TEXT].replace("\0", "")
    return shown.encode("utf-8", errors="replace").decode("utf-8").strip()


def objects(document: object, name: str = "") -> Iterator[Document]:
    """Yield the objects of a list, or of the list below a name."""
    found = part(document).get(name) if name else document
    for item in found[:_MOST_ITEMS] if isinstance(found, list) else ():
        if isinstance(item, Mapping):
            yield item
