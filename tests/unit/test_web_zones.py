"""The time zones on the reader's page: each place once, by today's name; old names are kept."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from alerts.clock import time_zones
from alerts.subscribers.details import check_time_zone
from alerts.web.public.zones import _FORMERLY, offered_zones, zone_options


@pytest.mark.parametrize(
    "name", ["US/Pacific", "Asia/Calcutta", "Etc/GMT+5", "GB", "Europe/Kiev", "Factory"]
)
def test_old_names_and_offsets_are_not_offered_but_taken(name: str) -> None:
    assert name not in offered_zones()
    assert check_time_zone(name) == name
    assert f'<option value="{name}" selected>' in zone_options(name)


@pytest.mark.parametrize(
    "name", ["Asia/Kolkata", "Africa/Accra", "Europe/Stockholm", "Europe/Kyiv", "UTC"]
)
def test_every_country_finds_a_town_of_its_own(name: str) -> None:
    options = zone_options(name)
    assert options.count(" selected>") == 1
    assert options.count(f'<option value="{name}"') == 1
    assert f'<option value="{name}" selected>' in options


def test_all_that_is_offered_is_known() -> None:
    assert 300 < len(offered_zones()) < 500
    assert set(offered_zones()) <= set(time_zones().values())


def test_the_former_name_stands_behind_todays() -> None:
    assert ">Asia/Kolkata (Calcutta)</option>" in zone_options("")
    assert " selected>" not in zone_options("")


@pytest.mark.parametrize(("name", "formerly"), _FORMERLY.items())
def test_a_former_name_means_the_same_clock(name: str, formerly: str) -> None:
    assert name in offered_zones()
    old = f"{name.partition('/')[0]}/{formerly.replace(' ', '_')}"
    for month in (1, 7):
        moment = datetime(2026, month, 1, tzinfo=UTC)
        assert (
            moment.astimezone(ZoneInfo(old)).utcoffset()
            == moment.astimezone(ZoneInfo(name)).utcoffset()
        )


def test_what_is_chosen_is_text_and_no_markup() -> None:
    assert "<b>" not in zone_options('"><b>')
