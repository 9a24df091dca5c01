"""The migrations make exactly the schema that the models describe, forward and back."""

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect

from alerts import migrations
from alerts.database import Base, Database
from alerts.tables import ALL_MODELS


def test_the_migrations_make_what_the_models_describe(database: Database) -> None:
    assert ALL_MODELS
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_the_newest_revision_is_the_one_the_program_asks_for(database: Database) -> None:
    assert migrations.schema_revision(database) == migrations.HEAD


def test_an_upgrade_can_run_twice_and_back(database_url: str) -> None:
    database = Database(database_url)
    for _ in range(2):
        migrations.upgrade(database)
    migrations.downgrade(database, "base")
    with database.engine.connect() as connection:
        assert inspect(connection).get_table_names() == ["alembic_version"]
    migrations.upgrade(database)
    assert migrations.schema_revision(database) == migrations.HEAD
    database.dispose()
