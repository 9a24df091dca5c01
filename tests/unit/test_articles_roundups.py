"""Pages with several pieces, in the forms that the site prints: whose each line is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.articles.reading.read import read_html, read_text
from alerts.articles.reading.record import ReadArticle

QUESTIONS = ("What happened?", "What is the background?", "What does it mean?")
ANSWERS = (
    (
        "On 9 July, the harbour council counted its cranes and found one more than it had bought."
        " Nobody could say whose the last one was, and nobody asked for long."
    ),
    (
        "The cranes came in three years and from three lenders, each of whom kept another list."
        " The lists were laid side by side only when the harbour master retired."
    ),
    (
        "It means that the next loan will be counted before it is spent. For the crews it means a"
        " second shift, and for the ships a shorter queue before the pier."
    ),
)
SERIES = {
    "The World This Week": "The World This Week #173, Vol. 4, No. 22 10 July 2022",
    "Africa This Week": "CWA # 705 | July 2022",
    "NIAS AFRICA WEEKLY": "Africa Weekly #10 & 11, Vol. 1, No. 10 & 11\n\n10 July 2022",
}
TITLES = (
    "Ghana: A crane too many",
    "Peru’s port and its ministers",
    "Lomé: Who counts the ships",
    "The strike at Felixstowe",
)
NAMES = (
    ("Afi Mensah", ("Afi Mensah",)),
    ("By Kofi Ado and Wen Li", ("Kofi Ado", "Wen Li")),
    (
        "D Suba Chandran, Nithyashree RB & José Nunes",
        ("D Suba Chandran", "Nithyashree RB", "José Nunes"),
    ),
    (None, ()),
)

Reader = Callable[[Sequence[str]], ReadArticle]


@dataclass(frozen=True)
class Piece:
    """A piece as it is printed; `marker` may stand on a line before the title, or before it."""

    title: str
    signed: str | None
    names: tuple[str, ...]
    marker: str = ""

    @property
    def head(self) -> list[str]:
        """The lines above the piece's text."""
        titled = f"{self.marker}{self.title}".split("\n")
        return [*titled, self.signed] if self.signed else titled


def printed(lines: Sequence[str], pieces: Sequence[Piece]) -> list[str]:
    """Return a page's lines."""
    told = [line for line in lines if line]
    for piece in pieces:
        told += piece.head
        for question, answer in zip(QUESTIONS, ANSWERS, strict=True):
            told += [question, answer]
    return [*told, "Print Bookmark"]


def as_text(lines: Sequence[str]) -> ReadArticle:
    """Read the lines as a text copy."""
    return read_text("\n\n".join(lines), source="a copy")


def as_page(lines: Sequence[str]) -> ReadArticle:
    """Read the lines as a page that sets headings in bold and nothing in headings."""
    bold = {*QUESTIONS, *TITLES}
    told = (f"<b>{escape(line)}</b>" if line in bold else escape(line) for line in lines)
    body = "".join(f"<p>{line}</p>" for line in told)
    return read_html(f"<html><body>{body}</body></html>", url=None, source="a page")


def titles_of(article: ReadArticle) -> list[tuple[str, tuple[str, ...], bool]]:
    """Return what is known of the parts."""
    return [(part.title, part.authors, part.in_focus) for part in article.parts]


@st.composite
def roundups(draw: st.DrawFn) -> list[Piece]:
    """Draw two pieces or more, signed or not; the first may be in focus."""
    titles = draw(st.lists(st.sampled_from(TITLES), min_size=2, max_size=4, unique=True))
    signed = draw(st.permutations(NAMES))
    focus = draw(st.sampled_from(["", "IN FOCUS | ", "In Focus\n", "IN FOCUS\n"]))
    brief = draw(st.sampled_from(["", "IN BRIEF\n"]))
    return [
        Piece(title, line, names, focus if i == 0 else brief if i == 1 else "")
        for i, (title, (line, names)) in enumerate(zip(titles, signed, strict=False))
    ]


@settings(max_examples=150, deadline=None)
@given(roundups(), st.sampled_from(sorted(SERIES)), st.sampled_from([as_text, as_page]))
def test_every_piece_is_found_with_its_title_and_who_signed_it(
    pieces: list[Piece], series: str, read: Reader
) -> None:
    head = [series, "Cranes, ministers and ships", "NIAS Africa Team", *SERIES[series].split("\n")]
    article = read(printed(head, pieces))

    assert article.title == "Cranes, ministers and ships"
    assert article.team == "NIAS Africa Team"
    assert titles_of(article) == [
        (piece.title, piece.names, piece.marker.lower().startswith("in focus")) for piece in pieces
    ]
    assert [part.body_text for part in article.parts] == [
        "\n\n".join(f"{q}\n\n{a}" for q, a in zip(QUESTIONS, ANSWERS, strict=True)) for _ in pieces
    ]
    signed = dict.fromkeys(name for piece in pieces for name in piece.names)
    assert [author.name for author in article.authors] == list(signed)
    assert article.flags == ()


@settings(max_examples=100, deadline=None)
@given(roundups(), st.sampled_from([as_text, as_page]))
def test_a_page_without_a_title_of_its_own_is_called_by_its_series(
    pieces: list[Piece], read: Reader
) -> None:
    article = read(printed(["Africa This Week", "GP Team", "CWA # 705 | July 2022"], pieces))

    assert (article.title, article.series, article.number) == (
        *("Africa This Week", "CWA Commentary", "705"),
    )
    assert titles_of(article) == [
        (piece.title, piece.names, piece.marker.lower().startswith("in focus")) for piece in pieces
    ]
    assert all(piece.title in article.body_text for piece in pieces)


@pytest.mark.parametrize(
    ("line", "title"),
    [
        ("TWTW#187, 23 October 2022, Vol. 4, No. 36", "The World This Week # 187"),
        ("Africa Weekly #85&86 Vol. 2, No.39 & 40", "NIAS Africa Weekly # 85-86"),
    ],
)
def test_a_title_above_the_first_of_the_signed_pieces_is_that_pieces(line: str, title: str) -> None:
    pieces = [Piece(TITLES[i], *NAMES[i]) for i in range(3)]
    lines = [part for part in printed([line], pieces) if part not in QUESTIONS]
    article = as_text(lines)

    assert article.title == title
    assert titles_of(article) == [(p.title, p.names, False) for p in pieces]
    assert article.body_text.startswith("Ghana: A crane too many\n\nAfi Mensah\n\nOn 9 July")


def test_an_essay_with_questions_for_headings_is_no_roundup() -> None:
    article = as_text(printed(["CWA # 12, 10 July 2022"], [Piece(TITLES[0], *NAMES[0])]))
    assert (article.title, article.parts) == (TITLES[0], ())


@pytest.mark.parametrize(
    ("lines", "title"),
    [
        (["Africa This Week", "NIAS Africa Team", "CWA # 705 | July 2022"], "Africa This Week"),
        (["Africa This Week", "Afi Mensah", "CWA # 705 | July 2022"], "Africa This Week"),
        (["CWA Commentary", "Peru Votes", "GP Team 14 September 2019"], "Peru Votes"),
    ],
)
def test_a_series_is_a_title_only_where_there_is_no_other(lines: list[str], title: str) -> None:
    article = as_text([*lines, *ANSWERS])
    assert article.title == title
    assert article.body_text == "\n\n".join(ANSWERS)
