"""Placing and topics, held against labels by hand: precision, recall, F1, and milliseconds."""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alerts.articles.placing import place
from alerts.articles.topics import load_topics
from alerts.regions import with_parents
from benchmarks.measure import seconds_each, show

LABELLED = Path(__file__).resolve().parent.parent / "tests" / "data" / "articles" / "places.toml"
HALVES = ("tune", "held")
_WORDS = 1500
_PARAGRAPH = 75


@dataclass(frozen=True, slots=True)
class Piece:
    """A title and first paragraph, with what a person says it is about."""

    half: str
    title: str
    text: str
    countries: tuple[str, ...]
    regions: tuple[str, ...]
    topics: tuple[str, ...]

    @classmethod
    def of(cls, entry: dict[str, Any]) -> "Piece":
        """Make a piece of a table in the file; its regions are joined by those they lie in."""
        return cls(
            half=entry["half"],
            title=entry["title"],
            text=entry["text"],
            countries=tuple(entry["countries"]),
            regions=tuple(with_parents(entry["regions"])),
            topics=tuple(entry["topics"]),
        )


@dataclass(frozen=True, slots=True)
class Score:
    """How many labels were found, how many were missed, and how many were found wrongly."""

    right: int
    missed: int
    wrong: int

    @property
    def precision(self) -> float:
        """Return the share of what was found that is right; 1 where nothing was found."""
        return self.right / (self.right + self.wrong) if self.right + self.wrong else 1.0

    @property
    def recall(self) -> float:
        """Return the share of the labels that was found; 1 where there are none."""
        return self.right / (self.right + self.missed) if self.right + self.missed else 1.0

    @property
    def f1(self) -> float:
        """Return the harmonic mean of precision and recall."""
        return 2 * self.right / max(2 * self.right + self.missed + self.wrong, 1)


def pieces(half: str) -> list[Piece]:
    """Return the labelled pieces of a half, in the order of the file."""
    entries = tomllib.loads(LABELLED.read_text(encoding="utf-8"))["piece"]
    return [piece for piece in map(Piece.of, entries) if piece.half == half]


def score(pairs: Iterable[tuple[Iterable[str], Iterable[str]]]) -> Score:
    """Return the score of pairs (expected, found), all labels of all pieces counted alike."""
    right = missed = wrong = 0
    for expected, found in pairs:
        wanted, got = set(expected), set(found)
        right += len(wanted & got)
        missed += len(wanted - got)
        wrong += len(got - wanted)
    return Score(right, missed, wrong)


def placed_score(half: str, what: str) -> Score:
    """Return the score of a half's `countries` or `regions`."""
    found = ((piece, place(piece.title, piece.text)) for piece in pieces(half))
    return score((getattr(piece, what), getattr(placed, what)) for piece, placed in found)


def topics_score(half: str) -> Score:
    """Return the score of a half's topics by the rules that the program ships."""
    topics = load_topics(None)
    return score((piece.topics, topics.of(piece.title, piece.text)) for piece in pieces(half))


def run() -> None:
    """Print the figures of both halves, and what an article of 1,500 words costs."""
    for half in HALVES:
        for what in ("regions", "countries", "topics"):
            found = topics_score(half) if what == "topics" else placed_score(half, what)
            print(
                f"{half:<5} {what:<10} precision {found.precision:.3f}"
                f" recall {found.recall:.3f} F1 {found.f1:.3f}"
            )
    words = " ".join(piece.text for piece in pieces("tune")).split()[:_WORDS]
    body = "\n\n".join(
        " ".join(words[start : start + _PARAGRAPH]) for start in range(0, len(words), _PARAGRAPH)
    )
    show(
        "placed: 1,500 words, dense with names", seconds_each(lambda: place("Mali", body), times=50)
    )
    topics = load_topics(None)
    show("topics of the same", seconds_each(lambda: topics.of("Mali", body), times=50))
