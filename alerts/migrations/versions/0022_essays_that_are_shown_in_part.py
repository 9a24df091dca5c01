"""How much of a piece's text an issue shows."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

from alerts.database import BigKey, JsonColumn

revision: str = "0022"
down_revision: str | None = "0021"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_issues = sa.table("issues", sa.column("id", BigKey), sa.column("set_aside", JsonColumn))
_versions = sa.table("issue_versions", sa.column("id", BigKey), sa.column("document", JsonColumn))


def upgrade() -> None:
    op.add_column("issue_items", sa.Column("paragraphs", sa.Integer()))


def downgrade() -> None:
    # An earlier program reads no entry that says more than it knows.
    _forget(_issues, "set_aside")
    _forget(_versions, "document")
    op.drop_column("issue_items", "paragraphs")


def _forget(table: sa.TableClause, name: str) -> None:
    connection, column = op.get_bind(), table.c[name]
    telling = sa.select(table.c.id, column).where(sa.cast(column, sa.Text).like('%"paragraphs"%'))
    for number, document in connection.execute(telling).all():
        change = sa.update(table).where(table.c.id == number)
        connection.execute(change.values({name: _without(document)}))


def _without(document: Any) -> Any:  # noqa: ANN401 - JSON, of any shape
    if isinstance(document, list):
        return [_without(one) for one in document]
    if isinstance(document, dict):
        return {name: _without(one) for name, one in document.items() if name != "paragraphs"}
    return document
