import threading
from collections.abc import Mapping, Sequence
from datetime import datetime

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.errors import Refused
from alerts.newsletters.models import Issue, Newsletter
from alerts.paths import templates_dir
from alerts.rendering.models import Edition
from alerts.rendering.service import (
    Renderer,
    edition_for,
    keep_editions,
    kept_editions,
    variant_of,
)
from alerts.subscribers.models import Frequency
from tests.data.rendering import samples

RENDERER = Renderer(templates_dir("email"))
BASE_URL = "https://alerts.example.org"


def _issue(session: Session, now: datetime) -> Issue:
    newsletter = Newsletter(
        slug="africa-this-week",
        title="Africa This Week",
        definition={"default_frequency": "weekly"},
        created_at=now,
        updated_at=now,
    )
    session.add(newsletter)
    session.flush()
    issue = Issue(
        newsletter="africa-this-week",
        frequency=Frequency.WEEKLY,
        number=86,
        subject="s",
        until=now,
        created_at=now,
    )
    session.add(issue)
    session.flush()
    return issue


def _edition(session: Session, issue: Issue, keys: list[str], clock: FixedClock) -> Edition:
    return edition_for(
        session,
        issue,
        samples.africa_this_week(),
        keys,
        renderer=RENDERER,
        base_url=BASE_URL,
        clock=clock,
    )


def test_an_edition_is_rendered_once_and_kept(session: Session, clock: FixedClock) -> None:
    issue = _issue(session, clock.now())
    one = _edition(session, issue, ["1251", "1252.1"], clock)
    again = _edition(session, issue, ["1252.1", "1251"], clock)
    assert again.id == one.id
    assert one.item_keys == ["1251", "1252.1"]
    assert one.variant == variant_of(["1252.1", "1251"])
    assert one.created_at == clock.now()
    assert len(one.checksum) == 64
    assert "https://alerts.example.org/archive/africa-this-week/86" in one.text


def test_other_pieces_make_another_edition(session: Session, clock: FixedClock) -> None:
    issue = _issue(session, clock.now())
    one = _edition(session, issue, ["1251", "1252.1"], clock)
    other = _edition(session, issue, ["1252.1"], clock)
    assert other.id != one.id
    assert samples.ESSAY.title not in other.text
    assert samples.ESSAY.title in one.text


def test_no_edition_is_made_of_nothing(session: Session, clock: FixedClock) -> None:
    issue = _issue(session, clock.now())
    with pytest.raises(Refused, match="none of the pieces"):
        _edition(session, issue, ["9999"], clock)


def test_two_workers_at_once_get_the_same_edition(database: Database, clock: FixedClock) -> None:
    with database.transaction() as session:
        issue_id = _issue(session, clock.now()).id
    ready = threading.Barrier(2)
    found: list[int] = []

    def work() -> None:
        ready.wait()
        with database.transaction() as session:
            issue = session.get_one(Issue, issue_id)
            found.append(_edition(session, issue, ["1252.1", "1252.2"], clock).id)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2
    assert found[0] == found[1]
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Edition)) == 1


def test_workers_that_write_down_the_same_editions_in_any_order_get_the_same_ones(
    database: Database, clock: FixedClock
) -> None:
    with database.transaction() as session:
        issue_id = _issue(session, clock.now()).id
    names = [f"{number:064}" for number in range(600)]
    orders = [names, names[::-1], names[200:], [*names[400:], *names[:400], names[0]]]
    found: list[Mapping[str, int]] = []
    ready = threading.Barrier(len(orders))

    def work(order: Sequence[str]) -> None:
        ready.wait()
        with database.transaction() as session:
            found.append(keep_editions(session, [_written(issue_id, one, clock) for one in order]))

    threads = [threading.Thread(target=work, args=(order,)) for order in orders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as session:
        kept = {row.variant: row.id for row in session.execute(select(Edition.variant, Edition.id))}
        assert kept.keys() == set(names)
        assert kept_editions(session, issue_id, [*names[:3], "another"]) == {
            name: kept[name] for name in names[:3]
        }
    assert [{**one} for one in found if len(one) == len(names)] == [kept] * 3
    assert [{**one} for one in found if len(one) < len(names)] == [
        {name: kept[name] for name in names[200:]}
    ]


def _written(issue_id: int, variant: str, clock: FixedClock) -> Edition:
    return Edition(
        issue_id=issue_id,
        variant=variant,
        item_keys=[variant],
        subject="s",
        html="<p>h</p>",
        text="t",
        checksum=variant,
        created_at=clock.now(),
    )


def test_a_variant_is_named_by_its_pieces_alone() -> None:
    assert variant_of(["a", "b"]) == variant_of(["b", "a", "a"])
    assert variant_of(["a", "b"]) != variant_of(["ab"])
    assert len(variant_of(["a"])) == 64
