"""Pages of other houses: what the general reader finds on each make, and what it refuses."""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from alerts.articles.intake import read_bytes
from alerts.articles.reading.read import read_html
from alerts.articles.reading.record import NoArticle, ReadArticle

DATA = Path(__file__).parent.parent / "data" / "other_pages"
JETTY = "The jetty that everybody built"
FERRY = "The ferry at Mbour leaves"


@dataclass(frozen=True)
class Expected:
    """What a sample page says."""

    page: str
    title: str = JETTY
    address: str | None = None
    url: str | None = None
    names: tuple[str, ...] = ()
    team: str | None = None
    date: str | None = None
    language: str | None = "en"
    photo: str | None = None
    alt: str | None = None
    credit: str | None = None
    standfirst: str = FERRY
    first: str = FERRY
    last: str = ""
    flags: tuple[str, ...] = ()


OTHER = "https://other.example.com/jetty"
SHIP = "A crane came to the quay on a ship"
PAGES = [
    Expected(
        "wordpress",
        address="https://www.coastal.example.org/2026/11/the-jetty/?fbclid=2",
        url="https://coastal.example.org/2026/11/the-jetty/",
        names=("Awa Ndiaye",),
        date="2026-11-14",
        language="en-GB",
        photo="https://coastal.example.org/wp-content/uploads/2026/11/jetty-1024x576.jpg",
        alt="A ferry at a new jetty",
        credit="Moussa Fall/Littoral Press",
        standfirst="A jetty in Mbour has three owners",
        last="prefers the cousin’s.",
    ),
    Expected(
        "graph",
        address="https://gazette.example.com/jetty?utm_medium=mail",
        url="https://gazette.example.com/jetty",
        names=("Esi Mensah", "Kofi Boateng"),
        date="2026-10-02",
        photo="https://gazette.example.com/img/jetty.jpg",
        alt="Cement on the jetty",
        credit="Yaw Darko / Gazette",
        standfirst="Three ministries claim one jetty, and the divers who built it",
        last="Cousin | 455",
    ),
    Expected(
        "drupal",
        address="https://institute.example.net/en/analysis/jetty",
        url="https://institute.example.net/en/node/4711",
        names=("Inês Cardoso",),
        date="2026-09-30",
        photo="https://institute.example.net/sites/default/files/styles/large/public/jetty.jpg?itok=Ab",
        alt="Workers on a jetty",
        last="see the lists first.",
    ),
    Expected(
        "tables",
        address="http://coastreview.example.org/2.htm",
        url="http://coastreview.example.org/2.htm",
        names=("Daniel Osei",),
        date="2009-03-03",
        language=None,
        last="see the lists first.",
    ),
    Expected(
        "amp",
        address="https://www-tidings-example-com.cdn.ampproject.org/c/s/jetty",
        url="https://www.tidings.example.com/jetty",
        team="Tidings Newsroom",
        date="2026-08-01",
        photo="https://www.tidings.example.com/p/jetty.jpg",
        alt="The jetty from the air",
        last="see the lists first.",
    ),
    Expected("comments", names=("Selam Tesfaye",), date="2025-12-12", last="paid the divers."),
    Expected(
        "paywall",
        names=("Rosa Klein",),
        date="2026-11-01",
        last="nor so few onions.",
        flags=("body: the site shows the rest to its subscribers alone",),
    ),
    Expected(
        "german",
        title="Der Kran, den niemand bestellt hat",
        address="https://hafenblatt.example.de/kran",
        url="https://hafenblatt.example.de/kran",
        names=("Jürgen Weiß", "Anna-Lena Groß"),
        date="2026-03-03",
        language="de-DE",
        photo="https://hafenblatt.example.de/bilder/kran.jpg",
        alt="Ein Kran am Kai",
        credit="Ole Petersen/dpa",
        standfirst="Seit drei Wochen steht am Kai von Emden ein Kran, den niemand bestellt hat.",
        first="Seit drei Wochen",
        last="noch nie so viele gesehen.",
    ),
    Expected(
        "french",
        title="Le pont qui n’arrive pas",
        names=("Mariama Sy",),
        date="2026-07-14",
        language="fr",
        standfirst="À Rosso, on attend le pont",
        first="À Rosso",
        last="n’a le droit de l’ouvrir.",
    ),
    Expected(
        "hindi",
        title="नदी के पार का बाज़ार",
        names=("सुनीता वर्मा",),
        date="2026-11-14",
        language="hi",
        standfirst="नदी के पार का बाज़ार हर बुधवार को",
        first="नदी के पार",
        last="थोड़ा बढ़ा देते हैं।",
    ),
    Expected("bare", language=None, last="see the lists first."),
    Expected(
        "bare",
        address="https://news.example.org/2026/11/14/jetty",
        url="https://news.example.org/2026/11/14/jetty",
        date="2026-11-14",
        language=None,
        flags=("published_on: taken from the page's address",),
    ),
    Expected(
        "charset",
        names=("Inês Cardoso",),
        date="2026-05-05",
        standfirst="In Lomé and Nouadhibou they say that the harbour master’s list is a “novel”.",
        first="In Lomé and",
    ),
    Expected(
        "mojibake",
        names=("Inês Cardoso",),
        date="2026-05-05",
        standfirst="In Lomé and Nouadhibou they say that the harbour master’s list is a “novel”.",
        first="In Lomé and",
    ),
    Expected("broken-data", names=("Nadia Haddad",), date="2026-06-07", last="the cousin’s."),
    Expected(
        "two",
        title="The crane that nobody ordered",
        names=("Omar Fahmy",),
        date="2026-04-01",
        standfirst=SHIP,
        first=SHIP,
        last="has never seen.",
        flags=("body: 1 other articles on the page were left out",),
    ),
    Expected(
        "elsewhere",
        address="https://mirror.example.org/p/1",
        url="https://mirror.example.org/p/1",
        date="2026-03",
        language="pt-BR",
        last="the cousin’s.",
        flags=(f"url: the page calls itself {OTHER}, which is another site; kept as fetched",),
    ),
]


