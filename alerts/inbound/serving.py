"""Mail brought by a mail server, over SMTP or LMTP: it is stored before it is answered."""

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

import structlog
from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope, Session

from alerts.errors import Refused
from alerts.inbound.gathering import Gathering
from alerts.inbound.service import Intake
from alerts.inbound.storing import LARGEST_MAIL, Arrival
from alerts.mail_server import MailServer

log = structlog.get_logger(__name__)


class InboundHandler:
    """Takes mail in. Whatever goes wrong here is our fault, and passes: 451, never 5xx.

    `way` is what stands with the mail afterwards. With `one_at_a_time` a mail has one recipient:
    LMTP wants an answer for each (RFC 2033 section 4.2), where the library gives one.
    """

    def __init__(self, intake: Intake, way: str, *, one_at_a_time: bool = False) -> None:
        self._gathering = Gathering(intake.take_in)
        self._way = way
        self._one_at_a_time = one_at_a_time

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self,
        server: SMTP,  # noqa: ARG002 - aiosmtpd passes it
        session: Session,  # noqa: ARG002 - aiosmtpd passes it
        envelope: Envelope,
        address: str,
        rcpt_options: list[str],
    ) -> str:
        """Accept a recipient; who it is for is found out when the mail is read."""
        if self._one_at_a_time and envelope.rcpt_tos:
            # RFC 5321 section 4.5.3.1.10: the sender comes again with the rest.
            return "452 4.5.3 one recipient at a time"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(rcpt_options)
        return "250 2.1.5 OK"

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self,
        server: SMTP,  # noqa: ARG002 - aiosmtpd passes it
        session: Session,  # noqa: ARG002 - aiosmtpd passes it
        envelope: Envelope,
    ) -> str:
        """Store a mail, and say so when it is committed."""
        raw = envelope.content if isinstance(envelope.content, bytes) else b""
        # The library leaves the null sender in its brackets (RFC 5321 section 4.5.5).
        sender = "" if envelope.mail_from == "<>" else envelope.mail_from
        arrival = Arrival(raw, self._way, sender, tuple(envelope.rcpt_tos))
        try:
            stored = await self._gathering.store(arrival)
        except Exception as error:  # noqa: BLE001 - the sender keeps the mail, and comes again
            reason = f"{type(error).__name__}: {error}".partition("\n")[0]
            log.error("mail_not_stored", way=self._way, reason=reason)  # noqa: TRY400 - no values
            return "451 4.3.0 the mail cannot be stored now; please try again later"
        return f"250 2.0.0 stored as {stored.mail_id}"


class _AnyLine:
    """Takes lines of any length within the size of a mail.

    RFC 5321 has them end after a thousand octets; whoever sends longer ones would be answered with
    500, and a report would be lost for its form.
    """

    line_length_limit = LARGEST_MAIL


class _Smtp(_AnyLine, SMTP):
    """SMTP for mail that comes back."""


class _Lmtp(_AnyLine, LMTP):
    """LMTP for mail that comes back."""


@contextmanager
def inbound_server(intake: Intake, *, host: str, port: int, lmtp: bool) -> Iterator[MailServer]:
    """Serve SMTP or LMTP in a thread until the block ends; raises Refused when it cannot listen."""
    name = "LMTP" if lmtp else "SMTP"
    controller = MailServer(
        InboundHandler(intake, name.lower(), one_at_a_time=lmtp),
        speaks=_Lmtp if lmtp else _Smtp,
        hostname=host,
        port=port,
        enable_SMTPUTF8=True,
        data_size_limit=LARGEST_MAIL,
    )
    try:
        controller.start()
    except OSError as error:
        # The library leaves the loop open that it never ran.
        controller.loop.close()
        raise Refused(
            f"inbound mail cannot be taken at {host}:{port} ({name}): {error.strerror};"
            " set ALERTS_INBOUND_PORT or ALERTS_INBOUND_LMTP_PORT to a free port"
        ) from error
    try:
        yield controller
    finally:
        controller.stop()


def serve_inbound(
    intake: Intake, *, host: str, ports: Sequence[tuple[int, bool]], ready: Callable[[], None]
) -> None:
    """Serve until SIGINT or SIGTERM; `ports` are numbers, each with whether it speaks LMTP."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with ExitStack() as stack:
        for port, lmtp in ports:
            stack.enter_context(inbound_server(intake, host=host, port=port, lmtp=lmtp))
        ready()
        stop.wait()
