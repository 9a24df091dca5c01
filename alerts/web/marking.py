"""Found words marked in a text, which is escaped. Pure functions."""

from markupsafe import Markup, escape

from alerts.newsletters.archive.words import Term, places_of

_LENGTH = 240
# So much of the text stands before the first place.
_LEAD = 80
# Where nothing was found so far in, the piece is shown from its beginning.
_LONGEST_LOOKED_AT = 100_000


def marked(text: str, terms: tuple[Term, ...]) -> Markup:
    """Return a text with every place of the terms in `<mark>`."""
    return _marked(text, places_of(text, terms))


def excerpt(text: str, terms: tuple[Term, ...]) -> Markup | None:
    """Return some words around the first place of the terms, marked; None where there is none.

    Without any term it is the beginning of the text, None for an empty one.
    """
    text = " ".join(text[:_LONGEST_LOOKED_AT].split())
    places = places_of(text, terms)
    if not text or (terms and not places):
        return None
    start = _word_start(text, max(0, places[0][0] - _LEAD)) if places else 0
    end = _word_end(text, start + _LENGTH)
    if places:
        end = max(end, places[0][1])
    shown = [(a - start, b - start) for a, b in places if b <= end]
    before = "… " if start else ""
    after = " …" if end < len(text) else ""
    return Markup("{}{}{}").format(before, _marked(text[start:end], shown), after)


def _word_start(text: str, index: int) -> int:
    return text.rfind(" ", 0, index) + 1 if index else 0


def _word_end(text: str, index: int) -> int:
    if index >= len(text):
        return len(text)
    space = text.rfind(" ", 0, index)
    # A text without any space is cut where it is.
    return space if space > index - _LENGTH else index


def _marked(text: str, places: list[tuple[int, int]]) -> Markup:
    parts, done = [], 0
    for start, end in places:
        parts += [escape(text[done:start]), Markup("<mark>{}</mark>").format(text[start:end])]
        done = end
    return Markup("").join([*parts, escape(text[done:])])
