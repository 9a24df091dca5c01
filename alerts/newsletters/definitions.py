"""What a newsletter is: the content of its TOML file, checked."""

import string
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from alerts.clock import time_zones
from alerts.config_sending import check_mailbox
from alerts.durations import duration_text, parse_duration
from alerts.errors import Invalid
from alerts.newsletters.missed import USUAL, parse_missed
from alerts.newsletters.rules import parse_rule
from alerts.rates import parse_rate, parse_share, share_text
from alerts.regions import find_region
from alerts.subscribers.addresses import parse_address
from alerts.subscribers.models import Frequency

# Far beyond any newsletter's life, and far within a column of 32 bits.
LARGEST_NUMBER = 1_000_000
# A volume that begins when an editor says so.
BY_HAND = "by hand"
# How long an issue is worth sending where its newsletter does not say: an alert goes stale, a
# roundup is read days later.
_A_DAY = timedelta(days=1)
_WORTH_SENDING = {
    Frequency.IMMEDIATE: timedelta(days=1),
    Frequency.DAILY: timedelta(days=1),
    Frequency.WEEKLY: timedelta(days=3),
    Frequency.MONTHLY: timedelta(days=5),
}
# Shorter than the first wait would try nobody twice; later nobody remembers what it was about.
LARGEST_TEST_GROUP = 25
NO_GRACE = "none"
_LONGEST_GRACE = timedelta(hours=1)
_SHORTEST_WORTH, _LONGEST_WORTH = timedelta(minutes=15), timedelta(days=30)

Slug = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=64)]
Line = Annotated[str, Field(max_length=300, pattern=r"^[^\r\n\x00]*$")]
# What a subject or preheader pattern may name: the newsletter's title, the numbers and
# date, the first piece's title (`lead`), how many follow it (`more`: ", and 3 more", or nothing),
# and the titles of those (`rest`).
PATTERN_FIELDS = frozenset(
    {"title", "number", "volume", "volume_number", "date", "lead", "more", "rest"}
)


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RuleDefinition(_Part):
    """Which articles match: one of the series, and one of the regions, and one of the topics.

    An empty list asks for nothing. A region stands for the regions that lie in it as well.
    """

    series: tuple[Line, ...] = ()
    regions: tuple[str, ...] = ()
    topics: tuple[Line, ...] = ()

    @field_validator("regions")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        try:
            return tuple(find_region(text).slug for text in value)
        except Invalid as error:
            raise ValueError(str(error)) from error


class SectionDefinition(_Part):
    """A section of an issue, filled in the order of definition; the last one takes the rest."""

    key: Slug
    title: Line
    kind: Literal["cards", "essay", "briefs"]
    limit: int | None = Field(default=None, ge=1, le=1000)


class NumberingDefinition(_Part):
    """How issues are counted.

    The running number starts at `first_number`. With `first_volume` there are volumes too, and a
    new one begins with the first issue on or after the day `volume_begins` (MM-DD) of a year, or
    `by hand`: when an editor gives an issue a new volume. With `empty_periods_count` a week (day,
    month, as the frequency is) without an issue uses a number up.
    """

    first_number: int = Field(default=1, ge=1, le=LARGEST_NUMBER)
    first_volume: int | None = Field(default=None, ge=1, le=LARGEST_NUMBER)
    first_volume_number: int = Field(default=1, ge=1, le=LARGEST_NUMBER)
    volume_begins: str = "01-01"
    empty_periods_count: bool = False

    @field_validator("volume_begins")
    @classmethod
    def _day_of_a_year(cls, value: str) -> str:
        told = " ".join(value.lower().split())
        if told == BY_HAND:
            return BY_HAND
        try:
            # A leap year has every day.
            datetime.strptime(f"2000-{told}", "%Y-%m-%d").replace(tzinfo=UTC)
        except ValueError as error:
            raise ValueError(f"{value!r} is no day; 04-01 or {BY_HAND!r} would be right") from error
        return told


# The context in which a newsletter that is kept is read: what was a rule or a zone to an older
# program, or an older time zone database, is not understood any more, and stops nothing else.
STORED = {"stored": True}


