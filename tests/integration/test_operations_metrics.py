"""What Prometheus is shown, to whom, at what cost, and that the dashboard names what there is."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import event, func, select, update

from alerts.articles.sources.models import Source, SourceKind
from alerts.clock import FixedClock
from alerts.config import Settings
from alerts.database import Database
from alerts.delivery.counting import outcome_totals, settle_outcomes
from alerts.delivery.models import OutcomeCount
from alerts.delivery.outcome import Fate, Outcome, refusal
from alerts.holding import put_on_hold
from alerts.newsletters.models import Schedule
from alerts.operations.metrics import Metrics
from alerts.operations.situation import look, note_tick
from alerts.subscribers.models import Subscriber
from alerts.task_queue import CeleryTaskQueue, Queue, Task, celery_for
from tests.conftest import REPOSITORY
from tests.data.delivery.house import House
from tests.data.web.running import running_site

Sample = tuple[str, frozenset[tuple[str, str]]]
TOKEN = "a-token-for-the-tests-only"


def read(text: bytes) -> dict[Sample, float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def shown(house: House, redis_url: str = "") -> dict[Sample, float]:
    metrics = Metrics(house.database, redis_url, house.clock)
    try:
        return read(metrics.text())
    finally:
        metrics.close()


def value(found: dict[Sample, float], name: str, **labels: str) -> float:
    return found[f"alerts_{name}", frozenset(labels.items())]


def troubled(house: House) -> None:
    """Send an issue to five readers, to whom different things happen."""
    house.send_to("fine", "nobody", "spam", "full", "lost")
    house.change("fine", lambda _, one: setattr(one, "email", "fine@googlemail.com"))
    house.transport.answers = {
        "nobody": [refusal(550, "No such user here")],
        "spam": [refusal(554, "5.7.1 not from you")],
        "full": [refusal(452, "4.2.2 full")],
        "lost": [Outcome(Fate.POSTPONED, wait=60)],
    }
    house.work()


def test_outcomes_are_counted_by_class_and_provider(house: House) -> None:
    troubled(house)
    found = shown(house)

    def counted(provider: str, outcome: str) -> float:
        return value(found, "deliveries_total", provider=provider, outcome=outcome)

    assert counted("gmail.com", "sent") == 1
    assert counted("other", "hard") == 1
    assert counted("other", "policy") == 1
    assert counted("other", "deferred") == 1
    # One that was put off untried is no outcome.
    assert sum(n for (name, _), n in found.items() if name == "alerts_deliveries_total") == 4
    assert value(found, "bounce_ratio") == pytest.approx(2 / 3)


def test_an_issue_under_way_shows_how_far_it_is(house: House) -> None:
    troubled(house)
    house.later(seconds=90)
    found = shown(house)
    name = {"issue": str(house.issue_id), "newsletter": "gp-alert", "state": "sending"}
    assert value(found, "issue_batches", **name, batch_state="done") == 0
    assert sum(n for (metric, _), n in found.items() if metric == "alerts_issue_batches") == 1
    assert value(found, "issue_deliveries", **name, outcome="sent") == 1
    assert value(found, "issue_still_seconds", **name) == 90
    with house.database.transaction() as session:
        session.execute(update(Schedule).values(paused=True))
    assert value(shown(house), "due", kind="schedule") == 0


def test_sums_stay_the_same_while_they_are_added_up(house: House) -> None:
    troubled(house)
    before = shown(house)
    totals = {key: n for key, n in before.items() if key[0] == "alerts_deliveries_total"}
    rows = []
    for hours in (0, 1, 72):
        house.later(hours=hours)
        for _ in range(2):
            with house.database.transaction() as session:
                settle_outcomes(session, now=house.clock.now())
            after = shown(house)
            assert {k: n for k, n in after.items() if k[0] == "alerts_deliveries_total"} == totals
            with house.database.read() as session:
                rows.append(session.scalar(select(func.count()).select_from(OutcomeCount)))
    assert rows == [4] * 6
    with house.database.read() as session:
        assert outcome_totals(session, since=house.clock.now() - timedelta(days=1)) == {}
        left = session.scalars(select(OutcomeCount)).all()
    assert {row.issue_id for row in left} == {None}


def test_old_sums_of_several_issues_become_one(house: House) -> None:
    with house.database.transaction() as session:
        for number in range(3):
            for _ in range(2):
                session.add(
                    OutcomeCount(
                        hour=house.clock.now(),
                        last_at=house.clock.now(),
                        issue_id=number,
                        provider="gmail.com",
                        outcome="sent",
                        count=10,
                    )
                )
    for days, rows in ((0, 3), (3, 1), (3, 1)):
        house.later(days=days)
        with house.database.transaction() as session:
            settle_outcomes(session, now=house.clock.now())
            counts = session.scalars(select(OutcomeCount.count)).all()
        assert (len(counts), sum(counts)) == (rows, 60)


def test_what_is_due_and_since_when(house: House) -> None:
    with house.database.transaction() as session:
        note_tick(session, now=house.clock.now())
        session.execute(update(Schedule).values(next_at=house.clock.now() - timedelta(hours=1)))
        session.add(
            Source(
                key="key",
                url="https://news.example.org/feed",
                kind=SourceKind.FEED,
                every_seconds=900,
                created_at=house.clock.now(),
                next_poll_at=house.clock.now() + timedelta(minutes=1),
                failing_since=house.clock.now(),
            )
        )
    ticked = house.clock.now()
    house.send_to("ama")
    house.change("ama", lambda _, one: setattr(one, "confirmation_due_at", ticked))
    house.later(minutes=2)
    found = shown(house)
    assert value(found, "last_tick_timestamp_seconds") == ticked.timestamp()
    assert value(found, "oldest_due_seconds", kind="schedule") == 3_720
    assert value(found, "oldest_due_seconds", kind="confirmation") == 120
    assert value(found, "oldest_due_seconds", kind="poll") == 60
    assert value(found, "oldest_due_seconds", kind="retry") == 0
    assert value(found, "sources_failing") == 1
    assert value(found, "held") == 0
    with house.database.transaction() as session:
        put_on_hold(session, since=ticked, backup_of=ticked)
        session.execute(update(Subscriber).values(confirmation_due_at=None))
    assert value(shown(house), "held") == 1


def test_queues_are_counted_and_a_broker_that_is_away_hides_nothing_else(
    house: House, redis_url: str
) -> None:
    # On a socket, named as the setting names it.
    assert redis_url.startswith("unix://")
    queue = CeleryTaskQueue(celery_for(redis_url), redis_url=redis_url)
    before = value(shown(house, redis_url), "queue_length", queue="alerts")
    for number in range(3):
        assert queue.enqueue(Task.SEND_BATCH, number, queue=Queue.ALERTS)
    found = shown(house, redis_url)
    assert value(found, "queue_length", queue="alerts") == before + 3
    assert value(found, "queue_length", queue="digests") == 0
    away = shown(house, "redis://127.0.0.1:1/0")
    assert not any(name == "alerts_queue_length" for name, _ in away)
    assert value(away, "sources_failing") == 0


def test_a_look_asks_the_same_few_things_whatever_there_is_and_never_the_ledger(
    house: House,
) -> None:
    asked: list[str] = []

    @event.listens_for(house.database.engine, "before_cursor_execute")
    def note(_c: object, _k: object, statement: str, *_: object) -> None:
        asked.append(statement)

    shown(house)
    idle = len(asked)
    troubled(house)
    asked.clear()
    shown(house)
    assert len(asked) == idle <= 17
    assert not any("deliveries" in statement for statement in asked)


def test_many_scrapes_are_one_look(house: House) -> None:
    seconds = iter([0.0, 0.0, 4.9, 5.0, 5.0])
    metrics = Metrics(house.database, "", house.clock, seconds=lambda: next(seconds))
    first = metrics.text()
    with house.database.transaction() as session:
        note_tick(session, now=house.clock.now())
    # The first asks the clock once, since there is nothing to be kept; then it is.
    texts = [metrics.text() for _ in range(3)]
    assert texts[0] == first
    assert texts[-1] != first


@pytest.fixture
def url(database: Database, clock: FixedClock, tmp_path: Path) -> Iterator[str]:
    with running_site(database, clock, tmp_path) as site:
        yield site.url


@pytest.mark.parametrize("name", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"])
def test_this_machine_may_look_but_nobody_through_a_proxy_on_it(url: str, name: str) -> None:
    found = httpx.get(f"{url}/metrics")
    assert found.status_code == 200
    assert found.headers["content-type"].startswith("text/plain; version=")
    assert "alerts_held 0.0" in found.text
    refused = httpx.get(f"{url}/metrics", headers={name: "203.0.113.7"})
    assert (refused.status_code, "alerts_held" in refused.text) == (403, False)


def test_a_page_whose_name_was_pointed_at_this_machine_sees_no_metrics(url: str) -> None:
    refused = httpx.get(f"{url}/metrics", headers={"Host": "evil.example"})
    assert (refused.status_code, "alerts_held" in refused.text) == (403, False)
    assert httpx.get(f"{url}/metrics", headers={"Host": "localhost:8000"}).status_code == 200


def test_a_token_opens_from_elsewhere(
    database: Database, clock: FixedClock, tmp_path: Path
) -> None:
    with running_site(database, clock, tmp_path, metrics_token=TOKEN) as site:
        far = {"X-Forwarded-For": "203.0.113.7"}
        for shown_token, status in ((TOKEN, 200), (TOKEN[:-1], 403), ("x", 403)):
            headers = far | {"Authorization": f"Bearer {shown_token}", "Host": "web:8000"}
            assert httpx.get(f"{site.url}/metrics", headers=headers).status_code == status


@pytest.mark.parametrize("token", ["short", "with a space in it, though long enough"])
def test_a_token_that_is_easily_guessed_is_refused(token: str) -> None:
    with pytest.raises(ValueError, match="at least 24 characters"):
        Settings(metrics_token=token)


def test_every_metric_of_the_dashboard_exists(house: House, redis_url: str) -> None:
    troubled(house)
    there = {name for name, _ in shown(house, redis_url)}
    labels = {label for _, pairs in shown(house, redis_url) for label, _ in pairs}
    dashboard = json.loads((REPOSITORY / "deploy/grafana/gp-alerts.json").read_text())
    targets = [target for panel in dashboard["panels"] for target in panel["targets"]]
    named = {name for one in targets for name in re.findall(r"alerts_\w+", one["expr"])}
    assert named == there
    legends = {name for one in targets for name in re.findall(r"{{(\w+)}}", one["legendFormat"])}
    assert legends <= labels
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


def test_the_situation_of_an_idle_house(house: House) -> None:
    with house.database.read() as session:
        found = look(session, now=house.clock.now())
    assert (found.bounce_rate, found.decided, found.issues, found.last_tick) == (0.0, 0, (), None)
