"""Changing an article: the form, and saving it under the editor's name."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter
from starlette.responses import Response

from alerts.articles.editing import edit_article
from alerts.articles.models import Article
from alerts.articles.service import get_article
from alerts.articles.storing import stored_record
from alerts.errors import Conflict, Invalid
from alerts.staff.audit import Subject, record
from alerts.staff.permissions import Permission
from alerts.web.desk.articles.form import ArticleForm, filled, posted, region_groups
from alerts.web.desk.articles.words import field_name
from alerts.web.desk.failures import DeskRoute
from alerts.web.desk.frame import Desk, PostedForm, requires
from alerts.web.desk.words import sentence
from alerts.web.words import listed

HERE = "/desk/articles"
Writing = Annotated[Desk, requires(Permission.ARTICLES_WRITE)]
router = APIRouter(prefix="/articles", route_class=DeskRoute)


@router.get("/{article_id}/edit")
def form(desk: Writing, article_id: int) -> Response:
    """Show the form with what the article says."""
    with desk.site.runtime.database.read() as session:
        article = get_article(session, article_id)
        form = filled(stored_record(article), revision=article.revision)
    return _page(desk, article, form)


@router.post("/{article_id}/edit")
def save(desk: Writing, fields: PostedForm, article_id: int) -> Response:
    """Save what was changed; what is wrong is said at its field, and what was typed stays."""
    clock = desk.site.runtime.clock
    try:
        with desk.site.runtime.database.transaction() as session:
            article = get_article(session, article_id)
            form, values = posted(fields, stored_record(article))
            if form.problems:
                return _page(desk, article, form, problem="Please look at the marked fields.")
            by = desk.visit.name or desk.visit.email
            changed = edit_article(session, article, values, by=by, seen=form.seen, clock=clock)
            if changed:
                subject = Subject("article", article_id)
                record(session, desk.actor, "article.edited", subject, clock=clock, fields=changed)
    except (Conflict, Invalid) as error:
        with desk.site.runtime.database.read() as session:
            article = get_article(session, article_id)
        # Saving once more is then meant for what stands there now.
        form.seen = article.revision
        return _page(desk, article, form, problem=sentence(error))
    names = [field_name(name).lower() for name in changed]
    line = f"Saved: {listed(names)}." if changed else "Nothing was changed."
    return desk.done(f"{HERE}/{article_id}", line)


def _page(desk: Desk, article: Article, form: ArticleForm, *, problem: str = "") -> Response:
    topics = dict.fromkeys([*desk.site.topics.thresholds, *form.topics])
    context = {
        "article": article,
        "form": form,
        "region_groups": region_groups(),
        "topics": list(topics),
        "problem": problem,
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK
    return desk.page("article/edit.html", context, status=status)
