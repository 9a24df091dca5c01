"""The use cases of endpoints: added, changed, paused, removed, given a new secret."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from alerts.articles.fetching.answers import FetchFailed
from alerts.articles.fetching.posting import check_post_url
from alerts.clock import Clock
from alerts.errors import Invalid, NotFound, Refused
from alerts.outbox.events import EventKind
from alerts.outbox.models import WebhookEndpoint
from alerts.staff.seal import Seal
from alerts.webhooks.signing import new_secret

# For so long an old secret still signs beside the new one.
OVERLAP = timedelta(days=1)
_MOST_ENDPOINTS = 50
_LONGEST_NAME = 200


def add_endpoint(
    session: Session,
    *,
    url: str,
    events: Iterable[str],
    name: str = "",
    addresses: bool = False,
    allowed_hosts: Collection[str] = (),
    seal: Seal,
    clock: Clock,
) -> tuple[WebhookEndpoint, str]:
    """Add an endpoint; return it and its secret, which is shown this once.

    Raises Invalid for an address that is not posted to, or an event that there is not.
    """
    if len(list_endpoints(session)) >= _MOST_ENDPOINTS:
        raise Refused(f"there are {_MOST_ENDPOINTS} endpoints already; remove one first")
    secret = new_secret()
    endpoint = WebhookEndpoint(
        url=check_address(url, allowed_hosts),
        name=_name(name),
        events=list(parse_events(events)),
        addresses=addresses,
        secrets=[{"sealed": seal.close(secret), "until": None}],
        created_at=clock.now(),
    )
    session.add(endpoint)
    session.flush()
    return endpoint, secret


def change_endpoint(
    session: Session,
    endpoint_id: int,
    *,
    url: str | None = None,
    events: Iterable[str] | None = None,
    name: str | None = None,
    addresses: bool | None = None,
    allowed_hosts: Collection[str] = (),
) -> WebhookEndpoint:
    """Change what is given of an endpoint; raises Invalid and NotFound."""
    endpoint = get_endpoint(session, endpoint_id)
    if url is not None:
        endpoint.url = check_address(url, allowed_hosts)
    if events is not None:
        endpoint.events = list(parse_events(events))
    if name is not None:
        endpoint.name = _name(name)
    if addresses is not None:
        endpoint.addresses = addresses
    session.flush()
    return endpoint


def get_endpoint(session: Session, endpoint_id: int) -> WebhookEndpoint:
    """Return an endpoint; raises NotFound."""
    endpoint = session.get(WebhookEndpoint, endpoint_id)
    if endpoint is None:
        raise NotFound(f"there is no webhook {endpoint_id}; see `alerts webhook list`")
    return endpoint


def list_endpoints(session: Session) -> Sequence[WebhookEndpoint]:
    """Return all endpoints in the order in which they were added."""
    return session.scalars(select(WebhookEndpoint).order_by(WebhookEndpoint.id)).all()


def pause_endpoint(session: Session, endpoint_id: int, *, clock: Clock) -> WebhookEndpoint:
    """Tell an endpoint nothing until it goes on; what happens meanwhile waits, three days long."""
    endpoint = get_endpoint(session, endpoint_id)
    if endpoint.paused_at is not None:
        raise Refused(f"webhook {endpoint_id} is paused already; there is nothing to do")
    endpoint.paused_at, endpoint.paused_because = clock.now(), "paused by hand"
    session.flush()
    return endpoint


def resume_endpoint(session: Session, endpoint_id: int) -> WebhookEndpoint:
    """Let an endpoint go on, at once; how it failed before is forgotten."""
    endpoint = get_endpoint(session, endpoint_id)
    if endpoint.paused_at is None:
        raise Refused(f"webhook {endpoint_id} is not paused; there is nothing to do")
    endpoint.paused_at = endpoint.paused_because = endpoint.not_before = None
    endpoint.failing_since, endpoint.failures = None, 0
    session.flush()
    return endpoint


def remove_endpoint(session: Session, endpoint_id: int) -> WebhookEndpoint:
    """Forget an endpoint, and what it was told."""
    endpoint = get_endpoint(session, endpoint_id)
    session.delete(endpoint)
    session.flush()
    return endpoint


def rotate_secret(session: Session, endpoint_id: int, *, seal: Seal, clock: Clock) -> str:
    """Give an endpoint a new secret, shown this once; the one before signs a day longer."""
    endpoint = get_endpoint(session, endpoint_id)
    secret, now = new_secret(), clock.now()
    until = (now + OVERLAP).isoformat()
    older = [
        {"sealed": one["sealed"], "until": one["until"] or until}
        for one in endpoint.secrets
        if _in_force(one["until"], now)
    ]
    endpoint.secrets = [{"sealed": seal.close(secret), "until": None}, *older]
    session.flush()
    return secret


def secrets_of(endpoint: WebhookEndpoint, *, seal: Seal, now: datetime) -> list[str]:
    """Return the secrets in force, the newest first; raises Refused when none can be opened."""
    sealed = [one["sealed"] for one in endpoint.secrets if _in_force(one["until"], now)]
    try:
        return [seal.open(one) for one in sealed]
    except Refused as error:
        raise Refused(
            "its secret was sealed with a key that is no longer in ALERTS_SECRET_KEY; add that key"
            " again, or make a new secret"
        ) from error


def parse_events(names: Iterable[str]) -> tuple[str, ...]:
    """Return the kinds of these names in their usual order, each once; raises Invalid."""
    wanted = {name.strip().lower() for name in names if name.strip()}
    unknown = sorted(wanted - set(EventKind))
    if unknown:
        raise Invalid(f"{unknown[0]!r} is no event; there are {', '.join(EventKind)}")
    if not wanted:
        raise Invalid("name an event at least, such as issue.sent")
    return tuple(kind.value for kind in EventKind if kind.value in wanted)


def check_address(url: str, allowed_hosts: Collection[str]) -> str:
    """Return an address that may be posted to, as far as it tells itself; raises Invalid."""
    address = url.strip()
    try:
        check_post_url(address, frozenset(host.lower() for host in allowed_hosts))
    except FetchFailed as error:
        raise Invalid(f"{address[:200]!r} cannot be told of events: {error}") from error
    return address


def _name(text: str) -> str:
    name = " ".join(text.split())
    if len(name) > _LONGEST_NAME:
        raise Invalid(f"a name has at most {_LONGEST_NAME} characters, this has {len(name)}")
    return name


def _in_force(until: str | None, now: datetime) -> bool:
    return until is None or datetime.fromisoformat(until) > now
