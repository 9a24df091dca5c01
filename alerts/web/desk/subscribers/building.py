"""A segment as a form builds it: each line a condition, all of them one query. Pure."""

from collections.abc import Sequence

from alerts.subscribers.segments.printing import quoted

LINES = 4
LONGEST_QUERY = 2_000


def built(what: Sequence[str], values: Sequence[str], join: str) -> str:
    """Return the query that the lines of the form make; empty for none.

    `join` is `or`, anything else is `and`. A value with commas is a list where a list is wanted.
    """
    terms = []
    for words, typed in zip(what, values, strict=False):
        value = typed.strip().replace("\0", "")
        if not words or (not value and not words.endswith(("something", "nothing"))):
            continue
        if words.endswith(" one of"):
            parts = (quoted(part.strip()) for part in value.split(",") if part.strip())
            terms.append(f"{words} ({', '.join(parts)})")
        elif words.endswith((" the last", " before", " after", " on", " issue")):
            terms.append(f"{words} {value}")
        else:
            terms.append(f"{words} {quoted(value)}" if value else words)
    return f" {'or' if join == 'or' else 'and'} ".join(terms)


def query_asked(
    query: str, what: Sequence[str] | None, values: Sequence[str] | None, join: str
) -> str:
    """Return what a form asks for: the query that its lines make, or else the one written out."""
    return built(what or (), values or (), join) or query.strip().replace("\0", "")
