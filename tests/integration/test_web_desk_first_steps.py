"""A new house: the overview says what to do first, to whom it is for, until an issue is out."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.newsletters.issues import draft_issue
from alerts.staff.permissions import Role
from tests.data.web.running import RunningSite, running_site
from tests.desk_world import Browser, at_the_desk
from tests.factories import add_readers, an_article, approved_issue

HEADING = "From here to the first issue"


@pytest.fixture
def site(database: Database, clock: FixedClock, tmp_path: Path) -> Iterator[RunningSite]:
    with running_site(database, clock, tmp_path) as site:
        yield site


def steps(browser: Browser) -> str:
    """Return the first steps as the overview shows them; empty where it shows none."""
    page = browser.get("/desk/").text
    return page.partition('id="steps"')[2].partition("</section>")[0]


def test_a_new_house_is_told_what_to_do_and_where(site: RunningSite) -> None:
    with at_the_desk(site, Role.ADMIN) as admin:
        shown = steps(admin)
        assert shown.count("<li>") == 4
        for path in ("sources", "articles/add", "subscribers/import", "issues#draft-title"):
            page = f"/desk/{path}"
            assert f'href="{page}"' in shown
            assert admin.get(page).status_code == 200
        assert 'id="draft-title"' in admin.get("/desk/issues").text
        assert 'href="/caught/"' in shown


def test_only_what_somebody_may_do_is_offered(site: RunningSite) -> None:
    with at_the_desk(site, Role.EDITOR) as editor:
        shown = steps(editor)
        assert "/desk/articles/add" in shown
        assert "/desk/subscribers/import" not in shown
        for path in ("/desk/subscribers/add", "/subscribe"):
            assert f'href="{path}"' in shown
            assert editor.get(path).status_code == 200


def test_steps_are_ticked_off_and_go_when_an_issue_is_out(
    site: RunningSite, clock: FixedClock
) -> None:
    database = site.runtime.database
    with at_the_desk(site, Role.ADMIN) as admin:
        with database.transaction() as session:
            add_readers(session, ["one"], now=clock.now())
            an_article(session, clock)
            draft_issue(session, "gp-alert", clock=clock)
        shown = steps(admin)
        assert shown.count('class="done"') == 3
        assert "looked at, approved and sent" in shown
        approved_issue(database, clock)
        assert steps(admin) == ""
