"""Newsletters and schedules as the API shows and takes them."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from alerts.subscribers.models import Frequency
from alerts.web.api.shapes.common import Given, Shape, example

Toml = Annotated[str, Field(max_length=100_000, description="A definition as TOML.")]


class NewsletterShape(Shape):
    """A newsletter: its whole definition, in the fields of its TOML file."""

    # Whatever a definition holds, in its words; what can be given is in NewsletterDefinition.
    model_config = ConfigDict(extra="allow")

    slug: str = Field(examples=["gp-alert"])
    title: str
    tagline: str
    template: str
    time_zone: str
    frequencies: list[Frequency]
    default_frequency: Frequency
    approval: Literal["required", "automatic"]
    sections: list[dict[str, Any]]
    schedules: list[dict[str, Any]]


class Newsletters(Shape):
    """A page of newsletters, by their short names."""

    items: list[NewsletterShape]
    next: str | None


class Exported(Shape):
    """A newsletter as TOML; applying it changes nothing."""

    slug: str
    toml: str


class Application(Given):
    """A definition to be applied."""

    toml: Toml


class Applied(Shape):
    """What applying did."""

    slug: str
    result: Literal["created", "changed", "unchanged"]


class Checked(Applied):
    """What applying would do, and which fields it would change."""

    changes: list[str]


class LastRun(Shape):
    """What came of a run."""

    newsletter: str
    frequency: Frequency
    schedule: str | None
    period: str
    due_at: str
    started_at: str
    outcome: str
    reason: str | None
    issue: int | None


class ScheduleShape(Shape):
    """When issues of a newsletter at a frequency are made."""

    id: int
    newsletter: str
    frequency: Frequency
    name: str | None
    rule: str = Field(examples=["weekly on mon 08:00 Asia/Kolkata"])
    missed: str
    paused: bool
    next_at: str | None


class ListedSchedule(ScheduleShape):
    """A schedule with what came of it last."""

    last_run: LastRun | None


class Schedules(Shape):
    """All schedules."""

    items: list[ListedSchedule]
    next: str | None


class Runs(Shape):
    """Runs, the newest first."""

    items: list[LastRun]
    next: str | None


class SetSchedule(
    Given,
    json_schema_extra=example(
        {
            "newsletter": "africa-this-week",
            "rule": "weekly on fri 17:00 Europe/Paris",
            "name": "fridays",
        }
    ),
):
    """When a newsletter goes out; with a name it is one more beside the usual one."""

    newsletter: Annotated[str, Field(max_length=64, examples=["africa-this-week"])]
    rule: Annotated[str, Field(max_length=500, examples=["weekly on mon 08:00 Asia/Kolkata"])]
    frequency: Frequency | None = None
    name: Annotated[str, Field(max_length=40)] = ""
    missed: Annotated[str, Field(max_length=100)] | None = None


class ChangedSchedule(
    Given, json_schema_extra=example({"rule": "weekly on mon 08:00 Asia/Kolkata"})
):
    """What is new of a schedule."""

    rule: Annotated[str, Field(max_length=500)] | None = None
    missed: Annotated[str, Field(max_length=100)] | None = None


class Coming(Shape):
    """A moment to come, in UTC and on the wall clock, and what is worth knowing before it."""

    at: str
    local: str
    notes: list[str]


class Next(Shape):
    """The next moments of a schedule."""

    items: list[Coming]
