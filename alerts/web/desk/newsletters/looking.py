"""What a change would change, looked at before it holds; and then applied."""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated

from pydantic import ValidationError
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from starlette.responses import Response

from alerts.articles.cards import known_series
from alerts.errors import Conflict
from alerts.newsletters.changes import Difference, differences, mark_of
from alerts.newsletters.definitions import NewsletterDefinition
from alerts.newsletters.models import Newsletter
from alerts.newsletters.service import apply_definition, definition_of
from alerts.newsletters.toml import write_definition
from alerts.rendering.template_checks import TemplateFinding, check_template
from alerts.staff.audit import Subject, audit_page, record
from alerts.staff.permissions import Permission
from alerts.web.desk.frame import Desk, requires
from alerts.web.desk.newsletters.doubts import doubts_about
from alerts.web.desk.newsletters.settings import LABELS

HERE = "/desk/newsletters"
Editing = Annotated[Desk, requires(Permission.NEWSLETTERS_EDIT)]
Reading = Annotated[Desk, requires(Permission.ISSUES_READ)]
# Templates of single mails, which no newsletter uses.
_SINGLE = frozenset({"alarm", "confirmation", "help", "preferences-link", "welcome"})


@dataclass(frozen=True, slots=True)
class Look:
    """A definition beside the newsletter as it is now; `mark` tells that state from others."""

    definition: NewsletterDefinition
    before: NewsletterDefinition | None
    changes: Sequence[Difference]
    findings: Sequence[TemplateFinding]

    @property
    def mark(self) -> str:
        """The mark of the newsletter as it is now."""
        return mark_of(self.before)

    @property
    def is_broken(self) -> bool:
        """Whether the template has an error, so that nothing can be applied."""
        return any(one.level == "error" for one in self.findings)


def known_definition(session: Session, slug: str) -> NewsletterDefinition | None:
    """Return a newsletter's definition, or None where there is none."""
    newsletter = session.get(Newsletter, slug)
    return definition_of(newsletter) if newsletter else None


def template_names(desk: Desk) -> list[str]:
    """Return the email templates that a newsletter can choose from."""
    return [name for name in desk.site.renderer.folders.names() if name not in _SINGLE]


def look_at(desk: Desk, definition: NewsletterDefinition) -> Look:
    """Return what a definition would change, and what is wrong with its template."""
    with desk.site.runtime.database.read() as session:
        before = known_definition(session, definition.slug)
    findings = check_template(
        desk.site.renderer, definition, base_url=desk.site.runtime.settings.base_url
    )
    return Look(definition, before, differences(before, definition), findings)


def show_look(desk: Desk, definition: NewsletterDefinition, *, seen: str | None) -> Response:
    """Show the difference that a definition makes, with the button that applies it.

    Where the newsletter is not the one that was `seen` when the page was opened, it says so, and
    shows the difference to what it is now.
    """
    look = look_at(desk, definition)
    problem = ""
    if seen is not None and seen != look.mark:
        problem = _changed_meanwhile(desk, definition.slug)
    with desk.site.runtime.database.read() as session:
        series = known_series(session)
    context = {
        "look": look,
        "labels": LABELS,
        "doubts": doubts_about(definition, series=series, topics=desk.site.topics.thresholds),
        "toml": write_definition(definition),
        "problem": problem,
    }
    status = HTTPStatus.CONFLICT if problem else HTTPStatus.OK
    return desk.page("newsletter/look.html", context, status=status)


def apply(desk: Desk, definition: NewsletterDefinition, *, seen: str) -> Response:
    """Create or change a newsletter and write it into the log; what is stale is shown again."""
    look = look_at(desk, definition)
    if look.is_broken:
        return show_look(desk, definition, seen=seen)
    clock = desk.site.runtime.clock
    try:
        with desk.site.runtime.database.transaction() as session:
            result = apply_definition(session, definition, seen=seen, clock=clock)
            if result.kind != "unchanged":
                record(
                    session,
                    desk.actor,
                    f"newsletter.{result.kind}",
                    Subject("newsletter", result.slug),
                    clock=clock,
                    settings=result.changes,
                )
    except (Conflict, IntegrityError):
        # Of two who create the same one at the same moment, the keys refuse the later.
        return show_look(desk, definition, seen=seen)
    return desk.done(f"{HERE}/{result.slug}", f"{definition.title} is {result.kind}.")


def document_of(definition: NewsletterDefinition) -> dict[str, object]:
    """Return a definition as a plain document, as a form or a file has it."""
    return definition.model_dump(mode="json", exclude_none=True)


def checked(document: dict[str, object]) -> NewsletterDefinition | ValidationError:
    """Return a document's definition, or what is wrong with it."""
    try:
        return NewsletterDefinition.model_validate(document)
    except ValidationError as error:
        return error


def _changed_meanwhile(desk: Desk, slug: str) -> str:
    with desk.site.runtime.database.read() as session:
        lines = audit_page(session, subject=Subject("newsletter", slug), limit=1).lines
    who = (lines[0].account if lines else None) or "Somebody else"
    return (
        f"{who} has changed this newsletter since you opened the page. Below is what yours would"
        " change of it as it is now: look whether it undoes what the other one did."
    )
