"""A reader with several newsletters gets each article once; one on holiday gets none."""

from datetime import timedelta

from sqlalchemy import select, update

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.delivery.audience import ALREADY_HAD, PAUSED, Audience
from alerts.delivery.models import Delivery, DeliveryState, IssueWish
from alerts.delivery.preparation import prepare_issue
from alerts.delivery.publishing import approve_issue
from alerts.newsletters.issues import draft_issue, move
from alerts.newsletters.lifecycle import Event
from alerts.newsletters.service import definition_of, ensure_built_in, get_newsletter
from alerts.rendering.models import Edition
from alerts.subscribers.models import Frequency, Subscriber, Subscription
from alerts.task_queue import RecordingTaskQueue, Task
from tests.conftest import NOW
from tests.factories import RENDERER, SETTINGS, add_readers, an_article

ALERT, ROUNDUP = "gp-alert", "africa-this-week"


def sending(database: Database, clock: FixedClock, newsletter: str) -> int:
    """Draft an issue of what is due, and have it sent; returns its id."""
    with database.transaction() as session:
        issue = draft_issue(session, newsletter, clock=clock)
        approve_issue(session, issue.id, by="e", settings=SETTINGS, renderer=RENDERER, clock=clock)
        move(session, issue.id, Event.SEND, clock=clock)
        return issue.id


def prepare(
    database: Database, clock: FixedClock, issue_id: int, queue: RecordingTaskQueue | None = None
) -> Audience | None:
    return prepare_issue(
        database,
        issue_id,
        renderer=RENDERER,
        base_url=SETTINGS.base_url,
        clock=clock,
        queue=queue or RecordingTaskQueue(),
    )


def titles(database: Database, issue_id: int) -> dict[str, list[str] | str | None]:
    """Return what each reader gets of an issue: the pieces' keys, or why nothing."""
    with database.read() as session:
        rows = session.execute(
            select(Subscriber.email, Edition.item_keys, Delivery.reason)
            .select_from(Delivery)
            .join(Subscriber, Subscriber.id == Delivery.subscriber_id)
            .outerjoin(Edition, Edition.id == Delivery.edition_id)
            .where(Delivery.issue_id == issue_id)
        )
        return {email.partition("@")[0]: sorted(keys) if keys else why for email, keys, why in rows}


def newsroom(database: Database, clock: FixedClock) -> str:
    """One article on Mali; ama takes both newsletters, li the roundup alone, wei only alerts."""
    with database.transaction() as session:
        ensure_built_in(session, clock=clock)
        first = an_article(session, clock, title="Bamako", noticed_at=NOW - timedelta(hours=2))
        add_readers(session, ["ama", "wei"], now=NOW)
        add_readers(session, ["li"], now=NOW, newsletter=ROUNDUP, frequency=Frequency.WEEKLY)
        ama = session.scalars(select(Subscriber).where(Subscriber.email_key.like("ama@%"))).one()
        ama.subscriptions.append(
            Subscription(newsletter=ROUNDUP, frequency=Frequency.WEEKLY, started_at=NOW)
        )
        session.flush()
        return str(first.id)


def test_an_article_had_as_an_alert_is_left_out_of_the_roundup(
    database: Database, clock: FixedClock
) -> None:
    one = newsroom(database, clock)
    prepare(database, clock, sending(database, clock, ALERT))
    with database.transaction() as session:
        two = str(an_article(session, clock, title="Niamey").id)
    roundup = sending(database, clock, ROUNDUP)
    prepare(database, clock, roundup)
    assert titles(database, roundup) == {"ama": [two], "li": sorted([one, two])}


def test_who_had_everything_gets_no_empty_mail(database: Database, clock: FixedClock) -> None:
    one = newsroom(database, clock)
    prepare(database, clock, sending(database, clock, ALERT))
    roundup = sending(database, clock, ROUNDUP)
    prepare(database, clock, roundup)
    assert titles(database, roundup) == {"ama": ALREADY_HAD, "li": [one]}


def test_a_skipped_alert_was_not_had(database: Database, clock: FixedClock) -> None:
    one = newsroom(database, clock)
    with database.transaction() as session:
        session.execute(
            update(Subscriber)
            .where(Subscriber.email_key.like("ama@%"))
            .values(paused_until=NOW + timedelta(hours=1))
        )
    alert = sending(database, clock, ALERT)
    prepare(database, clock, alert)
    assert titles(database, alert) == {"ama": PAUSED, "wei": [one]}
    clock.advance(timedelta(hours=2))
    roundup = sending(database, clock, ROUNDUP)
    prepare(database, clock, roundup)
    assert titles(database, roundup) == {"ama": [one], "li": [one]}


