"""A subject that names pieces names those a reader gets; what an editor wrote is for everybody."""

from sqlalchemy.orm import Session

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.newsletters.content import IssueContent
from alerts.newsletters.issues import build_content, draft_issue, get_issue
from alerts.newsletters.service import ensure_built_in
from tests.factories import an_article

TITLES = ("Mali votes", "Niamey waits", "Kariba falls")


def drafted(session: Session, clock: FixedClock) -> int:
    ensure_built_in(session, clock=clock)
    for title in TITLES:
        an_article(session, clock, title=title)
    return draft_issue(session, "gp-alert", clock=clock).id


def content(session: Session, issue_id: int) -> IssueContent:
    return build_content(session, get_issue(session, issue_id))


def test_a_proposed_subject_names_the_pieces_that_are_left(
    database: Database, clock: FixedClock
) -> None:
    with database.transaction() as session:
        whole = content(session, drafted(session, clock))
    first, second, third = whole.items
    assert whole.subject == f"{first.title}, and 2 more"
    left = whole.only([second.key, third.key])
    assert left.subject == f"{second.title}, and 1 more"
    assert left.preheader == third.title
    assert whole.only([third.key]).subject == third.title
    assert whole.only(whole.item_keys) == whole
    kept = IssueContent.from_json(whole.to_json())
    assert kept.only([third.key]).subject == third.title


def test_a_subject_that_an_editor_wrote_stays(database: Database, clock: FixedClock) -> None:
    with database.transaction() as session:
        issue_id = drafted(session, clock)
        get_issue(session, issue_id).subject = "Three elections"
        session.flush()
        whole = content(session, issue_id)
    third = whole.items[2]
    left = whole.only([third.key])
    assert left.subject == "Three elections"
    assert left.preheader == third.standfirst
    # Without a pattern the document is as it was before there were any: its checksum holds.
    assert "subject_pattern" not in whole.to_json()
