"""Sources in the words of the desk's pages. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from alerts.articles.sources.models import Source, SourceKind, SourceState
from alerts.durations import duration_text

KINDS = {
    SourceKind.FEED: "a feed",
    SourceKind.LISTING: "a page that lists articles",
    SourceKind.PAGE: "a single page",
    SourceKind.FOLDER: "a folder on this machine",
}
# A folder would show the files of the machine to whoever works at the desk.
CHOICES = (
    ("auto", "find out"),
    *((kind.value, words) for kind, words in KINDS.items() if kind is not SourceKind.FOLDER),
)


@dataclass(frozen=True, slots=True)
class SourceLine:
    """A source as pages show it; moments in UTC."""

    id: int
    url: str
    kind: str
    every: str
    is_paused: bool
    is_looked_at: bool
    shown: int
    taken: int
    refused: int
    last_success_at: datetime | None
    next_poll_at: datetime
    failing_since: datetime | None
    failures: int
    last_error: str
    moved_from: str


def line_of(source: Source, counts: tuple[int, int, int], *, now: datetime) -> SourceLine:
    """Return a source as it stands now."""
    shown, taken, refused = counts
    return SourceLine(
        id=source.id,
        url=source.url,
        kind=KINDS[source.kind],
        every=duration_text(timedelta(seconds=source.every_seconds)),
        is_paused=source.state is SourceState.PAUSED,
        is_looked_at=source.claimed_until is not None and source.claimed_until > now,
        shown=shown,
        taken=taken,
        refused=refused,
        last_success_at=source.last_success_at,
        next_poll_at=source.next_poll_at,
        failing_since=source.failing_since,
        failures=source.failures,
        last_error=source.last_error or "",
        moved_from=source.moved_from or "",
    )
