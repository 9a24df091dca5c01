"""A year of hourly rules, replayed in every time zone: no run is lost, none comes twice.

Zones whose clocks show the same all year behave the same, so one zone stands for each such group:
all zones are looked at every quarter of an hour of the year to find them. What is expected is
worked out from the zone alone, without any rule.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest

from alerts.newsletters.rules import parse_rule

START = datetime(2026, 1, 1, tzinfo=UTC)
END = datetime(2027, 1, 1, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
HOUR = timedelta(hours=1)
# No zone changes its clocks twice in a day, and every change is on a quarter of an hour.
Offsets = tuple[tuple[datetime, timedelta], ...]


def offset(moment: datetime, zone: ZoneInfo) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta(0)


def offsets(zone: ZoneInfo) -> Offsets:
    """Return a zone's offsets over the year, with the moment from which each is in force."""
    found = [(START, offset(START, zone))]
    moment = START
    while moment < END:
        following = moment + timedelta(hours=12)
        if offset(following, zone) != found[-1][1]:
            step = moment + QUARTER
            while offset(step, zone) == found[-1][1]:
                step += QUARTER
            found.append((step, offset(step, zone)))
        moment = following
    return tuple(found)


def groups() -> dict[Offsets, list[str]]:
    found: dict[Offsets, list[str]] = {}
    for name in sorted(available_timezones()):
        found.setdefault(offsets(ZoneInfo(name)), []).append(name)
    return found


def expected(told: Offsets) -> Iterator[datetime]:
    """Yield the moments at which a zone's clocks show a full hour that they had not shown yet.

    Of hours that the clocks skip, the moment after the gap stands for all.
    """
    shown: datetime | None = None
    for (begin, ahead), (end, _) in pairwise((*told, (END + HOUR, timedelta(0)))):
        first = begin.replace(tzinfo=None) + ahead
        if shown is not None and first > shown + HOUR:
            # A full hour lay in the gap, or at its end.
            yield begin
            shown = first.replace(minute=0)
        hour = first.replace(minute=0) + (HOUR if first.minute else timedelta(0))
        while (moment := (hour - ahead).replace(tzinfo=UTC)) < end:
            if shown is None or hour > shown:
                yield moment
                shown = hour
            hour += HOUR


def replay(zone: str) -> Iterator[datetime]:
    """Yield the moments an hourly rule comes at, each found as the tick finds it."""
    rule = parse_rule(f"hourly {zone}")
    moment = START - timedelta(seconds=1)
    while (found := rule.after(moment)) is not None and found.at < END:
        yield found.at
        moment = found.at


@pytest.fixture(scope="module")
def year() -> dict[Offsets, list[str]]:
    return groups()


def test_a_year_of_hourly_rules_in_every_zone(year: dict[Offsets, list[str]]) -> None:
    assert sum(len(names) for names in year.values()) == len(available_timezones())
    for told, names in year.items():
        due = [moment for moment in expected(told) if moment < END]
        assert list(replay(names[0])) == due, names[0]
        # A year has 8,760 hours; those that are shown twice are one, and so are those skipped.
        assert len(due) == pytest.approx(8760, abs=4)


def test_the_year_has_every_kind_of_change(year: dict[Offsets, list[str]]) -> None:
    shifts = {abs(after - before) for told in year for (_, before), (_, after) in pairwise(told)}
    assert {timedelta(minutes=30), timedelta(hours=1), timedelta(hours=2)} <= shifts
    assert any(told[0][1] % HOUR for told in year)
    assert len(year) > 50
