"""Several at one issue: two editors, a script that saves, one whose session has ended."""

from urllib.parse import urlencode

from lxml import html as lxml_html

from alerts.staff.permissions import Role
from tests.data.web.running import RunningSite
from tests.desk_world import Browser, at_the_desk
from tests.issue_forms import compose_form, form_on
from tests.issues_world import stored, titles_of, weekly_draft
from tests.staff_world import GOOD

BEN = "ben@example.org"


def test_the_script_saves_and_is_told_what_followed(site: RunningSite, editor: Browser) -> None:
    issue_id = weekly_draft(site)
    page = compose_form(editor, issue_id).press("text:briefs")
    form = form_on(editor, f"/desk/issues/{issue_id}/compose", page)
    form.fill("title", "Other", form.keys[0])
    form.fill("markdown", "*new*", "t2")
    said = form.press(auto=True).json()
    assert said["version"] == 3
    assert said["subject"] == "Africa This Week #1: Other"
    assert said["previews"] == {"t2": "<p><em>new</em></p>"}
    stale = form.press(auto=True)
    # The very same form again, as after a lost answer, is no conflict.
    assert (stale.status_code, stale.json()["version"]) == (200, 3)
    form.fill("note", "from the older version")
    stale = form.press(auto=True)
    assert (stale.status_code, stale.json()["stale"]) == (409, True)


def test_two_editors_see_both_and_nothing_typed_is_lost(site: RunningSite, editor: Browser) -> None:
    issue_id = weekly_draft(site)
    with at_the_desk(site, Role.EDITOR, BEN) as ben:
        his = compose_form(ben, issue_id)
        hers = compose_form(editor, issue_id)
        hers.fill("note", "Ama wrote this")
        hers.press(f"out:{hers.keys[1]}")
        his.fill("note", "Ben wrote that")
        his.fill("title", "Ben's title", his.keys[0])
        page = his.press()
        assert page.status_code == 409
        assert "ama@example.org saved this issue" in page.text
        for words in ("Ama", "Ben", "Put into In brief: “Brief 1”", "Title of “The essay”"):
            assert words in page.text
        assert stored(site, issue_id).editors_note == "Ama wrote this"
        again = form_on(ben, his.path, page)
        assert again.value("note") == "Ben wrote that"
        assert again.value("title", his.keys[0]) == "Ben's title"
        again.press()
        assert stored(site, issue_id).editors_note == "Ben wrote that"
        assert titles_of(site, issue_id)[0] == "Ben's title"
        history = ben.get(f"/desk/issues/{issue_id}/history").text
        assert "Ama wrote this" in history
        assert "ben@example.org" in history


def test_two_editors_who_changed_different_things_are_brought_together(
    site: RunningSite, editor: Browser
) -> None:
    issue_id = weekly_draft(site)
    with at_the_desk(site, Role.EDITOR, BEN) as ben:
        his = compose_form(ben, issue_id)
        hers = form_on(editor, his.path, compose_form(editor, issue_id).press("text:in-focus"))
        hers.fill("markdown", "A text of Ama's", "t2")
        hers.fill("title", "Ama's title", his.keys[0])
        hers.press(f"up:{his.keys[3]}")
        his.fill("note", "Ben's note")
        his.fill("title", "Ben's title", his.keys[1])
        page = his.press()
        assert page.status_code == 409
        assert "you changed different things" in page.text
        done = form_on(ben, his.path, page).press("merge")
        assert "Brought together" in done.text
    assert titles_of(site, issue_id) == ["Ama's title", "Ben's title", "Brief 3", "Brief 2"]
    issue = stored(site, issue_id)
    assert issue.editors_note == "Ben's note"
    assert "A text of Ama&#39;s" in editor.get(f"/desk/issues/{issue_id}/compose").text


def test_a_text_of_several_lines_that_one_of_two_changed_is_taken_from_that_one(
    site: RunningSite, editor: Browser
) -> None:
    issue_id = weekly_draft(site)
    form = compose_form(editor, issue_id)
    form = form_on(editor, form.path, form.press("text:in-focus"))
    form.fill("markdown", "One line\n\nand another", "t2")
    form.press()
    with at_the_desk(site, Role.EDITOR, BEN) as ben:
        his, hers = compose_form(ben, issue_id), compose_form(editor, issue_id)
        hers.fill("markdown", "One line\n\nand Ama's", "t2")
        hers.press()
        his.fill("note", "Ben's note\nin two lines")
        page = his.press()
        assert "you changed different things" in page.text
        assert "ama@example.org saved this issue" in page.text
        form_on(ben, his.path, page).press("merge")
    assert compose_form(editor, issue_id).value("markdown", "t2") == "One line\n\nand Ama's"
    assert stored(site, issue_id).editors_note == "Ben's note\nin two lines"


def test_what_both_changed_is_named_before_it_is_brought_together(
    site: RunningSite, editor: Browser
) -> None:
    issue_id = weekly_draft(site)
    with at_the_desk(site, Role.EDITOR, BEN) as ben:
        his, hers = compose_form(ben, issue_id), compose_form(editor, issue_id)
        for form, name in ((hers, "Ama"), (his, "Ben")):
            form.fill("title", f"{name}'s title", his.keys[0])
        hers.press()
        page = his.press()
        assert "yours stands: the title of “The essay”" in page.text
        hers.fill("note", "and once more")
        hers.fill("version", "2")
        hers.press()
        again = form_on(ben, his.path, page).press("merge")
        assert again.status_code == 409
        form_on(ben, his.path, again).press("merge")
    assert titles_of(site, issue_id)[0] == "Ben's title"
    assert stored(site, issue_id).editors_note == "and once more"


def test_a_double_click_is_one_change(site: RunningSite, editor: Browser) -> None:
    issue_id = weekly_draft(site)
    form = compose_form(editor, issue_id)
    form.fill("note", "once")
    first, second = form.press("text:briefs"), form.press("text:briefs")
    assert (first.status_code, second.status_code) == (200, 200)
    assert compose_form(editor, issue_id).keys.count("t2") == 1
    assert "t3" not in compose_form(editor, issue_id).keys
    assert stored(site, issue_id).version == 2


def test_a_lost_session_loses_no_work(site: RunningSite, editor: Browser) -> None:
    issue_id = weekly_draft(site)
    form = compose_form(editor, issue_id)
    form.fill("title", "Typed before the session ended", form.keys[0])
    editor.client.cookies.clear()
    auto = form.press(auto=True)
    assert (auto.status_code, "json" in auto.headers["content-type"]) == (403, False)
    page = form.press()
    assert "what you typed is shown again" in page.text
    kept = dict(_fields(page.text))
    kept |= {"email": "ama@example.org", "password": GOOD}
    shown = editor.client.post("/desk/login", data=kept, follow_redirects=True)
    assert "Typed before the session ended" in shown.text
    pairs = _fields(shown.text)
    done = editor.client.post(
        form.path,
        content=urlencode(pairs),
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        follow_redirects=True,
    )
    assert done.status_code == 200
    assert titles_of(site, issue_id)[0] == "Typed before the session ended"


def _fields(page: str) -> list[tuple[str, str]]:
    """Return the fields of the form in the main part of a page, in order."""
    form = lxml_html.document_fromstring(page).xpath("//main//form")[0]
    controls = form.xpath(".//input | .//textarea")
    return [(one.get("name"), (one.value or "").removeprefix("\n")) for one in controls]
