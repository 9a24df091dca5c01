"""What many tests begin with: a house with mail to send."""

from pathlib import Path

import pytest

from alerts.clock import FixedClock
from alerts.database import Database
from tests.data.delivery.house import House


@pytest.fixture
def house(database: Database, clock: FixedClock, tmp_path: Path) -> House:
    return House(database, clock, tmp_path)
