"""The migrations make exactly the schema that the models describe, forward and back."""

from datetime import timedelta

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import delete, inspect, select, text
from sqlalchemy.exc import IntegrityError

from alerts import migrations
from alerts.clock import FixedClock
from alerts.database import Base, Database
from alerts.errors import Refused
from alerts.newsletters.models import Issue, IssueNumber, Run, Schedule
from alerts.newsletters.schedules import set_schedule
from alerts.newsletters.scheduling import claim_due
from alerts.newsletters.service import ensure_built_in
from alerts.tables import ALL_MODELS

FRIDAYS = "weekly on fri 17:00 Europe/Paris"


# It is made on PostgreSQL alone, which the comparison does not know.
ONE_SIDED = "ix_subscribers_email_key_begins"


def _is_modelled(_object: object, name: str | None, kind: str, *_: object) -> bool:
    if name == ONE_SIDED:
        return False
    return kind != "table" or not (name or "").startswith("archive_words")


def test_the_migrations_make_what_the_models_describe(database: Database) -> None:
    assert ALL_MODELS
    with database.engine.connect() as connection:
        # The index of the archive's search is of another kind on each database.
        options = {"compare_type": True, "include_object": _is_modelled}
        context = MigrationContext.configure(connection, opts=options)
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


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_a_database_that_cannot_hold_every_letter_is_refused_while_it_is_empty(
    empty_postgres: str, encoding: str
) -> None:
    server = Database(empty_postgres)
    with server.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        like = "TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"
        connection.execute(text(f"CREATE DATABASE narrow ENCODING '{encoding}' {like}"))
    narrow = Database(server.url.set(database="narrow").render_as_string(hide_password=False))
    try:
        said = rf"narrow keeps text in {encoding}, .*createdb --encoding UTF8"
        with pytest.raises(Refused, match=said):
            migrations.ensure_schema(narrow)
        with narrow.engine.connect() as connection:
            assert inspect(connection).get_table_names() == []
    finally:
        narrow.dispose()
        with server.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("DROP DATABASE narrow WITH (FORCE)"))
        server.dispose()


def test_schedules_and_runs_go_back_and_forth(database: Database, clock: FixedClock) -> None:
    with database.transaction() as session:
        ensure_built_in(session, clock=clock)
        set_schedule(
            session, "africa-this-week", FRIDAYS, name="fridays", missed="skip", clock=clock
        )
        clock.advance(timedelta(days=1))
        claim_due(session, clock=clock)
        session.execute(text("UPDATE runs SET outcome = 'missed'"))
    migrations.downgrade(database, "0003")
    with database.engine.begin() as connection:
        names = connection.execute(text("SELECT rule FROM schedules")).scalars().all()
        assert len(names) == 4
        assert FRIDAYS not in names
        outcomes = connection.execute(text("SELECT DISTINCT outcome FROM runs")).scalars().all()
        assert outcomes == ["skipped"]
        found = inspect(connection).get_check_constraints("schedules")
        assert "ck_schedules_frequency" in {check["name"] for check in found}
        with pytest.raises(IntegrityError), connection.begin_nested():
            connection.execute(text("UPDATE runs SET outcome = 'merged'"))
    migrations.upgrade(database)
    with database.transaction() as session:
        assert len(session.scalars(select(Schedule)).all()) == 4
        session.execute(text("UPDATE runs SET outcome = 'merged'"))
        session.execute(delete(Run))


def test_numbers_that_issues_have_are_in_the_book_after_the_upgrade(
    database: Database, clock: FixedClock
) -> None:
    with database.transaction() as session:
        ensure_built_in(session, clock=clock)
    migrations.downgrade(database, "0012")
    columns = "newsletter, frequency, state, number, volume, volume_number, subject, until"
    columns += ", preheader, editors_note, created_at"
    with database.engine.begin() as connection:
        for number, inner in ((85, 39), (86, 40), (87, 40), (None, None)):
            connection.execute(
                text(
                    f"INSERT INTO issues ({columns}) VALUES ('gp-alert', 'daily', 'sent', :number,"  # noqa: S608 - names of columns
                    " 2, :inner, '', :now, '', '', :now)"
                ),
                {"number": number, "inner": inner, "now": "2026-11-23 06:00:00"},
            )
    migrations.upgrade(database)
    with database.read() as session:
        rows = session.execute(
            select(IssueNumber.number, IssueNumber.volume_number, Issue.number_count)
            .join(Issue, Issue.id == IssueNumber.issue_id)
            .order_by(IssueNumber.number)
        )
        # Two that stood at one place of a volume: the older one has it.
        assert [tuple(row) for row in rows] == [(85, 39, 1), (86, 40, 1), (87, None, 1)]
