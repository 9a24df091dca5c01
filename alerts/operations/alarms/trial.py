"""A trial: everybody who would be told of an alarm is told of one that is none."""

from collections.abc import Callable

from alerts.clock import Clock
from alerts.config import Settings
from alerts.database import Database
from alerts.delivery.dkim import DkimSigner
from alerts.delivery.loop import BackgroundLoop
from alerts.delivery.transports.base import Transport
from alerts.delivery.transports.factory import make_transport
from alerts.errors import AlertsError
from alerts.operations.alarms.kinds import TRIAL
from alerts.operations.alarms.telling import Means, send_note, targets_of
from alerts.operations.models import Alarm, AlarmNote, Occasion
from alerts.paths import templates_dir
from alerts.rendering.service import Renderer


def tell_trial(
    database: Database, settings: Settings, clock: Clock, redis_url: str
) -> list[tuple[str, str]]:
    """Tell of a trial alarm; returns each target with what went wrong, empty where nothing did."""
    loop, transport = BackgroundLoop(), make_transport(settings, redis_url=redis_url)
    means = Means(
        database=database,
        settings=settings,
        clock=clock,
        transport=_returning(transport),
        renderer=lambda: Renderer(templates_dir("email")),
        run=loop.run,
        signer=DkimSigner.from_settings(settings, clock=clock),
    )
    try:
        return [(target, _tried(means, target)) for target in targets_of(settings)]
    finally:
        loop.run(transport.close())
        loop.close()


def _returning(transport: Transport) -> Callable[[], Transport]:
    return lambda: transport


def _tried(means: Means, target: str) -> str:
    now = means.clock.now()
    alarm = Alarm(
        id=0,
        kind=TRIAL,
        subject="all",
        what="This is a trial: nothing is broken, and alarms reach you.",
        mend="There is nothing to do.",
        opened_at=now,
        last_seen_at=now,
        silence_reason="",
    )
    note = AlarmNote(id=0, alarm_id=0, occasion=Occasion.OPENED, number=0, target=target)
    try:
        send_note(means, note, alarm)
    except AlertsError as error:
        return str(error)
    return ""
