"""The ledger's last checked reference goes: that to the person.

PostgreSQL looked at each person while it wrote their row, and locked theirs, which wrote it once
more: half of what taking an audience took. Erasing a person takes the number out of the ledger
itself; a row that is written in that same moment names nobody, and is skipped as erased.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0023"
down_revision: str | None = "0022"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_NAME = "fk_deliveries_subscriber_id_subscribers"


def upgrade() -> None:
    with op.batch_alter_table("deliveries") as deliveries:
        deliveries.drop_constraint(_NAME, type_="foreignkey")


def downgrade() -> None:
    op.execute(
        sa.text(
            "UPDATE deliveries SET subscriber_id = NULL WHERE subscriber_id IS NOT NULL"
            " AND subscriber_id NOT IN (SELECT id FROM subscribers)"
        )
    )
    with op.batch_alter_table("deliveries") as deliveries:
        deliveries.create_foreign_key(
            _NAME, "subscribers", ["subscriber_id"], ["id"], ondelete="SET NULL"
        )
