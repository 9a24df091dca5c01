"""A newsletter's own email templates: where they lie, and how they are tried out before use."""

import shutil
from importlib.resources import files
from pathlib import Path

import pytest

from alerts.config import Settings
from alerts.errors import Invalid
from alerts.newsletters.definitions import NewsletterDefinition
from alerts.newsletters.toml import read_definition
from alerts.paths import templates_dir
from alerts.rendering.sampling import sample_issues
from alerts.rendering.service import Renderer, renderer_of
from alerts.rendering.template_checks import FILES, check_template, refuse_broken

BASE_URL = "https://alerts.example.org"
BUILT_IN = files("alerts.newsletters") / "builtin"
OURS = templates_dir("email")


def definition(slug: str = "gp-alert", **changes: str) -> NewsletterDefinition:
    found = read_definition((BUILT_IN / f"{slug}.toml").read_text(), source="x")
    return found.model_copy(update=changes)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Return a folder of own templates with one, `ours-too`, that begins as a copy."""
    folder = tmp_path / "own"
    shutil.copytree(OURS / "gp-alert", folder / "ours-too")
    return folder


def lines(own: Path, **changes: str) -> list[str]:
    wanted = definition(**({"template": "ours-too"} | changes))
    found = check_template(Renderer(OURS, own), wanted, base_url=BASE_URL)
    return [f"{one.level} {one.line}" for one in found]


@pytest.mark.parametrize("slug", ["gp-alert", "africa-this-week"])
def test_the_built_in_templates_pass(slug: str) -> None:
    assert check_template(Renderer(OURS), definition(slug), base_url=BASE_URL) == []


def test_own_templates_stand_on_the_shared_frame_and_before_built_in_ones(own: Path) -> None:
    assert lines(own) == []
    shutil.copytree(own / "ours-too", own / "gp-alert")
    (own / "gp-alert" / "subject.txt").write_text("Own: {{ issue.subject }}")
    renderer = Renderer(OURS, own)
    content = sample_issues(definition())[0]
    rendered = renderer.render(content, archive_url=BASE_URL, home_url=BASE_URL)
    assert rendered.subject.startswith("Own: GP Alert")
    assert (
        rendered.html
        == Renderer(OURS).render(content, archive_url=BASE_URL, home_url=BASE_URL).html
    )
    assert renderer.folders.names() == sorted({*Renderer(OURS).folders.names(), "ours-too"})


def test_an_own_template_goes_before_the_sheet_that_mails_of_our_own_share(own: Path) -> None:
    context = {
        "preferences_url": f"{BASE_URL}/p",
        "titles": ("GP Alert",),
        "email": "ama@example.org",
        "publisher": "Africa Desk",
        "publisher_address": "",
        "home_url": BASE_URL,
    }
    shared, blue = "background-color:#9a2a1c", "background-color:#123456"
    ours = Renderer(OURS, own).render_message("preferences-link", context).html
    assert ours.count(shared) > 0
    theirs = own / "preferences-link"
    shutil.copytree(OURS / "preferences-link", theirs)
    (theirs / "style.css").write_text(".button { background-color: #123456; }")
    changed = Renderer(OURS, own).render_message("preferences-link", context).html
    assert (changed.count(shared), changed.count(blue)) == (0, ours.count(shared))


def test_the_frame_itself_is_always_ours(own: Path) -> None:
    (own / "_base").mkdir()
    (own / "_base" / "issue.html").write_text("nothing of ours")
    assert lines(own) == []


def test_the_settings_say_where_own_templates_lie(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    assert settings.own_templates == tmp_path / "templates" / "email"
    assert renderer_of(settings).folders.find("ours-too") is None
    elsewhere = Settings(data_dir=tmp_path, templates_dir=tmp_path / "own")
    shutil.copytree(OURS / "gp-alert", tmp_path / "own" / "ours-too")
    assert renderer_of(elsewhere).folders.find("ours-too") == tmp_path / "own" / "ours-too"


def test_every_missing_file_is_named(own: Path) -> None:
    for name in ("subject.txt", "body.txt"):
        (own / "ours-too" / name).unlink()
    assert lines(own) == [
        f"error ours-too/{name}: is missing in {own / 'ours-too'}"
        for name in FILES
        if name != FILES[1]
    ]
    found = lines(own, template="nowhere")
    assert len(found) == 1
    assert "there is no email template 'nowhere'; known are africa-this-week" in found[0]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("body.html", "<p>\n{% if x %}", "body.html, line 2: Unexpected end of template"),
        ("body.txt", "\n\n{{ nobody }}", "body.txt, line 3: 'nobody' is undefined"),
        ("body.txt", "{{ issue.nothing }}", "body.txt, line 1: "),
        ("subject.txt", "\n{{ 1 / 0 }}", "subject.txt, line 2: ZeroDivisionError"),
        ("subject.txt", "{{ issue.sections[7].title }}", "subject.txt, line 1: "),
        (
            "body.html",
            "{% extends '_base/none.html' %}",
            "body.html, line 1: _base/none.html is missing",
        ),
        ("body.html", "{% include '../../secret' %}", "missing"),
        ("body.txt", "{{ issue.__class__.__mro__ }}", "unsafe"),
        ("body.txt", "{{ 'x' | nofilter }}", "No filter named 'nofilter'"),
        ("partial.html", "{% endfor %}", "partial.html, line 1: "),
    ],
)
def test_what_jinja_stumbles_over_is_told_with_file_and_line(
    own: Path, name: str, text: str, said: str
) -> None:
    (own / "ours-too" / name).write_text(text)
    found = lines(own)
    assert any(said in line for line in found), found
    assert all(line.startswith("error ") for line in found)
    with pytest.raises(Invalid, match=r"^template ours-too: ") as caught:
        refuse_broken(Renderer(OURS, own), definition(template="ours-too"), base_url=BASE_URL)
    assert "\n" not in str(caught.value)


def test_what_only_a_bare_issue_shows_is_found_too(own: Path) -> None:
    (own / "ours-too" / "subject.txt").write_text("{{ issue.editors_note[0] }}")
    assert any("subject.txt, line 1" in line for line in lines(own))


def test_a_file_that_is_no_text_is_refused(own: Path) -> None:
    (own / "ours-too" / "body.txt").write_bytes(b"\xff\xfe\x00")
    assert "cannot be read as UTF-8 text" in lines(own)[0]


def test_the_lint_looks_at_the_result(own: Path) -> None:
    (own / "ours-too" / "body.html").write_text("<html><body><p>Nothing</p></body></html>")
    found = lines(own)
    assert any("the HTML has no link to unsubscribe" in line for line in found)
    assert found[0].startswith("error ours-too: ")
