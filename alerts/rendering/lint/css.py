"""CSS as mails have it, read in its simplest form: declarations, rules, what they stand in."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
# A semicolon within brackets or quotes ends no declaration.
_DECLARATION = re.compile(r"(?:[^;(\"']|\([^)]*\)|\"[^\"]*\"|'[^']*')+")
_IMPORTANT = re.compile(r"\s*!\s*important\s*$", re.IGNORECASE)
_DEEPEST = 5


@dataclass(frozen=True, slots=True)
class Rule:
    """Declarations for a selector, within at-rules such as `@media (max-width: 520px)`."""

    within: tuple[str, ...]
    selector: str
    declarations: dict[str, str]


@lru_cache(maxsize=2_048)
def _read(text: str) -> tuple[tuple[str, str], ...]:
    found = []
    for part in _DECLARATION.findall(_COMMENT.sub("", text)):
        name, colon, value = part.partition(":")
        if colon and name.strip():
            found.append((name.strip().lower(), _IMPORTANT.sub("", value.strip())))
    return tuple(found)


def declarations(text: str) -> dict[str, str]:
    """Return the declarations of a style attribute, or of a block, by property."""
    return dict(_read(text))


def rules_of(sheet: str) -> list[Rule]:
    """Return the rules of a style sheet in order; one for each selector of a group."""
    return list(_rules(_COMMENT.sub("", sheet), ()))


def at_rules_of(sheet: str) -> list[str]:
    """Return the heads of the at-rules of a style sheet: `@import url(…)`, `@media …`."""
    heads = re.findall(r"@[a-z-]+[^{};]*", _COMMENT.sub("", sheet), re.IGNORECASE)
    return [" ".join(head.split()) for head in heads]


def _rules(text: str, within: tuple[str, ...]) -> Iterator[Rule]:
    at = 0
    while (opening := text.find("{", at)) >= 0:
        head = text[at:opening].rpartition(";")[2].strip()
        end = _closing(text, opening)
        block = text[opening + 1 : end]
        if head.startswith("@"):
            if "{" in block and len(within) < _DEEPEST:
                yield from _rules(block, (*within, " ".join(head.split())))
        else:
            for selector in head.split(","):
                yield Rule(within, " ".join(selector.split()), declarations(block))
        at = end + 1


def _closing(text: str, opening: int) -> int:
    depth = 0
    for found in re.compile(r"[{}]").finditer(text, opening):
        depth += 1 if found[0] == "{" else -1
        if depth == 0:
            return found.start()
    return len(text)
