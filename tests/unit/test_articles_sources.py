"""Feeds and listings read, and when they are looked at again."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from alerts.articles.reading.record import NoArticle
from alerts.articles.sources.feeds import read_feed
from alerts.articles.sources.pages import read_links
from alerts.articles.sources.rhythm import look_again, pause_after
from alerts.articles.sources.service import interval_of
from alerts.articles.sources.shown import NoSource
from alerts.errors import Invalid

HERE = "https://newsroom.example/feed.xml"
RSS = """<?xml version="1.0" encoding="utf-8"?>
<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel>
<item><title>One &amp; two</title><link>/view.php?url=CWA&amp;recordNo=7</link>
<pubDate>Mon, 23 Nov 2026 08:00:00 GMT</pubDate>
<content:encoded><![CDATA[<p>All of it.</p>]]></content:encoded></item>
<item><title>No address</title></item>
<item><title>Inside</title><link>javascript:alert(1)</link></item>
<item><title>Again</title><link>http://www.newsroom.example/view.php?recordNo=7&amp;url=x</link></item>
</channel></rss>"""
RDF = """<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
xmlns="http://purl.org/rss/1.0/"><channel rdf:about="https://newsroom.example/"><title>x</title>
</channel><item rdf:about="https://newsroom.example/a"><title>A</title>
<link>https://newsroom.example/a</link></item></rdf:RDF>"""
ATOM = """<feed xmlns="http://www.w3.org/2005/Atom"><title>x</title><id>urn:x</id>
<updated>2026-11-23T08:00:00Z</updated><entry><title type="html">A &lt;b&gt;b&lt;/b&gt;</title>
<id>urn:1</id><link rel="alternate" href="https://newsroom.example/a"/>
<updated>2026-11-22T08:00:00Z</updated><content type="html">&lt;p&gt;Text&lt;/p&gt;</content>
</entry></feed>"""
JSON = {
    "version": "https://jsonfeed.org/version/1.1",
    "title": "x",
    "items": [
        {
            "id": "1",
            "url": "https://newsroom.example/a",
            "title": "A",
            "content_html": "<p>Text</p>",
            "date_published": "2026-11-22T08:00:00Z",
            "authors": [{"name": "Afi Mensah"}, {"url": "x"}, 5],
        },
        {"id": "https://newsroom.example/b"},
        {"id": 3, "url": ["no", "address"]},
        "nonsense",
    ],
}


def test_rss_is_read_with_its_whole_texts() -> None:
    (entry,) = read_feed(RSS.encode(), HERE)
    # The same page under another spelling is one entry; the later spelling stands.
    assert "recordNo=7" in entry.url
    assert entry.url.startswith("http")


@pytest.mark.parametrize(
    ("content", "url", "version", "html"),
    [
        (RDF, "https://newsroom.example/a", None, ""),
        (ATOM, "https://newsroom.example/a", "2026-11-22T08:00:00Z", "<p>Text</p>"),
        (
            f'<?xml version="1.0" encoding="utf-16"?>{ATOM}'.encode("utf-16"),
            "https://newsroom.example/a",
            "2026-11-22T08:00:00Z",
            None,
        ),
        (json.dumps(JSON), "https://newsroom.example/a", "2026-11-22T08:00:00Z", "<p>Text</p>"),
    ],
)
def test_every_kind_of_feed_is_read(
    content: str | bytes, url: str, version: str | None, html: str | None
) -> None:
    data = content if isinstance(content, bytes) else content.encode()
    entry = read_feed(data, HERE)[0]
    assert (entry.url, entry.version) == (url, version)
    assert html is None or entry.html == html


def test_a_feed_says_who_wrote_and_when() -> None:
    entry = read_feed(json.dumps(JSON).encode(), HERE)[0]
    assert (entry.author, entry.published) == ("Afi Mensah", "2026-11-22")
    rss = RSS.replace(
        "<title>Again</title>", "<title>Again</title><author>a@b.example (Afi)</author>"
    )
    dated = "<pubDate>Sun, 22 Nov 2026 08:00:00 GMT</pubDate><title>Again</title>"
    (entry,) = read_feed(rss.replace("<title>Again</title>", dated).encode(), HERE)
    assert entry.published == "2026-11-22"
    assert "Afi" in entry.author


def test_a_json_feed_of_nonsense_gives_what_is_sound() -> None:
    urls = [entry.url for entry in read_feed(json.dumps(JSON).encode(), HERE)]
    assert urls == ["https://newsroom.example/a", "https://newsroom.example/b"]


LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol">'
    + "".join(f'<!ENTITY lol{n} "{f"&lol{n - 1};" * 10}">' for n in range(1, 10))
    + "]><rss><channel><title>&lol9;</title></channel></rss>"
)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (LAUGHS.encode(), "defines entities"),
        (LAUGHS.encode("utf-16"), "defines entities"),
        (b"<html><body>no feed</body></html>", "no feed"),
        (b"", "no feed"),
        (b"\0\xff\xfe", "no feed"),
        (b"{", "JSON that cannot be read"),
        (b'{"version": 3}', "no JSON Feed"),
        (b'{"a":' * 100_000, "JSON that cannot be read"),
        (b"<rss>" + b" " * 6_000_000, "larger than"),
        (b"<rss><channel>" + b"<item>" * 5_000, "so many elements"),
        (b"<rss><channel><item>" + b"<b>" * 60_000, "so many elements"),
    ],
)
def test_what_is_no_feed_is_refused_in_a_line(content: bytes, reason: str) -> None:
    with pytest.raises(NoSource, match=reason) as refused:
        read_feed(content, HERE)
    assert "\n" not in str(refused.value)


LISTING = """<html><head><base href="https://newsroom.example/x/">
<link rel="alternate" type="application/atom+xml" href="../feed.atom">
<link rel="alternate" type="text/html" href="/mobile"></head><body>
<nav><a href="/2026/11/a-day-in-the-life-of">A day in the life of nobody</a></nav>
<a href="view_cir_articles.php?url=The%20World%20This%20Week&recordNo=896">TWTW</a>
<a href="/africa/africa-weekly.php?ArticleNo=3&RECORDNO=131&url=Africa%2520Weekly">Weekly</a>
<a href="TWTW_view_articles.php?recordNo=896">The same once more</a>
<a href="/2026/11/a-bridge-over-the-niger">A bridge over the Niger, at last</a>
<a href="/analysis/why-the-coast-guards-count">Why the coast guards count ships</a>
<a href="/about">About the people who write here</a>
<a href="/2026/11/photo-of-the-day.jpg">A very fine photo of it</a>
<a href="https://elsewhere.example/2026/11/a-long-story-of-x">A long story from elsewhere</a>
<a href="mailto:x@newsroom.example">write to us about all of this</a>
</body></html>"""


def test_a_listing_gives_the_links_to_articles() -> None:
    links = read_links(LISTING.encode(), "https://newsroom.example/list.php")

    assert [link.url.removeprefix("https://newsroom.example") for link in links.articles] == [
        "/x/TWTW_view_articles.php?recordNo=896",
        "/africa/africa-weekly.php?ArticleNo=3&RECORDNO=131&url=Africa%2520Weekly",
        "/2026/11/a-bridge-over-the-niger",
        "/analysis/why-the-coast-guards-count",
    ]
    assert links.feeds == ("https://newsroom.example/feed.atom",)
    assert 0 < links.linked_share < 1


def test_what_is_no_page_lists_nothing() -> None:
    with pytest.raises(NoArticle):
        read_links(b"", "https://newsroom.example/")


def test_pauses_double_up_to_a_day_and_heed_the_server() -> None:
    quarter = timedelta(minutes=15)
    middle = [pause_after(n, quarter, drawn=0.5) for n in (0, 1, 2, 3, 60)]
    minutes = [pause / timedelta(minutes=1) for pause in middle]
    assert minutes == [15, 30, 60, 120, 1440]
    assert pause_after(1, quarter, drawn=0.0) == timedelta(minutes=22.5)
    assert pause_after(1, quarter, drawn=1.0) == timedelta(minutes=37.5)
    assert pause_after(1, quarter, asked=timedelta(hours=3)) == timedelta(hours=3)
    assert pause_after(9, timedelta(days=7), drawn=0.5) == timedelta(days=7)


def test_a_page_is_watched_for_a_fortnight() -> None:
    shown = datetime(2026, 11, 1, tzinfo=UTC)
    assert look_again(shown, shown + timedelta(days=13)) == shown + timedelta(days=14)
    assert look_again(shown, shown + timedelta(days=15)) is None


@pytest.mark.parametrize("text", ["30s", "8 days", "often", "0m"])
def test_an_interval_out_of_bounds_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        interval_of(text)
