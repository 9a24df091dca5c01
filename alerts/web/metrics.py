"""`/metrics` for Prometheus: to this machine, or to whoever holds the token."""

import hmac
import ipaddress
from http import HTTPStatus

from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import PlainTextResponse, Response

from alerts.web.site import CurrentSite

router = APIRouter()
# A proxy on this machine connects from it whoever asks; it says so by one of these.
_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip", "via")


@router.get("/metrics")
def metrics(request: Request, site: CurrentSite) -> Response:
    """Answer with the metrics in Prometheus' text format, or 403."""
    if not _may_look(request, site.runtime.settings.metrics_token):
        return PlainTextResponse(
            "metrics are for this machine, or for whoever holds ALERTS_METRICS_TOKEN\n",
            HTTPStatus.FORBIDDEN,
        )
    return Response(
        site.metrics.text(),
        media_type=CONTENT_TYPE_LATEST,
        headers={"Cache-Control": "no-store"},
    )


def _may_look(request: Request, token: str) -> bool:
    scheme, _, shown = request.headers.get("authorization", "").partition(" ")
    if token and scheme.lower() == "bearer":
        return hmac.compare_digest(shown.strip().encode(), token.encode())
    if any(name in request.headers for name in _FORWARDED) or request.client is None:
        return False
    try:
        return ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
