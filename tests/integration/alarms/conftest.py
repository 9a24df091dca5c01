"""A house whose schedules rest, and whose alarms ring."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import update

from alerts.newsletters.models import Schedule
from tests.data.delivery.house import House
from tests.data.operations.alarm_bell import Bell


@pytest.fixture
def bell(house: House, tmp_path: Path) -> Iterator[Bell]:
    with house.database.transaction() as session:
        session.execute(update(Schedule).values(paused=True))
    bell = Bell(house.database, house.clock, tmp_path)
    yield bell
    bell.close()
