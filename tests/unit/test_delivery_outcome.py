"""What the ledger makes of an attempt."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.delivery.journal import Journal, Noted, journal_path, read_journal, this_boot
from alerts.delivery.models import DeliveryState
from alerts.delivery.outcome import (
    Fate,
    Outcome,
    Verdict,
    asks_for_less,
    is_about_us,
    judge,
    refusal,
    waiting_for,
)
from alerts.delivery.waits import stated_wait
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


@pytest.mark.parametrize(("attempts", "minutes"), [(1, 5), (2, 15), (3, 30), (7, 240), (30, 240)])
def test_a_temporary_refusal_waits_longer_each_time(attempts: int, minutes: int) -> None:
    found = verdict(refusal(451, "local error"), attempts=attempts)
    assert found == Verdict(DeliveryState.PENDING, "deferred 451", NOW + timedelta(minutes=minutes))


def test_a_temporary_refusal_ends_when_the_issue_is_stale() -> None:
    found = verdict(refusal(451, "4.7.1 later"), days=0.001)
    assert found == Verdict(DeliveryState.FAILED, "gave up after 4.7.1")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (refusal(451, "Greylisted"), "451: greylisted"),
        (refusal(452, "over quota"), "452: mailbox full"),
        (refusal(450, "4.2.0 Greylisted"), "4.2.0"),
        (refusal(451, "local error"), "451"),
        (refusal(450, "listed: client 4.188.10.2"), "450"),
    ],
)
def test_the_reason_is_the_code_and_words_where_it_says_little(
    answer: Outcome, reason: str
) -> None:
    assert verdict(answer).reason == f"deferred {reason}"
    assert verdict(answer, days=0).reason == f"gave up after {reason}"


def test_what_waited_for_a_limit_until_it_was_too_old_says_so() -> None:
    postponed = Outcome(Fate.POSTPONED, 0, "quota of 50/d", wait=7_200)
    assert verdict(postponed) == Verdict(
        DeliveryState.PENDING, "waits: quota of 50/d", NOW + timedelta(hours=2)
    )
    assert verdict(postponed, days=0.05) == Verdict(
        DeliveryState.FAILED, "gave up after waiting: quota of 50/d"
    )


def test_a_reason_that_is_too_long_shows_that_something_is_left_out() -> None:
    assert waiting_for("x" * 93) == f"waits: {'x' * 93}"
    cut = waiting_for(f"{'x' * 91} and more")
    assert cut == f"waits: {'x' * 91}…"


answers = st.one_of(
    st.sampled_from(
        ["4.7.1 later", "4.2.2 full", "4.4.3 DNS", "4.3.2 busy", "Greylisted", "local error", ""]
    ),
    st.integers(0, 999_999).map(lambda n: f"Greylisted, try again in {n} seconds"),
    st.text(max_size=80),
)


@given(
    code=st.sampled_from([0, 421, 450, 451, 452, 429]),
    answer=answers,
    attempts=st.integers(1, 40),
    hours=st.floats(-1, 100),
    jitter=st.floats(0, 1),
)
def test_never_before_the_stated_time_never_beyond_the_end(
    code: int, answer: str, attempts: int, hours: float, jitter: float
) -> None:
    end = NOW + timedelta(hours=hours)
    found = judge(
        Outcome(Fate.TEMPORARY, code, answer),
        attempts=attempts,
        now=NOW,
        give_up_at=end,
        hold_uncertain=False,
        jitter=jitter,
    )
    if found.not_before is None:
        assert found.state is DeliveryState.FAILED
        assert (found.reason or "").startswith("gave up after ")
        return
    assert found.state is DeliveryState.PENDING
    assert NOW + max(stated_wait(answer), timedelta(minutes=2)) <= found.not_before <= end


def test_those_who_wait_together_come_back_one_by_one() -> None:
    waits = {
        judge(
            refusal(452, "4.2.2 full"),
            attempts=1,
            now=NOW,
            give_up_at=NOW + timedelta(days=1),
            hold_uncertain=False,
        ).not_before
        for _ in range(20)
    }
    assert len(waits) > 1
    assert all(wait and 60 <= (wait - NOW).total_seconds() / 60 <= 75 for wait in waits)


@pytest.mark.parametrize(
    ("outcome", "asks", "of_us"),
    [
        (refusal(421, "closing"), True, True),
        (refusal(451, "4.7.0 greyhound.example: too many connections"), True, True),
        (refusal(454, "Throttling failure: Maximum sending rate exceeded."), True, True),
        (refusal(450, "4.2.1 The user gets mail at a rate that prevents more"), False, False),
        (refusal(450, "mailbox busy"), False, False),
        (refusal(451, "too many connections from your host"), True, True),
        (refusal(450, "mailbox locked by rates@x.example"), False, False),
        (refusal(450, "4.7.1 Greylisted"), False, False),
        (refusal(452, "4.2.2 full"), False, False),
        (refusal(554, "5.7.1 no"), False, False),
        (refusal(452, "4.3.1 Insufficient system storage"), True, True),
        (refusal(451, "4.7.28 unusual rate of mail from your domain"), True, False),
        (refusal(450, "4.2.1 this reader gets mail too quickly"), False, False),
        (Outcome(Fate.TEMPORARY, 0, "4.7.0 lost"), False, False),
    ],
)
def test_who_asks_for_less(outcome: Outcome, asks: bool, of_us: bool) -> None:
    assert asks_for_less(outcome) is asks
    assert is_about_us(outcome) is of_us


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
    journal = Journal(path, boot="this", about="x.1")
    journal.started(1)
    journal.ended(1, Outcome(Fate.ACCEPTED, 250, "2.0.0 queued\r\nas 1"))
    journal.started(2)
    journal.ended(3, Outcome(Fate.PERMANENT, 550, ""))
    accepted = {1: Outcome(Fate.ACCEPTED, 250, "2.0.0 queued as 1")}
    others = {2: Outcome(Fate.UNKNOWN, 0, "the worker died"), 3: Outcome(Fate.PERMANENT, 550, "")}
    assert read_journal(path, boot="this") == Noted(accepted | others, whole=True, about="x.1")
    assert read_journal(path, boot="thi") == Noted(accepted, whole=False, about="x.1")
    assert set(journal.take([1, 2, 4])) == {1, 2}
    assert set(journal.take([1, 2, 3])) == {3}
    journal.finish()
    assert read_journal(path, boot="this") == Noted({}, whole=False)


def test_a_journal_of_which_nothing_was_written_yet_is_whole_in_its_boot(tmp_path: Path) -> None:
    boot = this_boot()
    assert boot == this_boot()
    journal = Journal(tmp_path / "x", boot=boot, about="x.1")
    assert read_journal(tmp_path / "x", boot=boot) == Noted({}, whole=True, about="x.1")
    assert read_journal(tmp_path / "x", boot="another") == Noted({}, whole=False, about="x.1")
    journal.close()
    (tmp_path / "x").write_bytes(b"")
    assert read_journal(tmp_path / "x", boot=boot) == Noted({}, whole=False)


def test_rates_are_read_as_providers_state_them() -> None:
    assert parse_rate("14/s").interval == pytest.approx(1 / 14)
    assert parse_rate("600/m").interval == pytest.approx(0.1)
    for wrong in ("14", "0/s", "fast", "14/day"):
        with pytest.raises(Invalid, match="would be right"):
            parse_rate(wrong)
