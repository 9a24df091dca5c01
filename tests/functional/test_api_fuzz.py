"""Whatever is sent to the API, it answers as its description says, and never with a 500.

`make test` sends a bounded number of requests from a fixed seed; `make api-fuzz` many more.
"""

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from alerts.articles.sources.discovery import Discovered
from alerts.articles.sources.models import SourceKind
from alerts.articles.sources.service import add_source
from alerts.clock import FixedClock
from alerts.database import Database
from alerts.newsletters.issues import draft_issue
from alerts.subscribers.segments.service import Segments
from tests.api_world import Program, a_program
from tests.factories import add_readers, an_article, approved_issue

EXAMPLES = int(os.environ.get("API_FUZZ_EXAMPLES", "4"))
SECONDS = int(os.environ.get("API_FUZZ_SECONDS", "20"))
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_headers_conformance,response_schema_conformance,unsupported_method,ignored_auth"
)


@pytest.mark.timeout(SECONDS * 4 + 200)
def test_no_request_makes_it_fail(database: Database, clock: FixedClock, tmp_path: Path) -> None:
    with a_program(database, clock, tmp_path, api_rate=1_000_000) as program:
        furnish(program)
        done = subprocess.run(
            [
                str(Path(sys.executable).parent / "schemathesis"),
                "run",
                str(described(program, tmp_path / "openapi.json")),
                *("--url", f"{program.site.url}/api"),
                *("--header", f"Authorization:Bearer {program.token}"),
                *("--checks", CHECKS),
                *("--phases", "examples,coverage,fuzzing,stateful"),
                *("--max-examples", str(EXAMPLES), "--max-time", str(SECONDS)),
                *("--seed", "20261130", "--workers", "1", "--request-timeout", "30"),
                *("--no-shrink", "--continue-on-failure", "--no-color"),
            ],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            timeout=SECONDS * 4 + 150,
        )
        assert program.get("/issues")["items"]
    if report := os.environ.get("API_FUZZ_REPORT"):
        Path(report).write_text(done.stdout + done.stderr)
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]


def described(program: Program, path: Path) -> Path:
    """Write the description to a file; keys of idempotency stay at one act alone.

    Elsewhere they would be drawn from a few texts, and all requests but the first of each refused.
    """
    document = program.site.client.get("/api/openapi.json").json()
    for name, operations in document["paths"].items():
        for operation in operations.values():
            operation["parameters"] = [
                one
                for one in operation.get("parameters", [])
                if one["name"] != "Idempotency-Key" or name == "/v1/segments"
            ]
    path.write_text(json.dumps(document))
    return path


def furnish(program: Program) -> None:
    """Put something of everything into the newsroom, so that requests find what they name."""
    site = program.site
    database, clock = site.runtime.database, site.clock
    with database.transaction() as session:
        an_article(session, clock)
        draft_issue(session, "gp-alert", clock=clock)
        add_readers(session, ["ama", "kofi", "afi"], now=clock.now())
        Segments(session, clock=clock).create("gp-alert", "state is confirmed")
        add_source(
            session,
            Discovered(SourceKind.FEED, "https://news.example.org/feed"),
            every=timedelta(hours=1),
            clock=clock,
        )
    clock.advance(timedelta(minutes=1))
    approved_issue(database, clock)
    clock.advance(timedelta(minutes=1))
    approved_issue(database, clock, sending=False)
