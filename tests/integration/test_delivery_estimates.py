"""Who would get an issue and until when, before it leaves: counted once, and honest."""

from datetime import timedelta

import pytest

from alerts.clock import FixedClock
from alerts.config import Settings
from alerts.database import Database
from alerts.delivery.estimates import Expected, audience_look, expected_end
from alerts.delivery.tallies import Place, tally
from alerts.newsletters.issues import get_issue, move
from alerts.newsletters.lifecycle import Event
from alerts.newsletters.service import definition_of, get_newsletter
from alerts.subscribers.interests import Interests
from alerts.subscribers.models import SubscriberState
from tests.factories import add_readers, approved_issue, counted_queries


def expected(
    database: Database, clock: FixedClock, *, mailed: int, mail_url: str, rate: str = ""
) -> Expected:
    issue_id = approved_issue(database, clock, sending=False)
    with database.read() as session:
        issue = get_issue(session, issue_id)
        definition = definition_of(get_newsletter(session, issue.newsletter))
        return expected_end(
            session,
            definition.model_copy(update={"rate": rate}),
            issue,
            mailed=mailed,
            settings=Settings(mail_url=tuple(mail_url.split())),
            clock=clock,
        )


@pytest.mark.parametrize(
    ("mail_url", "rate", "seconds"),
    [
        ("smtp://localhost:25?rate=10/s", "", 100),
        ("smtp://localhost:25?rate=10/s", "2/s", 500),
        ("smtp://localhost:25?rate=10/s smtp://127.0.0.1:26?rate=10/s", "", 50),
        # One without a limit carries what the other may not.
        ("smtp://localhost:25?rate=10/s smtp://127.0.0.1:26", "", None),
        ("smtp://localhost:25", "", None),
        # 400 at once, 400 an hour later, the last 200 after two hours.
        ("smtp://localhost:25?rate=10/s&quota=400/h", "", 7_200),
        ("smtp://localhost:25?quota=1000/h", "", 0),
        # It is six in the morning: 100 today, 300 tomorrow, the rest on the day after.
        ("smtp://localhost:25?rate=10/s&warmup=2026-11-23:100,300,900", "", 42 * 3_600),
        ("smtp://localhost:25?rate=10/s&warmup=2026-11-01:10,20", "", 100),
        ("catcher://", "", None),
    ],
)
def test_the_end_follows_from_what_is_stated(
    database: Database, clock: FixedClock, mail_url: str, rate: str, seconds: float | None
) -> None:
    found = expected(database, clock, mailed=1_000, mail_url=mail_url, rate=rate)
    assert found.seconds == seconds


def test_where_nothing_is_stated_the_last_issues_tell(
    database: Database, clock: FixedClock
) -> None:
    issue_id = approved_issue(database, clock)
    with database.transaction() as session:
        for minute in range(2):
            at = clock.now() + timedelta(minutes=minute)
            tally(session, issue_id, {Place("sent"): 600}, now=at)
    clock.advance(timedelta(hours=5))
    with database.transaction() as session:
        move(session, issue_id, Event.FINISH, clock=clock)
    # 1,200 in two minutes; that it took hours until the last was over says nothing of the pace.
    found = expected(database, clock, mailed=1_000, mail_url="smtp://localhost:25")
    assert found.pace
    assert (found.pace.rate, found.pace.stated) == (10, False)
    assert found.seconds == 100
    # What is stated and slower comes first.
    slower = expected(database, clock, mailed=1_000, mail_url="smtp://localhost:25?rate=5/s")
    assert slower.pace
    assert (slower.pace.rate, slower.pace.stated) == (5, True)


def test_readers_and_variants_are_counted_once_in_an_hour(
    database: Database, clock: FixedClock
) -> None:
    issue_id = approved_issue(database, clock, sending=False)
    with database.transaction() as session:
        now = clock.now()
        add_readers(session, ["a", "b", "c"], now=now)
        add_readers(session, ["fr", "de"], now=now, wish=Interests(language="fr").text)
        add_readers(session, ["asia"], now=now, wish=Interests(regions=("east-asia",)).text)
        add_readers(session, ["mali"], now=now, wish=Interests(countries=("ML",)).text)
        add_readers(session, ["silent"], now=now, state=SubscriberState.UNCONFIRMED)
    look = audience_look(database, issue_id, clock=clock)
    # Mali's reader gets all that there is, in the usual form.
    assert (look.readers, look.mailed, look.variants) == (7, 6, 2)
    with database.transaction() as session:
        add_readers(session, ["late"], now=clock.now())
    with counted_queries(database.engine) as statements:
        again = audience_look(database, issue_id, clock=clock)
    assert again.readers == 7
    assert not any("FROM subscriptions" in one for one in statements)
    assert audience_look(database, issue_id, clock=clock, anew=True).readers == 8
    with database.transaction() as session:
        add_readers(session, ["later"], now=clock.now())
    clock.advance(timedelta(hours=1, seconds=1))
    assert audience_look(database, issue_id, clock=clock).readers == 9
