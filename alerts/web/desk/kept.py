"""A form that could not be taken because its log-in had ended: sealed, carried along, shown again.

It travels in a hidden field of the log-in's own forms, under the program's key: nobody else can
put a form into somebody's hands that way, and what was typed lies nowhere.
"""

import base64
import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

from alerts.errors import Refused
from alerts.staff.guard import Guard
from alerts.web.forms import Fields

# A log-in's form has to stay under what a request may hold (`forms.LARGEST_FORM`).
_LARGEST = 48 * 1024
_LARGEST_PLAIN = 256 * 1024
_PURPOSE = "kept form"
# What is given anew in any case, and never kept.
_NEVER = ("password", "code", "form_token", "kept")
_LONG_LINE = 80
# What no person types: it travels along unseen, in its place.
_UNSEEN = frozenset({"version", "begun", "page", "do", "entry", "section", "into", "finding"})
_UNSEEN_BEGIN = ("focus-", "paragraphs-")


@dataclass(frozen=True, slots=True)
class KeptField:
    """One field as it was filled in."""

    name: str
    value: str

    @property
    def label(self) -> str:
        """The field's name as a person reads it."""
        return self.name.replace("_", " ").replace("-", " ").capitalize()

    @property
    def is_unseen(self) -> bool:
        """Whether it is the form's own, and nothing that somebody typed."""
        return self.name in _UNSEEN or self.name.startswith(_UNSEEN_BEGIN)

    @property
    def is_long(self) -> bool:
        """Whether it takes more than a line."""
        return "\n" in self.value or len(self.value) > _LONG_LINE


@dataclass(frozen=True, slots=True)
class KeptForm:
    """A form with what was typed; `path` is where it is posted to."""

    path: str
    fields: tuple[KeptField, ...]


def kept_form(path: str, fields: Fields) -> KeptForm:
    """Return what is kept of a posted form: everything but passwords, codes and its token."""
    return KeptForm(path, tuple(KeptField(*pair) for pair in _harmless(fields.pairs)))


def seal_form(guard: Guard, form: KeptForm) -> str:
    """Return a form as it travels in a hidden field; empty when it is too large for that."""
    pairs = [[field.name, field.value] for field in form.fields]
    plain = json.dumps([_PURPOSE, form.path, pairs]).encode()
    sealed = guard.seal.close(base64.b85encode(zlib.compress(plain)).decode())
    return sealed if len(sealed) <= _LARGEST else ""


def open_form(guard: Guard, sealed: str) -> KeptForm | None:
    """Return the form that was sealed; None for none, and for what we did not seal."""
    if not sealed:
        return None
    try:
        packed = base64.b85decode(guard.seal.open(sealed))
        plain = zlib.decompressobj().decompress(packed, _LARGEST_PLAIN)
        purpose, path, pairs = json.loads(plain)
        form = KeptForm(path, tuple(KeptField(name, value) for name, value in pairs))
    except (Refused, ValueError, zlib.error):
        return None
    return form if purpose == _PURPOSE else None


def _harmless(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [pair for pair in pairs if not any(word in pair[0] for word in _NEVER)]
