"""The archive by region, series, author and year, and what is entered into it when."""

from dataclasses import replace

from sqlalchemy import delete, func, select

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.delivery.sweeper import sweep
from alerts.newsletters.archive.entering import enter_issue, enter_missing
from alerts.newsletters.archive.models import ArchivedIssue, ArchivedPiece, ArchiveMark, ShelfKind
from alerts.newsletters.issues import get_issue
from alerts.newsletters.models import IssueState
from alerts.subscribers.models import Frequency
from alerts.web.archive_queries import shelf
from tests.data.rendering import samples
from tests.data.web.running import RunningSite
from tests.factories import approved_issue, counted_queries

AUTHOR = "/archive/author/nithyashree-rb"


def _weekly(site: RunningSite, number: int, state: IssueState = IssueState.SENT) -> int:
    return site.add_issue(
        samples.africa_this_week(), number, frequency=Frequency.WEEKLY, state=state
    )


def test_a_piece_stands_on_the_shelves_of_its_places_people_and_year(site: RunningSite) -> None:
    _weekly(site, 86)
    for path in ("region/west-africa", "region/africa", "author/nithyashree-rb", "year/2026"):
        page = site.client.get(f"/archive/{path}")
        assert page.status_code == 200, path
        assert "After the blue helmets" in page.text, path
        assert 'href="/archive/africa-this-week/86"' in page.text, path
    assert "After the blue helmets" not in site.client.get("/archive/region/east-africa").text
    for kind, name in (("region", "West Africa"), ("author", "Anu Maria Joseph"), ("year", "2026")):
        assert name in site.client.get(f"/archive/{kind}").text, kind
        assert f'href="/archive/{kind}"' in site.client.get("/archive/").text, kind


def test_a_series_has_a_shelf(site: RunningSite) -> None:
    content = samples.africa_this_week()
    essay = replace(content.sections[0].items[0], series="CWA Commentary")
    section = replace(content.sections[0], items=(essay,))
    site.add_issue(replace(content, sections=(section,)), 1, frequency=Frequency.WEEKLY)
    page = site.client.get("/archive/series/cwa-commentary")
    assert "After the blue helmets" in page.text
    assert "1 piece, the newest first" in page.text
    assert 'href="/archive/series/cwa-commentary"' in site.client.get(AUTHOR).text


def test_nothing_stands_there_before_it_is_sent(site: RunningSite) -> None:
    out = {IssueState.SENDING, IssueState.SENT}
    for number, state in enumerate([one for one in IssueState if one not in out], start=1):
        _weekly(site, number, state)
    assert site.client.get(AUTHOR).status_code == 404
    assert "Nothing has been sent about this yet" in site.client.get("/archive/region/africa").text
    for kind in ShelfKind:
        assert "Nothing has been sent yet" in site.client.get(f"/archive/{kind}").text, kind


def test_a_name_as_a_person_types_it_leads_to_the_shelf(site: RunningSite) -> None:
    _weekly(site, 86)
    moved = site.client.get("/archive/author/Nithyashree RB")
    assert (moved.status_code, moved.headers["location"]) == (301, AUTHOR)
    for path in ("author/nobody", "author/%00", "region/atlantis", "year/1", "series/x?page=0"):
        assert site.client.get(f"/archive/{path}").status_code == 404, path
    assert site.client.get(f"{AUTHOR}?page=2").status_code == 404
    assert site.client.get(f"{AUTHOR}?page={10**30}").status_code == 404


def test_a_piece_in_several_issues_is_listed_once(site: RunningSite) -> None:
    for number in (86, 87):
        _weekly(site, number)
    page = site.client.get(AUTHOR).text
    assert page.count("After the blue helmets") == 1
    assert 'href="/archive/africa-this-week/86"' in page


def _many(site: RunningSite, count: int) -> None:
    content = samples.africa_this_week()
    essay = content.sections[0].items[0]
    items = tuple(
        replace(essay, key=str(number), title=f"Piece <{number}>", body_text="Short.")
        for number in range(1, count + 1)
    )
    sections = (replace(content.sections[0], items=items),)
    site.add_issue(replace(content, sections=sections), 1, frequency=Frequency.WEEKLY)


def test_a_long_shelf_comes_in_pages_with_few_queries(site: RunningSite) -> None:
    _many(site, 53)
    with counted_queries(site.runtime.database.engine) as statements:
        first = site.client.get(AUTHOR).text
    assert len(statements) <= 10
    assert "53 pieces" in first
    assert "Page 1 of 2" in first
    assert "Piece &lt;53&gt;" in first
    assert "Piece &lt;3&gt;" not in first
    assert "Piece &lt;3&gt;" in site.client.get(f"{AUTHOR}?page=2").text


def test_an_issue_is_entered_when_it_starts(database: Database, clock: FixedClock) -> None:
    issue_id = approved_issue(database, clock, articles=({"authors": ("Éva Őry",)},))
    with database.transaction() as session:
        assert session.scalars(select(ArchivedIssue.issue_id)).all() == [issue_id]
        found = shelf(session, ShelfKind.AUTHOR, "eva-ory")
        assert found
        assert (found.name, found.pieces) == ("Éva Őry", 1)
        assert not enter_issue(session, get_issue(session, issue_id))
        assert session.scalars(select(func.count()).select_from(ArchivedPiece)).one() == 1


def test_the_sweeper_enters_what_is_missing_once(database: Database, clock: FixedClock) -> None:
    approved_issue(database, clock)
    approved_issue(database, clock, sending=False)
    with database.transaction() as session:
        for table in (ArchiveMark, ArchivedPiece, ArchivedIssue):
            session.execute(delete(table))
    with database.transaction() as session:
        sweep(session, clock=clock)
    with database.transaction() as session:
        assert session.scalars(select(func.count()).select_from(ArchivedIssue)).one() == 1
        assert enter_missing(session) == 0
