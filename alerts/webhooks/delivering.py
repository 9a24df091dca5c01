"""Telling endpoints what happened: claim, commit, post, record; one worker for each endpoint."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from alerts.articles.fetching.answers import FetchFailed
from alerts.articles.fetching.posting import Posted, Poster
from alerts.clock import Clock
from alerts.config import Settings
from alerts.database import Database
from alerts.errors import AlertsError
from alerts.holding import is_held
from alerts.outbox.models import DeliveryEnd, WebhookDelivery, WebhookEndpoint, WebhookEvent
from alerts.staff.seal import Seal
from alerts.webhooks.endpoints import secrets_of
from alerts.webhooks.payload import body_of
from alerts.webhooks.queries import is_free
from alerts.webhooks.signing import signed_headers
from alerts.webhooks.waits import PATIENCE, wait_after

log = structlog.get_logger(__name__)

# Longer than a round lasts at the most, with its last request.
_LEASE = timedelta(minutes=3)
_ROUND_SECONDS = 60.0
_MOST_A_ROUND = 100
_LONGEST_ANSWER = 500
_GONE = 410
# What says that the whole endpoint is in trouble, not this one event.
_BUSY = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True)
class _Request:
    """All that one attempt needs, read before anything is posted."""

    delivery_id: int
    url: str
    body: bytes
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an attempt: the status where there was an answer, and its first words."""

    status: int | None
    text: str
    retry_after: timedelta | None = None

    @property
    def is_good(self) -> bool:
        """Whether the receiver has taken it (2xx)."""
        return self.status is not None and 200 <= self.status < 300  # noqa: PLR2004 - success

    @property
    def is_trouble(self) -> bool:
        """Whether there is no use in telling this endpoint anything else now."""
        return self.status is None or self.status >= 500 or self.status in _BUSY  # noqa: PLR2004 - the server's own trouble


