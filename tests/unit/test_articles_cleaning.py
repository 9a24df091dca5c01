"""Cleaning: encodings, invisible characters, HTML, addresses, trackers, first sentences."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.articles.reading.blocks import first_sentences, sentence_ends
from alerts.articles.reading.cleaning import clean_html, decode, repair
from alerts.articles.reading.limits import LARGEST, LONGEST_LINE, check_text, depth_of, lean
from alerts.articles.reading.record import NoArticle
from alerts.articles.reading.tracking import is_pixel, without_tracking

LOME = "Lomé’s port — the “second” pier"


@pytest.mark.parametrize(
    ("data", "charset"),
    [
        (LOME.encode(), None),
        (LOME.encode("utf-8-sig"), "iso-8859-1"),
        (LOME.encode("utf-16"), None),
        (LOME.encode("utf-32"), None),
        (LOME.encode("cp1252"), None),
        (LOME.encode("cp1252"), "iso-8859-1"),
        (LOME.encode("cp1252"), "us-ascii"),
        (LOME.encode("cp1252"), "no-such-charset"),
        (LOME.encode("cp1252"), "utf-7"),
        (LOME.encode("cp1252"), "unicode_escape"),
        (LOME.encode(), "latin1"),
    ],
)
def test_a_text_is_read_whatever_its_charset_claims(data: bytes, charset: str | None) -> None:
    assert decode(data, charset=charset) == LOME


@pytest.mark.parametrize(
    ("text", "charset"),
    [
        ("Порт и мост", "windows-1251"),
        ("Порт и мост", "koi8-r"),
        ("港と橋", "x-sjis"),
        ("港と橋", "iso-2022-jp"),
        ("港口与桥梁", "gb2312"),
        ("ท่าเรือ", "windows-874"),
        ("Liman ve köprü: İzmir", "iso-8859-9"),
    ],
)
def test_a_page_names_its_charset_in_its_head(text: str, charset: str) -> None:
    encoding = {"x-sjis": "cp932", "windows-874": "cp874"}.get(charset, charset)
    head = f'<html><head><meta http-equiv="Content-Type" content="text/html; charset={charset}">'
    assert decode(head.encode() + text.encode(encoding)).endswith(text)


def test_a_page_in_utf_16_without_a_mark_is_told_by_its_first_tag() -> None:
    assert decode("<p>Lomé</p>".encode("utf-16-le")) == "<p>Lomé</p>"
    assert decode("<p>Lomé</p>".encode("utf-16-be")) == "<p>Lomé</p>"


def test_single_bytes_of_windows_1252_do_not_spoil_the_rest() -> None:
    data = "Lomé, Dakar, Conakry — à l’heure".encode() + b" \x93the pier\x94"
    assert decode(data) == "Lomé, Dakar, Conakry — à l’heure “the pier”"


@pytest.mark.parametrize(
    ("broken", "whole"),
    [
        ("LomÃ© said: â€œnoâ€\x9d", "Lomé said: “no”"),
        ("LomÃƒÂ© is twice wrong", "Lomé is twice wrong"),
        ("The ministerâ€™s words", "The minister’s words"),
        ("quotes \x93so\x94 and a dash \x97", "quotes “so” and a dash —"),
        ("five\u00a0days", "five days"),
        ("soft\u00adhyphen, zero\u200bwidth\ufeff", "softhyphen, zerowidth"),
        ("\u202eright\u202c to \u2066left\u2069", "right to left"),
        ("hidden\U000e0041\U000e0042", "hidden"),
        ("a\x00b\x07c\ud800d", "abcd"),
        ("Zal" + "\u0301" * 500 + "go", "Zaĺ" + "\u0301" * 3 + "go"),
        ("क्षेत्र और श्री", "क्षेत्र और श्री"),
        ("नहीं\u200cतो", "नहीं\u200cतो"),
        ("e\u0301te\u0301", "été"),
    ],
)
def test_a_text_is_repaired(broken: str, whole: str) -> None:
    assert repair(broken) == whole


@given(st.text(max_size=300))
@settings(max_examples=100, deadline=None)
def test_what_was_repaired_needs_no_repair_of_characters(text: str) -> None:
    try:
        once = repair(text)
    except NoArticle:
        return
    assert not any("\ud800" <= c <= "\udfff" or c in "\0\x07\u202e\ufeff" for c in once)


@pytest.mark.parametrize(
    ("markup", "clean"),
    [
        ("<p style='x' onclick='y()' class='z'>a</p>", "<p>a</p>"),
        ("<script>a</script><style>b</style><iframe>c</iframe>d", "d"),
        ("<img src='https://x.example/1.gif' width=1 height=1>a", "a"),
        ('<a href="javascript:alert(1)">a</a>', "<a>a</a>"),
        ('<a href=" java\nscript:alert(1)">a</a>', "<a>a</a>"),
        ('<a href="data:text/html,x">a</a>', "<a>a</a>"),
        ('<a href="/relative">a</a>', "<a>a</a>"),
        (
            '<a href="https://a.example/x?utm_source=n&amp;id=4&amp;fbclid=1">a</a>',
            '<a href="https://a.example/x?id=4">a</a>',
        ),
        (
            "<table><tr><th colspan='2' style='x'>a</th></tr><tr><td>b</td></tr></table>",
            '<table><tbody><tr><th colspan="2">a</th></tr><tr><td>b</td></tr></tbody></table>',
        ),
        ("<table><tr><td colspan='99999'>a</td></tr></table>", None),
        ("<blockquote><p>a</p></blockquote>", "<blockquote><p>a</p></blockquote>"),
        ("<svg><style><img src=x onerror=alert(1)></style></svg>a", "a"),
        ("<math><mtext><table><mglyph><style><img src=x onerror=y>", ""),
        ("<noscript><p title='</noscript><img src=x onerror=y>'></noscript>", None),
        ("<!-- a --><p>b", "<p>b</p>"),
    ],
)
def test_html_is_cut_down_to_the_allow_list(markup: str, clean: str | None) -> None:
    cleaned = clean_html(markup)
    assert clean is None or cleaned == clean
    assert not any(word in cleaned for word in ("style=", "<img", "script:", "99999"))


def test_cleaning_twice_changes_nothing() -> None:
    once = clean_html("<p>a & b <b>c<i>d</b>e</i><ul><li>f<li>g</ul><table><tr><td>h")
    assert clean_html(once) == once


def test_what_is_nested_too_deeply_is_refused_and_not_cleaned_for_minutes() -> None:
    with pytest.raises(NoArticle, match="240 deep"):
        clean_html("<div>" * 50_000)


@pytest.mark.parametrize(
    ("address", "left"),
    [
        ("https://a.example/x", "https://a.example/x"),
        ("https://a.example/x?utm_source=n", "https://a.example/x"),
        ("https://a.example/x?UTM_Medium=n&b=2", "https://a.example/x?b=2"),
        ("https://a.example/x?a=1&mc_eid=2&mc_cid=3", "https://a.example/x?a=1"),
        ("https://a.example/x?fbclid=1#part", "https://a.example/x#part"),
        ("https://a.example/x#xtor=RSS-1", "https://a.example/x"),
        ("https://a.example/x?url=CWA%20Commentary&recordNo=4", None),
        ("https://a.example/x?reference=1&share=2&at=3", None),
        ("https://a.example/x?a", None),
        ("https://a.example/x?", None),
        ("https://a.example/x?q=a+b%26utm_source%3Dc", None),
    ],
)
def test_an_address_loses_only_what_follows_readers(address: str, left: str | None) -> None:
    assert without_tracking(address) == (left or address)


@pytest.mark.parametrize(
    ("address", "pixel"),
    [
        ("https://www.facebook.com/tr?id=1&ev=PageView", True),
        ("https://stats.wp.com/b.gif?v=noscript", True),
        ("https://vg04.met.vgwort.de/na/abc", True),
        ("https://news.example.org/pixel.gif", True),
        ("https://news.example.org/piwik.php?idsite=1", True),
        ("https://[bad/x.jpg", True),
        ("https://news.example.org/photos/open-sea.jpg", False),
        ("https://news.example.org/uploads/counter-terrorism.jpg", False),
    ],
)
def test_a_counter_is_no_picture(address: str, *, pixel: bool) -> None:
    assert is_pixel(address) is pixel


def test_a_page_is_made_lean_before_it_is_parsed() -> None:
    page = (
        "<head><script>if (a < b) { '<p>no</p>' }</script><style>p > a {}</style>"
        '<script type="application/ld+json">{"@type": "Article"}</script></head>'
        "<p>a<!-- <p>never --><svg><path/></svg>b<img src='data:image/png;base64,"
        + "A" * 5_000
        + "'>"
    )
    left = lean(page)
    assert "ld+json" in left
    assert not any(word in left for word in ("no</p>", "p > a", "never", "path", "AAAA"))
    assert len(left) < 200


def test_depth_counts_what_stays_open() -> None:
    assert depth_of("<div><p>a<p>b<br><div></div></div>") == 2
    assert depth_of("<x/>" * 50) == 0
    assert depth_of("<x/>" * 50, slash_closes=False) == 50


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        ("<p>" * 60_001, "tags"),
        ("<div>" * 300, "deep"),
        ("<p " + " ".join(f"a{i}" for i in range(2_000)) + ">", "attributes"),
        ("x" * (LARGEST + 1), "5 MB"),
    ],
)
def test_what_a_parser_would_not_stand_is_refused(page: str, reason: str) -> None:
    with pytest.raises(NoArticle, match=reason):
        lean(page)


def test_a_long_attribute_is_no_crowd_of_attributes() -> None:
    page = f"<div data-state='{'&quot;a&quot;: 1, ' * 5_000}'>a</div>"
    assert lean(page) == page


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a\n" * 5_001, "lines"),
        ("b\n" + "a" * (LONGEST_LINE + 1) + "\nc", "a line"),
        ("The sea. " * 70_000, "characters of text"),
    ],
)
def test_a_text_that_no_article_is_long_enough_for(text: str, reason: str) -> None:
    with pytest.raises(NoArticle, match=reason):
        check_text(text)


FILLER = " The rest of the paragraph goes on for longer than a standfirst is ever allowed to go on"


@pytest.mark.parametrize(
    "first",
    [
        "Dr. Adjei of the U.S. embassy met Gen. Traoré at No. 5 of the quay.",
        "J. K. Mensah signed the paper, and so did E. Boateng Jr. for the bank.",
        "The paper (No. 12, p. 4, vol. 3) names approx. 40 ships, i.e. all of them.",
        "It costs 3.5 million, says e.g. the minister of St. Louis at 5 p.m. on the pier.",
        "Is that so?",
        "“Who asked us?” says the harbour master … and nobody answers.",
        "The U.N. vs. the banks: that is Sen. Dia’s case.",
        "बैठक तीसरे दिन भी चली और प्रतिनिधियों ने बहुत कम कहा।",
        "Der Hafen kostet ca. 40 Mio. Euro, bzw. 30 Mio., wie z. B. Frau Dr. Ewers sagt.",
        "会议开了三天。",
    ],
)
def test_a_standfirst_ends_with_a_sentence(first: str) -> None:
    found = first_sentences(first + FILLER * 4 + ".", at_most=240)
    assert found == first
    assert sentence_ends(first) == [len(first)]


def test_each_sentence_has_an_end() -> None:
    text = "“Nobody asked us.” So says Mr. Dia. Is it so?! The U.S. says: no. 港口。桥梁。 Yes…"
    ends = sentence_ends(text)
    assert [text[start:end].strip() for start, end in itertools.pairwise([0, *ends])] == [
        *("“Nobody asked us.”", "So says Mr. Dia.", "Is it so?!", "The U.S. says: no."),
        *("港口。", "桥梁。", "Yes…"),
    ]


@pytest.mark.parametrize("length", [40, 100, 240])
def test_what_has_no_end_is_cut_between_words(length: int) -> None:
    found = first_sentences("harbour " * 100, at_most=length)
    assert len(found) <= length
    assert found.endswith("harbour…")
    assert len(first_sentences("h" * 1_000, at_most=length)) <= length