def test_who_had_an_issue_before_it_was_called_off_gets_its_pieces_no_second_time(
    database: Database, clock: FixedClock
) -> None:
    one = newsroom(database, clock)
    called_off = sending(database, clock, ROUNDUP)
    prepare(database, clock, called_off)
    ama = select(Subscriber.id).where(Subscriber.email_key.like("ama@%")).scalar_subquery()
    with database.transaction() as session:
        move(session, called_off, Event.CANCEL, clock=clock)
        rows = update(Delivery).where(Delivery.issue_id == called_off)
        had, left_out = Delivery.subscriber_id == ama, Delivery.subscriber_id != ama
        session.execute(rows.where(had).values(state=DeliveryState.SENT))
        session.execute(rows.where(left_out).values(state=DeliveryState.SKIPPED))
    again = sending(database, clock, ROUNDUP)
    prepare(database, clock, again)
    assert titles(database, again) == {"ama": ALREADY_HAD, "li": [one]}
    with database.transaction() as session:
        two = str(an_article(session, clock, title="Niamey").id)
        move(session, again, Event.CANCEL, clock=clock)
    third = sending(database, clock, ROUNDUP)
    prepare(database, clock, third)
    assert titles(database, third)["ama"] == [two]


def test_a_newsletter_that_repeats_leaves_nothing_out(
    database: Database, clock: FixedClock
) -> None:
    one = newsroom(database, clock)
    with database.transaction() as session:
        newsletter = get_newsletter(session, ROUNDUP)
        definition = definition_of(newsletter).model_copy(update={"repeats": True})
        newsletter.definition = definition.model_dump(mode="json")
    prepare(database, clock, sending(database, clock, ALERT))
    roundup = sending(database, clock, ROUNDUP)
    prepare(database, clock, roundup)
    assert titles(database, roundup) == {"ama": [one], "li": [one]}


def test_of_two_issues_at_the_same_moment_the_older_one_goes_first(
    database: Database, clock: FixedClock
) -> None:
    one = newsroom(database, clock)
    alert, roundup = (sending(database, clock, slug) for slug in (ALERT, ROUNDUP))
    assert prepare(database, clock, roundup) is None
    queue = RecordingTaskQueue()
    assert prepare(database, clock, alert, queue) is not None
    assert (Task.PREPARE_ISSUE, (roundup,)) in [(task, ids) for task, ids, _ in queue.enqueued]
    prepare(database, clock, roundup)
    assert titles(database, roundup) == {"ama": ALREADY_HAD, "li": [one]}


def test_readers_who_wish_and_had_the_same_share_an_edition(
    database: Database, clock: FixedClock
) -> None:
    newsroom(database, clock)
    prepare(database, clock, sending(database, clock, ALERT))
    with database.transaction() as session:
        an_article(session, clock, title="Niamey")
        add_readers(
            session,
            [f"more{number}" for number in range(20)],
            now=NOW,
            newsletter=ROUNDUP,
            frequency=Frequency.WEEKLY,
        )
    roundup = sending(database, clock, ROUNDUP)
    prepare(database, clock, roundup)
    with database.read() as session:
        wishes = session.scalars(select(IssueWish).where(IssueWish.issue_id == roundup)).all()
        editions = session.scalars(select(Edition).where(Edition.issue_id == roundup)).all()
    assert len(wishes) == 2
    # One of them is the whole issue, which stands in the archive.
    assert len(editions) == 2


def test_plain_text_and_a_language_make_editions_of_their_own(
    database: Database, clock: FixedClock
) -> None:
    with database.transaction() as session:
        ensure_built_in(session, clock=clock)
        an_article(session, clock)
        for name, wish in (("ama", ""), ("bo", "plain"), ("chi", "language=fr"), ("du", "plain")):
            add_readers(session, [name], now=NOW, wish=wish)
    issue = sending(database, clock, ALERT)
    prepare(database, clock, issue)
    with database.read() as session:
        rows = session.execute(
            select(Subscriber.email, Edition)
            .join(Delivery, Delivery.subscriber_id == Subscriber.id)
            .join(Edition, Edition.id == Delivery.edition_id)
        ).all()
    editions = {email.partition("@")[0]: edition for email, edition in rows}
    assert editions["bo"].id == editions["du"].id
    assert len({edition.id for edition in editions.values()}) == 3
    assert editions["bo"].html == ""
    assert "Unsubscribe:" in editions["bo"].text
    assert "Unsubscribe" in editions["ama"].html
    assert "Se désabonner" in editions["chi"].html
    assert "Se désabonner" in editions["chi"].text
    assert 'lang="fr"' in editions["chi"].html
    assert 'lang="fr"' not in editions["ama"].html
