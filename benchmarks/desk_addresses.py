"""What is asked of each route of the desk and of the archive when their times are measured."""

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from benchmarks.years import NEWSLETTER, Issues

READERS = int(os.environ.get("READERS", "1000000"))
ARTICLES = int(os.environ.get("ARTICLES", "20000"))
SITEMAPS = "/sitemap.xml", "/sitemap-{number}.xml"


def addresses(issues: Issues, upload: int) -> Mapping[str, Sequence[str]]:
    """Return what is asked of each route: usual looks, and those that are harder to answer."""
    return _archive() | _issues(issues) | _newsroom() | _readers(upload) | _house()


def _archive() -> dict[str, Sequence[str]]:
    return {
        "/": ["/"],
        "/archive/": ["/archive/"],
        "/archive/search": [
            "/archive/search",
            "/archive/search?q=zanzibar",
            "/archive/search?q=ferry+crossing",
            '/archive/search?q="ferry+crossing"+word17',
            "/archive/search?q=wor",
            "/archive/search?q=nowhere",
        ],
        **{f"/archive/{kind}": [f"/archive/{kind}"] for kind in ("region", "series", "year")},
        "/archive/author": ["/archive/author"],
        "/archive/region/{slug}": [
            "/archive/region/africa",
            f"/archive/region/africa?page={ARTICLES // 200}",
        ],
        "/archive/series/{slug}": ["/archive/series/series-3"],
        "/archive/author/{slug}": ["/archive/author/author-number-17"],
        "/archive/year/{slug}": [f"/archive/year/{datetime.now(UTC).year}"],
        "/archive/feed.atom": ["/archive/feed.atom"],
        "/archive/feed.json": ["/archive/feed.json"],
        "/archive/{slug}": [f"/archive/{NEWSLETTER}", f"/archive/{NEWSLETTER}?page=2"],
        "/archive/{slug}/{number}": [f"/archive/{NEWSLETTER}/1"],
        "/archive/{slug}/feed.atom": [f"/archive/{NEWSLETTER}/feed.atom"],
        "/archive/{slug}/feed.json": [f"/archive/{NEWSLETTER}/feed.json"],
        SITEMAPS[0]: [SITEMAPS[0]],
        SITEMAPS[1]: ["/sitemap-1.xml"],
    }


def _issues(issues: Issues) -> dict[str, Sequence[str]]:
    room, one = "/desk/issues", "/desk/issues/{issue_id}"
    draft, sent, sending = (f"{room}/{n}" for n in (issues.draft, issues.sent, issues.sending))
    approved, old = (f"{room}/{number}" for number in (issues.approved, issues.old))
    return {
        room: [room, f"{room}?state=sent&newsletter={NEWSLETTER}", f"{room}?before=100"],
        one: [draft, sent, old],
        f"{one}/checks": [f"{draft}/checks", f"{sent}/checks"],
        f"{one}/compose": [f"{draft}/compose"],
        f"{one}/history": [f"{draft}/history"],
        f"{one}/history/{{number}}": [f"{draft}/history/1"],
        f"{one}/look": [f"{draft}/look", f"{approved}/look"],
        f"{one}/look/mail": [f"{draft}/look/mail"],
        f"{one}/look/message.eml": [f"{draft}/look/message.eml"],
        f"{one}/number": [f"{draft}/number"],
        # One that is over tells how it stands and ends; a stream would go on.
        f"{one}/progress": [f"{sent}/progress"],
        f"{one}/report": [f"{sent}/report", f"{sending}/report", f"{old}/report"],
        f"{one}/report.csv": [f"{sent}/report.csv"],
        f"{one}/report/{{chart}}.svg": [f"{sent}/report/{n}.svg" for n in ("ends", "messages")],
        f"{one}/send": [f"{place}/send" for place in (draft, approved, sending, sent)],
        f"{one}/send/confirm": [f"{approved}/send/confirm"],
    }


