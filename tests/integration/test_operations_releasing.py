"""What a restored system does not do before it is released, and what becomes of each due thing."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from alerts.delivery.confirming import Confirmations, owed_confirmations
from alerts.delivery.models import Batch, BatchState
from alerts.delivery.preparation import prepare_issue
from alerts.delivery.publishing import publish_run
from alerts.delivery.sender import BatchResult
from alerts.delivery.welcoming import owed_welcomes, send_welcome
from alerts.errors import Invalid, Refused
from alerts.holding import hold_of, put_on_hold
from alerts.newsletters.issues import draft_issue, get_issue, move
from alerts.newsletters.lifecycle import Event
from alerts.newsletters.models import Issue, IssueState, Run, RunOutcome, Schedule
from alerts.newsletters.scheduling import claim_due, stale_runs
from alerts.operations.releasing import LEFT_OUT, due_things, release
from alerts.subscribers.links import SubscriberLinks
from alerts.subscribers.models import Frequency, Subscriber, Subscription
from alerts.task_queue import RecordingTaskQueue
from alerts.tokens import Tokens
from tests.data.delivery.house import House
from tests.factories import RENDERER, SETTINGS, add_readers, an_article, approved_issue

LINKS = SubscriberLinks(Tokens(("k" * 40,)), SETTINGS.base_url)


def hold(house: House) -> None:
    """Let the house be a copy that was made a moment ago, and restored a day later."""
    taken = house.clock.now()
    house.later(days=1)
    with house.database.transaction() as session:
        put_on_hold(session, since=house.clock.now(), backup_of=taken)


def keys(house: House) -> list[str]:
    with house.database.read() as session:
        return [thing.key for thing in due_things(session, clock=house.clock)]


def released(house: House, *, send: tuple[str, ...] = (), skip: tuple[str, ...] = ()) -> None:
    with house.database.transaction() as session:
        release(session, send=send, skip=skip, clock=house.clock)


def half_sent(house: House) -> int:
    """Send an issue to one of two readers."""
    house.send_to("ama", "bo")

    def then_away(name: str) -> None:
        house.transport.away = True

    house.transport.before_each = then_away
    house.work()
    house.transport.away = False
    house.transport.before_each = lambda _: None
    assert house.transport.got == {"ama": 1}
    return house.issue_id


def owe_mails(house: House) -> tuple[int, int]:
    """Let a reader wait for a confirmation and for a welcome; return reader and subscription."""
    with house.database.transaction() as session:
        [reader] = add_readers(session, ["chi"], now=house.clock.now())
        session.execute(
            update(Subscriber)
            .where(Subscriber.id == reader)
            .values(confirmation_due_at=house.clock.now())
        )
        subscription = session.scalars(
            update(Subscription)
            .where(Subscription.subscriber_id == reader)
            .values(welcome_due_at=house.clock.now())
            .returning(Subscription.id)
        ).one()
    return reader, subscription


def test_nothing_is_drafted_or_sent_before_the_release(house: House) -> None:
    half_sent(house)
    reader, subscription = owe_mails(house)
    with house.database.transaction() as session:
        an_article(session, house.clock)
        house.clock.advance(timedelta(days=8))
        [run, *_] = claim_due(session, clock=house.clock)
        session.execute(update(Issue).values(audience_at=None))
    hold(house)
    with house.database.transaction() as session:
        assert claim_due(session, clock=house.clock) == []
        assert stale_runs(session, clock=house.clock) == []
        assert owed_confirmations(session, clock=house.clock) == []
        assert owed_welcomes(session, clock=house.clock) == []
    assert house.swept() == []
    # Tasks of the first system may lie in the broker still, with the same numbers.
    assert house.sender.work_off(house.batches()[0]) is BatchResult.NOT_OURS
    assert (
        publish_run(
            house.database,
            run.id,
            settings=SETTINGS,
            renderer=RENDERER,
            clock=house.clock,
        )
        is None
    )
    queue = RecordingTaskQueue()
    prepare_issue(
        house.database,
        house.issue_id,
        renderer=RENDERER,
        base_url=SETTINGS.base_url,
        clock=house.clock,
        queue=queue,
    )
    assert queue.enqueued == []
    confirmations = Confirmations(
        house.database, SETTINGS, RENDERER, LINKS, house.transport, house.clock
    )
    assert not asyncio.run(confirmations.send(reader))
    assert asyncio.run(confirmations.send_just_asked_for()) == 0
    assert not asyncio.run(
        send_welcome(
            house.database,
            subscription,
            settings=SETTINGS,
            renderer=RENDERER,
            links=LINKS,
            transport=house.transport,
            clock=house.clock,
            signer=None,
        )
    )
    assert house.transport.got == {"ama": 1}
    with house.database.read() as session:
        assert session.get_one(Run, run.id).outcome is RunOutcome.CLAIMED
        assert len(session.scalars(select(Issue)).all()) == 1


@pytest.mark.parametrize("event", [Event.SEND, Event.RESUME, Event.RETRY])
def test_people_are_told_what_keeps_mail_back(house: House, event: Event) -> None:
    number = approved_issue(house.database, house.clock, sending=False)
    hold(house)
    with (
        house.database.transaction() as session,
        pytest.raises(Refused, match="restored from a backup of 2026-11-23 06:00 UTC"),
    ):
        move(session, number, event, clock=house.clock)


def test_a_half_sent_issue_goes_on_when_it_is_to_be_sent(house: House) -> None:
    number = half_sent(house)
    hold(house)
    assert f"issue:{number}" in keys(house)
    released(house, send=("all",))
    assert house.swept() == house.batches()
    house.work()
    assert house.transport.got == {"ama": 1, "bo": 1}
    assert house.issue_state() is IssueState.SENT


def test_those_who_were_being_handed_over_are_counted_apart(house: House) -> None:
    """A copy made in that moment has not heard what became of them."""
    house.send_to("ama", "bo")
    seen: list[str] = []

    def copied(_: str) -> None:
        with house.database.read() as session:
            seen.extend(thing.text for thing in due_things(session, clock=house.clock))

    house.transport.before_each = copied
    house.work()
    assert seen[0].endswith(
        "is half sent: 0 had it, 2 of 2 wait; 2 of them were being handed over and may have it"
        " already"
    )
    house.transport.before_each = lambda _: None


def test_a_half_sent_issue_that_is_skipped_counts_as_sent_and_goes_to_nobody(house: House) -> None:
    number = half_sent(house)
    hold(house)
    released(house, send=("all",), skip=(f"issue:{number}",))
    assert house.swept() == []
    assert house.work() is BatchResult.NOT_OURS
    assert house.transport.got == {"ama": 1}
    assert house.states()["bo"] == ("skipped", LEFT_OUT)
    assert house.books().settled
    assert house.issue_state() is IssueState.SENT
    # Its article was mailed by the first system: no issue holds it again.
    with house.database.transaction() as session, pytest.raises(Refused, match="nothing new"):
        draft_issue(session, "gp-alert", clock=house.clock)


def test_an_issue_that_was_to_start_is_started_or_skipped(house: House) -> None:
    numbers = [approved_issue(house.database, house.clock, sending=False) for _ in range(3)]
    now = house.clock.now()
    with house.database.transaction() as session:
        for number, hours in zip(numbers, (1, 2, 48), strict=True):
            at = now + timedelta(hours=hours)
            move(session, number, Event.SCHEDULE, clock=house.clock, send_at=at)
    hold(house)
    first, second, later = (f"issue:{number}" for number in numbers)
    assert [key for key in keys(house) if key.startswith("issue")] == [first, second]
    released(house, send=("all",), skip=(first,))
    house.swept()
    with house.database.read() as session:
        states = [get_issue(session, number).state for number in numbers]
        assert states == [IssueState.SENT, IssueState.SENDING, IssueState.SCHEDULED]
        assert get_issue(session, numbers[0]).attention is not None
    assert later not in keys(house)


def test_overdue_schedules_and_runs_are_made_up_for_or_left_out(house: House) -> None:
    with house.database.transaction() as session:
        house.clock.advance(timedelta(days=8))
        [run, *_] = claim_due(session, clock=house.clock)
    house.later(days=7)
    hold(house)
    due = keys(house)
    overdue = [key for key in due if key.startswith("schedule:")]
    assert f"run:{run.id}" in due
    assert len(overdue) > 1
    released(house, send=("all",), skip=(f"run:{run.id}", overdue[0]))
    with house.database.transaction() as session:
        assert session.get_one(Run, run.id).outcome is RunOutcome.MISSED
        skipped = session.get_one(Schedule, int(overdue[0].partition(":")[2]))
        assert skipped.next_at is not None
        assert skipped.next_at > house.clock.now()
        made = claim_due(session, clock=house.clock)
        assert {(one.newsletter, one.frequency) for one in made}.isdisjoint(
            {(skipped.newsletter, skipped.frequency)}
        )
        assert made
        left = session.scalars(select(Run).where(Run.reason == LEFT_OUT)).all()
        assert {one.outcome for one in left} == {RunOutcome.MISSED}
        assert len(left) > 1


def test_what_a_skipped_run_would_have_held_is_left_out_for_good(house: House) -> None:
    with house.database.transaction() as session:
        an_article(session, house.clock, published_on=None, published_precision=None)
    house.later(days=8)
    hold(house)
    released(house, skip=("all",))
    house.later(days=8)
    with house.database.transaction() as session:
        runs = claim_due(session, clock=house.clock)
    for run in runs:
        publish_run(house.database, run.id, settings=SETTINGS, renderer=RENDERER, clock=house.clock)
    with house.database.read() as session:
        outcomes = {session.get_one(Run, run.id).outcome for run in runs}
    assert outcomes == {RunOutcome.SKIPPED}


def test_confirmations_and_welcomes_are_owed_no_more_when_skipped(house: House) -> None:
    reader, subscription = owe_mails(house)
    hold(house)
    assert {"confirmations", "welcomes"} <= set(keys(house))
    # Whoever asks after the restore gets an answer, whatever is decided about the others.
    with house.database.transaction() as session:
        [new] = add_readers(session, ["dia"], now=house.clock.now())
        later = house.clock.now() + timedelta(minutes=1)
        session.get_one(Subscriber, new).confirmation_due_at = later
    released(house, skip=("all",))
    with house.database.read() as session:
        assert session.get_one(Subscriber, reader).confirmation_due_at is None
        assert session.get_one(Subscription, subscription).welcome_due_at is None
        assert session.get_one(Subscriber, new).confirmation_due_at == later


def test_confirmations_and_welcomes_that_are_sent_are_wanted_however_old_the_copy_is(
    house: House,
) -> None:
    reader, subscription = owe_mails(house)
    hold(house)
    house.later(days=2)
    with house.database.transaction() as session:
        [forgotten, meanwhile] = add_readers(session, ["eva", "fay"], now=house.clock.now())
        long_ago = house.clock.now() - timedelta(days=9)
        session.get_one(Subscriber, forgotten).confirmation_due_at = long_ago
        # Whoever signed up after the restore has waited for the release as well.
        an_hour = house.clock.now() - timedelta(hours=1)
        session.get_one(Subscriber, meanwhile).confirmation_due_at = an_hour
        [owed] = [one for one in due_things(session, clock=house.clock) if "link" in one.text]
    assert owed.text.startswith("1 asked"), "what was given up before the backup is not due"
    released(house, send=("all",))
    house.clock.advance(timedelta(minutes=2))
    with house.database.read() as session:
        confirmations = {due.id for due in owed_confirmations(session, clock=house.clock)}
        assert confirmations == {reader, meanwhile}
        welcomes = {due.id for due in owed_welcomes(session, clock=house.clock)}
        assert welcomes == {subscription}
        assert session.get_one(Subscriber, forgotten).confirmation_due_at == long_ago


@pytest.mark.parametrize(
    ("send", "skip", "error", "says"),
    [
        ((), (), Refused, "undecided: issue:1"),
        (("issue:1",), (), Refused, "undecided: schedule:"),
        (("issue:7",), ("all",), Invalid, "'issue:7' is not due"),
        (("issue:1",), ("issue:1",), Invalid, "both sent and skipped"),
        (("all",), ("all",), Invalid, "'all' cannot be both"),
    ],
)
def test_a_release_wants_everything_decided(
    house: House,
    send: tuple[str, ...],
    skip: tuple[str, ...],
    error: type[Exception],
    says: str,
) -> None:
    half_sent(house)
    house.later(days=8)
    hold(house)
    with pytest.raises(error, match=says):
        released(house, send=send, skip=skip)
    with house.database.read() as session:
        assert hold_of(session) is not None


def test_what_is_not_held_is_not_released(house: House) -> None:
    with pytest.raises(Refused, match="nothing is held"):
        released(house, send=("all",))


def test_frequencies_of_the_same_newsletter_are_told_apart(house: House) -> None:
    house.later(days=40)
    hold(house)
    with house.database.read() as session:
        texts = [thing.text for thing in due_things(session, clock=house.clock)]
    assert any(Frequency.WEEKLY.value in text for text in texts)
    assert len(set(texts)) == len(texts)


def test_a_lease_of_before_writes_nothing_any_more(house: House) -> None:
    number = half_sent(house)
    with house.database.transaction() as session:
        session.execute(update(Batch).values(state=BatchState.LEASED, fence=5))
    hold(house)
    released(house, send=("all",), skip=(f"issue:{number}",))
    with house.database.read() as session:
        batch = session.scalars(select(Batch)).one()
        assert (batch.state, batch.fence) == (BatchState.DONE, 6)
