"""Moments as people type them on the command line."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from dateutil.parser import isoparse

from alerts.errors import Invalid


def parse_moment(text: str, *, zone: str) -> datetime:
    """Read an ISO 8601 date or date and time; without an offset it is a wall clock in `zone`.

    A bare date means its first moment. Returns UTC; raises Invalid.
    """
    try:
        moment = isoparse(text.strip())
    except ValueError as error:
        raise Invalid(
            f"{text!r} is no date or time; 2026-11-30 or 2026-11-30T08:00 ({zone}) would be right"
        ) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(zone))
    return moment.astimezone(UTC)
