"""Newsletters' own rates, from their definitions in the database."""

from datetime import timedelta

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.delivery.limits.newsletters import NewsletterRates
from alerts.newsletters.service import apply_toml, ensure_built_in, export_toml
from alerts.rates import Rate


def state(database: Database, clock: FixedClock, rate: str) -> None:
    with database.transaction() as session:
        text = export_toml(session, "gp-alert")
        changed = "\n".join(
            f'rate = "{rate}"' if line.startswith("rate = ") else line for line in text.split("\n")
        )
        apply_toml(session, changed, source="gp-alert.toml", clock=clock)


def test_a_rate_is_told_and_a_change_noticed(database: Database, clock: FixedClock) -> None:
    with database.transaction() as session:
        ensure_built_in(session, clock=clock)
    rates = NewsletterRates(database, clock)
    assert [rates(slug) for slug in ("gp-alert", "africa-this-week", "nobody")] == [None] * 3
    state(database, clock, "300/min")
    assert rates("gp-alert") is None
    clock.advance(timedelta(seconds=30))
    assert rates("gp-alert") == Rate(300, 60)
    assert rates("africa-this-week") is None
    state(database, clock, "")
    clock.advance(timedelta(seconds=30))
    assert rates("gp-alert") is None


def test_export_then_apply_keeps_a_rate(database: Database, clock: FixedClock) -> None:
    with database.transaction() as session:
        ensure_built_in(session, clock=clock)
    state(database, clock, "5/s")
    with database.transaction() as session:
        text = export_toml(session, "gp-alert")
        assert 'rate = "5/s"\n' in text
        result = apply_toml(session, text, source="gp-alert.toml", clock=clock)
        assert result.kind == "unchanged"