def sample(name: str, address: str | None = None) -> ReadArticle:
    return read_bytes((DATA / f"{name}.html").read_bytes(), source=name, url=address)


@pytest.mark.parametrize("wanted", PAGES, ids=[wanted.page for wanted in PAGES])
def test_a_page_of_another_make_is_read(wanted: Expected) -> None:
    article = sample(wanted.page, wanted.address)
    day = article.published_on.isoformat() if article.published_on else None
    assert article.title == wanted.title
    assert tuple(author.name for author in article.authors) == wanted.names
    assert article.team == wanted.team
    assert (day[:7] if day and article.published_precision == "month" else day) == wanted.date
    assert article.language == wanted.language
    assert article.standfirst.startswith(wanted.standfirst)
    assert article.body_text.startswith(wanted.first)
    assert article.body_text.endswith(wanted.last)
    assert article.flags == wanted.flags
    assert article.photo.credit == wanted.credit
    if wanted.address:
        assert article.url == wanted.url
        assert (article.photo.url, article.photo.alt) == (wanted.photo, wanted.alt)


@pytest.mark.parametrize("wanted", PAGES, ids=[wanted.page for wanted in PAGES])
def test_nothing_of_what_stands_around_a_text_is_in_it(wanted: Expected) -> None:
    article = sample(wanted.page, wanted.address)
    around = (
        *("Home", "Archive", "Recent posts", "Share this", "Read more", "Proudly", "my uncle"),
        *("I do not agree", "Subscribe", "Sign up", "Foto:", "Photo:", "min read", "Copyright"),
    )
    assert not [words for words in around if words.lower() in article.body_text.lower()]
    assert not re.search(r"<img|<script|style=|utm_|class=", article.body_html)
    assert article.title not in article.body_text.split("\n\n")


def test_the_structure_of_a_text_is_kept() -> None:
    markup = sample("wordpress", "https://coastal.example.org/x").body_html
    assert re.findall(r"<h2>(.*?)</h2>", markup) == ["Three owners", "Two lists"]
    assert "<blockquote><p>“A jetty has many fathers" in markup
    assert "<ul>\n<li>Fisheries paid for the piles.</li>" in markup
    assert '<a href="https://coastal.example.org/2026/05/opened/?page=2">' in markup
    assert "<th>Tonnes</th>" in sample("graph").body_html
    assert "<ol>\n<li>Pay the divers.</li>" in sample("drupal").body_html


def test_links_start_from_the_base_of_a_page() -> None:
    page = sample("elsewhere", "https://mirror.example.org/p/1")
    assert '<a href="https://mirror.example.org/2026/03/part-two.html">' in page.body_html


def test_what_a_page_says_about_its_authors_is_kept() -> None:
    assert [author.about for author in sample("graph").authors] == [
        "Esi Mensah writes about ports.",
        None,
    ]
    drupal = sample("drupal")
    assert drupal.authors[0].about == "Inês Cardoso is a Fellow at the Institute of Coasts."
    assert "Fellow" not in drupal.body_text


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        ("listing", "a list of other articles"),
        ("links", "a list of links"),
        ("login", "asks for a password"),
        ("error", "says that there is none"),
        ("robot", "says that there is none"),
        ("empty", "only 0 words"),
    ],
)
def test_a_page_that_is_no_article_is_refused_in_one_line(page: str, reason: str) -> None:
    with pytest.raises(NoArticle, match=reason) as refused:
        sample(page, "https://news.example.org/2026/11/14/page")
    assert "\n" not in str(refused.value)


def test_the_article_that_a_page_is_about_is_told_from_its_neighbours() -> None:
    article = read_html(
        (DATA / "bare.html")
        .read_text()
        .replace(
            "</head>",
            '<script type="application/ld+json">[{"@type": "Article", "headline": "Another",'
            ' "author": "Wrong Person"}, {"@type": "Article", "headline": "The jetty that'
            ' everybody built", "author": "Right Person"}]</script></head>',
        ),
        url=None,
        source="a page",
    )
    assert [author.name for author in article.authors] == ["Right Person"]
