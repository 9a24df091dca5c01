"""Newsletters and schedules in the form that scripts read."""

from typing import Any

from alerts.clock import rfc3339
from alerts.newsletters.models import Newsletter, Schedule
from alerts.newsletters.previews import Preview
from alerts.newsletters.service import definition_of


def newsletter_json(newsletter: Newsletter) -> dict[str, Any]:
    """Return a newsletter: its definition, schedules as they are now included."""
    document: dict[str, Any] = definition_of(newsletter).model_dump(mode="json")
    return document


def schedule_json(schedule: Schedule) -> dict[str, Any]:
    """Return a schedule; `name` is null for the usual one, `next_at` once it is over."""
    return {
        "id": schedule.id,
        "newsletter": schedule.newsletter,
        "frequency": schedule.frequency.value,
        "name": schedule.name or None,
        "rule": schedule.rule,
        "missed": schedule.missed,
        "paused": schedule.paused,
        "next_at": rfc3339(schedule.next_at),
    }


def coming_json(one: Preview) -> dict[str, Any]:
    """Return a moment to come, in UTC and on the wall clock, with its notes."""
    return {
        "at": rfc3339(one.occurrence.at),
        "local": one.occurrence.local.isoformat(),
        "notes": list(one.notes),
    }
