"""Bring the tables up to date, once, whoever comes first."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from bot.store import tables as tables  # the tables register themselves on import
from bot.store.database import DatabaseError

MIGRATIONS = Path(__file__).parent / "migrations"
LOCK = 0x726F756E  # "roun"; one number for all processes


def migrate(engine: sa.Engine) -> None:
    """Upgrade to the newest revision; safe to call from any number of processes at once.

    Raises DatabaseError where the database cannot be used, and where a newer program has been here.
    """
    try:
        if not _is_current(engine):
            _upgrade(engine)
    except sa.exc.DatabaseError as error:
        if not isinstance(error, sa.exc.OperationalError) and type(error) is not sa.exc.DatabaseError:
            raise
        first = str(error.orig).strip().splitlines()[0]
        raise DatabaseError(
            f"the database cannot be used: {first}; start it, or correct ROUNDSMAN_DATABASE_URL"
        ) from error


def _is_current(engine: sa.Engine) -> bool:
    """Whether nothing is to do, seen without loading what would do it: every command asks, and that takes a quarter of a second."""
    try:
        with engine.connect() as connection:
            held = connection.exec_driver_sql("SELECT version_num FROM roundsman_version").scalars().all()
    except sa.exc.DBAPIError:  # there is no such table yet, or nobody answers: the upgrade says which
        return False
    return held == [newest()]


def newest() -> str:
    """The last revision; its file begins with its number."""
    return max(file.name for file in (MIGRATIONS / "versions").glob("[0-9]*.py")).partition("_")[0]


def _upgrade(engine: sa.Engine) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.script.revision import ResolutionError
    from alembic.util import CommandError

    with _alone(engine), engine.connect() as connection:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            if not isinstance(error.__cause__, ResolutionError):
                raise
            raise DatabaseError(
                f"the database was brought up to date by a newer Roundsman ({error.__cause__.argument});"
                " start that version, or restore the copy made before its upgrade"
            ) from error
        connection.commit()


@contextmanager
def _alone(engine: sa.Engine) -> Iterator[None]:
    if engine.dialect.name == "postgresql":
        with engine.connect() as connection:
            connection.exec_driver_sql(f"SELECT pg_advisory_lock({LOCK})")
            try:
                yield
            finally:
                connection.exec_driver_sql(f"SELECT pg_advisory_unlock({LOCK})")
    elif engine.url.database in (None, "", ":memory:"):
        yield
    else:
        with Path(f"{engine.url.database}.migrating").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
