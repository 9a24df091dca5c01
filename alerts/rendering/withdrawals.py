"""What was withdrawn leaves every issue that was not sent yet."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from alerts.articles.models import Article, ArticleState
from alerts.clock import Clock
from alerts.newsletters.contents import content_of, proposed_texts
from alerts.newsletters.editing.composing import composition_of
from alerts.newsletters.editing.versions import keep_first, note_change
from alerts.newsletters.issues import move
from alerts.newsletters.lifecycle import Event
from alerts.newsletters.models import Issue, IssueItem, IssueState, VersionKind
from alerts.newsletters.service import definition_of, get_newsletter
from alerts.rendering.reopening import forget_approval
from alerts.staff.audit import PROGRAM

_UNSENT = (IssueState.DRAFT, IssueState.APPROVED, IssueState.SCHEDULED)


def retract_withdrawn(session: Session, *, clock: Clock) -> list[Issue]:
    """Take withdrawn articles out of drafts; return the issues that were changed.

    An approved or scheduled issue becomes a draft again, its editions forgotten: what somebody
    approved is not what would be sent, and its subject may name what is gone. An issue that is
    left empty is cancelled. `attention` says what happened, for whoever looks at it next.
    """
    changed = []
    for issue in _holding_withdrawn(session):
        gone = [item for item in issue.items if item.article.state is ArticleState.WITHDRAWN]
        why = "; ".join(dict.fromkeys(_words(item.article) for item in gone))
        if issue.state is not IssueState.DRAFT:
            why += f"; the issue was {issue.state.value}, and is to be approved again"
            forget_approval(session, issue, clock=clock)
        _take_out(session, issue, gone, clock=clock)
        if not issue.items:
            move(session, issue.id, Event.CANCEL, clock=clock)
            why += "; nothing else stood in it, so it was cancelled"
        issue.attention = why
        session.flush()
        changed.append(issue)
    return changed


def _take_out(session: Session, issue: Issue, gone: list[IssueItem], *, clock: Clock) -> None:
    """Remove items; a subject that was proposed from them, and left as it was, follows.

    It is a version of its own: an editor who is composing it meanwhile is told.
    """
    definition = definition_of(get_newsletter(session, issue.newsletter))
    keep_first(session, issue, composition_of(issue, definition))
    proposed = proposed_texts(content_of(issue, definition), definition)
    for item in gone:
        issue.items.remove(item)
    session.flush()
    if (issue.subject, issue.preheader) == proposed and issue.items:
        issue.subject, issue.preheader = proposed_texts(content_of(issue, definition), definition)
    note_change(session, issue, definition, VersionKind.WITHDRAWN, actor=PROGRAM, clock=clock)


def _holding_withdrawn(session: Session) -> list[Issue]:
    holding = (
        select(IssueItem.issue_id)
        .join(Article, Article.id == IssueItem.article_id)
        .where(Article.state == ArticleState.WITHDRAWN)
    )
    unsent = select(Issue).where(Issue.state.in_(_UNSENT), Issue.id.in_(holding))
    return list(session.scalars(unsent.order_by(Issue.id).with_for_update()))


def _words(article: Article) -> str:
    reason = article.withdrawn_because or "withdrawn"
    return f"article {article.id}, “{article.title}”, left it ({reason})"