def _newsroom() -> dict[str, Sequence[str]]:
    articles, newsletters = "/desk/articles", "/desk/newsletters"
    one = f"{newsletters}/{NEWSLETTER}"
    return {
        articles: [
            articles,
            f"{articles}?q=author+number+17",
            f"{articles}?q=nowhere",
            f"{articles}?series=Series+3&region=africa&country=Mali",
            f"{articles}?only=flagged",
            f"{articles}?before=10000",
        ],
        f"{articles}/add": [f"{articles}/add"],
        f"{articles}/{{article_id}}": [f"{articles}/7"],
        f"{articles}/{{article_id}}/edit": [f"{articles}/7/edit"],
        "/desk/sources": ["/desk/sources"],
        "/desk/sources/{source_id}": ["/desk/sources/7"],
        newsletters: [newsletters],
        f"{newsletters}/all/file": [f"{newsletters}/all/file"],
        f"{newsletters}/all/new": [f"{newsletters}/all/new"],
        f"{newsletters}/{{slug}}": [one],
        **{
            f"{newsletters}/{{slug}}/{name}": [f"{one}/{name}"]
            for name in ("change", "export", "schedules", "text")
        },
        f"{newsletters}/{{slug}}/schedules/set": [f"{one}/schedules/set"],
    }


def _readers(upload: int) -> dict[str, Sequence[str]]:
    room, one = "/desk/subscribers", "/desk/subscribers/{subscriber_id}"
    growth, imports = f"{room}/growth", f"{room}/import/{{upload_id}}"
    return {
        room: [
            room,
            f"{room}?begins=gp-alert-77",
            f"{room}?state=suppressed",
            f"{room}?newsletter={NEWSLETTER}",
            f"{room}?segment=fifty",
            f"{room}?segment=west",
            f"{room}?query=signed+up+in+the+last+7+days",
            f"{room}?before={READERS // 2}",
        ],
        f"{room}/add": [f"{room}/add"],
        growth: [growth, f"{growth}?days=365", f"{growth}?newsletter={NEWSLETTER}"],
        f"{growth}.csv": [f"{growth}.csv?days=365"],
        f"{growth}/{{newsletter}}.svg": [f"{growth}/all.svg?days=365"],
        f"{room}/import": [f"{room}/import"],
        imports: [f"{room}/import/{upload}"],
        f"{room}/segments": [f"{room}/segments"],
        f"{room}/segments/{{slug}}": [f"{room}/segments/fifty", f"{room}/segments/west"],
        f"{room}/suppressions": [f"{room}/suppressions"],
        one: [f"{room}/200"],
        f"{one}/data.{{kind}}": [f"{room}/200/data.json", f"{room}/200/data.csv"],
        f"{one}/erase": [f"{room}/200/erase"],
    }


def _house() -> dict[str, Sequence[str]]:
    operations, returned = "/desk/operations", "/desk/returned"
    charts = [f"{operations}/charts/{name}.svg" for name in ("answers", "hours", "queues")]
    return {
        "/desk/login": ["/desk/login"],
        "/desk/code": ["/desk/code"],
        "/desk/": ["/desk/"],
        "/desk/account": ["/desk/account"],
        operations: [operations],
        f"{operations}/charts/{{name}}.svg": charts,
        f"{operations}/doctor": [f"{operations}/doctor"],
        f"{operations}/release": [f"{operations}/release"],
        returned: [returned, f"{returned}?days=366", f"{returned}?kind=bounce&state=done"],
        f"{returned}/chart.svg": [f"{returned}/chart.svg?days=90"],
        f"{returned}/{{mail_id}}": [f"{returned}/7"],
        "/desk/webhooks": ["/desk/webhooks"],
        "/desk/webhooks/{webhook_id}": ["/desk/webhooks/1"],
        "/desk/staff": ["/desk/staff"],
        "/desk/staff/{account_id}": ["/desk/staff/1"],
        "/desk/log": ["/desk/log", "/desk/log?subject=issue:7", "/desk/log?actor=program"],
    }
