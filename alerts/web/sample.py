"""The photos of the sample newsroom, where the demo has put them; nowhere else is there any."""

import re
from http import HTTPStatus

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse

from alerts.paths import sample_photos_dir
from alerts.web.site import CurrentSite

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*\.(?:jpe?g|png|svg|webp)")
_HEADERS = {
    "Cache-Control": "public, max-age=86400",
    # A drawing may style itself, and do nothing else.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
}
router = APIRouter(prefix="/sample")


@router.get("/photos/{name}")
def photo(site: CurrentSite, name: str) -> FileResponse:
    """Serve one photo; looked for at every request, as the demo fills a site that is running."""
    path = sample_photos_dir(site.runtime.settings.data_dir) / name
    if not _NAME.fullmatch(name) or not path.is_file():
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return FileResponse(path, headers=_HEADERS)
