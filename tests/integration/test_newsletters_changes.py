"""What a change changes, and two who change a newsletter at the same moment."""

import threading
from collections.abc import Callable

import pytest
from sqlalchemy.exc import IntegrityError

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.errors import Conflict
from alerts.newsletters.changes import Difference, differences, mark_of
from alerts.newsletters.definitions import NewsletterDefinition
from alerts.newsletters.service import (
    apply_definition,
    definition_of,
    ensure_built_in,
    export_toml,
    get_newsletter,
)
from alerts.newsletters.toml import read_definition, write_definition


@pytest.fixture
def definition(database: Database, clock: FixedClock) -> NewsletterDefinition:
    with database.transaction() as session:
        ensure_built_in(session, clock=clock)
        return definition_of(get_newsletter(session, "gp-alert"))


def changed(definition: NewsletterDefinition, *replaced: tuple[str, str]) -> NewsletterDefinition:
    text = write_definition(definition)
    for old, new in replaced:
        assert old in text
        text = text.replace(old, new)
    return read_definition(text, source="x")


def test_differences_are_named_by_what_they_are_called(definition: NewsletterDefinition) -> None:
    other = changed(
        definition,
        ('title = "New analysis"', 'title = "New"'),
        ("daily 18:30", "daily 19:00"),
        ("repeats = false", "repeats = true"),
        ("regions = []", 'regions = ["africa", "asia"]'),
        ('frequency = "weekly"\n', 'frequency = "weekly"\nname = "friday"\n'),
    )
    assert differences(definition, definition) == []
    found = {one.name: (one.before, one.after) for one in differences(definition, other)}
    rule = "weekly on fri 18:30 Asia/Kolkata"
    assert found == {
        "repeats": ("no", "yes"),
        "rule.regions": ("", "africa, asia"),
        "sections articles: title": ("New analysis", "New"),
        "schedules daily: rule": ("daily 18:30 Asia/Kolkata", "daily 19:00 Asia/Kolkata"),
        "schedules weekly friday: frequency": (None, "weekly"),
        "schedules weekly friday: name": (None, "friday"),
        "schedules weekly friday: rule": (None, rule),
        "schedules weekly friday: missed": (None, ""),
        "schedules weekly: frequency": ("weekly", None),
        "schedules weekly: name": ("", None),
        "schedules weekly: rule": (rule, None),
        "schedules weekly: missed": ("", None),
    }


def test_a_new_newsletter_tells_what_is_set_in_it(definition: NewsletterDefinition) -> None:
    found = differences(None, definition)
    assert Difference("title", None, "GP Alert") in found
    assert all(one.before is None and one.after for one in found)


def test_the_mark_changes_with_everything_and_nothing_else(
    definition: NewsletterDefinition,
) -> None:
    again = read_definition(write_definition(definition), source="x")
    assert mark_of(again) == mark_of(definition)
    assert mark_of(changed(definition, ("daily 18:30", "daily 18:31"))) != mark_of(definition)
    assert mark_of(None) == ""


def at_once(*tasks: Callable[[], str]) -> list[str]:
    start = threading.Barrier(len(tasks))
    found: list[str] = []

    def run(task: Callable[[], str]) -> None:
        start.wait()
        try:
            found.append(task())
        except (Conflict, IntegrityError) as error:
            found.append(type(error).__name__)

    threads = [threading.Thread(target=run, args=(task,)) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(found)


def test_of_two_who_change_it_at_the_same_moment_one_is_told(
    database: Database, clock: FixedClock, definition: NewsletterDefinition
) -> None:
    def task(rate: str) -> Callable[[], str]:
        wanted = changed(definition, ('rate = ""', f'rate = "{rate}"'))

        def apply() -> str:
            with database.transaction() as session:
                seen = mark_of(definition)
                return apply_definition(session, wanted, seen=seen, clock=clock).kind

        return apply

    assert at_once(task("1/s"), task("2/s")) == ["Conflict", "changed"]
    with database.read() as session:
        assert export_toml(session, "gp-alert").count("/s") == 1


def test_of_two_who_create_it_at_the_same_moment_one_is_told(
    database: Database, clock: FixedClock, definition: NewsletterDefinition
) -> None:
    wanted = changed(definition, ('slug = "gp-alert"', 'slug = "third"'))

    def create() -> str:
        with database.transaction() as session:
            return apply_definition(session, wanted, seen="", clock=clock).kind

    found = at_once(create, create)
    assert found[-1] == "created"
    assert found[0] in {"Conflict", "IntegrityError"}
