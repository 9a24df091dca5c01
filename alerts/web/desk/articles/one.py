"""One article: what was understood beside what was printed, its history, where it stood."""

from typing import Annotated, Any

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.responses import Response

from alerts.articles.fields import EDITABLE, value_of
from alerts.articles.models import Article, ArticleEdit, ArticleState
from alerts.articles.queries import addresses_of, edits_of
from alerts.articles.revisions import Changes, all_changes
from alerts.articles.service import get_article, reinstate_article, withdraw_article
from alerts.articles.storing import stored_record
from alerts.errors import Invalid
from alerts.rendering.withdrawals import retract_withdrawn
from alerts.staff.audit import Subject, record
from alerts.staff.permissions import Permission
from alerts.web.desk.articles.queries import issues_holding
from alerts.web.desk.articles.words import day_words, field_name, label, value_words
from alerts.web.desk.failures import DeskRoute
from alerts.web.desk.frame import Desk, PostedForm, requires
from alerts.web.words import counted

HERE = "/desk/articles"
_LONGEST_REASON = 300
Reading = Annotated[Desk, requires(Permission.ARTICLES_READ)]
Writing = Annotated[Desk, requires(Permission.ARTICLES_WRITE)]
router = APIRouter(prefix="/articles", route_class=DeskRoute)


@router.get("/{article_id}")
def show(desk: Reading, article_id: int) -> Response:
    """Show an article with everything that is known of it."""
    with desk.site.runtime.database.read() as session:
        context = _context(session, get_article(session, article_id))
    return desk.page("article/one.html", context)


@router.post("/{article_id}/withdraw")
def withdraw(desk: Writing, fields: PostedForm, article_id: int) -> Response:
    """Withdraw an article; issues that were not sent yet let go of it."""
    clock = desk.site.runtime.clock
    reason = " ".join(fields.one("reason").split())
    if not reason or len(reason) > _LONGEST_REASON:
        raise Invalid(f"say why it is withdrawn, in at most {_LONGEST_REASON} characters")
    with desk.site.runtime.database.transaction() as session:
        withdraw_article(session, article_id, reason=reason, clock=clock)
        changed = retract_withdrawn(session, clock=clock)
        subject = Subject("article", article_id)
        issues = [issue.id for issue in changed]
        record(
            session,
            desk.actor,
            "article.withdrawn",
            subject,
            clock=clock,
            reason=reason,
            issues=issues,
        )
    left = f" It left {counted(len(issues), 'issue')} that was not sent yet." if issues else ""
    return desk.done(f"{HERE}/{article_id}", f"Withdrawn: no new issue takes it.{left}")


@router.post("/{article_id}/reinstate")
def reinstate(desk: Writing, fields: PostedForm, article_id: int) -> Response:  # noqa: ARG001 - the form's token is checked
    """Take a withdrawal back."""
    clock = desk.site.runtime.clock
    with desk.site.runtime.database.transaction() as session:
        reinstate_article(session, article_id, clock=clock)
        subject = Subject("article", article_id)
        record(session, desk.actor, "article.reinstated", subject, clock=clock)
    return desk.done(f"{HERE}/{article_id}", "Published again: issues may hold it.")


def _context(session: Session, article: Article) -> dict[str, object]:
    edits = {edit.field: edit for edit in edits_of(session, article.id)}
    known = stored_record(article)
    asked = [edit for edit in edits.values() if edit.page_now is not None]
    return {
        "article": article,
        "label": label(article.series, article.number),
        "day": day_words(article.published_on, article.published_precision),
        "is_withdrawn": article.state is ArticleState.WITHDRAWN,
        "facts": [
            {
                "name": name,
                "value": value_words(field, {field: value_of(known, field)}),
                "edit": _edit(edits[field]) if field in edits else None,
            }
            for field, name in EDITABLE.items()
        ],
        "questions": [_question(edit) for edit in asked],
        "printed": _printed(article.printed),
        "parts": article.parts,
        "addresses": addresses_of(session, article.id),
        "issues": issues_holding(session, article.id),
        "history": [_step(change) for change in reversed(all_changes(session, article))],
    }


def _edit(edit: ArticleEdit) -> dict[str, object]:
    return {"by": edit.by, "at": edit.at, "printed": value_words(edit.field, edit.printed)}


def _question(edit: ArticleEdit) -> dict[str, object]:
    return {
        "field": edit.field,
        "name": field_name(edit.field),
        "edited": value_words(edit.field, edit.edited),
        "printed": value_words(edit.field, edit.printed),
        "page_now": value_words(edit.field, edit.page_now or {edit.field: None}),
        "by": edit.by,
        "at": edit.at,
    }


def _printed(printed: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """Return the page's own words by what they were taken for; nothing for what it has not."""
    if printed.get("pushed"):
        return []
    credit, day = printed.get("credit"), printed.get("date")
    found: list[tuple[str, list[str]]] = [
        ("Over the text", [str(line) for line in printed.get("head") or []]),
        ("Date", [str(day)] if day else []),
        ("Photo credit", [str(credit)] if credit else []),
        ("About the authors", [str(note) for note in printed.get("notes") or []]),
        ("Of nobody who signed", [str(note) for note in printed.get("loose_notes") or []]),
        ("Left out", [str(text) for text in printed.get("left_out") or []]),
    ]
    return [(name, lines) for name, lines in found if lines]


def _step(change: Changes) -> dict[str, object]:
    return {
        "since": change.since,
        "until": change.until,
        "at": change.at,
        "by": change.by,
        "fields": [
            (field_name(name), before, after) for name, before, after in change.difference.fields
        ],
        "text": change.difference.text,
    }