class ScheduleDefinition(_Part):
    """When issues at a frequency are made.

    A frequency may have several, of which one may go without a `name`. `missed` says what becomes
    of runs that nobody made in time; left out, it is the usual.
    """

    frequency: Frequency
    name: Slug | None = Field(default=None, max_length=40)
    rule: str
    missed: str | None = None

    @field_validator("rule")
    @classmethod
    def _understood(cls, value: str, info: ValidationInfo) -> str:
        try:
            return parse_rule(value).text
        except Invalid as error:
            if info.context is STORED:
                return value
            # Only as a ValueError is it told with its place in the file.
            raise ValueError(str(error)) from error

    @field_validator("missed")
    @classmethod
    def _policy(cls, value: str | None) -> str | None:
        try:
            policy = parse_missed(value or USUAL).text
        except Invalid as error:
            raise ValueError(str(error)) from error
        return None if policy == USUAL else policy


def _zoned(entry: object, zone: str) -> object:
    if not isinstance(entry, dict) or not isinstance(entry.get("rule"), str):
        return entry
    try:
        return entry | {"rule": parse_rule(entry["rule"], zone=zone).text}
    except Invalid:
        return entry


class NewsletterDefinition(_Part):
    """A newsletter as data: what `newsletter export` prints and `newsletter apply` reads.

    `transport` names the one its mail goes by first; while that is sick the others carry it, or,
    with `transport_fallback = "wait"`, it waits. Whether there is one of this name only the
    settings say: the lint looks.
    With `repeats` a reader gets an article again who had it in another newsletter; with
    `readers_hour` digests wait for the hour that a reader named; `welcome` greets new readers.
    `rate` (`5/s`) holds for the newsletter over all transports; empty, it has none of its own.
    `worth_sending` (`3 days`) is for how long after an issue's start its messages are tried; empty,
    it follows from the frequency. An issue is paused when `pause_at_bounces` (`5%`) of its messages
    came back, of at least `pause_after` that were sent; empty, none is.
    `approval = "second"` wants two people behind each issue. `grace` is how long what is sent at
    the desk can be taken back (`none`, or up to an hour). `test_group` are the addresses that get
    test mails together. With `clicks` the links of its HTML mails are counted, never by reader.
    """

    slug: Slug
    title: Line
    tagline: Line = ""
    template: Slug
    publisher: Line = ""
    publisher_address: Line = ""
    sender: Line = ""
    reply_to: Line = ""
    list_id: str = Field(default="", pattern=r"^([a-z0-9]+(-[a-z0-9]+)*)?$", max_length=64)
    time_zone: str = "UTC"
    frequencies: tuple[Frequency, ...] = Field(min_length=1)
    default_frequency: Frequency
    approval: Literal["required", "second", "automatic"] = "required"
    grace: Line = "30 seconds"
    test_group: tuple[Line, ...] = Field(default=(), max_length=LARGEST_TEST_GROUP)
    clicks: bool = False
    uncertain: Literal["resend", "hold"] = "resend"
    repeats: bool = False
    readers_hour: bool = False
    welcome: bool = True
    transport: str = Field(default="", pattern=r"^([a-z0-9][a-z0-9.-]{0,62})?$")
    transport_fallback: Literal["others", "wait"] = "others"
    rate: Line = ""
    worth_sending: Line = ""
    pause_at_bounces: Line = "5%"
    pause_after: int = Field(default=100, ge=1, le=1_000_000)
    subject: Line = "{title}: {lead}{more}"
    preheader: Line = "{rest}"
    contributors: bool = False
    sources: bool = False
    rule: RuleDefinition = RuleDefinition()
    numbering: NumberingDefinition = NumberingDefinition()
    sections: tuple[SectionDefinition, ...] = Field(min_length=1)
    schedules: tuple[ScheduleDefinition, ...] = ()

    @field_validator("time_zone")
    @classmethod
    def _zone(cls, value: str, info: ValidationInfo) -> str:
        if time_zones().get(value.lower()) != value and info.context is not STORED:
            raise ValueError(f"there is no time zone {value!r}; Asia/Kolkata would be one")
        return value

    @field_validator("schedules", mode="before")
    @classmethod
    def _in_its_zone(cls, value: object, info: ValidationInfo) -> object:
        """Give rules that name no zone the newsletter's; what is wrong is told by the schedule."""
        zone = info.data.get("time_zone")
        if not isinstance(value, list | tuple) or not isinstance(zone, str):
            return value
        return [_zoned(entry, zone) for entry in value]

    @field_validator("sender", "reply_to")
    @classmethod
    def _mailbox(cls, value: str) -> str:
        if value:
            check_mailbox(value)
        return value

    @field_validator("rate")
    @classmethod
    def _rate(cls, value: str) -> str:
        try:
            return str(parse_rate(value)) if value else ""
        except Invalid as error:
            raise ValueError(str(error)) from error

    @field_validator("worth_sending")
    @classmethod
    def _span(cls, value: str) -> str:
        if not value:
            return ""
        try:
            span = parse_duration(value)
        except Invalid as error:
            raise ValueError(str(error)) from error
        if not _SHORTEST_WORTH <= span <= _LONGEST_WORTH:
            shortest, longest = duration_text(_SHORTEST_WORTH), duration_text(_LONGEST_WORTH)
            raise ValueError(f"{value!r} is not between {shortest} and {longest}")
        return duration_text(span)

    @field_validator("pause_at_bounces")
    @classmethod
    def _share(cls, value: str) -> str:
        try:
            return share_text(parse_share(value)) if value else ""
        except Invalid as error:
            raise ValueError(str(error)) from error

    @field_validator("grace")
    @classmethod
    def _grace(cls, value: str) -> str:
        if value.strip().lower() in {"", NO_GRACE}:
            return NO_GRACE
        try:
            span = parse_duration(value)
        except Invalid as error:
            raise ValueError(f"{error}, or {NO_GRACE}") from error
        if span > _LONGEST_GRACE:
            raise ValueError(f"{value!r} is longer than {duration_text(_LONGEST_GRACE)}")
        return duration_text(span)

    @field_validator("test_group")
    @classmethod
    def _addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        try:
            return tuple(dict.fromkeys(parse_address(text).display for text in value))
        except Invalid as error:
            raise ValueError(str(error)) from error

    @field_validator("subject", "preheader")
    @classmethod
    def _pattern(cls, value: str) -> str:
        for _, name, spec, conversion in string.Formatter().parse(value):
            if name is not None and (name not in PATTERN_FIELDS or spec or conversion):
                known = ", ".join(sorted(PATTERN_FIELDS))
                raise ValueError(f"{{{name}}} is not known in a pattern; known are {known}")
        return value

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.default_frequency not in self.frequencies:
            raise ValueError("default_frequency is not among the frequencies")
        for schedule in self.schedules:
            if schedule.frequency not in self.frequencies:
                raise ValueError(f"a schedule is for {schedule.frequency}, which is not offered")
        alike: tuple[tuple[str, Sequence[object]], ...] = (
            ("frequency", self.frequencies),
            ("section key", [section.key for section in self.sections]),
            ("schedule", [(one.frequency, one.name) for one in self.schedules]),
            ("name of a schedule", [one.name for one in self.schedules if one.name]),
        )
        for name, values in alike:
            if len(set(values)) != len(values):
                raise ValueError(f"the same {name} stands there twice")
        return self

    def worth_sending_at(self, frequency: Frequency) -> timedelta:
        """Return for how long an issue at this frequency is worth sending, from its start.

        Where readers' hours are waited for, the last of them comes a day after the start.
        """
        span = parse_duration(self.worth_sending) if self.worth_sending else None
        waiting = _A_DAY if self.waits_for_hours(frequency) else timedelta()
        return (span or _WORTH_SENDING[frequency]) + waiting

    @property
    def grace_span(self) -> timedelta:
        """How long a sending that was set off at the desk can be taken back; zero for not."""
        return timedelta() if self.grace == NO_GRACE else parse_duration(self.grace)

    def waits_for_hours(self, frequency: Frequency) -> bool:
        """Tell whether an issue at this frequency comes at the hour that a reader named."""
        return self.readers_hour and frequency is not Frequency.IMMEDIATE
