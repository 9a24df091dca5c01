"""For machines: is the process up, and can it do its work."""

from http import HTTPStatus

from fastapi import APIRouter
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import JSONResponse

from alerts.database import Database
from alerts.migrations import HEAD, schema_revision
from alerts.web.site import CurrentSite

router = APIRouter()
_UNCACHED = {"Cache-Control": "no-store"}


@router.get("/healthz")
def healthz() -> JSONResponse:
    """Answer that the process is up, whatever it can reach."""
    return JSONResponse({"status": "up"}, headers=_UNCACHED)


@router.get("/readyz")
def readyz(site: CurrentSite) -> JSONResponse:
    """Answer 200 when database and broker are there, else 503 naming what is missing."""
    checks = {
        "database": database_check(site.runtime.database),
        "broker": "ok" if site.queue.answers() else "the broker does not answer",
    }
    missing = [name for name, finding in checks.items() if finding != "ok"]
    return JSONResponse(
        {"status": "missing" if missing else "ready", "missing": missing, "checks": checks},
        status_code=HTTPStatus.SERVICE_UNAVAILABLE if missing else HTTPStatus.OK,
        headers=_UNCACHED,
    )


def database_check(database: Database) -> str:
    """Return `ok`, or one line that says what is wrong with the database."""
    try:
        found = schema_revision(database)
    except SQLAlchemyError:
        return "the database does not answer"
    if found != HEAD:
        return f"the schema is {found or 'missing'}, {HEAD} is needed; run `alerts init`"
    return "ok"
