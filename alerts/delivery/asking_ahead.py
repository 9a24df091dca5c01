"""Links of drafts are asked for before anybody opens the checks: an editor finds them done."""

from collections.abc import Sequence

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from alerts.clock import Clock
from alerts.config import Settings
from alerts.database import Database
from alerts.delivery.linting import ask_for_links
from alerts.delivery.publishing import render_issue
from alerts.errors import AlertsError
from alerts.newsletters.models import Issue, IssueState
from alerts.rendering.service import RenderedEdition, Renderer

log = structlog.get_logger(__name__)

_MOST_AT_ONCE = 20


def drafts_to_ask_for(session: Session) -> list[int]:
    """Return drafts that were made, or changed, since their links were last asked for."""
    query = (
        select(Issue.id)
        .where(Issue.state == IssueState.DRAFT, Issue.links_version != Issue.version)
        .order_by(Issue.id.desc())
        .limit(_MOST_AT_ONCE)
    )
    return list(session.scalars(query))


def ask_ahead(
    database: Database, issue_id: int, *, settings: Settings, renderer: Renderer, clock: Clock
) -> Sequence[int]:
    """Have the links of a draft asked for as it is now; safe to run twice.

    Returns the checks to be enqueued once this is committed. Of a draft that cannot be rendered
    nothing is asked for: its checks say why, and it comes again when it is changed.
    """
    with database.read() as session:
        issue = session.get(Issue, issue_id)
        if issue is None or issue.state is not IssueState.DRAFT:
            return ()
        version = issue.version
        if issue.links_version == version:
            return ()
        rendered = _rendered(session, issue, settings, renderer)
    with database.transaction() as session:
        session.execute(
            update(Issue)
            .where(Issue.id == issue_id, Issue.links_version < version)
            .values(links_version=version)
            .execution_options(synchronize_session=False)
        )
        if rendered is None:
            return ()
        return ask_for_links(session, rendered, settings=settings, clock=clock).to_do


def _rendered(
    session: Session, issue: Issue, settings: Settings, renderer: Renderer
) -> RenderedEdition | None:
    try:
        return render_issue(session, issue, settings=settings, renderer=renderer)
    except AlertsError as error:
        log.info("links_not_asked_for", issue=issue.id, why=str(error))
        return None
