"""What a page says of itself in passing: its address, language, day, credits and linked data."""

import pytest
from lxml import html as lxml_html

from alerts.articles.reading.days import day_in_address, read_day
from alerts.articles.reading.hints import read_hints
from alerts.articles.reading.linked_data import read_linked_data
from alerts.articles.reading.pictures import credit_in

CANONICAL = "<html><head><title>x</title><link rel=canonical href='{}'></head><body></body></html>"


@pytest.mark.parametrize(
    ("claimed", "fetched", "believed"),
    [
        ("https://a.example.org/x", "https://a.example.org/x?id=2", True),
        ("/x", "http://www.a.example.org/x/amp", True),
        ("https://example.org/x", "https://m.example.org/x", True),
        ("https://news.example.org/x", "https://example.org/x", False),
        ("https://example.org.evil.test/x", "https://example.org/x", False),
        ("https://other.test/x", "https://example.org/x", False),
        ("https://org/x", "https://example.org/x", False),
        ("https://example.org/", "https://example.org/x", False),
        ("https://a.example.org/p.php", "https://a.example.org/p.php?recordNo=4", False),
        ("https://a.example.org/p?recordNo=5", "https://a.example.org/p?recordNo=4", False),
        ("https://evil-test.org/x", "https://example-org.cdn.ampproject.org/c/x", False),
    ],
)
def test_a_page_is_believed_about_its_address_only_on_its_own_site(
    claimed: str, fetched: str, *, believed: bool
) -> None:
    hints = read_hints(lxml_html.document_fromstring(CANONICAL.format(claimed)), fetched)
    assert (hints.canonical is not None) is believed
    assert bool(hints.flags) is not believed
    assert all("\n" not in flag for flag in hints.flags)


@pytest.mark.parametrize(
    ("given", "language"),
    [
        ("en", "en"),
        ("EN-us", "en-US"),
        ("pt_BR", "pt-BR"),
        ("zh-hans-cn", "zh-Hans-CN"),
        ("es-419", "es-419"),
        ("de-DE-1996", "de-DE"),
        ("english", None),
        ("und", None),
        ("<script>", None),
        ("", None),
    ],
)
def test_languages_are_tags_of_bcp_47(given: str, language: str | None) -> None:
    root = lxml_html.document_fromstring("<html><body>x</body></html>")
    root.set("lang", given)
    assert read_hints(root, None).language == language


@pytest.mark.parametrize(
    ("text", "day", "precision"),
    [
        ("2026-11-14T23:30:00-05:00", "2026-11-14", "day"),
        ("2026-11", "2026-11-01", "month"),
        ("20261114", "2026-11-14", "day"),
        ("Sat, 14 Nov 2026 10:00:00 GMT", "2026-11-14", "day"),
        ("Saturday, November 14th, 2026", "2026-11-14", "day"),
        ("14. November 2026, 18:30 Uhr", "2026-11-14", "day"),
        ("14.11.2026", "2026-11-14", "day"),
        ("le 1er août 2026", "2026-08-01", "day"),
        ("14 de noviembre de 2026", "2026-11-14", "day"),
        ("14 नवंबर 2026", "2026-11-14", "day"),
        ("March 2024", "2024-03-01", "month"),
    ],
)
def test_a_day_is_read_as_it_is_written(text: str, day: str, precision: str) -> None:
    found = read_day(text)
    assert found is not None
    assert (found.on.isoformat(), found.precision) == (day, precision)


@pytest.mark.parametrize(
    "text", ["", "2026", "3/4/2026", "2026-13-40", "31.02.2026", "no day", "99999999", "٣"]
)
def test_what_may_be_another_day_is_not_read(text: str) -> None:
    assert read_day(text) is None


def test_an_address_may_hold_the_day() -> None:
    day = day_in_address("https://news.example.org/2026/11/14/jetty")
    assert day is not None
    assert day.on.isoformat() == "2026-11-14"
    assert day_in_address("https://news.example.org/2026/11/jetty") is None
    assert day_in_address("https://news.example.org/2026/99/01/jetty") is None
    assert day_in_address("https://news.example.org/id/20261114") is None


@pytest.mark.parametrize(
    ("caption", "credit"),
    [
        ("The jetty. Photo: A. Fall/Reuters", "A. Fall/Reuters"),
        ("Der Kran. (Foto: dpa)", "dpa"),
        ("The quay © Ole Petersen", "Ole Petersen"),
        ("Photo Source: Wen Li, Kestrel", "Wen Li, Kestrel"),
        ("The photo of a jetty", None),
        ("Photo: " + "x" * 400, None),
    ],
)
def test_a_credit_stands_at_the_end_of_a_caption(caption: str, credit: str | None) -> None:
    assert credit_in(caption) == credit


@pytest.mark.parametrize(
    ("script", "headline"),
    [
        ('{"@type": "Article", "headline": "A &amp;amp; B"}', "A & B"),
        ('[{"@type": "WebSite"}, {"@type": "NewsArticle", "headline": "A"}]', "A"),
        ('{"@graph": [{"@graph": [{"@type": ["X", "BlogPosting"], "headline": "A"}]}]}', "A"),
        ('{"@type": "http://schema.org/Article", "name": "A"}', "A"),
        ('{"@type": "WebPage", "mainEntity": {"@type": "Article", "headline": "A"}}', "A"),
        ('//<![CDATA[\n{"@type": "Article", "headline": "A"}\n//]]>', "A"),
        ('{"@type": "Article", "headline": "A\nB",}', "A B"),
        ("{&quot;@type&quot;: &quot;Article&quot;, &quot;headline&quot;: &quot;A&quot;}", "A"),
        ('{"@type": "Article", "headline": "A" "author": "B"}', "A"),
    ],
)
def test_linked_data_is_read_in_all_its_forms(script: str, headline: str) -> None:
    assert [one.headline for one in read_linked_data([script]).articles] == [headline]


@pytest.mark.parametrize(
    "script",
    [
        *("", "null", "3", "[]", "{", "[" * 100_000, '{"@graph": null}', '{"@type": 7}'),
        '{"@type": "Article", "headline": {"a": 1}, "author": [[["x"]], 3, {"name": []}]}',
        '{"@type": "Article", "image": {"@id": "#a"}, "author": {"@id": 7}, "inLanguage": []}',
        '{"@id": "#a", "@type": "Article", "author": {"@id": "#a"}, "mainEntity": {"@id": "#a"}}',
    ],
)
def test_linked_data_of_no_use_does_no_harm(script: str) -> None:
    assert all(one.headline is None for one in read_linked_data([script]).articles)
