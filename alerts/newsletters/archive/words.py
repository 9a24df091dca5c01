"""Words as the archive's search knows them: folded, the same on every database. Pure functions.

Neither database's own parser is used: they take hyphens, addresses, accents and Indian vowel signs
apart in different ways. What is indexed and what is asked for are made words here.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

LONGEST_WORD = 40
LONGEST_SLUG = 100
# More of a question is not looked at.
LONGEST_QUESTION = 300
_MOST_TERMS = 12
_BASIC_PLANE = 0x10000
# Vowel signs and accents that stand for themselves belong to the word they stand in.
_MARKS = "".join(
    f"\\u{code:04x}" for code in range(_BASIC_PLANE) if unicodedata.category(chr(code))[0] == "M"
)
_WORD = re.compile(rf"[^\W_][^\W_{_MARKS}]*(?:[{_MARKS}]+[^\W_]*)*")
_ACCENTS = re.compile(r"[\u0300-\u036f]")
_TERM = re.compile(r'"([^"]*)"|([^\s"]+)')


@dataclass(frozen=True, slots=True)
class Found:
    """A word of a text, folded, and where it stands in it."""

    word: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Term:
    """Words that are to stand side by side; with `prefix` the last one may go on."""

    words: tuple[str, ...]
    prefix: bool = False


def fold(word: str) -> str:
    """Return a word in small letters without accents, cut at the longest that is indexed."""
    plain = _ACCENTS.sub("", unicodedata.normalize("NFKD", word)).casefold()
    return "".join(_WORD.findall(unicodedata.normalize("NFC", plain)))[:LONGEST_WORD]


def words_in(text: str) -> Iterator[Found]:
    """Yield the words of a text in order."""
    for match in _WORD.finditer(text):
        word = match[0]
        # Most words are plain, and there is little to fold in them: half of the time of an index.
        word = word.lower()[:LONGEST_WORD] if word.isascii() else fold(word)
        if word:
            yield Found(word, match.start(), match.end())


def folded(text: str) -> list[str]:
    """Return the words of a text, folded."""
    return [found.word for found in words_in(text)]


def shelf_slug(name: str) -> str:
    """Return what stands for a name in an address: `benin-a-question` for “Bénin: a question”.

    Letters of every script stay. Empty for a name without any letter.
    """
    return "-".join(folded(name))[:LONGEST_SLUG].strip("-")


def terms_of(question: str) -> tuple[Term, ...]:
    """Return what a question asks for, whatever it holds; nothing for one without a word.

    `ferry delays` means both, `"ferry delays"` the two side by side, `elect*` every word that
    begins so. A word that falls into several, such as `cease-fire`, means them side by side.
    """
    terms = []
    for match in _TERM.finditer(question[:LONGEST_QUESTION]):
        phrase, word = match.groups()
        text = phrase if phrase is not None else word
        words = tuple(folded(text))
        if words:
            terms.append(Term(words, prefix=text.rstrip().endswith("*")))
    return tuple(dict.fromkeys(terms))[:_MOST_TERMS]


def places_of(text: str, terms: tuple[Term, ...]) -> list[tuple[int, int]]:
    """Return where the terms stand in a text: start and end of each place, in order, apart."""
    found = list(words_in(text))
    places = []
    index = 0
    while index < len(found):
        length = max((_length_at(found, index, term) for term in terms), default=0)
        if length:
            places.append((found[index].start, found[index + length - 1].end))
        index += length or 1
    return places


def _length_at(found: list[Found], index: int, term: Term) -> int:
    """Return how many words of a text a term covers from here on, 0 for none."""
    length = len(term.words)
    there = tuple(one.word for one in found[index : index + length])
    if there == term.words:
        return length
    if not term.prefix or len(there) < length or there[:-1] != term.words[:-1]:
        return 0
    return length if there[-1].startswith(term.words[-1]) else 0
