"""`/inbound/webhooks/…`: what mail providers tell of bounces and complaints, stored, then answered.

An application of its own, since a call holds more than a form may, and its answers are for
programs.
"""

import base64
import binascii
from http import HTTPStatus
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Depends, FastAPI, Request
from starlette.responses import JSONResponse, Response

from alerts import __version__
from alerts.errors import Invalid, Refused
from alerts.inbound.providers.calls import Call, NotTheirs
from alerts.inbound.providers.service import Webhooks
from alerts.inbound.service import Intake
from alerts.web.api.problems import problem, register_problems
from alerts.web.site import Site

log = structlog.get_logger(__name__)

# SendGrid collects events up to less than this, SNS sends a quarter of a megabyte.
LARGEST_CALL = 4 * 1024 * 1024
_LONGEST_SECRET = 500
router = APIRouter(prefix="/webhooks")


def create_webhooks(site: Site, webhooks: Webhooks) -> FastAPI:
    """Return the application; whoever makes it closes the webhooks."""
    app = FastAPI(
        title=f"{site.pages.site_name}: webhooks",
        version=__version__,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        max_body_size=LARGEST_CALL,
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.state.site = site
    app.state.webhooks = webhooks
    register_problems(app)
    app.include_router(router)
    return app


async def call_of(request: Request) -> Call:
    """Return a request as a provider's call."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    shown = request.path_params.get("secret") or _password(headers.get("authorization", ""))
    return Call(await request.body(), headers, shown[:_LONGEST_SECRET])


ProviderCall = Annotated[Call, Depends(call_of)]


@router.post("/{provider}")
@router.post("/{provider}/{secret}")
def take(provider: str, request: Request, call: ProviderCall) -> Response:
    """Store what a provider tells: 200 when it is stored, or was stored before."""
    state: Any = request.app.state
    site: Site = state.site
    webhooks: Webhooks = state.webhooks
    try:
        arrivals = webhooks.arrivals(provider, call)
    except NotTheirs as error:
        log.warning("webhook_refused", provider=provider, why=str(error))
        return problem(request, HTTPStatus.FORBIDDEN, str(error))
    except Invalid as error:
        return problem(request, HTTPStatus.BAD_REQUEST, str(error))
    except Refused as error:
        # What it takes to check the call is away; the provider comes again.
        log.warning("webhook_not_checked", provider=provider, why=str(error))
        headers = {"Retry-After": "60"}
        return problem(request, HTTPStatus.SERVICE_UNAVAILABLE, str(error), headers=headers)
    if arrivals is None:
        known = ", ".join(webhooks.names) or "none"
        return problem(
            request, HTTPStatus.NOT_FOUND, f"no provider of this name may call; known here: {known}"
        )
    runtime = site.runtime
    intake = Intake(runtime.database, site.queue, runtime.clock, runtime.settings.keep_inbound)
    stored = intake.take_in(arrivals) if arrivals else []
    return JSONResponse(
        {"stored": sum(one.is_new for one in stored), "known": sum(not o.is_new for o in stored)},
        headers={"Cache-Control": "no-store"},
    )


def _password(authorization: str) -> str:
    """Return the password of basic authentication; empty without one."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        shown = base64.b64decode(encoded, validate=True).decode("utf-8", errors="replace")
    except (binascii.Error, ValueError):
        return ""
    return shown.partition(":")[2]
