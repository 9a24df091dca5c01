"""A house whose alarms ring: one who watches; its mail is caught, its calls are kept."""

import re
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from alerts.articles.fetching.answers import FetchFailed
from alerts.articles.sources.models import Source, SourceKind
from alerts.clock import FixedClock
from alerts.config import Settings
from alerts.database import Database
from alerts.delivery.catcher import CatcherStore, CaughtMail
from alerts.delivery.loop import BackgroundLoop
from alerts.delivery.transports.base import Transport
from alerts.delivery.transports.catcher import CatcherTransport
from alerts.operations.alarms.beats import BEAT, WORKER, note_life
from alerts.operations.alarms.books import open_alarms
from alerts.operations.alarms.telling import Means
from alerts.operations.alarms.watching import Watch
from alerts.operations.doctor.machine import Space
from alerts.operations.models import LONGEST_WORDS, Alarm
from alerts.operations.situation import note_tick
from tests.factories import RENDERER

OPS, OTHER = "ops@example.org", "night@example.org"
HOOK = "https://chat.example.org/hooks/1"
SECRET = "a-secret-of-the-tests-of-24-characters"
GIBIBYTE = 1024**3
ROOMY = Space(100 * GIBIBYTE, 50 * GIBIBYTE)


@dataclass
class Calls:
    """Takes what is posted; `away` refuses it."""

    away: bool = False
    got: list[tuple[str, bytes, dict[str, str]]] = field(default_factory=list)

    def __call__(
        self, url: str, content: bytes, headers: dict[str, str], *, allowed_hosts: tuple[str, ...]
    ) -> int:
        assert allowed_hosts == ()
        if self.away:
            raise FetchFailed("no answer in time")
        self.got.append((url, content, headers))
        return 204


class Bell:
    """Somebody who watches over a house."""

    def __init__(
        self,
        database: Database,
        clock: FixedClock,
        folder: Path,
        *,
        to: tuple[str, ...] = (OPS,),
        hook: str = HOOK,
        transport: Transport | None = None,
        redis_url: str = "",
        **settings: str,
    ) -> None:
        self.database, self.clock = database, clock
        self.settings = Settings(
            data_dir=folder,
            base_url="https://alerts.example.org",
            sender="GP Alerts <alerts@news.example.org>",
            alarm_to=to,
            alarm_webhook=hook,
            alarm_webhook_secret=SECRET,
            **settings,  # type: ignore[arg-type]  # what pydantic reads
        )
        self.store = CatcherStore(folder)
        self.calls = Calls()
        self.space: Space | None = ROOMY
        self._loop = BackgroundLoop()
        self._transport = transport or CatcherTransport(self.store)
        self.means = Means(
            database=database,
            settings=self.settings,
            clock=clock,
            transport=lambda: self._transport,
            renderer=lambda: RENDERER,
            run=self._loop.run,
            post=self.calls,
            redis_url=redis_url,
        )
        self.watch = self.begin()

    def begin(self) -> Watch:
        """Begin to watch, as a process that starts now does."""
        return Watch(self.means, space=lambda _: self.space)

    def alive(self, *, tick: bool = True) -> None:
        """Let beat and worker show themselves."""
        with self.database.transaction() as session:
            for name in (BEAT, WORKER):
                note_life(session, name, now=self.clock.now())
            if tick:
                note_tick(session, now=self.clock.now())

    def look(self, watch: Watch | None = None) -> list[str]:
        """Check with everybody alive; return the kinds of the open alarms."""
        self.alive()
        return self.look_at_silence(watch)

    def look_at_silence(self, watch: Watch | None = None) -> list[str]:
        """Check as it is; return the kinds of the open alarms."""
        (watch or self.watch).check()
        for alarm in self.alarms():
            assert_reads_well(alarm)
        return [alarm.kind for alarm in self.alarms()]

    def alarms(self) -> list[Alarm]:
        with self.database.read() as session:
            return list(open_alarms(session))

    def told(self) -> list[str]:
        """Tell what is owed; return the subjects of the mails so far, the oldest first."""
        self.watch.tell()
        return [mail.subject for mail in reversed(self.mails())]

    def mails(self) -> list[CaughtMail]:
        return self.store.newest(limit=50)

    def close(self) -> None:
        self._loop.close()
        self.store.close()


def assert_reads_well(alarm: Alarm) -> None:
    """Hold an alarm's words against what somebody who is woken by them needs."""
    what, mend = alarm.what, alarm.mend
    assert not re.search(r"\b1 \w+( \w+)?s (are|have|were)\b|\b0 \w+s (are|have)\b", what), what
    assert not re.search(r"\d{4}-\d\d-\d\d(?! \d\d:\d\d UTC)", what), f"no zone: {what}"
    assert not re.search(r"[:;,.] *$|  |\bNone\b|: \w+: \w+: \w+:", what), what
    assert "@" not in what + mend, "a person's address goes out"
    assert mend[0].isupper(), mend
    assert mend.endswith("."), mend
    assert len(what) < LONGEST_WORDS


def a_source(bell: Bell, *, failing_for: timedelta) -> int:
    now = bell.clock.now()
    with bell.database.transaction() as session:
        source = Source(
            key="key",
            url="https://news.example.org/feed?token=not-for-mails",
            kind=SourceKind.FEED,
            every_seconds=900,
            created_at=now,
            next_poll_at=now,
            failing_since=now - failing_for,
            last_error="the server answered 404",
        )
        session.add(source)
        session.flush()
        return source.id
