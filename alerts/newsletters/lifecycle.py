"""The life of an issue: one pure table of transitions."""

import enum

from alerts.errors import Refused
from alerts.newsletters.models import IssueState as S


class Event(enum.StrEnum):
    """What may happen to an issue."""

    APPROVE = "approve"
    SCHEDULE = "schedule"
    SEND = "send"
    PAUSE = "pause"
    RESUME = "resume"
    FINISH = "finish"
    CANCEL = "cancel"
    RETRY = "retry"
    REOPEN = "reopen"
    UNDO = "undo"


TRANSITIONS: dict[tuple[S, Event], S] = {
    (S.DRAFT, Event.APPROVE): S.APPROVED,
    (S.DRAFT, Event.CANCEL): S.CANCELLED,
    (S.APPROVED, Event.SCHEDULE): S.SCHEDULED,
    (S.APPROVED, Event.SEND): S.SENDING,
    (S.APPROVED, Event.CANCEL): S.CANCELLED,
    (S.SCHEDULED, Event.SCHEDULE): S.SCHEDULED,
    (S.SCHEDULED, Event.SEND): S.SENDING,
    (S.SCHEDULED, Event.CANCEL): S.CANCELLED,
    # Taken back in time: it stays approved, and nothing has left.
    (S.SCHEDULED, Event.UNDO): S.APPROVED,
    # What was approved can no longer be sent as it was: an editor looks again.
    (S.APPROVED, Event.REOPEN): S.DRAFT,
    (S.SCHEDULED, Event.REOPEN): S.DRAFT,
    (S.SENDING, Event.PAUSE): S.PAUSED,
    (S.SENDING, Event.FINISH): S.SENT,
    (S.SENDING, Event.CANCEL): S.CANCELLED,
    (S.PAUSED, Event.RESUME): S.SENDING,
    # By hand alone: some of its deliveries failed, and are tried once more.
    (S.SENT, Event.RETRY): S.SENDING,
    (S.PAUSED, Event.CANCEL): S.CANCELLED,
}
_WHY = {
    (S.DRAFT, Event.SEND): "is a draft; approve it first",
    (S.DRAFT, Event.SCHEDULE): "is a draft; approve it first",
    (S.SENT, Event.SEND): "was sent already; draft a new one",
    (S.SENDING, Event.SEND): "is being sent already",
    (S.PAUSED, Event.SEND): "is paused; resume it",
    (S.SENDING, Event.SCHEDULE): "is being sent already",
    (S.SENT, Event.SCHEDULE): "was sent already; draft a new one",
    (S.SENDING, Event.UNDO): "is on its way: it can be paused or cancelled, no longer taken back",
    (S.APPROVED, Event.UNDO): "is not planned: there is nothing to take back",
}


def next_state(state: S, event: Event) -> S:
    """Return the state after an event; raises Refused with what stands against it."""
    after = TRANSITIONS.get((state, event))
    if after is None:
        raise Refused(f"the issue {_WHY.get((state, event), f'is {state}: it cannot {event}')}")
    return after
