"""The report on one issue: what became of everybody, over what time, and what came back."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.responses import Response

from alerts.clock import rfc3339
from alerts.delivery.clicks import LinkClicks, clicks_by_day, clicks_of
from alerts.delivery.kept import KeptReport
from alerts.delivery.reporting import kept_report, latest_figures
from alerts.delivery.status_codes import in_words
from alerts.delivery.tallies import Standing, sent_by_minute
from alerts.errors import NotFound
from alerts.newsletters.issues import counts_clicks, issue_alone
from alerts.newsletters.models import Issue, IssueState, Newsletter
from alerts.newsletters.service import definition_of, get_newsletter
from alerts.staff.permissions import Permission
from alerts.subscribers.files.cells import with_formula_mark
from alerts.web.chart_shapes import ONE
from alerts.web.charts import Bars, Chart, Columns, Row
from alerts.web.desk.charting import image_of
from alerts.web.desk.failures import DeskRoute
from alerts.web.desk.frame import Desk, requires
from alerts.web.desk.sending.look import Look, in_classes, look_at, span_in_words
from alerts.web.desk.sending.over_time import over_time
from alerts.web.desk.sending.page import address_of
from alerts.web.headers import PERSONAL

Reporting = Annotated[Desk, requires(Permission.REPORTS_READ)]
router = APIRouter(prefix="/issues/{issue_id}/report", route_class=DeskRoute)


@dataclass(frozen=True, slots=True)
class Line:
    """One figure: what it counts, how many, and what it means where that is not plain."""

    name: str
    count: int
    note: str = ""


@dataclass(frozen=True)
class Report:
    """All figures of one issue; `minutes` on the newsletter's wall clock."""

    issue: Issue
    look: Look
    kept: KeptReport | None
    newsletter: Newsletter
    zone: str
    ends: tuple[Line, ...]
    failures: tuple[Line, ...]
    skips: tuple[Line, ...]
    returned: tuple[Line, ...]
    minutes: tuple[tuple[datetime, int], ...]
    counts_clicks: bool
    links: tuple[LinkClicks, ...]
    click_days: tuple[tuple[date, int], ...]

    @property
    def clicks(self) -> int:
        """How often any link was followed."""
        return sum(link.clicks for link in self.links)

    @property
    def seconds(self) -> float | None:
        """How long it took from its start to its end; None while it is on its way."""
        began, ended = self.issue.started_at, self.issue.finished_at
        return max(0.001, (ended - began).total_seconds()) if began and ended else None

    @property
    def took(self) -> str:
        """The same in words."""
        return span_in_words(self.seconds) if self.seconds is not None else ""

    @property
    def spans(self) -> list[tuple[datetime, int]]:
        """Messages over time, in spans that can be told apart."""
        return over_time(self.minutes)

    @property
    def charts(self) -> dict[str, Chart]:
        """Its charts by name; that of clicks only where clicks are counted."""
        spans = self.spans
        found: dict[str, Chart] = {
            "ends": Bars([Row(line.name, {"one": line.count}) for line in self.ends], ONE),
            "messages": Columns([Row(_clock(at, spans), {"one": n}) for at, n in spans], ONE),
        }
        if self.counts_clicks:
            days = [Row(f"{day:%-d %b}", {"one": count}) for day, count in self.click_days]
            found["clicks"] = Columns(days, ONE)
        return found


@router.get("")
def show(desk: Reporting, issue_id: int) -> Response:
    """Show the report, with its charts as pictures and a table beside each."""
    report = report_of(desk, issue_id)
    context = {
        "report": report,
        "issue": report.issue,
        "newsletter": report.newsletter,
        "address": address_of(issue_id),
    }
    return desk.page("send/report.html", context)


@router.get(".csv")
def as_csv(desk: Reporting, issue_id: int) -> Response:
    """Return the figures as CSV: part, name, count; times in UTC."""
    headers = PERSONAL | {"Content-Disposition": f'attachment; filename="issue-{issue_id}.csv"'}
    text = _csv(report_of(desk, issue_id))
    return Response(text, headers=headers, media_type="text/csv; charset=utf-8")


@router.get("/{chart}.svg")
def picture(desk: Reporting, issue_id: int, chart: str, narrow: bool = False) -> Response:
    """Return one of the charts as an image, `narrow` for a phone; raises NotFound."""
    drawn = report_of(desk, issue_id).charts.get(chart)
    if drawn is None:
        raise NotFound(f"there is no chart {chart[:20]!r} of issue {issue_id}")
    return image_of(drawn, narrow=narrow)


