"""A sign-up form for other sites: plain HTML that needs no script, to be copied."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from alerts.web.site import CurrentSite

router = APIRouter()


@router.get("/embed")
def embed(
    site: CurrentSite, newsletter: Annotated[list[str] | None, Query(max_length=50)] = None
) -> Response:
    """Show the form's HTML for these newsletters, all of them where none is named."""
    entries = site.entries()
    chosen = [entries[slug] for slug in newsletter or () if slug in entries]
    markup = site.pages.text(
        "embedded_form.html",
        {
            "action": f"{site.runtime.settings.base_url}/subscribe",
            "offers": [entry.offer for entry in chosen or entries.values()],
        },
    )
    context = {"markup": markup, "entries": list(entries.values()), "chosen": newsletter or []}
    return site.pages.page("embed.html", context)
