from dataclasses import replace

from alerts.newsletters.content import TextContent
from alerts.rendering.lint import Finding
from alerts.web.desk.looking.mending import mending_of
from tests.data.rendering import samples

CONTENT = samples.africa_this_week()


def _path(about: str, rule: str = "rule") -> str | None:
    found = mending_of(Finding("warning", rule, "message", "fix", about), CONTENT, 7)
    return found.path if found else None


def test_the_issues_own_texts_are_mended_where_it_is_composed() -> None:
    for about in (
        "subject",
        "preheader",
        "the subject",
        "the editors’ note",
        "text 2 of the section “In brief”",
    ):
        assert _path(about) == "/desk/issues/7/compose"
    assert _path("1251", "sent-before") == "/desk/issues/7/compose"


def test_what_an_article_says_is_mended_there() -> None:
    assert _path("1251") == "/desk/articles/1251"
    # A part of a roundup stands in its article.
    assert _path("1252.3") == "/desk/articles/1252"
    assert samples.ESSAY.url
    assert samples.ESSAY.photo
    assert _path(samples.ESSAY.url) == "/desk/articles/1251"
    assert _path(samples.ESSAY.photo.url) == "/desk/articles/1251"
    assert _path(f"the title of “{samples.ESSAY.title}”") == "/desk/articles/1251"


def test_a_link_is_mended_in_the_text_that_holds_it() -> None:
    address = "https://maps.example.org/?a=1&b=2"
    link = '<p><a href="https://maps.example.org/?a=1&amp;b=2">map</a></p>'
    finding = Finding("warning", "link-dead", "message", "fix", address)
    own = replace(CONTENT.sections[0], texts=(TextContent(link, 0),))
    found = mending_of(finding, replace(CONTENT, sections=(own,)), 7)
    assert found
    assert (found.path, found.words) == ("/desk/issues/7/compose", "Compose the issue")
    essay = replace(CONTENT.sections[0], items=(replace(samples.ESSAY, body_html=link),))
    found = mending_of(finding, replace(CONTENT, sections=(essay,)), 7)
    assert found
    assert found.path == "/desk/articles/1251"


def test_what_is_a_templates_is_mended_nowhere_at_the_desk() -> None:
    for about in ("html", "plain text", "light #999999 on #ffffff", "https://elsewhere.example/"):
        assert _path(about) is None


def test_a_long_title_is_named_as_the_finding_names_it() -> None:
    item = replace(samples.ESSAY, title="Interdependence " * 20)
    section = replace(CONTENT.sections[0], items=(item,))
    content = replace(CONTENT, sections=(section,))
    about = f"the standfirst of “{('Interdependence ' * 20)[:79]}…”"
    found = mending_of(Finding("warning", "leftover", "m", "f", about), content, 7)
    assert found
    assert found.path == "/desk/articles/1251"
