"""Pages of other makes than the house's."""

import json
from dataclasses import dataclass
from datetime import date

import pytest

from alerts.articles.intake import read_bytes
from alerts.articles.reading.read import read_html
from alerts.articles.reading.record import NoArticle

URL = "https://other.example/2026/11/pier"
TITLE = "The pier that outlived four ministers"
FIRST = (
    "The pier at Lomé is longer than the queue before the customs house, and older than most of"
    " the ministers who promise another one. Whoever counts the cranes counts the plans of four"
    " governments as well, and then takes some away."
)
SECOND = (
    "Three banks have offered to lend. Each asks for another list of berths, and each list is"
    " right for the year in which it was drawn. The harbour master keeps all of them in one"
    " drawer, and says that the sea has read none."
)
MENU = "<nav><a href='/'>Start</a> <a href='/world'>World</a> <a href='/shop'>Shop</a></nav>"
END = "<footer><p>All rights reserved. Terms. Privacy. A newsletter for every taste.</p></footer>"


def linked(**fields: object) -> str:
    """Return linked data about the article."""
    document = {"@context": "https://schema.org", "@graph": [{"@type": "WebSite"}, fields]}
    return f'<script type="application/ld+json">{json.dumps(document)}</script>'


def page(head: str = "", body: str = "", *, lang: str = "en") -> str:
    """Return a page with a menu and an end around its text."""
    text = body or f"<article><h1>{TITLE}</h1><p>{FIRST}</p><p>{SECOND}</p></article>"
    inside = f"<head>{head}</head><body>{MENU}{text}{END}</body>"
    return f"<!DOCTYPE html><html lang='{lang}'>{inside}</html>"


@dataclass(frozen=True)
class Sample:
    """A page, and what is to be read from it."""

    markup: str
    authors: tuple[str, ...] = ()
    day: date | None = None
    photo: tuple[str | None, str | None] = (None, None)
    language: str = "en"


NEWS = linked(
    **{"@type": "NewsArticle"},
    headline=TITLE,
    datePublished="2026-11-03T22:00:00+02:00",
    author=[{"@type": "Person", "name": "Jane Doe"}, {"@type": "Person", "name": "Kofi Ado"}],
    image={"@type": "ImageObject", "url": "https://other.example/p.jpg", "creditText": "A. Diarra"},
)
OPEN_GRAPH = (
    f"<meta property='og:title' content='{TITLE}'>"
    "<meta property='og:image' content='/p.jpg'><meta property='og:image:alt' content='A pier'>"
    "<meta property='article:published_time' content='2026-11-03T08:00:00Z'>"
    "<meta name='author' content='Jane Doe'>"
)
FIGURE = "<figure><img src='/p.jpg' alt='A pier'><figcaption>Photo: A. Diarra</figcaption></figure>"
SAMPLES = {
    "a news site with linked data": Sample(
        page(NEWS + "<meta property='og:image' content='/p.jpg'>"),
        ("Jane Doe", "Kofi Ado"),
        date(2026, 11, 3),
        ("https://other.example/p.jpg", "A. Diarra"),
    ),
    "open graph alone": Sample(
        page(OPEN_GRAPH), ("Jane Doe",), date(2026, 11, 3), ("https://other.example/p.jpg", None)
    ),
    "a blog with comments": Sample(
        page(
            OPEN_GRAPH,
            f"<main><article><h1>{TITLE}</h1><p>{FIRST}</p><p>{SECOND}</p></article></main>"
            "<section id='comments'><ol><li><p>I read all of this twice and disagree.</p></li>"
            "<li><p>So did I, and I have never seen a pier.</p></li></ol></section>",
        ),
        ("Jane Doe",),
        date(2026, 11, 3),
        ("https://other.example/p.jpg", None),
    ),
    "a photo in a figure": Sample(
        page(
            "<meta name='author' content='Jane Doe'>",
            f"<article><h1>{TITLE}</h1>{FIGURE}<p>{FIRST}</p><p>{SECOND}</p></article>",
        ),
        ("Jane Doe",),
        None,
        ("https://other.example/p.jpg", "A. Diarra"),
    ),
    "an old page laid out by tables": Sample(
        page(
            f"<title>{TITLE}</title>",
            f"<table><tr><td width=150>{MENU}</td><td><h2>{TITLE}</h2><p>{FIRST}</p>"
            f"<p>{SECOND}</p></td></tr></table>",
        )
    ),
    "no head at all": Sample(page()),
    "linked data that is broken": Sample(
        page(f"<script type='application/ld+json'>{{broken</script><title>{TITLE}</title>")
    ),
    "a German page": Sample(
        page(
            f"<title>{TITLE}</title>",
            f"<article><h1>{TITLE}</h1><p>{'Der Kai ist älter als alle Minister. ' * 12}</p>"
            f"<p>{'Niemand hat die Kräne gezählt, und keiner wird es tun. ' * 6}</p></article>",
            lang="de",
        ),
        language="de",
    ),
}


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES.keys())
def test_pages_of_many_makes_are_read(sample: Sample) -> None:
    article = read_html(sample.markup, url=URL, source="test")

    assert article.title == TITLE
    assert tuple(author.name for author in article.authors) == sample.authors
    assert article.published_on == sample.day
    assert (article.photo.url, article.photo.credit) == sample.photo
    assert article.language == sample.language
    assert article.url == URL
    assert article.words > 60
    for word in ("Shop", "Privacy", "disagree"):
        assert word not in article.body_text


