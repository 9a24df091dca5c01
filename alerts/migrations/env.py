"""Alembic's entry: it is given an open connection and never makes an engine of its own."""

from typing import Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import JSON, BigInteger

from alerts.database import Base, UtcDateTime
from alerts.tables import ALL_MODELS

assert ALL_MODELS  # noqa: S101 - imported so that Base.metadata is complete


def render_item(kind: str, item: object, autogen: AutogenContext) -> str | Literal[False]:
    """Write the house's own column types by name, so that a migration can be read."""
    if kind != "type":
        return False
    for column_type, name in (
        (UtcDateTime, "UtcDateTime"),
        (JSON, "JsonColumn"),
        (BigInteger, "BigKey"),
    ):
        if isinstance(item, column_type):
            autogen.imports.add(f"from alerts.database import {name}")
            return f"{name}()" if name == "UtcDateTime" else name
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    compare_type=True,
    render_item=render_item,
)
with context.begin_transaction():
    context.run_migrations()