class Deliverer:
    """Works off what is due for endpoints; `dice` gives numbers between 0 and 1 for the jitter."""

    def __init__(
        self,
        database: Database,
        *,
        poster: Poster,
        seal: Seal,
        clock: Clock,
        dice: Callable[[], float] = random.random,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._poster = poster
        self._seal = seal
        self._clock = clock
        self._dice = dice
        self._monotonic = monotonic

    def close(self) -> None:
        """Close the connections."""
        self._poster.close()

    def work_off(self, endpoint_id: int) -> bool:
        """Tell an endpoint what is due for it; True when more is due at once.

        Nothing happens while another worker does, or the endpoint is paused or to be left alone.
        """
        fence = self._claim(endpoint_id)
        if fence is None:
            return False
        ends = self._monotonic() + _ROUND_SECONDS
        for _ in range(_MOST_A_ROUND):
            request = self._next(endpoint_id)
            if request is None or not self._tell(endpoint_id, fence, request):
                self._release(endpoint_id, fence)
                return False
            if self._monotonic() > ends:
                break
        self._release(endpoint_id, fence)
        return True

    def deliver_now(self, delivery_id: int) -> Outcome:
        """Make one attempt at once, whatever is due, and return what came of it: for a test."""
        with self._database.read() as session:
            delivery = session.get_one(WebhookDelivery, delivery_id)
            endpoint = session.get_one(WebhookEndpoint, delivery.endpoint_id)
            request = self._request(session, delivery, endpoint)
        outcome = self._post(request)
        with self._database.transaction() as session:
            delivery = session.get_one(WebhookDelivery, delivery_id)
            _note(delivery, outcome, self._clock.now())
            delivery.state = DeliveryEnd.DELIVERED if outcome.is_good else DeliveryEnd.DEAD
            if outcome.is_good:
                endpoint = session.get_one(WebhookEndpoint, delivery.endpoint_id)
                endpoint.last_success_at = self._clock.now()
        return outcome

    def _claim(self, endpoint_id: int) -> int | None:
        now = self._clock.now()
        with self._database.transaction() as session:
            if is_held(session):
                # A restored system: somebody looks at what is due first.
                return None
            fence = session.scalar(
                update(WebhookEndpoint)
                .where(WebhookEndpoint.id == endpoint_id, is_free(now))
                .values(claimed_until=now + _LEASE, fence=WebhookEndpoint.fence + 1)
                .returning(WebhookEndpoint.fence)
                .execution_options(synchronize_session=False)
            )
            session.execute(
                update(WebhookDelivery)
                .where(
                    WebhookDelivery.endpoint_id == endpoint_id,
                    WebhookDelivery.state == DeliveryEnd.PENDING,
                    WebhookDelivery.until <= now,
                )
                .values(state=DeliveryEnd.DEAD)
                .execution_options(synchronize_session=False)
            )
        return fence

    def _release(self, endpoint_id: int, fence: int) -> None:
        with self._database.transaction() as session:
            session.execute(
                update(WebhookEndpoint)
                .where(WebhookEndpoint.id == endpoint_id, WebhookEndpoint.fence == fence)
                .values(claimed_until=None)
                .execution_options(synchronize_session=False)
            )

    def _next(self, endpoint_id: int) -> _Request | None:
        """Return the oldest delivery that is due, as a request; None when there is none."""
        due = (
            select(WebhookDelivery)
            .where(
                WebhookDelivery.endpoint_id == endpoint_id,
                WebhookDelivery.state == DeliveryEnd.PENDING,
                WebhookDelivery.not_before <= self._clock.now(),
            )
            .order_by(WebhookDelivery.id)
            .limit(1)
        )
        with self._database.read() as session:
            delivery = session.scalars(due).first()
            endpoint = session.get(WebhookEndpoint, endpoint_id)
            if delivery is None or endpoint is None or endpoint.paused_at is not None:
                return None
            return self._request(session, delivery, endpoint)

    def _request(
        self, session: Session, delivery: WebhookDelivery, endpoint: WebhookEndpoint
    ) -> _Request:
        now = self._clock.now()
        event = session.get_one(WebhookEvent, delivery.event_id)
        try:
            keys = secrets_of(endpoint, seal=self._seal, now=now)
        except AlertsError as error:
            # Said where somebody looks: beside the delivery.
            return _Request(delivery.id, "", str(error).encode(), {})
        body = body_of(session, event, endpoint, keys[0])
        headers = signed_headers(
            keys, message_id=event.public_id, timestamp=int(now.timestamp()), body=body
        )
        headers["Content-Type"] = "application/json"
        return _Request(delivery.id, endpoint.url, body, headers)

    def _post(self, request: _Request) -> Outcome:
        if not request.url:
            return Outcome(None, request.body.decode())
        try:
            posted: Posted = self._poster.post(request.url, request.body, request.headers)
        except FetchFailed as error:
            return Outcome(None, str(error))
        return Outcome(posted.status, posted.text, posted.retry_after)

    def _tell(self, endpoint_id: int, fence: int, request: _Request) -> bool:
        """Make an attempt and write down what came of it; False when the round is to end."""
        outcome = self._post(request)
        with self._database.transaction() as session:
            endpoint = session.scalars(
                select(WebhookEndpoint)
                .where(WebhookEndpoint.id == endpoint_id, WebhookEndpoint.fence == fence)
                .with_for_update()
            ).first()
            delivery = session.get(WebhookDelivery, request.delivery_id)
            if endpoint is None or delivery is None:
                # Removed meanwhile, or another worker took over: what it finds is what counts.
                return False
            now = self._clock.now()
            _note(delivery, outcome, now)
            if outcome.is_good:
                _succeed(endpoint, delivery, now)
                return True
            self._fail(endpoint, delivery, outcome, now)
            return not outcome.is_trouble and endpoint.paused_at is None

    def _fail(
        self,
        endpoint: WebhookEndpoint,
        delivery: WebhookDelivery,
        outcome: Outcome,
        now: datetime,
    ) -> None:
        wait = wait_after(delivery.attempts, dice=self._dice(), asked=outcome.retry_after)
        delivery.not_before = now + wait
        if delivery.not_before >= delivery.until:
            delivery.state = DeliveryEnd.DEAD
        endpoint.failing_since = endpoint.failing_since or now
        if outcome.is_trouble:
            endpoint.failures += 1
            pause = wait_after(endpoint.failures, dice=self._dice(), asked=outcome.retry_after)
            endpoint.not_before = now + pause
        if outcome.status == _GONE:
            _pause(endpoint, now, "it answered 410 Gone: nobody wants to be told there any more")
        elif now - endpoint.failing_since >= PATIENCE:
            _pause(endpoint, now, f"nothing got through for two days; last: {_line(outcome)}")


def open_deliverer(database: Database, settings: Settings, clock: Clock) -> Deliverer:
    """Return the deliverer of a program's settings; its owner closes it."""
    poster = Poster(contact=settings.base_url, allowed_hosts=settings.fetch_hosts)
    return Deliverer(database, poster=poster, seal=Seal(settings.secret_key), clock=clock)


def _note(delivery: WebhookDelivery, outcome: Outcome, now: datetime) -> None:
    delivery.attempts += 1
    delivery.last_attempt_at = now
    delivery.last_status = outcome.status
    delivery.last_answer = outcome.text[:_LONGEST_ANSWER]


def _succeed(endpoint: WebhookEndpoint, delivery: WebhookDelivery, now: datetime) -> None:
    delivery.state = DeliveryEnd.DELIVERED
    endpoint.last_success_at = now
    endpoint.failing_since, endpoint.failures, endpoint.not_before = None, 0, None


def _pause(endpoint: WebhookEndpoint, now: datetime, why: str) -> None:
    endpoint.paused_at, endpoint.paused_because = now, why
    log.error("webhook_paused", webhook=endpoint.id, why=why)


def _line(outcome: Outcome) -> str:
    answer = f"status {outcome.status}" if outcome.status else ""
    return " ".join(f"{answer} {outcome.text}".split())[:200]
