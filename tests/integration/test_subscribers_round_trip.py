"""What is written to a file and read back changes nothing, whatever stands in it."""

import csv
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.newsletters.service import ensure_built_in, offers
from alerts.regions import REGIONS
from alerts.subscribers import service
from alerts.subscribers.exporting import export_subscribers
from alerts.subscribers.files.columns import COLUMNS
from alerts.subscribers.importing import import_subscribers
from alerts.subscribers.models import ConsentRecord, Frequency, Subscriber, Subscription
from alerts.subscribers.wishes import Offer
from tests.factories import counted_queries

KEYS = ("a-key-for-tests-only-of-more-than-32-characters",)
LOCALS = st.from_regex(r"[a-zA-Z0-9+=\-_'{|]{1,8}", fullmatch=True)
NAMES = st.text(max_size=12) | st.text(st.sampled_from("'=+-@\t\"\n;,|\\N. \ufffd<>ß"), max_size=6)
PEOPLE = st.fixed_dictionaries(
    {
        "local": LOCALS,
        "domain": st.sampled_from(["example.org", "bücher.example", "EXAMPLE.com"]),
        "name": NAMES,
        "newsletters": st.lists(st.sampled_from(["gp-alert", "africa-this-week"]), min_size=1),
        "frequency": st.sampled_from([None, *Frequency]),
        "regions": st.lists(st.sampled_from(sorted(REGIONS)), max_size=3),
        "time_zone": st.sampled_from([None, "Asia/Kolkata"]),
        "confirmed": st.booleans(),
        "leaves": st.sampled_from([None, None, "gp-alert"]),
    }
)


@pytest.fixture
def offered(database: Database, clock: FixedClock) -> dict[str, Offer]:
    with database.transaction() as session:
        ensure_built_in(session, clock=clock)
        return dict(offers(session))


def everything(database: Database) -> list[list[str]]:
    with database.read() as session:
        return [
            [repr(tuple(row)) for row in session.execute(select(*table.__table__.columns))]
            for table in (Subscriber, Subscription, ConsentRecord)
        ]


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(people=st.lists(PEOPLE, max_size=6))
def test_an_export_read_back_changes_nothing(
    database: Database,
    clock: FixedClock,
    offered: dict[str, Offer],
    tmp_path: Path,
    people: list[dict[str, object]],
) -> None:
    with database.transaction() as session:
        session.execute(delete(Subscriber))
    for person in people:
        add(database, clock, offered, person)
    before = everything(database)
    path = tmp_path / "out.csv"
    count = export_subscribers(database, path)
    result = import_subscribers(
        database, path, offers=offered, consent="x", clock=clock, suppression_keys=KEYS
    )
    assert (result.added, result.updated, list(result.refused)) == (0, 0, [])
    assert result.unchanged >= count
    assert everything(database) == before
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == list(COLUMNS)
    assert not any(cell.startswith(("=", "+", "-", "@", "\t")) for row in rows for cell in row)


def add(
    database: Database, clock: FixedClock, offered: dict[str, Offer], person: dict[str, object]
) -> None:
    newsletters, leaves = set(person["newsletters"]), person["leaves"]  # type: ignore[call-overload]
    with database.transaction() as session:
        done = service.add_subscriber(
            session,
            email=f"{person['local']}@{person['domain']}",
            offers=[offered[slug] for slug in sorted(newsletters)],
            name=str(person["name"]),
            frequency=person["frequency"],  # type: ignore[arg-type]
            regions=person["regions"],  # type: ignore[arg-type]
            time_zone=person["time_zone"],  # type: ignore[arg-type]
            confirmed=bool(person["confirmed"]),
            consent="asked for it",
            way="test",
            clock=clock,
        )
        if leaves is not None:
            service.unsubscribe(
                session, done.subscriber, newsletter=str(leaves), way="test", clock=clock
            )


def test_pages_cost_three_statements_whatever_they_hold(
    database: Database, clock: FixedClock, offered: dict[str, Offer], tmp_path: Path
) -> None:
    path = tmp_path / "readers.csv"
    path.write_text("email\n" + "\n".join(f"r{n}@example.org" for n in range(5_001)))
    import_subscribers(
        database, path, offers=offered, consent="", clock=clock, suppression_keys=KEYS
    )
    told: list[tuple[int, int | None]] = []
    with counted_queries(database.engine) as statements:
        count = export_subscribers(
            database, tmp_path / "out.csv", progress=lambda done, total: told.append((done, total))
        )
    assert count == 5_001
    assert told == [(5_000, 5_001), (5_001, 5_001)]
    # The number of all, and two for each page, the empty one after the last included.
    assert len([text for text in statements if text.startswith("SELECT")]) <= 1 + 3 * 2
