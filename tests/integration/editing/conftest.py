"""A draft of a weekly newsletter, to be edited."""

import pytest

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.newsletters.service import ensure_built_in
from tests.drafts_world import draft_weekly


@pytest.fixture
def issue_id(database: Database, clock: FixedClock) -> int:
    """Return a draft: a signed essay in focus, and three briefs of a roundup."""
    with database.transaction() as session:
        ensure_built_in(session, clock=clock)
        return draft_weekly(session, clock)
