"""All articles, by what an editor looks for."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from starlette.responses import Response

from alerts.articles.cards import Wanted, count_flagged, find_articles, known_series
from alerts.articles.countries import country_name, find_country
from alerts.errors import Invalid
from alerts.regions import REGIONS
from alerts.staff.permissions import Permission
from alerts.web.desk.articles.words import line_of
from alerts.web.desk.failures import DeskRoute
from alerts.web.desk.frame import Desk, requires
from alerts.web.desk.words import sentence

HERE = "/desk/articles"
_LARGEST = 2**63 - 1
Reading = Annotated[Desk, requires(Permission.ARTICLES_READ)]
Text = Annotated[str, Query(max_length=300)]
router = APIRouter(prefix="/articles", route_class=DeskRoute)


@router.get("")
def show(
    desk: Reading,
    q: Text = "",
    series: Text = "",
    region: Text = "",
    country: Text = "",
    only: Text = "",
    before: Annotated[int | None, Query(ge=1, le=_LARGEST)] = None,
) -> Response:
    """Show the articles that fit, those noticed last first, by the page."""
    asked = {"q": q, "series": series, "region": region, "country": country, "only": only}
    asked = {name: value.strip().replace("\0", "") for name, value in asked.items()}
    code, problem = _country(asked["country"])
    wanted = Wanted(
        words=asked["q"],
        series=asked["series"],
        region=asked["region"] if asked["region"] in REGIONS else "",
        country=code,
        flagged=asked["only"] == "flagged",
        withdrawn=asked["only"] == "withdrawn",
    )
    with desk.site.runtime.database.read() as session:
        found = find_articles(session, wanted, before=before)
        context = {
            "lines": [line_of(line) for line in found.lines],
            "flagged": count_flagged(session),
            "all_series": known_series(session),
        }
    kept = {name: value for name, value in asked.items() if value}
    context |= {
        "asked": asked | {"country": country_name(code) if code else asked["country"]},
        "regions": list(REGIONS.values()),
        "older": f"?{urlencode(kept | {'before': found.next})}" if found.next else "",
        "newest": f"{HERE}?{urlencode(kept)}" if before else "",
        "is_narrow": bool(kept),
        "problem": problem,
    }
    return desk.page("article/list.html", context)


def _country(typed: str) -> tuple[str, str]:
    try:
        return (find_country(typed) if typed else ""), ""
    except Invalid as error:
        return "", sentence(error)
