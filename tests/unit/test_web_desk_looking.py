"""A mail's dresses, its line in inboxes, and what is kept while somebody looks."""

import shutil
from pathlib import Path

import pytest

from alerts.paths import templates_dir
from alerts.rendering.frame import Frame
from alerts.rendering.service import RenderedEdition, Renderer
from alerts.web.desk.looking.asking import Asked, View, Whose
from alerts.web.desk.looking.inboxes import INBOXES, cut, first_words, inbox_lines
from alerts.web.desk.looking.renderings import Renderings, rendered
from alerts.web.desk.looking.schemes import Scheme, in_scheme, mail_policy
from tests.data.rendering import samples

RENDERER = Renderer(templates_dir("email"))


def _html() -> str:
    return RENDERER.render(
        samples.gp_alert(), archive_url=samples.ARCHIVE_URL, home_url=samples.HOME_URL
    ).html


def test_in_the_dark_the_rules_for_it_hold_on_every_screen() -> None:
    dark = in_scheme(_html(), Scheme.DARK)
    assert "prefers-color-scheme" not in dark
    assert "@media (min-width: 0)" in dark
    assert ":root { color-scheme: dark; supported-color-schemes: dark; }" in dark
    assert '<meta name="color-scheme" content="dark">' in dark
    assert '<meta name="supported-color-schemes" content="dark">' in dark


def test_in_the_light_they_never_hold_and_nothing_else_changes() -> None:
    light = in_scheme(_html(), Scheme.LIGHT)
    assert "@media (max-width: 0)" in light
    assert "@media (max-width: 520px)" in light
    assert '<meta name="color-scheme" content="light">' in light
    assert light.partition("</head>")[2] == _html().partition("</head>")[2]


def test_words_of_an_article_about_dark_mode_stay() -> None:
    html = "<style>a{}</style><p>(prefers-color-scheme: dark) color-scheme: light</p>"
    assert in_scheme(html, Scheme.DARK) == html


def test_without_pictures_none_may_be_fetched() -> None:
    assert "img-src 'none'" in mail_policy(pictures=False)
    assert "https:" not in mail_policy(pictures=False)
    assert "sandbox" in mail_policy(pictures=False)
    assert "img-src data: https: http:" in mail_policy(pictures=True)


def test_an_inbox_shows_the_preheader_and_not_what_pads_it() -> None:
    words = first_words(_html())
    assert words.startswith(samples.gp_alert().preheader)
    assert "\u200c" not in words
    assert "\u034f" not in words
    lines = inbox_lines(sender="a@example.org", subject="Short", html=_html(), text="")
    assert {line.words for line in lines if line.inbox.words > 80} == {samples.gp_alert().preheader}


@pytest.mark.parametrize(
    ("html", "words"),
    [
        ("<p>Dear <b>reader</b>,</p><p>hello</p>", "Dear reader, hello"),
        ('<img alt="A ship" src="x"><style>p{}</style><!-- no --><p>at sea</p>', "A ship at sea"),
        ("<title>No</title>", ""),
    ],
)
def test_the_first_words_of_a_mail(html: str, words: str) -> None:
    assert first_words(html) == words


def test_each_inbox_cuts_where_its_line_ends() -> None:
    lines = inbox_lines(
        sender='"GP Alerts" <alerts@example.org>', subject="S" * 60, html="<p>Words</p>", text=""
    )
    assert [line.inbox for line in lines] == list(INBOXES)
    assert {line.sender for line in lines} == {"GP Alerts"}
    for line in lines:
        assert line.is_cut == (line.inbox.subject < 60)
        assert len(line.subject) <= line.inbox.subject
    assert cut("abcdef", 4) == "abc…"
    plain = inbox_lines(sender="a@example.org", subject="", html="", text="Plain\n\nwords")
    assert (plain[0].sender, plain[0].words) == ("a@example.org", "Plain words")


def test_an_address_keeps_only_what_was_asked_for() -> None:
    assert Asked().query() == "?"
    asked = Asked(view=View.TEXT, whose=Whose.WISH, regions=("west-africa",), plain=True)
    assert asked.query() == "?view=text&whose=wish&plain=true&region=west-africa"
    assert asked.query(whose=Whose.WHOLE, plain=False, view=View.MAIL) == "?"


def test_what_was_rendered_is_kept_for_a_moment() -> None:
    calls, now = list[str](), [100.0]

    def make() -> RenderedEdition:
        calls.append("made")
        return RenderedEdition("s", "h", "t")

    kept = Renderings(most=2, seconds=20, monotonic=lambda: now[0])
    for key in ("a", "a", "b", "a", "c", "a", "b"):
        kept.get(key, make)
    # "b" was the one that nobody had asked for the longest when "c" came.
    assert len(calls) == 4
    kept.get("b", make)
    now[0] += 21
    kept.get("b", make)
    assert len(calls) == 5


def test_two_looks_at_the_same_mail_render_it_once() -> None:
    kept = Renderings()

    def look(frame: Frame) -> RenderedEdition:
        return rendered(
            RENDERER,
            samples.gp_alert(),
            frame,
            archive_url=samples.ARCHIVE_URL,
            home_url=samples.HOME_URL,
            kept=kept,
        )

    assert look(Frame()) is look(Frame())
    assert look(Frame(plain=True)).html == ""


def test_a_template_that_was_mended_is_seen_at_once(tmp_path: Path) -> None:
    own = tmp_path / "gp-alert"
    shutil.copytree(templates_dir("email") / "gp-alert", own)
    renderer, kept = Renderer(templates_dir("email"), tmp_path), Renderings()

    def look() -> str:
        mail = rendered(
            renderer,
            samples.gp_alert(),
            Frame(),
            archive_url=samples.ARCHIVE_URL,
            home_url=samples.HOME_URL,
            kept=kept,
        )
        return mail.subject

    before = look()
    (own / "subject.txt").write_text("Mended, and longer than it was")
    assert before != look() == "Mended, and longer than it was"
