"""What the measured mails say: a newsletter as a TOML file, and articles of a wanted length."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, islice
from pathlib import Path

# A real template; its section prints every piece in full, so that the length follows the articles.
_NEWSLETTER = """\
slug = "{slug}"
title = "The Measured Review"
tagline = "What the councils decided this week"
template = "gp-alert"
publisher = "The Measuring Newsroom"
publisher_address = "1 Loop Road, Back"
time_zone = "UTC"
frequencies = ["immediate"]
default_frequency = "immediate"
approval = "required"

[rule]

[numbering]
first_number = 1

[[sections]]
key = "analysis"
title = "Analysis"
kind = "essay"
"""
_SENTENCES = (
    "The council of the capital met on Monday and took three decisions in one long evening.",
    "The second of them is the one that readers will hear about again before the year is over.",
    "Nobody who sat in the hall expected the vote to be as close as it was in the end.",
    "What it costs stands in the budget, and who is to pay for it was left to the spring.",
    "The opposition asked for the books to be opened, and was given a date and a promise.",
)
_PARAGRAPH = 4
# A country in each of so many regions; readers choose among the regions.
_COUNTRIES = {
    "north-africa": "Morocco",
    "west-africa": "Ghana",
    "central-africa": "Cameroon",
    "east-africa": "Kenya",
    "southern-africa": "Zambia",
    "central-asia": "Kazakhstan",
    "east-asia": "Japan",
    "south-asia": "Nepal",
    "southeast-asia": "Vietnam",
    "west-asia": "Jordan",
    "eastern-europe": "Poland",
    "northern-europe": "Norway",
    "southern-europe": "Portugal",
    "western-europe": "Belgium",
}
MOST_ARTICLES = len(_COUNTRIES)
# How many of the articles a reader with a wish gets.
WISHED = 4


@dataclass(frozen=True, slots=True)
class Letter:
    """How long an issue's articles are: so many, of so many sentences each."""

    articles: int
    sentences: int


def write_newsletter(slug: str, folder: Path) -> Path:
    """Write the newsletter's TOML file and return where it is."""
    path = folder / f"{slug}.toml"
    path.write_text(_NEWSLETTER.format(slug=slug))
    return path


def write_articles(letter: Letter, folder: Path) -> Path:
    """Write a letter's articles as text copies, each about another region; return their folder."""
    folder.mkdir(exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    for place, country in enumerate(islice(_COUNTRIES.values(), letter.articles)):
        title = f"{country}: What the council decided, and what it left open"
        head = [title, "Ama Boateng", f"CWA # {1800 + place}, 14 November 2026"]
        text = "\n\n".join([*head, *_paragraphs(letter.sentences)])
        (folder / f"{place:02}.txt").write_text(text + "\n")
    return folder


def _paragraphs(sentences: int) -> list[str]:
    said = [_SENTENCES[number % len(_SENTENCES)] for number in range(sentences)]
    return [" ".join(said[start : start + _PARAGRAPH]) for start in range(0, sentences, _PARAGRAPH)]


def wishes(count: int) -> Sequence[str]:
    """Return different wishes for regions, each of which comes to WISHED articles, no two equal."""
    found = [";".join(sorted(some)) for some in combinations(_COUNTRIES, WISHED)]
    if count > len(found):
        raise ValueError(f"there are {len(found)} wishes of that kind, not {count}")
    return found[:count]
