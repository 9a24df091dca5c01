"""Pages in the site's shapes: what the readers find, and what they refuse."""

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.articles.identity import identity_of, likeness_of
from alerts.articles.intake import read_bytes
from alerts.articles.reading.read import read_html, read_text
from alerts.articles.reading.record import NoArticle, ReadArticle, ReadAuthor

DATA = Path(__file__).parent.parent / "data" / "articles"
HEADING = re.compile(r"<h(\d)>(.*?)</h\d>")


def page(name: str) -> ReadArticle:
    return read_bytes((DATA / name).read_bytes(), source=name)


@pytest.fixture(params=["essay.txt", "essay.html"])
def essay(request: pytest.FixtureRequest) -> ReadArticle:
    return page(request.param)


def test_an_essay_is_found_in_both_renderings(essay: ReadArticle) -> None:
    assert essay.title == "Ghana’s gold: A small refinery, and a large question"
    assert essay.authors == (
        ReadAuthor(
            "Amara Diallo",
            "Amara Diallo is a Research Associate at the Harmattan Institute, Accra.",
        ),
        ReadAuthor("Wen Li", "Wen Li is a Postgraduate Scholar at Tema College."),
    )
    assert (essay.series, essay.number) == ("CWA Commentary", "1873")
    assert str(essay.published_on) == "2026-11-14"
    assert essay.published_precision == "day"
    assert essay.photo.credit == "Lindiwe Maseko, Kestrel Pictures"
    assert essay.flags == ()


def test_the_headings_of_the_text_are_told_from_its_paragraphs(essay: ReadArticle) -> None:
    assert HEADING.findall(essay.body_html) == [
        ("2", "What has changed"),
        ("2", "Why it matters: Two reasons"),
        ("3", "1. The border"),
        ("3", "2. The rivers"),
    ]


def test_the_list_of_other_pieces_is_not_part_of_the_text(essay: ReadArticle) -> None:
    first, second = essay.related
    assert (first.date, first.series, first.number) == ("2026-10", "CWA Commentary", "1851")
    assert (first.team, first.authors, first.title) == ("NIAS Africa Team", (), "Africa This Week")
    assert (second.authors, second.title) == (("Binta Camara",), "Togo: The port that grew")
    assert "Togo: The port" not in essay.body_text
    assert essay.body_text.endswith("nine inspectors for some two thousand pits.")


@pytest.mark.parametrize(
    "words",
    ["Bookmark", "National Institute", "subscribe", "Photo Source", "Copyright", "Home", "script"],
)
def test_what_the_site_prints_on_every_page_is_gone(essay: ReadArticle, words: str) -> None:
    assert words not in essay.body_html


def test_both_renderings_say_the_same_text(essay: ReadArticle) -> None:
    other = page("essay.txt")
    assert essay.body_text == other.body_text
    assert essay.standfirst == other.standfirst
    assert likeness_of(essay) == likeness_of(other)


def test_a_page_gives_addresses_and_no_scripts() -> None:
    essay = page("essay.html")
    assert essay.photo.url == "https://newsroom.example.org/photos/refinery.jpg"
    assert essay.photo.alt == "A furnace in Tema"
    assert '<a href="https://newsroom.example.org/ghana.php' in essay.body_html
    assert "onclick" not in essay.body_html
    assert "style" not in essay.body_html


def test_the_standfirst_ends_with_a_sentence(essay: ReadArticle) -> None:
    assert essay.standfirst.endswith("a year.")
    assert len(essay.standfirst) <= 240


def test_the_debris_of_a_table_is_read_like_the_page() -> None:
    article = page("debris.txt")
    assert article.title == "Chile: The lithium vote that nobody won"
    assert (article.team, article.authors) == ("GP Team", ())
    assert (article.series, article.number) == ("The World This Week", "387")
    assert (article.volume, article.volume_number) == ("8", "45")
    assert article.photo.credit == "Paulo Nunes/Estuary Photo/DW"
    assert "Santiago voted" in article.body_text
    assert "committee & the season" in article.body_text
    assert [text for _, text in HEADING.findall(article.body_html)] == [
        "What happened?",
        "What is the background?",
        "What does it mean?",
    ]


def test_a_roundup_becomes_one_article_with_parts() -> None:
    article = page("roundup.html")
    assert article.title == "A dam, a ballot and a bridge"
    assert article.team == "NIAS Africa Team"
    assert (article.number, article.volume, article.volume_number) == ("85-86", "2", "39-40")
    assert [(part.title, part.authors, part.in_focus) for part in article.parts] == [
        ("The Nile after the rains", ("Makena Otieno",), True),
        ("Malawi: A quiet ballot", ("Tadala Phiri", "José Nunes"), False),
        ("Senegal: The bridge at Rosso", ("Fatou Sarr",), False),
    ]
    assert article.parts[2].body_text.endswith("share one kettle.")
    assert [author.name for author in article.authors] == [
        *("Makena Otieno", "Tadala Phiri", "José Nunes", "Fatou Sarr"),
    ]
    assert article.authors[0].about is not None
    titles = [text for _, text in HEADING.findall(article.body_html)]
    assert "Malawi: A quiet ballot" in titles
    assert not any("Phiri" in title for title in titles)


def markup(*lines: str) -> ReadArticle:
    body = "".join(lines)
    return read_html(
        f"<html><body><h2>A title of some length</h2><p>By Amara Diallo</p>{body}<p>{TEXT}</p>",
        url=None,
        source="a page",
    )


