"""The web part's eye on the others: it notices when neither beat nor worker run, and says so."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from sqlalchemy.exc import SQLAlchemyError

from alerts.clock import Clock
from alerts.delivery.dkim import DkimSigner
from alerts.delivery.loop import BackgroundLoop
from alerts.delivery.transports.base import Transport
from alerts.delivery.transports.factory import make_transport
from alerts.errors import AlertsError
from alerts.operations.alarms.telling import Means
from alerts.operations.alarms.watching import LEFT_LYING, Watch
from alerts.paths import templates_dir
from alerts.rendering.service import Renderer
from alerts.runtime import Runtime

log = structlog.get_logger(__name__)

_EVERY_SECONDS = 60.0
_STOP_SECONDS = 5.0


@contextmanager
def watchman(
    runtime: Runtime, *, redis_url: str, clock: Clock | None = None, every: float = _EVERY_SECONDS
) -> Iterator[None]:
    """Check in a thread until the block ends; what is owed and left lying is told from here.

    `clock` is that by which the others show that they live, where it is not the program's own.
    """
    stop = threading.Event()
    thread = threading.Thread(
        target=_keep_watch,
        args=(runtime, redis_url, clock or runtime.clock, stop, every),
        name="watchman",
        daemon=True,
    )
    thread.start()
    try:
        yield
    finally:
        stop.set()
        # A mail server that does not answer keeps nobody from stopping.
        thread.join(_STOP_SECONDS)


def _keep_watch(
    runtime: Runtime, redis_url: str, clock: Clock, stop: threading.Event, every: float
) -> None:
    loop, opened = BackgroundLoop(), list[Transport]()

    def transport() -> Transport:
        if not opened:
            opened.append(make_transport(runtime.settings, redis_url=redis_url))
        return opened[0]

    means = Means(
        database=runtime.database,
        settings=runtime.settings,
        clock=clock,
        transport=transport,
        renderer=lambda: Renderer(templates_dir("email")),
        run=loop.run,
        signer=_signer(runtime),
        redis_url=redis_url,
    )
    watch = Watch(means)
    while not stop.wait(every):
        try:
            watch.check()
            watch.tell(waited=LEFT_LYING)
        except SQLAlchemyError as error:
            log.warning("not_watched", error=type(error).__name__)
        except Exception:  # the pages go on whatever becomes of the watch
            log.exception("not_watched")
    for one in opened:
        loop.run(one.close())
    loop.close()


def _signer(runtime: Runtime) -> DkimSigner | None:
    """Return who signs; nobody, where this part may not read the key that workers sign with."""
    try:
        return DkimSigner.from_settings(runtime.settings, clock=runtime.clock)
    except AlertsError as error:
        log.warning("alarms_not_signed", reason=str(error))
        return None
