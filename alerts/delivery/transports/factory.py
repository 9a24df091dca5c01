"""From `ALERTS_MAIL_URL` to a transport.

A provider's module is imported only where a URL asks for it: SES brings a signer, all of them an
HTTP client, and most commands need none.
"""

import ssl
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from alerts.config import Settings
from alerts.delivery.catcher import CatcherStore
from alerts.delivery.limits.limiter import Limiter, no_rate
from alerts.delivery.limits.options import OPTIONS, read_limits
from alerts.delivery.limits.rules import Limits
from alerts.delivery.transports.base import Transport
from alerts.delivery.transports.catcher import CatcherTransport
from alerts.delivery.transports.limited import LimitedTransport
from alerts.delivery.transports.pool import Member, PoolTransport
from alerts.delivery.transports.providers.provider import Provider
from alerts.delivery.transports.smtp import SmtpServer, SmtpTransport
from alerts.delivery.transports.suspicion import Suspicions
from alerts.delivery.transports.urls import TRANSPORT_NAME, MailUrl, read_mail_urls
from alerts.errors import Invalid
from alerts.rates import Rate

_SUBMISSION_PORT, _SMTPS_PORT = 25, 465
_SMTP_CONNECTIONS, _HTTP_CONNECTIONS = 50, 8
_MAILGUN = {"us": "https://api.mailgun.net", "eu": "https://api.eu.mailgun.net"}
_SENDGRID = {"global": "https://api.sendgrid.com", "eu": "https://api.eu.sendgrid.com"}
_POSTMARK = "https://api.postmarkapp.com"
# The options of every transport, of the limits, of whatever speaks to a server, and of HTTP.
_COMMON = frozenset({"name", "weight"})
_SERVER = _COMMON | OPTIONS | {"connections"}
_HTTP = _SERVER | {"endpoint"}


def make_transport(
    settings: Settings,
    *,
    redis_url: str,
    newsletter_rate: Callable[[str], Rate | None] = no_rate,
) -> Transport:
    """Return the transport that the settings ask for; raises Invalid for a wrong mail URL.

    `redis_url` is where limits are shared between workers; `newsletter_rate` tells the rate that
    a newsletter states for itself.
    """

    def member(url: MailUrl) -> Member:
        transport = MAKERS[url.scheme](url, settings)
        # What mail providers allow is nothing to the catcher; a newsletter's own rate is kept there
        # too, so that a rehearsal takes as long as it says.
        limits = Limits() if url.scheme == "catcher" else _limits(url, settings)
        limiter = Limiter(redis_url, limits, name=url.name, newsletter_rate=newsletter_rate)
        return Member(url.name, LimitedTransport(transport, limiter), url.weight)

    members = [member(url) for url in read_mail_urls(settings)]
    if settings.uses_catcher and len(members) == 1:
        # Nothing leaves the machine: whatever transport a newsletter chose, its mail is caught.
        return members[0].transport
    if len(members) == 1:
        # Nobody could stand in for it.
        return PoolTransport(members)
    suspicions = Suspicions(redis_url, [one.name for one in members])
    return PoolTransport(members, suspicions=suspicions)


def check_mail_urls(settings: Settings) -> None:
    """Raise Invalid where a mail URL is wrong; opens no connection."""
    for url in read_mail_urls(settings):
        MAKERS[url.scheme](url, settings)
        _limits(url, settings)


def limits_of(settings: Settings) -> list[Limits]:
    """Return the limits stated for each transport, in their order; raises Invalid."""
    return [_limits(url, settings) for url in read_mail_urls(settings)]


def _limits(url: MailUrl, settings: Settings) -> Limits:
    stated = {name: text for name, text in url.options.items() if name in OPTIONS}
    try:
        return read_limits(stated, settings.domain_limits)
    except Invalid as error:
        raise url.wrong(str(error)) from error


def _catcher(url: MailUrl, settings: Settings) -> Transport:
    url.allow(_COMMON)
    return CatcherTransport(CatcherStore(settings.data_dir))


def _smtp(url: MailUrl, settings: Settings) -> Transport:
    url.allow(_SERVER | {"tls", "token_file", "ca"})
    # The worker's processes share what the provider allows to one machine.
    connections = url.connections(default=_SMTP_CONNECTIONS) // settings.worker_processes
    return SmtpTransport(smtp_server(url, max(1, connections)))


