"""The rates that newsletters' definitions state."""

from datetime import datetime, timedelta

from sqlalchemy import select

from alerts.clock import Clock
from alerts.database import Database
from alerts.newsletters.models import Newsletter
from alerts.rates import Rate, parse_rate

# How soon workers notice that a definition was changed.
_FRESH = timedelta(seconds=30)


class NewsletterRates:
    """Tells a newsletter's own rate, for `Limiter`; reads the database once in half a minute."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._rates: dict[str, Rate] = {}
        self._stale_at: datetime | None = None

    def __call__(self, newsletter: str) -> Rate | None:
        """Return the newsletter's rate, or None where it states none."""
        now = self._clock.now()
        if self._stale_at is None or now >= self._stale_at:
            self._rates = self._read()
            self._stale_at = now + _FRESH
        return self._rates.get(newsletter)

    def _read(self) -> dict[str, Rate]:
        with self._database.read() as session:
            rows = session.execute(select(Newsletter.slug, Newsletter.definition)).all()
        stated = {slug: definition.get("rate", "") for slug, definition in rows}
        return {slug: parse_rate(text) for slug, text in stated.items() if text}
