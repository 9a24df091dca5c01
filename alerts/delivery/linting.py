"""Everything that is checked of an issue: its words and its look, and what only its way tells."""

from collections.abc import Iterator

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from alerts.clock import Clock
from alerts.config import Settings
from alerts.config_sending import dkim_covers
from alerts.delivery.assembly import address_of
from alerts.delivery.transports.urls import transport_names
from alerts.newsletters.content import IssueContent
from alerts.newsletters.definitions import NewsletterDefinition
from alerts.newsletters.models import Issue, IssueState
from alerts.newsletters.sent_before import sent_before
from alerts.newsletters.service import definition_of, get_newsletter
from alerts.rendering.lint import Finding, Known, lint
from alerts.rendering.lint.findings import error, in_order, warning
from alerts.rendering.lint.sizes import filled_size
from alerts.rendering.models import Edition
from alerts.rendering.reviewing.addresses import addresses_in
from alerts.rendering.reviewing.links import Asked, ask_for, known_links, states_of
from alerts.rendering.service import RenderedEdition

_STORED = {
    IssueState.APPROVED,
    IssueState.SCHEDULED,
    IssueState.SENDING,
    IssueState.PAUSED,
}


def findings_of(
    session: Session,
    issue: Issue,
    content: IssueContent,
    rendered: RenderedEdition,
    *,
    settings: Settings,
) -> list[Finding]:
    """Return what is wrong with an issue, the worst first; links as they were last looked at."""
    definition = definition_of(get_newsletter(session, issue.newsletter))
    checks = states_of(session, _addresses(rendered, settings))
    known = Known(
        links=known_links(checks),
        sent_before=sent_before(session, issue),
        largest=_largest(session, issue),
        own_site=settings.base_url,
    )
    return in_order(
        [
            *lint(content, rendered, known),
            *_transport(issue, definition, settings),
            *_unsigned(definition, settings),
        ]
    )


def ask_for_links(
    session: Session,
    rendered: RenderedEdition,
    *,
    settings: Settings,
    clock: Clock,
    again: bool = False,
) -> Asked:
    """Have an issue's links looked at that were not of late; commit, then enqueue what is to do."""
    return ask_for(session, _addresses(rendered, settings), again=again, clock=clock)


def _addresses(rendered: RenderedEdition, settings: Settings) -> list[str]:
    return addresses_in(rendered.html, own_site=settings.base_url)


def _largest(session: Session, issue: Issue) -> int | None:
    """Return the size of the largest edition that is stored, with a reader's links in it.

    Before an issue is on its way only the whole is stored, which no group's edition exceeds but
    where texts were cut to the limit.
    """
    if issue.state not in _STORED:
        return None
    html = session.scalar(
        select(Edition.html)
        .where(Edition.issue_id == issue.id)
        .order_by(func.length(Edition.html).desc())
        .limit(1)
    )
    return None if html is None else filled_size(html)


def _transport(
    issue: Issue, definition: NewsletterDefinition, settings: Settings
) -> Iterator[Finding]:
    """Yield the error that an issue's newsletter chose a transport that there is not.

    With the catcher alone there is no choice: nothing leaves the machine.
    """
    chosen = definition.transport
    if not chosen or settings.uses_catcher:
        return
    names = transport_names(settings)
    if chosen not in names:
        yield error(
            "transport-unknown",
            f"newsletter {issue.newsletter} goes by the transport {chosen!r}, which"
            f" ALERTS_MAIL_URL does not name; it names {', '.join(sorted(names))}",
            "name it there with name=, or change the newsletter's transport",
            about=chosen,
        )


def _unsigned(definition: NewsletterDefinition, settings: Settings) -> Iterator[Finding]:
    """Yield a warning where mail is signed, but not that of this issue's sender."""
    domain = address_of(definition.sender or settings.sender).rpartition("@")[2].lower()
    if settings.dkim_domain and not dkim_covers(settings.dkim_domain, domain):
        yield warning(
            "sender-unsigned",
            f"mail from {domain} is not signed, and large mail providers may refuse it",
            f"let the newsletter's sender be at {settings.dkim_domain}, for which there is a key",
            about=domain,
            content=settings.dkim_domain,
        )