def test_the_shape_of_the_text_is_kept() -> None:
    body = (
        f"<article><h1>{TITLE}</h1><p>{FIRST} <a href='/q?utm_source=x&id=3'>More</a>.</p>"
        f"<h2>What the banks say</h2><blockquote><p>{SECOND}</p></blockquote>"
        "<ul><li>One list of berths, which is long</li><li>Another list, which is longer</li></ul>"
        "<table><tr><th>Port</th><th>Cranes</th></tr><tr><td>Lomé</td><td>4</td></tr></table>"
        "<script>alert(1)</script><img src='https://t.example/x.gif' width=1 height=1></article>"
    )
    html = read_html(page(OPEN_GRAPH, body), url=URL, source="test").body_html
    for kept in ("<h2>What the banks say</h2>", "<blockquote>", "<li>", "<table>", "<th>Port"):
        assert kept in html
    assert 'href="https://other.example/q?' in html
    for gone in ("script", "x.gif", "style="):
        assert gone not in html


def test_a_page_speaks_for_its_own_site_alone() -> None:
    foreign = "<link rel='canonical' href='https://newsroom.example/view.php?recordNo=12'>"
    article = read_html(page(OPEN_GRAPH + foreign), url=URL, source="test")
    assert article.url == URL
    assert any("which is another site" in flag for flag in article.flags)
    own = "<link rel='canonical' href='https://www.other.example/pier'>"
    article = read_html(page(OPEN_GRAPH + own), url=URL, source="test")
    assert article.url == "https://www.other.example/pier"
    assert article.flags == ()


def test_a_date_in_running_words_is_no_declared_one() -> None:
    text = f"<article><h1>{TITLE}</h1><p>{FIRST} It was built in 1998.</p><p>{SECOND}</p></article>"
    assert read_html(page("", text), url=URL, source="test").published_on is None


@pytest.mark.parametrize(
    "body",
    [
        "<form><h1>Log in</h1><input name=user><input name=password><button>Go</button></form>",
        "<h1>404</h1><p>There is no such page here. Try the search.</p>",
        "<ul>" + "".join(f"<li><a href='/{n}'>A headline of {n} words</a></li>" for n in range(60)),
        "<p>x</p>",
    ],
    ids=["a form", "an error", "a listing", "nothing"],
)
def test_what_is_no_article_is_refused_in_a_line(body: str) -> None:
    with pytest.raises(NoArticle) as refused:
        read_html(page("<title>Something</title>", body), url=URL, source="test")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("encoding", "head"),
    [
        ("utf-8", "<meta charset='utf-8'>"),
        ("cp1252", "<meta charset='iso-8859-1'>"),
        ("utf-16", ""),
        ("utf-8", "<meta charset='klingon'>"),
    ],
)
def test_an_encoding_is_found_out(encoding: str, head: str) -> None:
    data = page(head + OPEN_GRAPH).encode(encoding)
    assert "Lomé" in read_bytes(data, source="test", url=URL).body_text
