"""How an issue stands, as its page and the stream of events tell it: one document for both."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from alerts.clock import rfc3339
from alerts.delivery.books import held_by, held_until
from alerts.delivery.tallies import Standing, standing_at
from alerts.errors import NotFound
from alerts.newsletters.models import Issue, IssueState

ENDS = frozenset({IssueState.SENT, IssueState.CANCELLED})
_MINUTE, _HOUR = 60, 3_600
# So long after its start, a rate over the last minute says nothing yet.
_FIRST_MOMENTS = timedelta(minutes=1)
_WORDS = {
    "hard": "nobody there",
    "soft": "not now, given up",
    "policy": "not from us",
    "failed": "no server reached in time",
}


@dataclass(frozen=True, slots=True)
class Look:
    """An issue at a moment: its state, its counts, and what follows from them."""

    issue_id: int
    state: IssueState
    standing: Standing
    now: datetime
    send_at: datetime | None
    audience_is_taken: bool
    attention: str | None
    held_until: datetime | None
    held_by: str | None = None
    started_at: datetime | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing will change any more."""
        return self.state in ENDS

    @property
    def left_seconds(self) -> float | None:
        """How long the rest would take at the rate of the last minute; None where none is known."""
        if not self.audience_is_taken or not self.standing.rate or not self.standing.pending:
            return None
        return self.standing.pending / self.standing.rate

    @property
    def words(self) -> str:
        """How far it is, in one line."""
        standing = self.standing
        taken = "" if self.audience_is_taken or self.is_over else " so far"
        return f"{standing.done:,} of {standing.audience:,} readers{taken}"

    @property
    def pace_words(self) -> str:
        """How fast it goes, and how long the rest takes, in one line; both are estimates."""
        if self.state is not IssueState.SENDING:
            return ""
        if self.held_until:
            day = f"{self.held_until:%-d %b} " if self.held_until.date() != self.now.date() else ""
            why = f": {self.held_by}" if self.held_by else ""
            return f"All that is left waits until {day}{self.held_until:%H:%M} UTC{why}."
        if not self.standing.rate:
            if self.started_at and self.now - self.started_at < _FIRST_MOMENTS:
                return "The first messages are on their way; they are counted by the hundred."
            return "No message left in the last minute."
        left = self.left_seconds
        rate = f"{self.standing.rate:,.1f} messages a second over the last minute"
        return f"{rate}; about {span_in_words(left)} left." if left is not None else f"{rate}."

    def with_figures(self, figures: Mapping[str, Any]) -> "Look":
        """Return the look at an issue that is over, by the figures of its report.

        They were counted from the ledger itself, as was everything before counts were kept.
        """
        names = ("audience", "sent", "failed", "skipped", "uncertain")
        counts = {name: figures[name] for name in names}
        return replace(self, standing=replace(self.standing, **counts))

    def to_json(self) -> dict[str, Any]:
        """Return what a script on the page needs."""
        return {
            "state": self.state.value,
            "over": self.is_over,
            "audience": self.standing.audience,
            "done": self.standing.done,
            "sent": self.standing.sent,
            "failed": self.standing.failed,
            "skipped": self.standing.skipped,
            "uncertain": self.standing.uncertain,
            "pending": self.standing.pending,
            "failures": [[words, count] for words, count in failures_in_words(self.standing)],
            "rate": round(self.standing.rate, 2),
            "left": self.left_seconds,
            "words": self.words,
            "pace": self.pace_words,
            "send_at": rfc3339(self.send_at),
            "starts_in": self.starts_in,
            "attention": self.attention,
        }

    @property
    def starts_in(self) -> float | None:
        """Seconds until a planned issue starts, 0 when it is due; None for one that is not."""
        if self.state is not IssueState.SCHEDULED or self.send_at is None:
            return None
        return max(0.0, (self.send_at - self.now).total_seconds())


def look_at(session: Session, issue_id: int, *, now: datetime) -> Look:
    """Look at an issue, in three small queries whatever the size of its ledger; raises NotFound."""
    found = session.execute(
        select(
            Issue.state, Issue.send_at, Issue.started_at, Issue.audience_at, Issue.attention
        ).where(Issue.id == issue_id)
    ).one_or_none()
    if found is None:
        raise NotFound(f"there is no issue {issue_id}")
    state, send_at, started_at, audience_at, attention = found
    is_sending = state is IssueState.SENDING and audience_at is not None
    held = held_until(session, issue_id, now=now) if is_sending else None
    return Look(
        issue_id=issue_id,
        state=state,
        standing=standing_at(session, issue_id, now=now, since=started_at),
        now=now,
        send_at=send_at,
        audience_is_taken=audience_at is not None,
        attention=attention,
        held_until=held,
        held_by=held_by(session, issue_id) if held else None,
        started_at=started_at,
    )


def failures_in_words(standing: Standing) -> list[tuple[str, int]]:
    """Return the failures by class, in plain words."""
    return in_classes(standing.failures)


def in_classes(failures: Mapping[str, int]) -> list[tuple[str, int]]:
    """Return counts by the class of a failure with plain words for the class."""
    return [(_WORDS.get(kind, kind), count) for kind, count in failures.items()]


def span_in_words(seconds: float) -> str:
    """Return a span as a person says it: `40 seconds`, `12 minutes`, `3 hours 20 minutes`."""
    if seconds < _MINUTE:
        return _counted(max(1, round(seconds)), "second")
    minutes = round(seconds / _MINUTE)
    if seconds < _HOUR:
        return _counted(minutes, "minute")
    hours, rest = divmod(minutes, 60)
    if hours >= 48:  # noqa: PLR2004 - two days
        return _counted(round(hours / 24), "day")
    return _counted(hours, "hour") + (f" {_counted(rest, 'minute')}" if rest else "")


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
