"""The newsletters at the desk: looked at, changed in a form or as a file, made anew."""

import re
import shutil
from collections.abc import Mapping
from html import unescape

import pytest
from sqlalchemy import select

from alerts.newsletters.service import definition_of, export_toml, get_newsletter
from alerts.paths import templates_dir
from alerts.staff.models import AuditEntry
from alerts.staff.permissions import Role
from tests.data.web.running import RunningSite
from tests.desk_world import Browser, at_the_desk, fields_in, token_in

HERE = "/desk/newsletters"
BEN = "ben@example.org"
Form = dict[str, str | list[str]]
Sent = Mapping[str, str | list[str]]


def form_in(page: str) -> Form:
    """Return what the form of a newsletter holds, as a browser would send it."""
    main = page.partition('class="settings"')[2] or page.partition("<main")[2]
    main = main.partition("</form>")[0]
    found: Form = {}
    for tag in re.findall(r"<input\b[^>]*>", main):
        name = re.search(r'\bname="([^"]*)"', tag)
        value = re.search(r'\bvalue="([^"]*)"', tag)
        if name is None or ('type="checkbox"' in tag and not re.search(r"\bchecked\b", tag)):
            continue
        _add(found, name[1], unescape(value[1]) if value else "")
    for name_of, text in re.findall(
        r'<textarea[^>]*name="([^"]+)"[^>]*>\n?(.*?)</textarea>', main, re.DOTALL
    ):
        _add(found, name_of, unescape(text))
    for name_of, inner in re.findall(
        r'<select[^>]*name="([^"]+)"[^>]*>(.*?)</select>', main, re.DOTALL
    ):
        chosen = re.search(r'<option value="([^"]*)" selected', inner)
        first = re.search(r'<option value="([^"]*)"', inner)
        _add(found, name_of, (chosen or first or [""])[1] if (chosen or first) else "")
    return found


def _add(form: Form, name: str, value: str) -> None:
    before = form.get(name)
    if before is None:
        form[name] = value
    else:
        form[name] = [*(before if isinstance(before, list) else [before]), value]


def send(editor: Browser, path: str, form: Sent) -> str:
    return editor.client.post(path, data=form, follow_redirects=True).text


def exported(site: RunningSite, slug: str) -> str:
    with site.runtime.database.read() as session:
        return export_toml(session, slug)


def look(editor: Browser, path: str, **changes: str | list[str]) -> str:
    return send(editor, f"{HERE}/all/look", form_in(editor.get(path).text) | changes)


def apply(editor: Browser, page: str) -> str:
    return send(editor, f"{HERE}/all/apply", dict(fields_in(page)))


def test_everybody_who_reads_issues_sees_all_newsletters_and_their_settings(
    site: RunningSite,
) -> None:
    with at_the_desk(site, Role.OPS) as ops:
        listing = ops.get(HERE).text
        assert f'href="{HERE}/gp-alert"' in listing
        assert "New newsletter" not in listing
        page = ops.get(f"{HERE}/africa-this-week").text
        for words in ("In focus", "essay: a signed piece in full", "an editor approves it"):
            assert words in page
        assert "next on Monday 30 November, 08:00" in page
        assert "Once a week: #1, Vol. 1, No. 1" in page
        assert f"{HERE}/africa-this-week/text" not in page
        assert ops.get(f"{HERE}/none").status_code == 404
        export = ops.get(f"{HERE}/gp-alert/export")
        assert export.text == exported(site, "gp-alert")
        assert 'filename="gp-alert.toml"' in export.headers["content-disposition"]


def test_the_list_says_who_approves_each(site: RunningSite, editor: Browser) -> None:
    apply(editor, look(editor, f"{HERE}/africa-this-week/change", approval="second"))
    listing = editor.get(HERE).text
    assert "a second person approves it" in listing
    assert "it goes out by itself" in listing


def test_only_templates_of_issues_are_offered_to_a_newsletter(editor: Browser) -> None:
    form = editor.get(f"{HERE}/gp-alert/change").text
    chosen = form.partition('name="template"')[2].partition("</select>")[0]
    assert re.findall(r'value="([^"]*)"', chosen) == ["africa-this-week", "gp-alert"]


def test_a_series_or_topic_that_nothing_has_is_asked_about(
    site: RunningSite, editor: Browser
) -> None:
    changes = {"rule.topics": "enrgy\nEnergy", "rule.series": "CWA Comentary"}
    page = look(editor, f"{HERE}/gp-alert/change", **changes)
    assert "gets the topic “enrgy”" in page
    assert "“Energy”" not in page
    assert "of the series “CWA Comentary”" in page
    assert "<strong>Topics</strong>" in page
    apply(editor, page)
    assert "enrgy" in exported(site, "gp-alert")


