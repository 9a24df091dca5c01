"""Subscribers, segments and suppressions as the API shows and takes them."""

from typing import Annotated, Any, Literal

from pydantic import Field

from alerts.subscribers.models import Frequency
from alerts.web.api.shapes.common import Email, Given, Reason, Shape, example

Slug = Annotated[str, Field(max_length=64)]
State = Literal["unconfirmed", "confirmed", "unsubscribed", "suppressed"]


class SubscriptionShape(Shape):
    """What a reader asked of one newsletter."""

    newsletter: str
    frequency: Frequency
    regions: list[str]
    started_at: str


class SubscriberShape(Shape):
    """A reader with the subscriptions in force and links of their own."""

    id: int
    email: str
    name: str | None
    state: State
    time_zone: str | None
    created_at: str
    confirmed_at: str | None
    subscriptions: list[SubscriptionShape]
    preferences_url: str
    unsubscribe_url: str


class Subscribers(Shape):
    """A page of readers, the newest first."""

    items: list[SubscriberShape]
    next: str | None


class Subscribed(SubscriberShape):
    """A reader, and whether they are new."""

    result: Literal["added", "updated", "unchanged"]


class NewSubscriber(
    Given,
    json_schema_extra=example(
        {"email": "asha@example.org", "newsletters": ["gp-alert"], "regions": ["West Africa"]}
    ),
):
    """Somebody who wants newsletters; unless `confirmed`, they get a mail with a link to confirm.

    `confirmed` says that they said yes elsewhere, and needs `consent`: on what basis.
    """

    email: Email
    newsletters: Annotated[tuple[Slug, ...], Field(max_length=100)] = ()
    regions: Annotated[tuple[Annotated[str, Field(max_length=100)], ...], Field(max_length=50)] = ()
    frequency: Frequency | None = None
    name: Annotated[str, Field(max_length=300)] | None = None
    time_zone: Annotated[str, Field(max_length=64)] | None = None
    confirmed: bool = False
    consent: Annotated[str, Field(max_length=2_000)] = ""


class Address(Given, json_schema_extra=example({"email": "asha@example.org"})):
    """An address, however it is written; it stands in the body, since addresses get logged."""

    email: Email


class Leaving(Given, json_schema_extra=example({"newsletter": "gp-alert"})):
    """Which newsletter somebody leaves; without one, all."""

    newsletter: Slug | None = None


class PersonalData(Shape):
    """All that is kept about a person: consents, wishes, what was sent, came back, they wrote."""

    email: str
    name: str | None
    state: State
    subscriptions: list[dict[str, Any]]
    consents: list[dict[str, Any]]
    deliveries: list[dict[str, Any]]
    returned: list[dict[str, Any]]
    mails: list[dict[str, Any]]


class Suppressing(
    Given, json_schema_extra=example({"email": "asha@example.org", "reason": "asked by phone"})
):
    """An address that is never mailed again, and why."""

    email: Email
    reason: Reason = "by hand"


class Lifting(
    Given, json_schema_extra=example({"email": "asha@example.org", "reason": "asked again"})
):
    """An address that may be mailed again, and why."""

    email: Email
    reason: Reason


class SuppressionStep(Shape):
    """One step onto or off the list."""

    at: str
    action: str
    reason: str
    way: str


class SuppressionShape(Shape):
    """Whether an address is mailed (`reason` is null), and what is on record about it."""

    email: str
    reason: str | None
    changes: list[SuppressionStep]


class Lifted(SuppressionShape):
    """An address that is mailed again, and why it was not."""

    was: str


class DomainBlock(
    Given, json_schema_extra=example({"domain": "example.org", "reason": "a spam trap"})
):
    """A domain at which nobody is mailed, those below it included."""

    domain: Annotated[str, Field(min_length=1, max_length=253, examples=["example.org"])]
    reason: Reason


class DomainShape(Shape):
    """A blocked domain."""

    domain: str
    reason: str
    at: str


class Domains(Shape):
    """A page of blocked domains, by name."""

    items: list[DomainShape]
    next: str | None


class DomainOutcome(Shape):
    """How many readers a block stops, or its end lets go on."""

    domain: str
    subscribers: int


class SegmentShape(Shape):
    """A saved query for readers."""

    slug: str
    name: str
    query: str = Field(examples=["state is confirmed and region is west-africa"])
    description: str
    created_at: str
    updated_at: str


class CountedSegment(SegmentShape):
    """A segment with how many match it now, and how many of them may be mailed."""

    matching: int
    reachable: int


class Segments(Shape):
    """A page of segments, by their short names."""

    items: list[SegmentShape]
    next: str | None


class NewSegment(
    Given, json_schema_extra=example({"slug": "west-africa", "query": "region is west-africa"})
):
    """A query to be saved."""

    slug: Slug
    query: Annotated[str, Field(min_length=1, max_length=5_000)]
    name: Annotated[str, Field(max_length=200)] | None = None
    description: Annotated[str, Field(max_length=2_000)] = ""


class ChangedSegment(Given, json_schema_extra=example({"name": "Readers of West Africa"})):
    """What is new of a segment."""

    query: Annotated[str, Field(min_length=1, max_length=5_000)] | None = None
    name: Annotated[str, Field(max_length=200)] | None = None
    description: Annotated[str, Field(max_length=2_000)] | None = None


class SegmentQuery(Given, json_schema_extra=example({"query": "state is confirmed"})):
    """A query, or the short name of a saved one."""

    query: Annotated[str, Field(min_length=1, max_length=5_000)]


class Counted(Shape):
    """How many readers match a query, in its usual spelling."""

    query: str
    matching: int
    reachable: int


class Member(Shape):
    """A reader who matches."""

    id: int
    email: str
    name: str | None
    state: State


class Members(Shape):
    """A page of readers who match, by their numbers."""

    items: list[Member]
    next: str | None


class DayOfGrowth(Shape):
    """What happened to a newsletter on a day (UTC)."""

    day: str
    newsletter: str
    signed_up: int
    confirmed: int
    departed: int


class Growth(Shape):
    """Days on which something happened, the oldest first."""

    items: list[DayOfGrowth]
