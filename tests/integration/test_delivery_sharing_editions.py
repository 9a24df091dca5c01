"""An issue in very many editions is rendered by all processes that are free."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations, islice
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import func, select
from typing_extensions import override

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.delivery.models import Delivery
from alerts.delivery.preparation import prepare_issue, render_part
from alerts.newsletters.content import IssueContent
from alerts.newsletters.issues import move
from alerts.newsletters.lifecycle import Event
from alerts.newsletters.models import Issue
from alerts.paths import templates_dir
from alerts.rendering.models import Edition
from alerts.rendering.service import RenderedEdition, Renderer
from alerts.subscribers.interests import Interests
from alerts.task_queue import Queue, RecordingTaskQueue, Task
from tests.conftest import NOW
from tests.factories import SETTINGS, add_readers, approved_issue

COUNTRIES = ("GH", "KE", "ML", "NG", "SN", "TD", "ZA", "ZM")
VARIANTS = 160


class Counting(Renderer):
    """Renders, and counts how often; the first time it waits for the others at a barrier."""

    def __init__(self, together: Barrier | None = None) -> None:
        super().__init__(templates_dir("email"))
        self.count, self._together = 0, together

    @override
    def render(self, content: IssueContent, **how: Any) -> RenderedEdition:
        if self._together and not self.count:
            self._together.wait(60)
        self.count += 1
        return super().render(content, **how)


def wishes(count: int) -> Iterator[str]:
    """Return wishes for pieces about some of the countries, no two for the same."""
    chosen = (some for size in range(1, 9) for some in combinations(COUNTRIES, size))
    return (Interests.of(countries=some).text for some in islice(chosen, count))


def issue_for(database: Database, clock: FixedClock, *, variants: int) -> int:
    """Return an issue that is being sent, to a reader of each of so many variants."""
    issue = approved_issue(
        database,
        clock,
        articles=[{"countries": [code], "url": f"https://a.example/{code}"} for code in COUNTRIES],
    )
    with database.transaction() as session:
        for number, wish in enumerate(wishes(variants)):
            add_readers(session, [f"reader-{number}"], now=NOW, wish=wish)
    return issue


def prepare(
    database: Database, clock: FixedClock, issue: int, renderer: Renderer
) -> RecordingTaskQueue:
    queue = RecordingTaskQueue()
    prepare_issue(
        database,
        issue,
        renderer=renderer,
        base_url=SETTINGS.base_url,
        clock=clock,
        queue=queue,
    )
    return queue


def help_with(
    database: Database, clock: FixedClock, issue: int, renderer: Renderer, part: int = 1
) -> None:
    render_part(
        database,
        issue,
        part=part,
        parts=2,
        renderer=renderer,
        base_url=SETTINGS.base_url,
        clock=clock,
    )


def asked(queue: RecordingTaskQueue) -> list[tuple[tuple[int, ...], Queue]]:
    return [(ids, where) for task, ids, where in queue.enqueued if task is Task.RENDER_EDITIONS]


def made(database: Database, issue: int) -> int:
    with database.read() as session:
        query = select(func.count()).where(Edition.issue_id == issue)
        return session.scalars(query).one()


def test_others_are_asked_where_there_is_much_to_render(
    database: Database, clock: FixedClock
) -> None:
    issue = issue_for(database, clock, variants=VARIANTS)
    queue = prepare(database, clock, issue, Counting())
    assert asked(queue) == [((issue, 1, 2), Queue.PREPARATION)]


def test_nobody_is_asked_for_a_few_editions(database: Database, clock: FixedClock) -> None:
    issue = issue_for(database, clock, variants=VARIANTS - 1)
    assert asked(prepare(database, clock, issue, Counting())) == []


def test_two_processes_share_what_is_rendered(database: Database, clock: FixedClock) -> None:
    issue = issue_for(database, clock, variants=VARIANTS)
    before = made(database, issue)
    together = Barrier(2)
    one, other = Counting(together), Counting(together)
    with ThreadPoolExecutor(2) as pool:
        preparing = pool.submit(prepare, database, clock, issue, one)
        helping = pool.submit(help_with, database, clock, issue, other)
        preparing.result()
        helping.result()
    # Each variant has one edition, each reader theirs, and little was rendered by both.
    assert made(database, issue) - before in {VARIANTS, VARIANTS - 1}
    assert one.count >= 20
    assert other.count >= 20
    assert VARIANTS - 1 <= one.count + other.count <= VARIANTS + 2 * 20
    with database.read() as session:
        taken = session.execute(
            select(func.count(), func.count(Delivery.edition_id.distinct())).where(
                Delivery.issue_id == issue
            )
        ).one()
    assert taken == (VARIANTS, VARIANTS)


def test_a_helper_alone_makes_all_and_nothing_is_left_to_render(
    database: Database, clock: FixedClock
) -> None:
    issue = issue_for(database, clock, variants=VARIANTS)
    helper, late = Counting(), Counting()
    help_with(database, clock, issue, helper)
    assert VARIANTS - 1 <= helper.count <= VARIANTS
    prepare(database, clock, issue, late)
    assert late.count == 0


@pytest.mark.parametrize("event", [None, Event.PAUSE, Event.CANCEL])
def test_a_helper_that_comes_late_renders_nothing(
    database: Database, clock: FixedClock, event: Event | None
) -> None:
    issue = issue_for(database, clock, variants=3)
    if event:
        with database.transaction() as session:
            move(session, issue, event, clock=clock)
    else:
        prepare(database, clock, issue, Counting())
    helper = Counting()
    help_with(database, clock, issue, helper)
    assert helper.count == 0


def test_an_issue_whose_clicks_are_counted_is_rendered_by_one(
    database: Database, clock: FixedClock
) -> None:
    issue = issue_for(database, clock, variants=VARIANTS)
    with database.transaction() as session:
        row = session.get_one(Issue, issue)
        row.content = {**(row.content or {}), "counts_clicks": True}
    assert asked(prepare(database, clock, issue, Counting())) == []
