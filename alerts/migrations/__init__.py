"""The schema's history (Alembic) and the ways to bring a database to this program's version.

Alembic takes a tenth of a second to import, and is wanted only where the schema is changed: each
command looks which one it is, by itself.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from alerts.database import Database
from alerts.errors import Refused

if TYPE_CHECKING:
    from alembic.config import Config

# The newest revision; a test holds it against the files, so that starting need not read them.
HEAD = "0026"
# Any number that no other program on the database uses for its advisory locks.
_ADVISORY_LOCK = 7_262_011


def schema_revision(database: Database) -> str | None:
    """Return the revision the database is at, or None when it has no tables of ours."""
    with database.read() as session:
        if not inspect(session.connection()).has_table("alembic_version"):
            return None
        return session.execute(text("SELECT version_num FROM alembic_version")).scalar()


def ensure_schema(database: Database) -> None:
    """Create the schema in an empty database; raise Refused when it is of another version."""
    found = schema_revision(database)
    if found is None:
        upgrade(database)
    elif found != HEAD:
        raise Refused(
            f"the database is at schema {found}, this program needs {HEAD}; run `alerts init`"
        )


def known_revisions() -> list[str]:
    """Return the revisions that this program knows, the newest first."""
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory(str(Path(__file__).parent))
    return [script.revision for script in scripts.walk_revisions()]


def upgrade(database: Database, revision: str = "head") -> None:
    """Bring the schema to a revision; safe when several processes do it at once.

    Raises Refused for an empty database on PostgreSQL that cannot hold every letter.
    """
    from alembic import command

    _check_encoding(database)
    with _one_at_a_time(database), _changing(database) as connection:
        command.upgrade(_configuration(connection), revision)


def downgrade(database: Database, revision: str) -> None:
    """Take the schema back to an older revision."""
    from alembic import command

    with _one_at_a_time(database), _changing(database) as connection:
        command.downgrade(_configuration(connection), revision)


def _check_encoding(database: Database) -> None:
    """Refuse to begin in an encoding that some name or title could not be kept in."""
    if database.is_sqlite or schema_revision(database) is not None:
        return
    with database.read() as session:
        encoding = session.execute(text("SHOW server_encoding")).scalar_one()
    if encoding != "UTF8":
        raise Refused(
            f"the database {database.url.database} keeps text in {encoding}, which lacks most"
            " letters; nothing was made in it: make one with"
            " `createdb --encoding UTF8 --template template0`, and name it in ALERTS_DATABASE_URL"
        )


@contextmanager
def _changing(database: Database) -> Iterator[Connection]:
    """Yield a connection in one transaction, in which tables may be made anew under their rows.

    SQLite changes a table by making another one and dropping the first; while foreign keys are in
    force that takes along, or empties, whatever refers to it. So they are not, and are looked
    through before the commit. Inside a transaction the switch would do nothing.
    """
    if not database.is_sqlite:
        with database.engine.begin() as connection:
            yield connection
        return
    with database.engine.connect() as connection:
        cursor = connection.connection.cursor()
        cursor.execute("PRAGMA foreign_keys=OFF")
        try:
            with connection.begin():
                yield connection
                broken = connection.execute(text("PRAGMA foreign_key_check")).all()
                if broken:
                    raise Refused(
                        f"rows of {broken[0][0]} would refer to none of {broken[0][2]}; nothing was"
                        " changed, please report it"
                    )
        finally:
            cursor.execute("PRAGMA foreign_keys=ON")
            cursor.close()


def _configuration(connection: Connection) -> "Config":
    from alembic.config import Config

    configuration = Config()
    configuration.set_main_option("script_location", str(Path(__file__).parent))
    configuration.attributes["connection"] = connection
    return configuration


@contextmanager
def _one_at_a_time(database: Database) -> Iterator[None]:
    if not database.is_sqlite:
        with database.engine.connect() as connection:
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _ADVISORY_LOCK})
            try:
                yield
            finally:
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _ADVISORY_LOCK})
        return
    # SQLite's own lock would do for the tables, but not for the look at which revision is next.
    path = Path(f"{database.url.database}.lock")
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
