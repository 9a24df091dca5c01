"""Serves the web part with uvicorn until it is told to stop."""

import gc
import signal
from types import FrameType

import uvicorn
from typing_extensions import override

from alerts.config import Settings
from alerts.errors import Refused
from alerts.garbage import collect_seldom
from alerts.newsletters.service import ensure_built_in
from alerts.runtime import open_queue, open_runtime
from alerts.shared_clock import SharedClock
from alerts.web.app import create_app
from alerts.web.shared_looks import SharedLooks
from alerts.web.watchman import watchman

# What has come whole is answered sooner; what never does is given up.
_GRACE_SECONDS = 5


class _Server(uvicorn.Server):
    """Ends the streams of those who watch first: it would wait for them until its grace is over."""

    def __init__(self, configuration: uvicorn.Config, looks: SharedLooks) -> None:
        super().__init__(configuration)
        self._looks = looks

    @override
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._looks.close()
        super().handle_exit(sig, frame)


def serve(settings: Settings, host: str, port: int) -> None:
    """Serve the pages at an address until SIGINT or SIGTERM; requests in hand are finished.

    Raises Refused when the address cannot be listened at.
    """
    with open_runtime(settings) as runtime, open_queue(settings) as queue:
        with runtime.database.transaction() as session:
            ensure_built_in(session, clock=runtime.clock)
        application = create_app(runtime, queue=queue)
        configuration = uvicorn.Config(
            application,
            host=host,
            port=port,
            log_level="warning",
            # An access log would be a list of readers' tokens.
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
        # What was imported and made stays: looked through while a page is made, it would hold up
        # everybody for a tenth of a second.
        gc.collect()
        gc.freeze()
        collect_seldom()
        server = _Server(configuration, application.state.site.looks)
        _end_in_peace(server)
        try:
            shared = SharedClock(runtime.database)
            with watchman(runtime, redis_url=queue.redis_url, clock=shared):
                server.run()
        except SystemExit as error:
            # uvicorn's own way to say that it could not bind; it has logged the reason.
            raise Refused(f"cannot listen at {host}:{port}; is another program there?") from error


def _end_in_peace(server: _Server) -> None:
    """Have a signal end the server, and then be over.

    uvicorn raises a signal again for whoever handled it before, once it has stopped; the usual
    handler would kill this process there, with the status of a crash, before anything is closed.
    """

    def end(number: int, frame: FrameType | None) -> None:
        server.handle_exit(number, frame)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
