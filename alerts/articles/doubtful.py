"""Names that may mean something else: a person called Jordan, a state, which Congo. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache

from alerts.articles.gazetteer import (
    Kind,
    Mention,
    Term,
    Text,
    folded_words,
    place_names,
    read,
)

# A meeting is named at most so many words before its place.
_REACH = 4
_BEFORE_HOSTS = frozenset({"in", "at"})
# Initials and "Mr" are no surnames.
_SHORTEST_SURNAME = 3
# How many words of a text tell its style, and of how many long ones.
_LOOKED_AT = 12
_TELLING = 3


def read_all(sources: Iterable[str]) -> list[Text]:
    """Return the parts of one article as texts, each doubtful name decided by all that they say."""
    texts = [read(source) for source in sources]
    certain, persons = _certain(texts), _persons(texts)
    shown = _shown(texts)
    return [
        replace(text, mentions=tuple(_settled(text, certain, persons, shown))) for text in texts
    ]


def hosts(text: Text) -> Iterator[tuple[Mention, bool]]:
    """Yield every name with whether it is only where others meet: "the summit in Belém, Brazil"."""
    before: Mention | None = None
    host = False
    for mention in text.mentions:
        follows = before is not None and before.end == mention.start
        if not (follows and host and text.gap(mention.start - 1).strip() == ","):
            host = _is_host(text, mention)
        yield mention, host or mention.term.kind is Kind.VENUE
        before = mention


def _is_host(text: Text, mention: Mention) -> bool:
    if text.word(mention.start - 1).lower() not in _BEFORE_HOSTS:
        return False
    before = (text.word(mention.start - step).lower() for step in range(2, _REACH + 2))
    return any(word in _cues("meetings") or word.startswith("cop") for word in before)


def _settled(
    text: Text, certain: set[str], persons: set[str], shown: frozenset[str]
) -> Iterator[Mention]:
    for mention, is_person in _with_persons(text):
        codes = mention.term.countries
        if is_person or (mention.name in persons and certain.isdisjoint(codes)):
            continue
        rivals = _families().get(mention.name)
        if rivals:
            named = (code for code in rivals if code in certain)
            yield _meaning(mention, next(named, rivals[0]))
            continue
        yield from _doubted(mention, certain, shown)


def _meaning(mention: Mention, code: str) -> Mention:
    return replace(mention, term=Term(Kind.NAME, (code,)))


def _doubted(mention: Mention, certain: set[str], shown: frozenset[str]) -> Iterator[Mention]:
    """Yield the name, or what it stands for where the text shows something else; or nothing."""
    for doubt in _doubts():
        meant_otherwise = mention.name in doubt.names and not doubt.shown_by.isdisjoint(shown)
        if meant_otherwise and doubt.code not in certain:
            if doubt.instead:
                yield _meaning(mention, doubt.instead)
            return
    yield mention


def _certain(texts: Iterable[Text]) -> set[str]:
    """Return the countries that are named by a word which can mean no other."""
    doubtful = _doubtful_names()
    return {
        code
        for text in texts
        for mention in text.mentions
        if mention.term.kind in {Kind.NAME, Kind.CITY} and mention.name not in doubtful
        for code in mention.term.countries
    }


def _persons(texts: Iterable[Text]) -> set[str]:
    """Return the names that somewhere are a person's: Jordan Peele is Jordan from then on."""
    return {
        mention.name for text in texts for mention, is_person in _with_persons(text) if is_person
    }


def _with_persons(text: Text) -> Iterator[tuple[Mention, bool]]:
    """Yield every name with whether it is a person's: one that people bear, before a surname."""
    following = [*text.mentions[1:], None]
    for mention, after in zip(text.mentions, following, strict=False):
        yield mention, mention.name in _person_names() and _is_person(text, mention, after)


def _is_person(text: Text, mention: Mention, after: Mention | None) -> bool:
    if text.word(mention.start - 1).lower() in _cues("before_places"):
        return False
    is_place_next = after is not None and after.start == mention.end
    return (
        text.gap(mention.end - 1) == " "
        and not is_place_next
        and _is_surname(text.word(mention.end))
        and not _is_title_case(text)
    )


def _is_surname(word: str) -> bool:
    return (
        len(word) >= _SHORTEST_SURNAME
        and word.istitle()
        and word.lower() not in _cues("no_surnames")
    )


def _is_title_case(text: Text) -> bool:
    """Tell whether A Headline Is Written Like This, where a capital tells nothing."""
    first = (text.word(number) for number in range(min(len(text.words), _LOOKED_AT)))
    # Shorter words stay small in such headlines.
    long = [word for word in first if len(word) > _SHORTEST_SURNAME]
    return len(long) >= _TELLING and all(word[0].isupper() for word in long)


def _shown(texts: Iterable[Text]) -> frozenset[str]:
    """Return the phrases that stand in the texts and settle a doubt."""
    named = {mention.name for text in texts for mention in text.mentions}
    doubts = [doubt for doubt in _doubts() if not doubt.names.isdisjoint(named)]
    if not doubts:
        return frozenset()
    whole = " ".join(("", *(word for text in texts for word in folded_words(text.source)), ""))
    phrases = {phrase for doubt in doubts for phrase in doubt.shown_by}
    return frozenset(phrase for phrase in phrases if f" {phrase} " in whole)


@dataclass(frozen=True, slots=True)
class _Doubt:
    """Names of a country that mean something else where a text says one of these."""

    code: str
    names: frozenset[str]
    shown_by: frozenset[str]
    instead: str | None


@cache
def _doubts() -> tuple[_Doubt, ...]:
    return tuple(
        _Doubt(
            code,
            frozenset(map(_folded, doubt["names"])),
            frozenset(map(_folded, doubt["shown_by"])),
            doubt.get("instead"),
        )
        for code, doubt in place_names()["doubts"].items()
    )


@cache
def _cues(name: str) -> frozenset[str]:
    return frozenset(place_names()["cues"][name])


@cache
def _families() -> dict[str, tuple[str, ...]]:
    return {_folded(name): tuple(codes) for name, codes in place_names()["families"].items()}


@cache
def _person_names() -> frozenset[str]:
    return frozenset(_folded(name) for name in place_names()["persons"]["names"])


@cache
def _doubtful_names() -> frozenset[str]:
    doubted = {name for doubt in _doubts() for name in doubt.names}
    return frozenset(doubted | set(_families()) | _person_names())


def _folded(text: str) -> str:
    return " ".join(folded_words(text))