def smtp_server(url: MailUrl, connections: int = 1) -> SmtpServer:
    """Return how to reach the server of an `smtp://` or `smtps://` URL; raises Invalid."""
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
        token_file=_token_file(url),
        ca_file=_ca_file(url, implicit=implicit),
        connections=connections,
    )


def _token_file(url: MailUrl) -> Path | None:
    path = url.options.get("token_file")
    if path is None:
        return None
    if not url.username:
        raise url.wrong("token_file= needs the user name that the token is for")
    if not Path(path).is_file():
        raise url.wrong("token_file= names no file")
    return Path(path)


def _ca_file(url: MailUrl, *, implicit: bool) -> Path | None:
    path = url.options.get("ca")
    if path is None:
        return None
    if url.options.get("tls") == "off" and not implicit:
        raise url.wrong("ca= and tls=off contradict each other")
    try:
        ssl.create_default_context(cafile=path)
    except OSError:
        raise url.wrong("ca= names no file with certificates in PEM") from None
    return Path(path)


def _ses(url: MailUrl, _: Settings) -> Transport:
    from alerts.delivery.transports.providers.ses import Ses, region_of

    url.allow(_HTTP | {"configuration"})
    region = region_of(url.host)
    if region is None:
        raise url.wrong("ses:// needs a region such as eu-west-1 behind the @")
    provider = Ses(
        key=_key(url, url.username, "access key"),
        secret=_key(url, url.password, "secret key"),
        region=region,
        endpoint=endpoint_of(url),
        configuration=url.options.get("configuration", ""),
    )
    return _http(url, provider)


def _mailgun(url: MailUrl, _: Settings) -> Transport:
    from alerts.delivery.transports.providers.mailgun import Mailgun

    url.allow(_HTTP | {"region"})
    if not TRANSPORT_NAME.match(url.host):
        raise url.wrong("mailgun:// needs the sending domain behind the @")
    provider = Mailgun(
        key=_key(url, url.username, "API key"),
        domain=url.host,
        endpoint=endpoint_of(url),
    )
    return _http(url, provider)


def _postmark(url: MailUrl, _: Settings) -> Transport:
    from alerts.delivery.transports.providers.postmark import Postmark

    url.allow(_HTTP | {"stream"})
    provider = Postmark(
        token=_key(url, url.username, "server token"),
        endpoint=endpoint_of(url),
        stream=url.options.get("stream", "broadcast"),
    )
    return _http(url, provider)


def _sendgrid(url: MailUrl, _: Settings) -> Transport:
    from alerts.delivery.transports.providers.sendgrid import SendGrid

    url.allow(_HTTP | {"region"})
    provider = SendGrid(
        key=_key(url, url.username, "API key"),
        endpoint=endpoint_of(url),
    )
    return _http(url, provider)


def _http(url: MailUrl, provider: Provider) -> Transport:
    from alerts.delivery.transports.providers.http import HttpTransport

    connections = url.connections(default=_HTTP_CONNECTIONS)
    return HttpTransport(provider, connections=connections)


def _key(url: MailUrl, value: str | None, what: str) -> str:
    """Return a key that can stand in a header field; raises Invalid."""
    if not value or not value.isascii() or not value.isprintable() or " " in value:
        raise url.wrong(f"{url.scheme}:// needs the {what}, percent-encoded where it must be")
    return value


def endpoint_of(url: MailUrl) -> str:
    """Return the base URL of a provider's API: the option `endpoint`, else its own.

    The option is for services that are compatible; raises Invalid.
    """
    endpoint = url.options.get("endpoint", _own_endpoint(url))
    try:
        parts = urlsplit(endpoint)
        _ = parts.port
    except ValueError:
        parts = urlsplit("")
    strange = parts.username or parts.query or parts.fragment or not parts.hostname
    if parts.scheme not in {"http", "https"} or strange:
        raise url.wrong("endpoint= takes an address such as https://api.example.org, no more")
    return endpoint.rstrip("/")


def _own_endpoint(url: MailUrl) -> str:
    if url.scheme == "ses":
        return f"https://{url.host if '.' in url.host else f'email.{url.host}.amazonaws.com'}"
    if url.scheme == "postmark":
        return _POSTMARK
    known = _MAILGUN if url.scheme == "mailgun" else _SENDGRID
    return known[url.choice("region", tuple(known))]


MAKERS: dict[str, Callable[[MailUrl, Settings], Transport]] = {
    "catcher": _catcher,
    "smtp": _smtp,
    "smtps": _smtp,
    "ses": _ses,
    "mailgun": _mailgun,
    "postmark": _postmark,
    "sendgrid": _sendgrid,
}
