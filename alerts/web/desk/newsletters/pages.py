"""The newsletters, to look at: all of them, and one with its settings."""

from datetime import datetime

from fastapi import APIRouter
from starlette.responses import PlainTextResponse, Response

from alerts.newsletters.models import Schedule
from alerts.newsletters.numbering import label
from alerts.newsletters.numbers import next_for
from alerts.newsletters.runs import last_runs
from alerts.newsletters.schedules import next_occurrences
from alerts.newsletters.service import (
    definition_of,
    export_toml,
    get_newsletter,
    list_newsletters,
)
from alerts.staff.audit import Subject, audit_page
from alerts.web.desk.failures import DeskRoute
from alerts.web.desk.newsletters.filled import filled
from alerts.web.desk.newsletters.looking import Reading, document_of, template_names
from alerts.web.desk.newsletters.settings import APPROVALS, groups
from alerts.web.headers import PERSONAL
from alerts.web.words import moment_in_words

router = APIRouter(prefix="/newsletters", route_class=DeskRoute)
_CHANGES = 5


@router.get("")
def show_all(desk: Reading) -> Response:
    """Show every newsletter, with its pace."""
    with desk.site.runtime.database.read() as session:
        found = [(one, definition_of(one)) for one in list_newsletters(session)]
    return desk.page("newsletter/list.html", {"newsletters": found, "approvals": dict(APPROVALS)})


@router.get("/{slug}")
def show(desk: Reading, slug: str) -> Response:
    """Show one newsletter: when it comes next, its numbers, and all of its settings."""
    now = desk.site.runtime.clock.now()
    with desk.site.runtime.database.read() as session:
        newsletter = get_newsletter(session, slug)
        definition = definition_of(newsletter)
        runs = last_runs(session, newsletter.schedules)
        schedules = [
            {
                "schedule": one,
                "next": "" if one.paused else _next_words(one, now),
                "run": runs.get(one.id),
            }
            for one in newsletter.schedules
        ]
        numbers = [
            (frequency, next_for(session, definition, frequency, now))
            for frequency in definition.frequencies
        ]
        changes = audit_page(session, subject=Subject("newsletter", slug), limit=_CHANGES).lines
    shown = groups(is_new=False, templates=template_names(desk))
    context = {
        "definition": definition,
        "schedules": schedules,
        "numbers": [
            (frequency, label(one.number, one.volume, one.volume_number))
            for frequency, one in numbers
        ],
        "groups": filled(shown, document_of(definition)),
        "changes": changes,
    }
    return desk.page("newsletter/show.html", context)


@router.get("/{slug}/export")
def export(desk: Reading, slug: str) -> Response:
    """Hand a newsletter out as its TOML file."""
    with desk.site.runtime.database.read() as session:
        text = export_toml(session, slug)
    headers = PERSONAL | {"Content-Disposition": f'attachment; filename="{slug}.toml"'}
    return PlainTextResponse(text, media_type="application/toml", headers=headers)


def _next_words(schedule: Schedule, now: datetime) -> str:
    found = next_occurrences(schedule, count=1, after=now)
    return moment_in_words(found[0].local) if found else ""
