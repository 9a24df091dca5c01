"""What an editor settles: flags of what was not understood, and what pages say after an edit."""

from typing import Annotated

from fastapi import APIRouter
from starlette.responses import Response

from alerts.articles.editing import answer_question, settle_flag
from alerts.articles.fields import EDITABLE
from alerts.articles.service import get_article
from alerts.errors import Invalid
from alerts.staff.audit import Subject, record
from alerts.staff.permissions import Permission
from alerts.web.desk.failures import DeskRoute
from alerts.web.desk.frame import Desk, PostedForm, requires

HERE = "/desk/articles"
Writing = Annotated[Desk, requires(Permission.ARTICLES_WRITE)]
router = APIRouter(prefix="/articles", route_class=DeskRoute)


@router.post("/{article_id}/settle")
def settle(desk: Writing, fields: PostedForm, article_id: int) -> Response:
    """Take a flag off: an editor looked at it."""
    flag, clock = fields.one("flag"), desk.site.runtime.clock
    with desk.site.runtime.database.transaction() as session:
        settle_flag(session, get_article(session, article_id), flag, clock=clock)
        subject = Subject("article", article_id)
        record(session, desk.actor, "article.flag.settled", subject, clock=clock, flag=flag)
    return desk.done(f"{HERE}/{article_id}", "Settled: it is not asked again.")


@router.post("/{article_id}/answer")
def answer(desk: Writing, fields: PostedForm, article_id: int) -> Response:
    """Take over what the page says since an edit, or keep the editor's word."""
    field, clock = fields.one("field"), desk.site.runtime.clock
    take = fields.one("answer") == "take"
    if field not in EDITABLE or fields.one("answer") not in {"take", "keep"}:
        raise Invalid("choose one of the two")
    with desk.site.runtime.database.transaction() as session:
        article = get_article(session, article_id)
        by = desk.visit.name or desk.visit.email
        answer_question(session, article, field, take=take, by=by, clock=clock)
        subject, act = Subject("article", article_id), "taken" if take else "kept"
        record(session, desk.actor, f"article.page.{act}", subject, clock=clock, field=field)
    line = "The page’s words stand now." if take else "Your words stay as they are."
    return desk.done(f"{HERE}/{article_id}", line)
