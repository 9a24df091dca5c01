"""What is kept about a reader, to take away, and its erasing; by their own link."""

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from alerts.delivery.person import personal_csv
from alerts.inbound.erasing import erase_everywhere
from alerts.inbound.person import personal_data
from alerts.tokens import BadToken
from alerts.web.failures import BadLink
from alerts.web.headers import PERSONAL
from alerts.web.public.readers import reader_of
from alerts.web.site import CurrentSite, Site

WAY = "own data page"
router = APIRouter(prefix="/preferences")


@router.get("/{token}/data.json")
def as_json(site: CurrentSite, token: str) -> Response:
    """Return everything about the reader as JSON."""
    return JSONResponse(_document(site, token), headers=_download("json"))


@router.get("/{token}/data.csv")
def as_csv(site: CurrentSite, token: str) -> Response:
    """Return everything about the reader as CSV."""
    text = personal_csv(_document(site, token))
    return Response(text.encode("utf-8-sig"), media_type="text/csv", headers=_download("csv"))


@router.get("/{token}/erase")
def ask(site: CurrentSite, token: str) -> Response:
    """Say what erasing does, with the button; changes nothing."""
    with site.runtime.database.read() as session:
        subscriber = reader_of(session, _read(site, token))
    context = {"email": subscriber.email, "preferences_url": f"/preferences/{token}"}
    return site.pages.page("erase.html", context, headers=PERSONAL)


@router.post("/{token}/erase")
def erase(site: CurrentSite, token: str) -> Response:
    """Erase the reader for good."""
    with site.runtime.database.read() as session:
        subscriber = reader_of(session, _read(site, token))
    erase_everywhere(
        site.runtime.database,
        site.runtime.settings,
        subscriber.id,
        way=WAY,
        clock=site.runtime.clock,
        caught=site.caught,
    )
    return site.pages.page("erased.html", headers=PERSONAL)


def _document(site: Site, token: str) -> dict[str, object]:
    with site.runtime.database.read() as session:
        return personal_data(session, reader_of(session, _read(site, token)))


def _download(ending: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="my-subscription.{ending}"', **PERSONAL}


def _read(site: Site, token: str) -> str:
    try:
        return site.links.read_preferences(token)
    except BadToken as error:
        raise BadLink from error
