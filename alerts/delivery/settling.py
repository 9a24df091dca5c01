"""What came of a group of deliveries, written down: in the ledger, in the counts, in the log."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import structlog
from sqlalchemy.orm import Session

from alerts.delivery.counting import OutcomeClass, count_outcomes, outcome_of
from alerts.delivery.ledger import Claimed
from alerts.delivery.models import DeliveryState
from alerts.delivery.outcome import Fate, Outcome, Verdict
from alerts.delivery.recording import record, written_at
from alerts.delivery.tallies import tally_verdicts

log = structlog.get_logger(__name__)

# What nearly all come to, whatever the newsletter says.
_SENT = Verdict(DeliveryState.SENT)


class Judge(Protocol):
    """Says what an outcome means after so many attempts, this one counted."""

    def __call__(self, outcome: Outcome, *, attempts: int) -> Verdict:
        """Return what goes into the ledger."""
        ...


def settle(
    session: Session,
    issue_id: int,
    claimed: Sequence[Claimed],
    outcomes: Mapping[int, Outcome],
    *,
    judge: Judge,
    now: datetime,
) -> list[int]:
    """Write down what came of an issue's claimed deliveries; return those of which nothing did.

    The caller holds the lease.
    """
    verdicts: list[tuple[int, Verdict, Outcome]] = []
    came_to: list[tuple[str, OutcomeClass | None]] = []
    left: list[int] = []
    for each in claimed:
        number = each.delivery_id
        outcome = outcomes.get(number)
        if outcome is None:
            left.append(number)
        elif outcome.fate is Fate.ACCEPTED:
            verdicts.append((number, _SENT, outcome))
            came_to.append((each.email, OutcomeClass.SENT))
        else:
            verdict = judge(outcome, attempts=each.attempts)
            ended = outcome_of(verdict, outcome)
            verdicts.append((number, verdict, outcome))
            came_to.append((each.email, ended))
            _tell(number, verdict, ended)
    ours: Iterable[Verdict] = (verdict for _, verdict, _ in verdicts)
    if record(session, verdicts, now=now) != len(verdicts):
        # Whoever held the batch before us came back to say that the server had taken some.
        written = written_at(session, [number for number, _, _ in verdicts], now=now)
        ours = (verdict for number, verdict, _ in verdicts if number in written)
    tally_verdicts(session, issue_id, ours, now=now)
    count_outcomes(session, issue_id, came_to, now=now)
    return left


def _tell(number: int, verdict: Verdict, ended: OutcomeClass | None) -> None:
    if ended is not None and ended is not OutcomeClass.SENT:
        log.info("not_delivered", delivery=number, outcome=ended.value, reason=verdict.reason)