def report_of(desk: Desk, issue_id: int) -> Report:
    """Gather the figures: kept ones of an issue that is over, else those kept beside the ledger."""
    runtime = desk.site.runtime
    kept = kept_report(runtime.database, issue_id, clock=runtime.clock)
    with runtime.database.read() as session:
        issue = issue_alone(session, issue_id)
        look = look_at(session, issue_id, now=runtime.clock.now())
        if kept:
            look = look.with_figures(kept.figures)
        return _gathered(session, issue, look, kept)


def _gathered(session: Session, issue: Issue, look: Look, kept: KeptReport | None) -> Report:
    figures = kept.figures if kept else {}
    newsletter = get_newsletter(session, issue.newsletter)
    zone = definition_of(newsletter).time_zone
    wall_clock = ZoneInfo(zone)
    return Report(
        issue=issue,
        look=look,
        kept=kept,
        newsletter=newsletter,
        zone=zone,
        ends=_ends(look),
        failures=_failures(figures, look.standing),
        skips=_with_words(figures.get("skips", {})),
        returned=_returned(latest_figures(session, issue.id)),
        minutes=tuple(
            (minute.astimezone(wall_clock), count)
            for minute, count in sent_by_minute(session, issue.id)
        ),
        counts_clicks=counts_clicks(session, issue),
        links=tuple(clicks_of(session, issue.id)),
        click_days=tuple(clicks_by_day(session, issue.id)),
    )


def _ends(look: Look) -> tuple[Line, ...]:
    """Return where everybody ended."""
    cancelled = look.state is IssueState.CANCELLED
    names = ("sent", "failed", "skipped", "uncertain", "pending")
    counts = {name: getattr(look.standing, name) for name in names}
    words = {
        "sent": "Sent",
        "failed": "Bounced or given up",
        "skipped": "Skipped",
        "uncertain": "Uncertain",
        "pending": "Being called off" if cancelled else "Not ended yet",
    }
    notes = {
        "sent": "a mail server took it",
        "uncertain": "on the wire when something broke; it may have arrived",
        "pending": "on the wire when it was cancelled; look again in a minute" if cancelled else "",
    }
    return tuple(
        Line(words[name], count, notes.get(name, ""))
        for name, count in counts.items()
        if count or name in {"sent", "failed", "skipped"}
    )


def _failures(figures: dict[str, Any], standing: Standing) -> tuple[Line, ...]:
    if "failures" in figures:
        return _with_words(figures["failures"])
    return tuple(Line(words, count) for words, count in in_classes(standing.failures))


def _with_words(reasons: dict[str, int]) -> tuple[Line, ...]:
    return tuple(
        Line(reason or "no reason told", count, in_words(reason))
        for reason, count in sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0]))
    )


def _returned(latest: dict[str, Any]) -> tuple[Line, ...]:
    returned = latest["returned"]
    return (
        Line("Came back: hard", returned["hard"], "nobody is there"),
        Line("Came back: soft", returned["soft"], "not now, a full mailbox for one"),
        Line("Came back: policy", returned["policy"], "the server does not want it from us"),
        Line("Complained", latest["complained"], "called it spam at their mail provider"),
        Line("Unsubscribed", latest["unsubscribed"], "by a link in this very issue"),
    )


def _clock(at: datetime, spans: Sequence[tuple[datetime, int]]) -> str:
    several_days = spans[0][0].date() != spans[-1][0].date()
    return f"{at:%-d %b %H:%M}" if several_days else f"{at:%H:%M}"


def _csv(report: Report) -> str:
    buffer = io.StringIO()
    rows = csv.writer(buffer)
    rows.writerow(("part", "name", "count"))
    for row in _rows(report):
        rows.writerow((row[0], with_formula_mark(row[1]), row[2]))
    return buffer.getvalue()


def _rows(report: Report) -> Iterable[tuple[str, str, float]]:
    yield "audience", "readers", report.look.standing.audience
    for part, lines in (
        ("end", report.ends),
        ("failure", report.failures),
        ("skip", report.skips),
        ("afterwards", report.returned),
    ):
        yield from ((part, line.name, line.count) for line in lines)
    if report.seconds is not None:
        yield "time", "seconds", round(report.seconds, 3)
    for minute, count in report.minutes:
        yield "minute", rfc3339(minute.astimezone(ZoneInfo("UTC"))), count
    for link in report.links:
        yield "link", link.url, link.clicks
    for day, count in report.click_days:
        yield "click day", day.isoformat(), count
