"""The catcher as an SMTP server, for programs that should think they send real mail."""

import signal
import threading
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

from alerts.delivery.catcher import CatcherStore
from alerts.errors import Refused
from alerts.mail_server import MailServer

_LARGEST_MESSAGE = 64 * 1024 * 1024


class CatcherHandler:
    """Keeps each message once per recipient, before it is answered with 250."""

    def __init__(self, store: CatcherStore) -> None:
        self._store = store

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self,
        server: SMTP,  # noqa: ARG002 - aiosmtpd passes it
        session: Session,  # noqa: ARG002 - aiosmtpd passes it
        envelope: Envelope,
    ) -> str:
        """Keep a message."""
        raw = envelope.content if isinstance(envelope.content, bytes) else b""
        sender = envelope.mail_from or ""
        self._store.add([(sender, recipient, raw) for recipient in envelope.rcpt_tos])
        return "250 2.0.0 caught"


def catcher_controller(store: CatcherStore, *, host: str, port: int) -> MailServer:
    """Return the server, not yet started; raises nothing."""
    return MailServer(
        CatcherHandler(store),
        hostname=host,
        port=port,
        enable_SMTPUTF8=True,
        data_size_limit=_LARGEST_MESSAGE,
    )


def serve_catcher(data_dir: Path, *, host: str, port: int) -> None:
    """Serve until SIGINT or SIGTERM; raises Refused when the port is taken."""
    store = CatcherStore(data_dir)
    controller = catcher_controller(store, host=host, port=port)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        controller.start()
    except OSError as error:
        raise Refused(
            f"the catcher cannot listen on {host}:{port}: {error.strerror}; choose another --port"
        ) from error
    stop.wait()
    controller.stop()
    store.close()
