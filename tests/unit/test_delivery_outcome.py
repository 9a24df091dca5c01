"""What the ledger makes of an attempt."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from alerts.delivery.journal import Journal, journal_path, read_journal
from alerts.delivery.models import DeliveryState
from alerts.delivery.outcome import Fate, Outcome, Verdict, judge, refusal
from alerts.errors import Invalid
from alerts.rates import parse_rate

NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)


def verdict(outcome: Outcome, *, attempts: int = 1, days: float = 1, hold: bool = False) -> Verdict:
    return judge(
        outcome,
        attempts=attempts,
        now=NOW,
        give_up_at=NOW + timedelta(days=days),
        hold_uncertain=hold,
        jitter=0.0,
    )


def test_an_accepted_message_is_sent() -> None:
    assert verdict(Outcome(Fate.ACCEPTED, 250, "ok")) == Verdict(DeliveryState.SENT)


def test_a_permanent_refusal_fails_at_once_with_the_enhanced_code() -> None:
    outcome = refusal(550, "5.1.1 <x@example.org>: no such user")
    assert verdict(outcome) == Verdict(DeliveryState.FAILED, "refused 5.1.1")


@pytest.mark.parametrize(("attempts", "minutes"), [(1, 6), (2, 15), (3, 30), (7, 240), (30, 240)])
def test_a_temporary_refusal_waits_longer_each_time(attempts: int, minutes: int) -> None:
    found = verdict(refusal(451, "greylisted"), attempts=attempts)
    assert found == Verdict(DeliveryState.PENDING, "deferred 451", NOW + timedelta(minutes=minutes))


def test_a_temporary_refusal_ends_when_the_issue_is_stale() -> None:
    found = verdict(refusal(451, "4.7.1 later"), days=0.001)
    assert found == Verdict(DeliveryState.FAILED, "gave up after 4.7.1")


def test_an_unknown_fate_is_tried_again_or_held_as_the_newsletter_says() -> None:
    unknown = Outcome(Fate.UNKNOWN, 0, "connection lost")
    assert verdict(unknown).state is DeliveryState.PENDING
    # What may have arrived never counts as failed, nor is it sent over and over.
    for late in ({"attempts": 3}, {"days": 0.001}):
        found = verdict(unknown, **late)
        assert found.state is DeliveryState.UNCERTAIN
        assert (found.reason or "").startswith("fate unknown, t")
    assert verdict(unknown, hold=True) == Verdict(DeliveryState.UNCERTAIN, "fate unknown, held")


def test_a_journal_tells_what_was_on_the_wire(tmp_path: Path) -> None:
    path = journal_path(tmp_path / "spool", 7, 2)
    journal = Journal(path)
    journal.started(1)
    journal.ended(1, Outcome(Fate.ACCEPTED, 250, "2.0.0 queued\r\nas 1"))
    journal.started(2)
    journal.ended(3, Outcome(Fate.PERMANENT, 550, ""))
    assert read_journal(path) == {
        1: Outcome(Fate.ACCEPTED, 250, "2.0.0 queued as 1"),
        2: Outcome(Fate.UNKNOWN, 0, "the worker died"),
        3: Outcome(Fate.PERMANENT, 550, ""),
    }
    assert set(journal.take([1, 2, 4])) == {1, 2}
    assert set(journal.take([1, 2, 3])) == {3}
    journal.finish()
    assert read_journal(path) is None


def test_rates_are_read_as_providers_state_them() -> None:
    assert parse_rate("14/s").interval == pytest.approx(1 / 14)
    assert parse_rate("600/m").interval == pytest.approx(0.1)
    for wrong in ("14", "0/s", "fast", "14/day"):
        with pytest.raises(Invalid, match="would be right"):
            parse_rate(wrong)
