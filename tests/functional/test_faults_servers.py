"""A mail server with moods: it drops, stalls, refuses, tears its replies, takes and hangs up."""

import os
from collections.abc import Callable

import pytest
from sqlalchemy import select

from alerts.delivery.models import Delivery, DeliveryState
from alerts.subscribers.models import Subscriber
from tests.functional.moody_smtp import Moods
from tests.functional.troubled import Troubled

Trouble = Callable[..., Troubled]

pytestmark = [pytest.mark.faults, pytest.mark.processes, pytest.mark.timeout(600)]
READERS = 3_000
# The moods that end a connection; at the greeting there is no other 554.
BREAKS = ("drops", "stalls", "tears", "421", "greeting 554")
REASONS = {"550": "refused 5.1.1", "554": "refused 5.7.1"}
SEED = int(os.environ.get("SEED", "1"))


def test_whatever_mood_the_server_is_in_everybody_ends_where_they_belong(
    trouble: Trouble, empty_postgres: str, redis_url: str
) -> None:
    moods = Moods(SEED, often=0.02)
    troubled = trouble(mood=moods, database_url=empty_postgres, redis_url=redis_url)
    troubled.prepare(READERS)
    troubled.start("worker", "worker")
    troubled.send()
    troubled.until_sent(seconds=400)
    print(f"seed {SEED}: {dict(moods.acts)}")  # noqa: T201 - a failure is repeated by its seed
    # A reply that is not read yet may be lost with its connection, whatever broke that off.
    broken = sum(count for act, count in moods.acts.items() if act.endswith(BREAKS))
    books = troubled.check(READERS, most_copies=broken, condemned=moods.condemned)
    with troubled.database.read() as session:
        rows = session.execute(
            select(Subscriber.email, Delivery.state, Delivery.reason).join(
                Subscriber, Subscriber.id == Delivery.subscriber_id
            )
        ).all()
    condemned = 0
    for email, state, reason in rows:
        refused = moods.refused(email)
        if refused:
            # A mood may have condemned them too, at an earlier step and in other words.
            told = REASONS.values() if email in moods.condemned else {REASONS[refused]}
            assert state is DeliveryState.FAILED, email
            assert reason in told, email
        elif state is DeliveryState.FAILED:
            assert email in moods.condemned, (email, reason)
            assert reason in REASONS.values(), email
            condemned += 1
        else:
            assert state in {DeliveryState.SENT, DeliveryState.UNCERTAIN}, (email, reason)
    assert books.failed == 2 * READERS // 40 + condemned
    # A refusal is heard, but where its connection broke at the same moment.
    merely = sum(not moods.refused(email) for email in moods.condemned)
    assert condemned >= merely - broken
    # Three unknown fates in a row are needed for a doubt that stays.
    assert books.uncertain <= broken // 3
    # All steps were met with a mood, or else this shows little.
    assert {act.partition(" ")[0] for act in moods.acts} >= {"mail", "rcpt", "data", "end"}
    assert "sending_failed" not in troubled.log()
