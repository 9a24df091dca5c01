"""From `ALERTS_MAIL_URL` to a transport."""

from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from alerts.config import Settings
from alerts.delivery.catcher import CatcherStore
from alerts.delivery.throttle import Throttle
from alerts.delivery.transports.base import Transport
from alerts.delivery.transports.catcher import CatcherTransport
from alerts.delivery.transports.pool import FailoverTransport
from alerts.delivery.transports.smtp import SmtpServer, SmtpTransport
from alerts.errors import Invalid
from alerts.rates import parse_rate

_OPTIONS = {"tls", "rate", "connections"}
_SUBMISSION_PORT, _SMTPS_PORT = 25, 465
_MOST_CONNECTIONS = 200


def make_transport(settings: Settings, *, redis_url: str) -> Transport:
    """Return the transport that the settings ask for; raises Invalid for a wrong mail URL.

    `redis_url` is where limits are shared between workers.
    """
    transports = [_transport(url, settings, redis_url) for url in settings.mail_url]
    return transports[0] if len(transports) == 1 else FailoverTransport(transports)


def _transport(url: str, settings: Settings, redis_url: str) -> Transport:
    parts = urlsplit(url)
    if parts.scheme == "catcher":
        return CatcherTransport(CatcherStore(settings.data_dir))
    options = dict(parse_qsl(parts.query))
    unknown = set(options) - _OPTIONS
    if unknown:
        raise _wrong(f"option {min(unknown)!r} is unknown; known are {sorted(_OPTIONS)}")
    server = _server(parts, options)
    throttle = None
    if "rate" in options:
        name = f"{server.host}:{server.port}"
        throttle = Throttle(redis_url, name, parse_rate(options["rate"]))
    return SmtpTransport(server, throttle)


def _server(parts: SplitResult, options: dict[str, str]) -> SmtpServer:
    try:
        port = parts.port
    except ValueError as error:
        raise _wrong("the port is no number from 1 to 65535") from error
    if not parts.hostname:
        raise _wrong("the host is missing")
    tls = "implicit" if parts.scheme == "smtps" else options.get("tls", "offered")
    if tls not in {"implicit", "offered", "required", "off"}:
        raise _wrong(f"tls={tls} is unknown; tls=required or tls=off would be right")
    connections = options.get("connections", "4")
    if not connections.isdecimal() or not 1 <= int(connections) <= _MOST_CONNECTIONS:
        raise _wrong(f"connections={connections} is no number from 1 to {_MOST_CONNECTIONS}")
    return SmtpServer(
        host=parts.hostname,
        port=port or (_SMTPS_PORT if parts.scheme == "smtps" else _SUBMISSION_PORT),
        tls=tls,
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        connections=int(connections),
    )


def _wrong(reason: str) -> Invalid:
    return Invalid(f"setting ALERTS_MAIL_URL=(hidden) is wrong: {reason}")
