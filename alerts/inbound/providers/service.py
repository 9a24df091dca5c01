"""The providers that may call, as the settings say, and how each one's events are read."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from alerts.articles.fetching.fetcher import Fetcher
from alerts.clock import Clock
from alerts.config import Settings
from alerts.inbound.providers.calls import Call, Provider
from alerts.inbound.providers.mailgun import Mailgun
from alerts.inbound.providers.postmark import Postmark
from alerts.inbound.providers.sendgrid import SendGrid
from alerts.inbound.providers.ses import Ses
from alerts.inbound.providers.sns import Fetch, Sns
from alerts.inbound.reading.record import Reading
from alerts.inbound.storing import Arrival

# By the name that stands with an event, as its way in.
READERS: Mapping[str, Callable[[bytes], Reading]] = MappingProxyType(
    {"ses": Ses.read, "mailgun": Mailgun.read, "postmark": Postmark.read, "sendgrid": SendGrid.read}
)


class Webhooks:
    """The providers that may call; `fetch` is asked for Amazon's certificates."""

    def __init__(self, settings: Settings, *, clock: Clock, fetch: Fetch | None = None) -> None:
        self._fetcher: Fetcher | None = None
        self._settings = settings
        self._providers: dict[str, Provider] = {}
        if settings.webhook_ses_topic:
            sns = Sns(fetch or self._fetched, clock=clock)
            self._providers["ses"] = Ses(settings.webhook_ses_topic, sns)
        if settings.webhook_mailgun_key:
            self._providers["mailgun"] = Mailgun(settings.webhook_mailgun_key, clock=clock)
        if settings.webhook_postmark_secret:
            self._providers["postmark"] = Postmark(settings.webhook_postmark_secret)
        if settings.webhook_sendgrid_key:
            self._providers["sendgrid"] = SendGrid(settings.webhook_sendgrid_key, clock=clock)

    @property
    def names(self) -> tuple[str, ...]:
        """The providers that may call."""
        return tuple(self._providers)

    def arrivals(self, name: str, call: Call) -> list[Arrival] | None:
        """Return what a call brings, checked; None where this provider may not call.

        Raises NotTheirs for a call that is not from the provider, Invalid for one that is not
        understood, and Refused when what it takes to check one could not be had.
        """
        provider = self._providers.get(name)
        if provider is None:
            return None
        return [
            Arrival(one.raw, name, envelope_from="", identity=f"{name} {one.identity}")
            for one in provider.events(call)
        ]

    def close(self) -> None:
        """Close what was opened to fetch."""
        if self._fetcher is not None:
            self._fetcher.close()

    def _fetched(self, url: str) -> bytes:
        if self._fetcher is None:
            self._fetcher = Fetcher(
                contact=self._settings.base_url, allowed_hosts=self._settings.fetch_hosts
            )
        return self._fetcher.fetch(url, obey_robots=False).content


def read_event(way: str, raw: bytes) -> Reading | None:
    """Return what a provider's event says; None for what came any other way."""
    reader = READERS.get(way)
    return None if reader is None else reader(raw)
