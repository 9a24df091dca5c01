"""What an article is about, told by rules that editors change: words, and how many are enough."""

import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
)

from alerts.errors import Invalid
from alerts.regions import slugify

OVERRIDE = "topics.toml"
_SHIPPED = Path(__file__).with_name("topics.toml")
_LARGEST = 200_000
# A word counts once, at the best place where it stands.
_TITLE_POINTS = 3.0
_OPENING_POINTS = 2.0
_TEXT_POINTS = 1.0
_OPENING_PARAGRAPHS = 2
# Whatever a long text names in passing, after its opening, makes no more than this.
_MOST_OF_THE_REST = 2.0
# A topic of less than this share of the first one's points is not what a piece is about.
_SHARE = 0.4
_MOST_TOPICS = 4
# As much of a text as is looked at; a longer one tells nothing more.
_LONGEST = 200_000
_MOST_TAGS = 50
_LONGEST_TAG = 200
_WORD = re.compile(r"[^\W_]+")
_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_SHORTEST_STEM = 3

_Phrase = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]


class TopicRule(BaseModel):
    """The words of one topic in titles (and tags) and in texts, and the least sum of points."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    threshold: float = Field(ge=1, le=1000)
    title: tuple[_Phrase, ...] = Field(default=(), max_length=500)
    body: tuple[_Phrase, ...] = Field(default=(), max_length=500)

    @field_validator("title", "body")
    @classmethod
    def _readable(cls, phrases: tuple[str, ...]) -> tuple[str, ...]:
        for phrase in phrases:
            words = phrase.removesuffix("*")
            if "*" in words or not _WORD.search(words):
                raise ValueError(f"{phrase!r} is no word or phrase; * stands at its end only")
            if phrase.endswith("*") and len(_words(words)[-1]) < _SHORTEST_STEM:
                raise ValueError(
                    f"{phrase!r} is met too often; write {_SHORTEST_STEM} letters or more"
                )
        return phrases


@dataclass(frozen=True, slots=True)
class Topics:
    """The rules of all topics, ready to be asked."""

    thresholds: dict[str, float]
    in_titles: "_Lexicon"
    in_texts: "_Lexicon"

    @classmethod
    def of_rules(cls, rules: dict[str, TopicRule]) -> "Topics":
        """Make the topics of rules that were checked."""
        return cls(
            {topic: rule.threshold for topic, rule in rules.items()},
            _Lexicon.of((topic, phrase) for topic, rule in rules.items() for phrase in rule.title),
            _Lexicon.of((topic, phrase) for topic, rule in rules.items() for phrase in rule.body),
        )

    def of(self, title: str, body_text: str, tags: Sequence[str] = ()) -> tuple[str, ...]:
        """Return what a piece is about, the strongest topic first; empty when nothing is.

        `body_text` has an empty line between paragraphs. A tag that is a topic's own name gives it.
        """
        best: dict[tuple[str, str], float] = {}
        tags = [tag[:_LONGEST_TAG] for tag in tags[:_MOST_TAGS]]
        for text in (title[:_LONGEST], *tags):
            _note(best, self.in_titles.found(text), _TITLE_POINTS)
        paragraphs = [part for part in body_text[:_LONGEST].split("\n\n") if part.strip()]
        for position, text in enumerate(paragraphs):
            opening = position < _OPENING_PARAGRAPHS
            _note(best, self.in_texts.found(text), _OPENING_POINTS if opening else _TEXT_POINTS)
        points = dict.fromkeys(self.thresholds, 0.0)
        rest = dict(points)
        for (topic, _), value in best.items():
            (points if value > _TEXT_POINTS else rest)[topic] += value
        for topic in points:
            points[topic] += min(rest[topic], _MOST_OF_THE_REST)
        for topic in {slugify(tag) for tag in tags} & points.keys():
            points[topic] += self.thresholds[topic]
        return self._chosen(points)

    def _chosen(self, points: dict[str, float]) -> tuple[str, ...]:
        least = _SHARE * max(points.values(), default=0.0)
        enough = [
            topic
            for topic, value in points.items()
            if value >= self.thresholds[topic] and value >= least
        ]
        return tuple(sorted(enough, key=lambda topic: -points[topic])[:_MOST_TOPICS])


def load_topics(path: Path | None) -> Topics:
    """Return the topics of a file, or those the program ships; Invalid names file, topic, field."""
    if path is None:
        return _shipped()
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise Invalid(f"{path}: cannot be read: {reason}") from error
    return Topics.of_rules(read_rules(text, source=str(path)))


def topics_in(data_dir: Path) -> Topics:
    """Return the topics of `topics.toml` in the data folder, else those the program ships."""
    path = data_dir / OVERRIDE
    return load_topics(path if path.exists() else None)


def read_rules(text: str, *, source: str) -> dict[str, TopicRule]:
    """Return the rules by topic; raises Invalid with the file, the topic and the field."""
    if len(text) > _LARGEST:
        raise Invalid(f"{source}: longer than {_LARGEST} characters; this is no file of topics")
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Invalid(f"{source}: no TOML: {error}") from error
    except RecursionError as error:
        raise Invalid(f"{source}: lists within lists without end; shorten it") from error
    tables = document.pop("topics", None)
    if document:
        raise Invalid(f"{source}: {next(iter(document))!r} is unknown; write [topics.NAME] only")
    if not isinstance(tables, dict) or not tables:
        raise Invalid(f"{source}: names no topic; write [topics.NAME] with threshold, title, body")
    return {topic: _rule(topic, table, source) for topic, table in tables.items()}


def _rule(topic: str, table: Any, source: str) -> TopicRule:  # noqa: ANN401 - whatever stands in the file
    where = f"{source}: topic {topic}"
    if not _SLUG.fullmatch(topic):
        raise Invalid(f"{where}: name it in small letters, digits and hyphens, as human-rights")
    try:
        rule = TopicRule.model_validate(table)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "the whole topic"
        raise Invalid(f"{where}, {field}: {first['msg'].removeprefix('Value error, ')}") from error
    if not rule.title and not rule.body:
        raise Invalid(f"{where}, title: no words here and none in body; the topic is never met")
    return rule


@dataclass(frozen=True, slots=True)
class _Lexicon:
    """Phrases by their first word; single words that end in * by their stem."""

    phrases: dict[str, list[tuple[str, tuple[str, ...], bool]]]
    stems: dict[str, list[str]]
    lengths: tuple[int, ...]

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]]) -> "_Lexicon":
        phrases: dict[str, list[tuple[str, tuple[str, ...], bool]]] = {}
        stems: dict[str, list[str]] = {}
        for topic, phrase in pairs:
            words, is_stem = _words(phrase), phrase.endswith("*")
            if is_stem and len(words) == 1:
                stems.setdefault(words[0], []).append(topic)
            else:
                phrases.setdefault(words[0], []).append((topic, words, is_stem))
        return cls(phrases, stems, tuple(sorted({len(stem) for stem in stems})))

    def found(self, text: str) -> Iterator[tuple[str, str]]:
        """Yield topic and phrase for everything that stands in a text, in linear time."""
        words = _words(text)
        for position, word in enumerate(words):
            for topic, phrase, is_stem in self.phrases.get(word, ()):
                if _stands(words, position, phrase, is_stem=is_stem):
                    yield topic, " ".join(phrase)
            for length in self.lengths:
                for topic in self.stems.get(word[:length], ()) if len(word) >= length else ():
                    yield topic, word[:length]


def _stands(
    words: tuple[str, ...], position: int, phrase: tuple[str, ...], *, is_stem: bool
) -> bool:
    *start, last = phrase
    end = position + len(start)
    if end >= len(words) or words[position:end] != tuple(start):
        return False
    return words[end].startswith(last) if is_stem else words[end] == last


def _words(text: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(text.lower()))


def _note(
    best: dict[tuple[str, str], float], found: Iterable[tuple[str, str]], points: float
) -> None:
    for pair in found:
        best[pair] = max(best.get(pair, 0.0), points)


@cache
def _shipped() -> Topics:
    return Topics.of_rules(read_rules(_SHIPPED.read_text(encoding="utf-8"), source=_SHIPPED.name))