def test_a_line_break_inside_a_sentence_breaks_no_paragraph() -> None:
    article = markup("<p>The council met in Bamako<br>and went home again.<br>Nobody spoke.</p>")
    assert article.body_text.split("\n\n")[:2] == [
        "The council met in Bamako and went home again.",
        "Nobody spoke.",
    ]


def test_bold_lines_stand_below_the_headings_of_a_page() -> None:
    article = markup(f"<h3>Two reasons</h3><p><strong>1. The border</strong></p><p>{TEXT}</p>")
    assert HEADING.findall(article.body_html) == [("2", "Two reasons"), ("3", "1. The border")]


TEXT = "The council met for a third day and the delegates spoke of little else. " * 6


def copy(*lines: str) -> str:
    return "\n".join([*lines, TEXT, TEXT])


@pytest.mark.parametrize(
    ("lines", "names", "team"),
    [
        (("A title of some length", "By Amara Diallo"), ["Amara Diallo"], None),
        (("By Amara Diallo", "A title of some length"), ["Amara Diallo"], None),
        (
            ("A title of some length", "Amara Diallo, Wen Li & José Nunes"),
            ["Amara Diallo", "Wen Li", "José Nunes"],
            None,
        ),
        (("A title of some length", "| GP Team 14 September 2019 |"), [], "GP Team"),
        (
            ("A title of some length", "Amara Diallo", "CWA # 166, 28 September 2019"),
            ["Amara Diallo"],
            None,
        ),
        (
            ("CWA # 166, 28 September 2019", "A title of some length", "Amara Diallo"),
            ["Amara Diallo"],
            None,
        ),
        (
            ("A title of some length", "Amara Diallo | CWA # 166, 28 September 2019"),
            ["Amara Diallo"],
            None,
        ),
    ],
)
def test_title_and_signature_are_found_in_any_order(
    lines: tuple[str, ...], names: list[str], team: str | None
) -> None:
    article = read_text(copy(*lines), source="a copy")
    assert article.title == "A title of some length"
    assert [author.name for author in article.authors] == names
    assert article.team == team


def test_what_a_text_says_before_its_own_date_is_no_contradiction() -> None:
    article = read_text(
        copy("A title of some length", "CWA # 9, 3 March 2024", "On 1 March 2024, it began."),
        source="a copy",
    )
    assert not any(flag.startswith("published_on") for flag in article.flags)


def test_a_text_that_begins_after_its_printed_date_is_flagged() -> None:
    article = read_text(
        copy("A title of some length", "CWA # 9, 3 March 2024", "On 1 June 2025, it began."),
        source="a copy",
    )
    assert article.flags == ("published_on: printed 2024-03-03, but the text begins at 2025-06-01",)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("   \n\n ", "empty"),
        ('{"title": "x"}', "JSON"),
        ("a,b,c\n1,2,3\n4,5,6\n7,8,9\n", "CSV"),
        ("2026-11-01 12:00:00 INFO started\n2026-11-01 12:00:01 INFO stopped\n", "log"),
        ("A line.\nAnother line.\n", "no article"),
        ("A title\n" + TEXT, "neither author"),
    ],
)
def test_what_is_no_article_is_refused_in_one_line(text: str, reason: str) -> None:
    with pytest.raises(NoArticle, match=reason) as refused:
        read_text(text, source="a file")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "markup",
    [
        "<html><body><ul><li><a href='/1'>One</a></li><li><a href='/2'>Two</a></li></ul></body>",
        "<?xml version='1.0'?><rss><channel><title>News</title></channel></rss>",
        "<html></html>",
    ],
)
def test_pages_without_a_text_are_refused(markup: str) -> None:
    with pytest.raises(NoArticle):
        read_html(markup, url="https://newsroom.example.org/", source="a page")


def test_binary_files_are_refused() -> None:
    with pytest.raises(NoArticle, match="binary"):
        read_bytes(b"\x7fELF\0\0\0" + bytes(range(256)) * 20, source="a program")


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=600))
def test_no_text_makes_the_reader_fail_but_by_refusing(text: str) -> None:
    _read_or_refuse(copy(text, "By Amara Diallo").encode("utf-8", "surrogatepass"))


PIECES = [
    *("<p>", "</p>", "<b>", "<table><tr><td>", "</div>", "<li>", "<h2>", "<a href='x'>", "<"),
    *("Mali | CWA # 12", "By Amara Diallo", "&amp;&#0;", TEXT, "<img src=x>", "]]>", "\0"),
    *("<article>", "<aside>", "</article>", "March 2024 | CWA # 3", "IN FOCUS | A title"),
]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.sampled_from(PIECES),
        max_size=40,
    )
)
def test_no_markup_makes_the_reader_fail_but_by_refusing(pieces: list[str]) -> None:
    _read_or_refuse(("<html>" + "".join(pieces)).encode())


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=400))
def test_no_bytes_make_the_reader_fail_but_by_refusing(data: bytes) -> None:
    _read_or_refuse(data)


def test_a_page_nested_deeper_than_the_stack_is_read() -> None:
    _read_or_refuse(b"<html>" + b"<div>" * 20_000 + TEXT.encode())


def _read_or_refuse(data: bytes) -> None:
    try:
        article = read_bytes(data, source="anything")
    except NoArticle as refused:
        assert "\n" not in str(refused)  # noqa: PT017 - either end is right, in its own way
        return
    assert article.title
    assert article.words > 0
    assert len(identity_of(article)) == 64
