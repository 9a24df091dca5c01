"""From `ALERTS_MAIL_URL` to a transport.

A provider's module is imported only where a URL asks for it: SES brings a signer, all of them an
HTTP client, and most commands need none.
"""

from collections.abc import Callable
from urllib.parse import urlsplit

from alerts.config import Settings
from alerts.delivery.catcher import CatcherStore
from alerts.delivery.throttle import Throttle, parse_rate
from alerts.delivery.transports.base import Transport
from alerts.delivery.transports.catcher import CatcherTransport
from alerts.delivery.transports.pool import Member, PoolTransport
from alerts.delivery.transports.providers.provider import Provider
from alerts.delivery.transports.smtp import SmtpServer, SmtpTransport
from alerts.delivery.transports.urls import TRANSPORT_NAME, MailUrl, read_mail_urls

_SUBMISSION_PORT, _SMTPS_PORT = 25, 465
_SMTP_CONNECTIONS, _HTTP_CONNECTIONS = 4, 8
_MAILGUN = {"us": "https://api.mailgun.net", "eu": "https://api.eu.mailgun.net"}
_SENDGRID = {"global": "https://api.sendgrid.com", "eu": "https://api.eu.sendgrid.com"}
_POSTMARK = "https://api.postmarkapp.com"
# The options of every transport, of the limits, of whatever speaks to a server, and of HTTP.
_COMMON = frozenset({"name", "weight"})
_LIMITS = frozenset({"rate"})
_SERVER = _COMMON | _LIMITS | {"connections"}
_HTTP = _SERVER | {"endpoint"}


def make_transport(settings: Settings, *, redis_url: str) -> Transport:
    """Return the transport that the settings ask for; raises Invalid for a wrong mail URL.

    `redis_url` is where limits are shared between workers.
    """
    urls = read_mail_urls(settings)
    members = [
        Member(url.name, MAKERS[url.scheme](url, settings, redis_url), url.weight) for url in urls
    ]
    if settings.uses_catcher and len(members) == 1:
        # Nothing leaves the machine: whatever transport a newsletter chose, its mail is caught.
        return members[0].transport
    return PoolTransport(members)


def _catcher(url: MailUrl, settings: Settings, _: str) -> Transport:
    url.allow(_COMMON)
    return CatcherTransport(CatcherStore(settings.data_dir))


def _smtp(url: MailUrl, _: Settings, redis_url: str) -> Transport:
    url.allow(_SERVER | {"tls"})
    server = _server(url)
    return SmtpTransport(server)


def _server(url: MailUrl) -> SmtpServer:
    if not url.host:
        raise url.wrong("the host is missing")
    offered = url.choice("tls", ("offered", "required", "off", "implicit"))
    implicit = url.scheme == "smtps"
    return SmtpServer(
        host=url.host,
        port=url.port or (_SMTPS_PORT if implicit else _SUBMISSION_PORT),
        tls="implicit" if implicit else offered,
        username=url.username,
        password=url.password,
        connections=url.connections(default=_SMTP_CONNECTIONS),
    )


def _ses(url: MailUrl, _: Settings, redis_url: str) -> Transport:
    from alerts.delivery.transports.providers.ses import Ses, region_of

    url.allow(_HTTP | {"configuration"})
    region = region_of(url.host)
    if region is None:
        raise url.wrong("ses:// needs a region such as eu-west-1 behind the @")
    host = url.host if "." in url.host else f"email.{region}.amazonaws.com"
    provider = Ses(
        key=_key(url, url.username, "access key"),
        secret=_key(url, url.password, "secret key"),
        region=region,
        endpoint=_endpoint(url, f"https://{host}"),
        configuration=url.options.get("configuration", ""),
    )
    return _http(url, provider, redis_url)


def _mailgun(url: MailUrl, _: Settings, redis_url: str) -> Transport:
    from alerts.delivery.transports.providers.mailgun import Mailgun

    url.allow(_HTTP | {"region"})
    if not TRANSPORT_NAME.match(url.host):
        raise url.wrong("mailgun:// needs the sending domain behind the @")
    provider = Mailgun(
        key=_key(url, url.username, "API key"),
        domain=url.host,
        endpoint=_endpoint(url, _MAILGUN[url.choice("region", tuple(_MAILGUN))]),
    )
    return _http(url, provider, redis_url)


def _postmark(url: MailUrl, _: Settings, redis_url: str) -> Transport:
    from alerts.delivery.transports.providers.postmark import Postmark

    url.allow(_HTTP | {"stream"})
    provider = Postmark(
        token=_key(url, url.username, "server token"),
        endpoint=_endpoint(url, _POSTMARK),
        stream=url.options.get("stream", "broadcast"),
    )
    return _http(url, provider, redis_url)


def _sendgrid(url: MailUrl, _: Settings, redis_url: str) -> Transport:
    from alerts.delivery.transports.providers.sendgrid import SendGrid

    url.allow(_HTTP | {"region"})
    provider = SendGrid(
        key=_key(url, url.username, "API key"),
        endpoint=_endpoint(url, _SENDGRID[url.choice("region", tuple(_SENDGRID))]),
    )
    return _http(url, provider, redis_url)


def _http(url: MailUrl, provider: Provider, redis_url: str) -> Transport:
    from alerts.delivery.transports.providers.http import HttpTransport

    connections = url.connections(default=_HTTP_CONNECTIONS)
    throttle = _throttle(url, redis_url, url.name)
    return HttpTransport(provider, connections=connections, throttle=throttle)


def _throttle(url: MailUrl, redis_url: str, name: str) -> Throttle | None:
    rate = url.options.get("rate")
    return None if rate is None else Throttle(redis_url, name, parse_rate(rate))


def _key(url: MailUrl, value: str | None, what: str) -> str:
    """Return a key that can stand in a header field; raises Invalid."""
    if not value or not value.isascii() or not value.isprintable() or " " in value:
        raise url.wrong(f"{url.scheme}:// needs the {what}, percent-encoded where it must be")
    return value


def _endpoint(url: MailUrl, default: str) -> str:
    """Return the base URL to speak to: the option `endpoint`, for services that are compatible."""
    endpoint = url.options.get("endpoint", default)
    try:
        parts = urlsplit(endpoint)
        _ = parts.port
    except ValueError:
        parts = urlsplit("")
    strange = parts.username or parts.query or parts.fragment or not parts.hostname
    if parts.scheme not in {"http", "https"} or strange:
        raise url.wrong("endpoint= takes an address such as https://api.example.org, no more")
    return endpoint.rstrip("/")


MAKERS: dict[str, Callable[[MailUrl, Settings, str], Transport]] = {
    "catcher": _catcher,
    "smtp": _smtp,
    "smtps": _smtp,
    "ses": _ses,
    "mailgun": _mailgun,
    "postmark": _postmark,
    "sendgrid": _sendgrid,
}
