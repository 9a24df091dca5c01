"""Issues as the API shows and takes them."""

from typing import Annotated, Literal

from pydantic import Field

from alerts.newsletters.editing.composition import MOST_PARAGRAPHS
from alerts.subscribers.models import Frequency
from alerts.web.api.shapes.common import (
    LARGEST_ID,
    Email,
    Given,
    Moment,
    RowId,
    Shape,
    example,
)

State = Literal["draft", "approved", "scheduled", "sending", "paused", "sent", "cancelled"]
Text = Annotated[str, Field(max_length=1_000)]


class Progress(Shape):
    """How far a sending is: readers `done` of the `audience`."""

    audience: int
    done: int


class Window(Shape):
    """The span an issue covers."""

    since: str | None
    until: str


class ItemShape(Shape):
    """A piece of an issue."""

    id: int = Field(description="The article's number.")
    part: int | None
    section: str
    title: str
    standfirst: str | None = Field(description="This issue's own; null for the article's.")
    paragraphs: int | None = Field(
        description="How many of its text are shown where its section shows texts in full; null"
        " for all of them."
    )
    late: bool


class IssueShape(Shape):
    """An issue with its pieces in order."""

    id: int = Field(examples=[12])
    newsletter: str = Field(examples=["gp-alert"])
    frequency: Frequency
    state: State
    subject: str
    preheader: str
    number: str | None
    volume: str | None
    volume_number: str | None
    window: Window
    articles: list[ItemShape]
    send_at: str | None
    attention: str | None = Field(description="Why an editor should look.")
    approved_by: str | None
    approved_at: str | None
    started_at: str | None
    finished_at: str | None
    progress: Progress


class Issues(Shape):
    """A page of issues, the newest first."""

    items: list[IssueShape]
    next: str | None


class NewIssue(Given, json_schema_extra=example({"newsletter": "gp-alert", "articles": [1]})):
    """What an issue is to be drafted from: what is due, or exactly these articles."""

    newsletter: Annotated[str, Field(max_length=64, examples=["gp-alert"])]
    frequency: Frequency | None = None
    since: Moment | None = None
    until: Moment | None = None
    articles: Annotated[tuple[RowId, ...], Field(max_length=500)] = ()


class PieceWords(Given):
    """What an issue says of a piece it holds; null is the article's own, what is left out stays."""

    id: RowId
    part: Annotated[int, Field(ge=1, le=LARGEST_ID)] | None = None
    title: Text | None = None
    standfirst: Annotated[str, Field(max_length=2_000)] | None = None
    paragraphs: Annotated[int, Field(ge=0, le=MOST_PARAGRAPHS)] | None = None


class IssueTexts(
    Given,
    json_schema_extra=example(
        {"subject": "The cranes of Lomé", "articles": [{"id": 1, "paragraphs": 3}]}
    ),
):
    """The words of a draft that are changed; what is left out stays.

    `articles` are pieces that stand in it already.
    """

    subject: Annotated[Text, Field(min_length=1)] | None = None
    preheader: Text | None = None
    articles: Annotated[tuple[PieceWords, ...], Field(max_length=500)] = ()


class TestCopy(Given, json_schema_extra=example({"to": "editor@example.org"})):
    """Where a test copy goes."""

    to: Email


class ScheduledFor(Given, json_schema_extra=example({"send_at": "2026-11-30T08:00:00+05:30"})):
    """When an approved issue goes out."""

    send_at: Moment


class Retrying(
    Given, json_schema_extra=example({"reasons": ["gave up after 4.2.2"], "dry_run": True})
):
    """Whose deliveries are tried again: without reasons, those that were given up."""

    reasons: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=200)], ...], Field(max_length=50)
    ] = ()
    uncertain: bool = False
    dry_run: bool = False


class Retried(Shape):
    """How many deliveries are tried again, by the reason they had ended with."""

    issue: int
    retried: int
    reasons: dict[str, int]


class Approved(IssueShape):
    """An approved issue, with the checksum of the edition that holds all of it."""

    checksum: str


class FindingPart(Shape):
    """One of several things that are told as one."""

    about: str
    message: str


class FindingShape(Shape):
    """Something that the lint found; `within` are the links of one site that are told as one."""

    level: str = Field(examples=["error"])
    rule: str
    message: str
    fix: str
    within: list[FindingPart]


class Lint(Shape):
    """What is wrong with an issue; errors keep it from being approved."""

    findings: list[FindingShape]
    errors: int


class PreviewShape(Shape):
    """What would arrive; slots such as `@@UNSUBSCRIBE_URL@@` hold a reader's own values."""

    subject: str
    html: str
    text: str


class Audit(Shape):
    """The books: `audience` = `sent` + `failed` + `skipped` + `uncertain` + `pending`."""

    audience: int
    sent: int
    failed: int
    skipped: int
    uncertain: int
    pending: int
    balanced: bool
    reasons: dict[str, int]


class Waiting(Shape):
    """Readers who were put off, and until when."""

    reason: str
    readers: int
    earliest: str
    latest: str


class EditionShape(Shape):
    """An edition, and how many readers have it."""

    id: int
    subject: str
    items: int
    html_bytes: int
    readers: int


class Report(IssueShape, Audit):
    """An issue with its books and all that is known of its way."""

    words: dict[str, str]
    bounces: dict[str, int]
    bounced: int
    complained: int
    returned: dict[str, int]
    waiting: list[Waiting]
    held_until: str | None
    held_by: str | None
    attempts: dict[str, int]
    seconds: float | None
    rate: float | None
    editions: list[EditionShape]
