"""Watching over the system: one check a minute over all processes, and telling what is owed.

Workers do it with every tick and sweep. The web part does it too, for the case that there is no
worker: what it finds owed for some minutes, no worker has sent.
"""

import shutil
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import structlog

from alerts.config import Settings
from alerts.delivery.canaries import expect_copies, missing_copies
from alerts.delivery.catcher import CatcherStore
from alerts.delivery.limits.rules import Limits
from alerts.delivery.transports.factory import limits_of
from alerts.delivery.transports.suspicion import relays_of
from alerts.errors import Invalid
from alerts.operations.alarms import kinds
from alerts.operations.alarms.beats import BEATS, beats, silent_parts, take_turn
from alerts.operations.alarms.books import Settled, settle
from alerts.operations.alarms.looking import Around, look_for_trouble
from alerts.operations.alarms.telling import Means, targets_of, tell_owed
from alerts.operations.doctor.machine import Space
from alerts.set_back import draw_near
from alerts.shared_clock import awake_seconds, look_at

log = structlog.get_logger(__name__)

# What a worker has not sent by then, another process sends.
LEFT_LYING = timedelta(minutes=2)
# By less a clock may be set without anybody being taken for silent.
_LITTLE = timedelta(seconds=30)


def space_of(folder: Path) -> Space | None:
    """Return the room on a folder's disk; None where it cannot be told."""
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return None
    return Space(usage.total, usage.free)


def stated_limits(settings: Settings) -> Sequence[Limits]:
    """Return the limits of each transport; none where mail is caught, or its URL is wrong."""
    try:
        return () if settings.uses_catcher else limits_of(settings)
    except Invalid:
        # Workers refuse it; whoever watches goes on watching.
        return ()


class Watch:
    """One process's part in watching; it counts silence from the moment it began itself.

    `awake` tells seconds that pass while the machine is awake, whatever its clock is set to.
    """

    def __init__(
        self,
        means: Means,
        *,
        space: Callable[[Path], Space | None] = space_of,
        awake: Callable[[], float] | None = None,
    ) -> None:
        self._means = means
        self._space = space
        self._awake = awake or partial(awake_seconds, means.clock)
        look_at(means.clock)
        self._since = means.clock.now()
        self._looked = self._since, self._awake()

    def check(self) -> Settled | None:
        """Look for trouble and write down what changed; None where it is another one's turn."""
        means = self._means
        now, settings = self._now(), means.settings
        with means.database.transaction() as session:
            draw_near(session, BEATS, clock=means.clock)
            if not take_turn(session, now=now):
                return None
            expect_copies(session, settings.canary, now=now)
        self._look_among_caught_mail()
        around = Around(
            self._space(settings.data_dir),
            settings.canary_within,
            settings.mailboxes,
            stated_limits(settings),
            relays_of(settings, means.redis_url),
        )
        with means.database.read() as session:
            troubles = look_for_trouble(session, now=now, around=around)
            if now - self._since < kinds.COMING_UP:
                troubles = [one for one in troubles if one.kind not in kinds.SEEN_TO_FIRST]
            troubles += silent_parts(beats(session), now=now, watching_since=self._since)
        with means.database.transaction() as session:
            settled = settle(
                session,
                troubles,
                targets=targets_of(settings),
                now=now,
                watching_since=self._since,
                unknown=around.unknown,
            )
        if settled.opened or settled.closed:
            log.warning("alarms", opened=settled.opened, closed=settled.closed)
        return settled

    def _now(self) -> datetime:
        """Return the moment; begin anew where time did not pass as it should since the last look.

        The clock was set, or the machine slept: of the time in between nobody showed a sign of
        life, and nobody saw that there was none.
        """
        look_at(self._means.clock)
        now, awake = self._means.clock.now(), self._awake()
        expected = self._looked[0] + timedelta(seconds=awake - self._looked[1])
        if abs(now - expected) > _LITTLE:
            log.warning("watching_anew", seconds=round((now - expected).total_seconds()))
            self._since = now
        self._looked = now, awake
        return now

    def _look_among_caught_mail(self) -> None:
        """Note the copies that the catcher has: there no mail comes back by another way."""
        means = self._means
        if not (means.settings.canary and means.settings.uses_catcher):
            return
        store = CatcherStore(means.settings.data_dir)
        try:
            with means.database.transaction() as session:
                for copy in missing_copies(session):
                    if store.has(copy.message_id):
                        copy.arrived_at = means.clock.now()
        finally:
            store.close()

    def tell(self, *, waited: timedelta = timedelta(0)) -> int:
        """Send the notes that have been owed for so long; returns how many went out."""
        return tell_owed(self._means, waited=waited)
