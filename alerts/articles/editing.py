"""Editors' words on articles: they go before the page's, and are asked about when it changes.

An edit keeps what the page said at the time. While the page says the same, the editor's word
stands, however often it is read again. Once it says something else, both are kept and an editor is
asked; until the answer the editor's word stands.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from alerts.articles.cards import keep_card
from alerts.articles.fields import EDITABLE, field_of_flag, value_of, with_value
from alerts.articles.models import Article, ArticleEdit
from alerts.articles.queries import edits_of, lock_likeness
from alerts.articles.record import ArticleRecord
from alerts.articles.storing import keep_revision, stored_record, write_record
from alerts.clock import Clock
from alerts.errors import Conflict, Invalid, NotFound, Refused


def edit_article(
    session: Session,
    article: Article,
    changes: Mapping[str, Any],
    *,
    by: str,
    seen: int,
    clock: Clock,
) -> list[str]:
    """Put an editor's values in place of what stands there; returns the fields that changed.

    Values are as `fields.py` has them, and fields that are not named stay. A change makes a
    revision, with `by` as whoever made it. `seen` is the revision that the editor looked at: raises
    Conflict when there is another by now, and Invalid for an article without a title.
    """
    _take(session, article)
    if seen != article.revision:
        raise Conflict(
            f"the article has changed since you opened it (revision {article.revision} now);"
            " look at what is new, then save again"
        )
    known = stored_record(article)
    new = {
        field: changes[field]
        for field in EDITABLE
        if field in changes and changes[field] != value_of(known, field)
    }
    if "title" in new and not new["title"]:
        raise Invalid("an article needs a title")
    if not new:
        return []
    edits = {edit.field: edit for edit in edits_of(session, article.id)}
    record = known
    for field, value in new.items():
        _note_edit(session, article, edits.get(field), known, (field, value), by=by, clock=clock)
        record = with_value(record, field, value)
    settled = [flag for flag in article.flags if field_of_flag(flag) in new]
    record = replace(record, flags=tuple(f for f in record.flags if f not in settled))
    article.settled_flags = [*article.settled_flags, *settled]
    _replace(session, article, known, record, by=by, clock=clock)
    return list(new)


def settle_flag(session: Session, article: Article, flag: str, *, clock: Clock) -> None:
    """Take a flag off for good: an editor looked at it. Raises NotFound for one that is not there.

    Reading the page again raises it no more, unless its words change.
    """
    _take(session, article)
    if flag not in article.flags:
        raise NotFound("this flag is settled already")
    article.flags = [one for one in article.flags if one != flag]
    article.settled_flags = [*article.settled_flags, flag]
    article.updated_at = clock.now()
    keep_card(session, article)


def answer_question(
    session: Session, article: Article, field: str, *, take: bool, by: str, clock: Clock
) -> None:
    """Settle what the page says since an edit: take it over, or keep the editor's word against it.

    Raises Refused when nothing is asked any more: another editor answered first.
    """
    _take(session, article)
    edit = session.get(ArticleEdit, (article.id, field))
    if edit is None or edit.page_now is None:
        raise Refused("this question was answered already")
    if take:
        known = stored_record(article)
        record = with_value(known, field, edit.page_now[field])
        session.delete(edit)
        session.flush()
        _replace(session, article, known, record, by=by, clock=clock)
        return
    edit.printed, edit.page_now, edit.by, edit.at = edit.page_now, None, by, clock.now()
    session.flush()
    keep_card(session, article)


def as_page_says(record: ArticleRecord, edits: Sequence[ArticleEdit]) -> ArticleRecord:
    """Return a record with the page's last words in place of the editors'."""
    for edit in edits:
        record = with_value(record, edit.field, (edit.page_now or edit.printed)[edit.field])
    return record


def with_edits(
    session: Session, record: ArticleRecord, edits: Sequence[ArticleEdit]
) -> ArticleRecord:
    """Return what a page says with the editors' words in place; notes what it says differently.

    Where the page has come to say what the editor said, the edit has done its work and goes.
    """
    for edit in edits:
        said = value_of(record, edit.field)
        edited = edit.edited[edit.field]
        if said == edited:
            session.delete(edit)
            continue
        edit.page_now = None if said == edit.printed[edit.field] else {edit.field: said}
        record = with_value(record, edit.field, edited)
    session.flush()
    return record


def _take(session: Session, article: Article) -> None:
    """Wait for whoever changes the article, another editor or a poll, and see what they made of it.

    Until the transaction's end nobody else does; in SQLite writers stand in line anyway.
    """
    lock_likeness(session, article.likeness)
    session.refresh(article)


def _note_edit(
    session: Session,
    article: Article,
    edit: ArticleEdit | None,
    known: ArticleRecord,
    new: tuple[str, Any],
    *,
    by: str,
    clock: Clock,
) -> None:
    field, value = new
    if edit is None:
        session.add(
            ArticleEdit(
                article_id=article.id,
                field=field,
                edited={field: value},
                printed={field: value_of(known, field)},
                by=by,
                at=clock.now(),
            )
        )
        return
    said = edit.page_now or edit.printed
    if value == said[field]:
        # Back to what the page says.
        session.delete(edit)
        return
    edit.edited, edit.printed, edit.page_now = {field: value}, said, None
    edit.by, edit.at = by, clock.now()


def _replace(
    session: Session,
    article: Article,
    known: ArticleRecord,
    record: ArticleRecord,
    *,
    by: str,
    clock: Clock,
) -> None:
    session.flush()
    keep_revision(session, article, known, by=by, clock=clock)
    write_record(session, article, record, clock=clock)
    keep_card(session, article)
