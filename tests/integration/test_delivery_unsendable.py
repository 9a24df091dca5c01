"""An issue that cannot be made into messages waits, paused, and loses and doubles nobody."""

import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.delivery.audience import Audience
from alerts.delivery.completion import cancel_issue
from alerts.delivery.models import Delivery
from alerts.delivery.pace import Pace
from alerts.delivery.preparation import prepare_issue
from alerts.delivery.sender import BatchResult
from alerts.delivery.unsendable import halt_issue
from alerts.newsletters.issues import get_issue, move
from alerts.newsletters.lifecycle import Event
from alerts.newsletters.models import IssueState, Newsletter
from alerts.paths import templates_dir
from alerts.rendering.models import Edition
from alerts.rendering.service import Renderer
from alerts.task_queue import RecordingTaskQueue
from tests.conftest import NOW
from tests.data.delivery.house import House
from tests.factories import RENDERER, SETTINGS, add_readers, approved_issue

EVERYBODY = Counter(all1=1, all2=1, all3=1, some1=1, some2=1)


class TwoAtATime(Pace):
    """The pace of a slow way."""

    group = 2


@pytest.fixture
def house(database: Database, clock: FixedClock, tmp_path: Path) -> House:
    """Return a house whose issue goes in two editions, the first readers getting the whole."""
    house = House(database, clock, tmp_path)
    house.sender = replace(house.sender, pace=TwoAtATime())
    with database.transaction() as session:
        add_readers(session, ["all1", "all2", "all3"], now=NOW)
        add_readers(session, ["some1", "some2"], now=NOW, wish="south-asia")
    articles: tuple[dict[str, list[str]], ...] = ({}, {"regions": ["south-asia"]})
    house.issue_id = approved_issue(database, clock, articles=articles)
    return house


def prepare(house: House, renderer: Renderer = RENDERER) -> Audience | None:
    return prepare_issue(
        house.database,
        house.issue_id,
        renderer=renderer,
        base_url=SETTINGS.base_url,
        clock=house.clock,
        queue=RecordingTaskQueue(),
    )


def resume(house: House) -> None:
    with house.database.transaction() as session:
        assert move(session, house.issue_id, Event.RESUME, clock=house.clock).attention is None


def why_paused(house: House) -> str:
    with house.database.read() as session:
        issue = get_issue(session, house.issue_id)
        assert issue.state is IssueState.PAUSED
        assert issue.attention
        assert "\n" not in issue.attention
        assert issue.attention.endswith(f"mend it, then `alerts issue resume {issue.id}`")
        return issue.attention


def change_edition(house: House, number: int, change: Callable[[str], str]) -> None:
    with house.database.transaction() as session:
        edition = session.scalars(select(Edition).order_by(Edition.id)).all()[number]
        edition.text = change(edition.text)


def test_a_template_with_a_mistake_waits_for_whoever_mends_it(house: House, tmp_path: Path) -> None:
    folder = tmp_path / "templates"
    shutil.copytree(templates_dir("email"), folder)
    body = folder / "gp-alert" / "body.txt"
    good = body.read_text()
    body.write_text(good + "{{ no_such_thing }}")
    renderer = Renderer(folder)
    for _ in range(2):
        assert prepare(house, renderer) is None
        assert "gp-alert/body.txt, line" in why_paused(house)
        assert house.swept() == []
        assert house.books().audience == 0
        resume(house)
        assert house.swept() == [house.issue_id]
    body.write_text(good)
    audience = prepare(house, renderer)
    assert audience
    assert audience.readers == 5
    assert house.work() is BatchResult.DONE
    assert house.transport.got == EVERYBODY
    assert house.issue_state() is IssueState.SENT


@pytest.mark.parametrize(("edition", "sent"), [(0, 0), (1, 2)])
def test_an_edition_that_cannot_be_compiled_stops_the_issue_where_it_is(
    house: House, tmp_path: Path, edition: int, sent: int
) -> None:
    prepare(house)
    change_edition(house, edition, lambda text: f"Buy now. {text}")
    assert house.work() is BatchResult.LATER
    assert "its checksum does not hold" in why_paused(house)
    books = house.books()
    assert (books.sent, books.pending) == (sent, 5 - sent)
    with house.database.read() as session:
        tried = select(Delivery.attempts, Delivery.state)
        assert Counter(attempts for attempts, _ in session.execute(tried)) == {
            number: count for number, count in ((1, sent), (0, 5 - sent)) if count
        }
    assert list((tmp_path / "spool").iterdir()) == []
    house.later(minutes=5)
    assert house.swept() == []
    assert house.work() is BatchResult.NOT_OURS
    change_edition(house, edition, lambda text: text.removeprefix("Buy now. "))
    resume(house)
    assert house.swept() == house.batches()
    assert house.work() is BatchResult.DONE
    assert house.transport.got == EVERYBODY


def test_a_definition_that_cannot_be_read_waits_also_after_a_crash(house: House) -> None:
    prepare(house)
    house.crash("all2")
    house.later(minutes=2)
    with house.database.transaction() as session:
        newsletter = session.get_one(Newsletter, "gp-alert")
        good = newsletter.definition
        newsletter.definition = good | {"frequencies": "now and then"}
    assert house.work() is BatchResult.LATER
    assert "a defect: ValidationError" in why_paused(house)
    with house.database.transaction() as session:
        session.get_one(Newsletter, "gp-alert").definition = good
    resume(house)
    # What was on the wire when the worker died is in doubt, and tried again a little later.
    assert house.work() is BatchResult.LATER
    house.later(minutes=5)
    assert house.work() is BatchResult.DONE
    assert house.transport.got == EVERYBODY


def test_an_issue_that_somebody_stopped_at_the_same_moment(house: House) -> None:
    with house.database.transaction() as session:
        move(session, house.issue_id, Event.PAUSE, clock=house.clock)
    halt_issue(house.database, house.issue_id, "the template is gone", clock=house.clock)
    assert why_paused(house).startswith("the template is gone; ")
    with house.database.transaction() as session:
        cancel_issue(session, house.issue_id, clock=house.clock).attention = None
    halt_issue(house.database, house.issue_id, "the template is gone", clock=house.clock)
    with house.database.read() as session:
        issue = get_issue(session, house.issue_id)
        assert (issue.state, issue.attention) == (IssueState.CANCELLED, None)
