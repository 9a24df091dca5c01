"""Serves the web part with uvicorn until it is told to stop."""

import signal
from types import FrameType

import uvicorn

from alerts.config import Settings
from alerts.errors import Refused
from alerts.newsletters.service import ensure_built_in
from alerts.runtime import open_queue, open_runtime
from alerts.web.app import create_app
from alerts.web.watchman import watchman

_GRACE_SECONDS = 10


def serve(settings: Settings, host: str, port: int) -> None:
    """Serve the pages at an address until SIGINT or SIGTERM; requests in hand are finished.

    Raises Refused when the address cannot be listened at.
    """
    with open_runtime(settings) as runtime, open_queue(settings) as queue:
        with runtime.database.transaction() as session:
            ensure_built_in(session, clock=runtime.clock)
        configuration = uvicorn.Config(
            create_app(runtime, queue=queue),
            host=host,
            port=port,
            log_level="warning",
            # An access log would be a list of readers' tokens.
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
        server = uvicorn.Server(configuration)
        _end_in_peace(server)
        try:
            with watchman(runtime, redis_url=queue.redis_url):
                server.run()
        except SystemExit as error:
            # uvicorn's own way to say that it could not bind; it has logged the reason.
            raise Refused(f"cannot listen at {host}:{port}; is another program there?") from error


def _end_in_peace(server: uvicorn.Server) -> None:
    """Have a signal end the server, and then be over.

    uvicorn raises a signal again for whoever handled it before, once it has stopped; the usual
    handler would kill this process there, with the status of a crash, before anything is closed.
    """

    def end(_number: int, _frame: FrameType | None) -> None:
        server.should_exit = True

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
