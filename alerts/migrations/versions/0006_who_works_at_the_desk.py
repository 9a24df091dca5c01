"""Who works at the desk: accounts, sessions, API tokens, and a log of acts that only grows."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from alerts.database import BigKey, JsonColumn, UtcDateTime

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_OUTCOMES = ("started", "accepted", "wrong", "unknown account", "locked")
_KEPT = "entries of the audit log stay as they are"


def upgrade() -> None:
    op.create_table(
        "staff_accounts",
        sa.Column("id", BigKey, nullable=False),
        sa.Column("email", sa.String(320)),
        sa.Column("email_key", sa.String(320)),
        sa.Column("name", sa.String(300)),
        sa.Column("role", _one_of("role", "editor", "ops", "admin"), nullable=False),
        sa.Column("password_hash", sa.String(300)),
        sa.Column("password_set_at", UtcDateTime()),
        sa.Column("totp_sealed", sa.Text()),
        sa.Column("totp_pending", sa.Text()),
        sa.Column("totp_counter", BigKey),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("last_log_in_at", UtcDateTime()),
        sa.Column("removed_at", UtcDateTime()),
        sa.PrimaryKeyConstraint("id", name="pk_staff_accounts"),
        sa.UniqueConstraint("email_key", name="uq_staff_accounts_email_key"),
    )
    op.create_index("ix_staff_accounts_role", "staff_accounts", ["role"])
    op.create_table(
        "staff_password_links",
        sa.Column("account_id", BigKey, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name="pk_staff_password_links"),
        sa.UniqueConstraint("digest", name="uq_staff_password_links_digest"),
        _of_account("staff_password_links"),
    )
    op.create_table(
        "staff_recovery_codes",
        sa.Column("account_id", BigKey, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("used_at", UtcDateTime()),
        sa.PrimaryKeyConstraint("account_id", "digest", name="pk_staff_recovery_codes"),
        _of_account("staff_recovery_codes"),
    )
    op.create_table(
        "staff_sessions",
        sa.Column("id", BigKey, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("account_id", BigKey, nullable=False),
        sa.Column("stage", _one_of("sessionstage", "second factor", "full"), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("last_seen_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("confirmed_at", UtcDateTime(), nullable=False),
        sa.Column("network", sa.String(64)),
        sa.Column("browser", sa.String(200)),
        sa.PrimaryKeyConstraint("id", name="pk_staff_sessions"),
        sa.UniqueConstraint("digest", name="uq_staff_sessions_digest"),
        _of_account("staff_sessions"),
    )
    op.create_index("ix_staff_sessions_account_id", "staff_sessions", ["account_id"])
    op.create_index("ix_staff_sessions_expires_at", "staff_sessions", ["expires_at"])
    kinds = ("password", "code", "recovery code")
    op.create_table(
        "staff_log_in_tries",
        sa.Column("id", BigKey, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("kind", _one_of("trykind", *kinds), nullable=False),
        sa.Column("outcome", _one_of("tryoutcome", *_OUTCOMES), nullable=False),
        sa.Column("account_id", BigKey),
        sa.Column("typed", sa.String(64)),
        sa.Column("network", sa.String(64)),
        sa.PrimaryKeyConstraint("id", name="pk_staff_log_in_tries"),
        _of_account("staff_log_in_tries"),
    )
    op.create_index("ix_staff_log_in_tries_account_id", "staff_log_in_tries", ["account_id", "id"])
    op.create_index("ix_staff_log_in_tries_at", "staff_log_in_tries", ["at"])
    op.create_table(
        "staff_locks",
        sa.Column("key", sa.String(80), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_at", UtcDateTime(), nullable=False),
        sa.Column("locked_until", UtcDateTime()),
        sa.PrimaryKeyConstraint("key", name="pk_staff_locks"),
    )
    op.create_index("ix_staff_locks_last_at", "staff_locks", ["last_at"])
    op.create_table(
        "staff_api_tokens",
        sa.Column("id", BigKey, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("account_id", BigKey, nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("hint", sa.String(12), nullable=False),
        sa.Column("scopes", JsonColumn, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("last_used_at", UtcDateTime()),
        sa.Column("last_network", sa.String(64)),
        sa.Column("revoked_at", UtcDateTime()),
        sa.PrimaryKeyConstraint("id", name="pk_staff_api_tokens"),
        sa.UniqueConstraint("digest", name="uq_staff_api_tokens_digest"),
        _of_account("staff_api_tokens"),
    )
    op.create_index("ix_staff_api_tokens_account_id", "staff_api_tokens", ["account_id"])
    _create_audit_log()


def _create_audit_log() -> None:
    actors = ("account", "api token", "command line", "program")
    op.create_table(
        "staff_audit_entries",
        sa.Column("id", BigKey, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("actor", _one_of("actorkind", *actors), nullable=False),
        sa.Column("account_id", BigKey),
        sa.Column("token_id", BigKey),
        sa.Column("act", sa.String(64), nullable=False),
        sa.Column("subject_kind", sa.String(32), nullable=False),
        sa.Column("subject_id", sa.String(200), nullable=False),
        sa.Column("network", sa.String(64)),
        sa.Column("details", JsonColumn, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_staff_audit_entries"),
        _of_account("staff_audit_entries"),
        sa.ForeignKeyConstraint(
            ["token_id"],
            ["staff_api_tokens.id"],
            name="fk_staff_audit_entries_token_id_staff_api_tokens",
        ),
    )
    op.create_index("ix_staff_audit_entries_at", "staff_audit_entries", ["at"])
    op.create_index(
        "ix_staff_audit_entries_subject",
        "staff_audit_entries",
        ["subject_kind", "subject_id", "id"],
    )
    op.create_index("ix_staff_audit_entries_actor", "staff_audit_entries", ["account_id", "id"])
    if op.get_bind().dialect.name == "postgresql":
        _guard_on_postgresql()
    else:
        _guard_on_sqlite()


# A year after the act an entry may be deleted, never changed: what is said of people and the
# networks they worked from need not be kept for good.
def _guard_on_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION staff_audit_entries_stay() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN RAISE EXCEPTION '{_KEPT}'; END $$"
    )
    for name, when in (
        ("changed", "UPDATE ON staff_audit_entries FOR EACH ROW"),
        ("emptied", "TRUNCATE ON staff_audit_entries FOR EACH STATEMENT"),
        (
            "deleted",
            "DELETE ON staff_audit_entries FOR EACH ROW WHEN (OLD.at > now() - interval '1 year')",
        ),
    ):
        op.execute(
            f"CREATE TRIGGER staff_audit_entries_not_{name} BEFORE {when}"
            " EXECUTE FUNCTION staff_audit_entries_stay()"
        )


def _guard_on_sqlite() -> None:
    for name, when in (
        ("changed", "UPDATE ON staff_audit_entries"),
        ("deleted", "DELETE ON staff_audit_entries WHEN OLD.at > datetime('now', '-1 year')"),
    ):
        op.execute(
            f"CREATE TRIGGER staff_audit_entries_not_{name} BEFORE {when}"
            f" BEGIN SELECT RAISE(ABORT, '{_KEPT}'); END"
        )


def downgrade() -> None:
    op.drop_table("staff_audit_entries")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION staff_audit_entries_stay()")
    for name in (
        "staff_api_tokens",
        "staff_locks",
        "staff_log_in_tries",
        "staff_sessions",
        "staff_recovery_codes",
        "staff_password_links",
        "staff_accounts",
    ):
        op.drop_table(name)


def _one_of(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=20)


def _of_account(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["account_id"], ["staff_accounts.id"], name=f"fk_{table}_account_id_staff_accounts"
    )