@pytest.mark.parametrize("slug", ["gp-alert", "africa-this-week"])
def test_a_form_that_nobody_touched_changes_nothing(
    site: RunningSite, editor: Browser, slug: str
) -> None:
    before = exported(site, slug)
    page = look(editor, f"{HERE}/{slug}/change")
    assert "Nothing changes: the newsletter is like this already" in page
    apply(editor, page)
    assert exported(site, slug) == before


def test_a_change_is_shown_before_it_holds_and_goes_into_the_log(
    site: RunningSite, editor: Browser
) -> None:
    changes: Form = {
        "tagline": "Something <b>new</b>",
        "rule.regions": ["africa", "south-asia"],
        "rule.topics": "Water\n\n  Trade ",
        "approval": "required",
        "numbering.first_volume": "2",
        "sections.1.key": "more",
        "sections.1.title": "More",
        "sections.1.kind": "briefs",
        "sections.1.place": "0",
        "schedules.0.rule": "every 20 minutes",
    }
    page = look(editor, f"{HERE}/gp-alert/change", **changes)
    assert "<ins>Something &lt;b&gt;new&lt;/b&gt;</ins>" in page
    assert "<del>automatic</del>" in page
    assert "<ins>more, articles</ins>" in page
    assert "Something" not in exported(site, "gp-alert")
    done = apply(editor, page)
    assert "GP Alert is changed." in done
    with site.runtime.database.read() as session:
        now = definition_of(get_newsletter(session, "gp-alert"))
        [entry] = session.scalars(
            select(AuditEntry).where(AuditEntry.act == "newsletter.changed")
        ).all()
    assert (now.approval, now.rule.topics) == ("required", ("Water", "Trade"))
    assert now.rule.regions == ("africa", "south-asia")
    assert [one.key for one in now.sections] == ["more", "articles"]
    assert now.numbering.first_volume == 2
    assert "every 20 minutes Asia/Kolkata" in {one.rule for one in now.schedules}
    assert "approval" in entry.details["settings"]
    assert entry.subject_id == "gp-alert"


def test_every_mistake_is_told_at_its_field_and_what_was_typed_stays(
    site: RunningSite, editor: Browser
) -> None:
    before = exported(site, "gp-alert")
    form = form_in(editor.get(f"{HERE}/gp-alert/change").text) | {
        "title": "",
        "sender": "nobody <at nowhere>",
        "time_zone": "Asia/Bangalore",
        "numbering.first_number": "many",
        "worth_sending": "soon",
        "subject": "{titel}",
        "sections.0.key": "Two Words",
        "schedules.1.rule": "daily 18:30 Asia/Kolkata exept sun",
        "frequencies": ["immediate", "daily", "weekly"],
    }
    answer = editor.client.post(f"{HERE}/all/look", data=form)
    assert answer.status_code == 422
    page = answer.text
    assert "<title>Please check: " in page
    for typed in ("nobody &lt;at nowhere&gt;", "Asia/Bangalore", "many", "soon", "{titel}"):
        assert f'value="{typed}"' in page, typed
    for name, said in (
        ("time-zone", "there is no time zone"),
        ("numbering-first-number", "has to be a whole number"),
        ("worth-sending", "is no span of time"),
        ("subject", "is not known in a pattern"),
        ("sections-0-key", "small letters, digits and hyphens make one"),
        ("schedules-1-rule", "understood so far"),
    ):
        problem = re.search(rf'<p class="problem" id="f-{name}-problem">([^<]*)', page)
        assert problem, name
        assert said in unescape(problem[1]), name
        assert re.search(rf'id="f-{name}"[^>]*aria-describedby="[^"]*f-{name}-problem', page), name
    assert exported(site, "gp-alert") == before


def test_a_row_is_taken_out_and_others_change_places(site: RunningSite, editor: Browser) -> None:
    page = look(
        editor,
        f"{HERE}/africa-this-week/change",
        **{"sections.0.place": "9", "schedules.0.gone": "yes"},
    )
    assert "Africa This Week is changed." in apply(editor, page)
    with site.runtime.database.read() as session:
        now = definition_of(get_newsletter(session, "africa-this-week"))
    assert [one.key for one in now.sections] == ["briefs", "in-focus"]
    assert now.schedules == ()


def test_two_editors_at_once_the_later_one_is_told(site: RunningSite, editor: Browser) -> None:
    with at_the_desk(site, Role.EDITOR, BEN) as other:
        opened = form_in(editor.get(f"{HERE}/gp-alert/change").text)
        looked = look(editor, f"{HERE}/gp-alert/change", rate="9/s")
        theirs = look(other, f"{HERE}/gp-alert/change", tagline="Ben was here")
        assert "is changed." in apply(other, theirs)
        # Whoever had looked already, and whoever only had the form open.
        late = editor.client.post(f"{HERE}/all/apply", data=fields_in(looked))
        assert late.status_code == 409
        assert "has changed this newsletter since you opened the page" in late.text
        assert "<del>Ben was here</del>" in late.text
        stale = editor.client.post(f"{HERE}/all/look", data=opened | {"rate": "9/s"})
        assert stale.status_code == 409
        assert "Ben was here" in exported(site, "gp-alert")
        # Knowing it, they may.
        assert "is changed." in apply(editor, stale.text)
    text = exported(site, "gp-alert")
    assert ('rate = "9/s"' in text, "Ben was here" in text) == (True, False)


