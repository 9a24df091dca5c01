"""`/metrics` for Prometheus: to this machine, or to whoever holds the token."""

import hmac
import ipaddress
from http import HTTPStatus

from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import PlainTextResponse, Response

from alerts.config import Settings
from alerts.web.hosts import asked_by_own_name
from alerts.web.site import CurrentSite

router = APIRouter()
# A proxy on this machine connects from it whoever asks; it says so by one of these.
_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip", "via")


@router.get("/metrics")
def metrics(request: Request, site: CurrentSite) -> Response:
    """Answer with the metrics in Prometheus' text format, or 403."""
    if not _may_look(request, site.runtime.settings):
        return PlainTextResponse(
            "metrics are for this machine, or for whoever holds ALERTS_METRICS_TOKEN\n",
            HTTPStatus.FORBIDDEN,
        )
    return Response(
        site.metrics.text(),
        media_type=CONTENT_TYPE_LATEST,
        headers={"Cache-Control": "no-store"},
    )


def _may_look(request: Request, settings: Settings) -> bool:
    scheme, _, shown = request.headers.get("authorization", "").partition(" ")
    if settings.metrics_token and scheme.lower() == "bearer":
        return hmac.compare_digest(shown.strip().encode(), settings.metrics_token.encode())
    return _from_here(request) and asked_by_own_name(request, settings.base_url)


def _from_here(request: Request) -> bool:
    if any(name in request.headers for name in _FORWARDED) or request.client is None:
        return False
    try:
        return ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