def test_a_new_newsletter_begins_as_a_built_in_one(site: RunningSite, editor: Browser) -> None:
    start = editor.get(f"{HERE}/all/new").text
    assert "As Africa This Week, as it is delivered" in start
    path = f"{HERE}/all/new?start=built-in:africa-this-week"
    assert 'value="In focus"' in editor.get(path).text
    refused = look(editor, path, slug="gp-alert", title="Asia This Week")
    assert "there is a newsletter of this name already" in refused
    assert 'value="Asia This Week"' in refused
    page = look(
        editor,
        path,
        slug="asia-this-week",
        title="Asia This Week",
        **{"rule.regions": "asia", "numbering.first_number": "12"},
    )
    assert "a new newsletter" in page
    again = send(editor, f"{HERE}/all/again", dict(fields_in(page)))
    assert 'value="asia-this-week"' in again
    page = send(editor, f"{HERE}/all/look", form_in(again) | {"tagline": "The week in Asia"})
    assert "Asia This Week is created." in apply(editor, page)
    assert 'regions = ["asia"]' in exported(site, "asia-this-week")
    assert "The week in Asia" in exported(site, "asia-this-week")
    assert "#12, Vol. 1, No. 1" in editor.get(f"{HERE}/asia-this-week").text


def test_a_file_is_refused_with_lines_or_its_difference_is_shown(
    site: RunningSite, editor: Browser
) -> None:
    page = editor.get(f"{HERE}/gp-alert/text").text
    form = dict(fields_in(page.partition("Hand in a file")[0]))
    text = exported(site, "gp-alert")
    assert form["toml"].strip() == text.strip()
    bad = text.replace("daily 18:30", "daily 99:30").replace('"GP Alert"', "7")
    answer = editor.client.post(f"{HERE}/all/file", data=form | {"toml": bad})
    assert answer.status_code == 422
    lines = bad.split("\n")
    for number, line in enumerate(lines, start=1):
        if line in {"title = 7", 'rule = "daily 99:30 Asia/Kolkata"'}:
            assert f"<strong>Line {number}</strong>" in answer.text
    assert "daily 99:30" in unescape(answer.text)
    page = send(
        editor, f"{HERE}/all/file", form | {"toml": text.replace('rate = ""', 'rate = "3/s"')}
    )
    assert "<ins>3/s</ins>" in page
    assert "is changed." in apply(editor, page)
    # The page still shows the old state: it is noticed.
    stale = editor.client.post(f"{HERE}/all/file", data=form | {"toml": text})
    assert stale.status_code == 409
    assert "<del>3/s</del>" in stale.text
    back = send(editor, f"{HERE}/all/text-again", dict(fields_in(stale.text)))
    assert 'rate = ""' in unescape(back)


def upload(editor: Browser, content: bytes) -> str:
    page = editor.get(f"{HERE}/all/file").text
    form = {"form_token": token_in(page), "changing": "", "seen": ""}
    files = {"toml": ("own.toml", content, "application/toml")}
    return editor.client.post(f"{HERE}/all/upload", data=form, files=files).text


def test_a_file_is_handed_in(site: RunningSite, editor: Browser) -> None:
    text = exported(site, "gp-alert")
    assert "Nothing changes" in upload(editor, text.encode())
    page = upload(editor, text.replace('slug = "gp-alert"', 'slug = "third"').encode())
    assert "a new newsletter" in page
    assert "is created." in apply(editor, page)
    assert "<strong>Line 1</strong>" in upload(editor, b"slug = ")
    assert "choose a file that is UTF-8 text" in upload(editor, b"\xff\xfe\x00")
    assert "choose a file that is UTF-8 text" in upload(editor, b"")
    assert "Too Large" in upload(editor, b"#" * 200_000)


def test_a_broken_template_keeps_a_change_from_holding(site: RunningSite, editor: Browser) -> None:
    own = site.runtime.settings.own_templates / "own-look"
    shutil.copytree(templates_dir("email") / "gp-alert", own)
    (own / "body.txt").write_text("{{ nobody }}")
    page = look(editor, f"{HERE}/gp-alert/change", template="own-look")
    assert "own-look/body.txt, line 1: &#39;nobody&#39; is undefined" in page
    assert "Change it so" not in page
    assert "cannot hold before the template is mended" in page
    assert "is undefined" in apply(editor, page)
    assert "own-look" not in exported(site, "gp-alert")
    shutil.copy(templates_dir("email") / "gp-alert" / "body.txt", own)
    assert "is changed." in apply(
        editor, look(editor, f"{HERE}/gp-alert/change", template="own-look")
    )
