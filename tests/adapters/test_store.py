"""The tables on both databases."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory
from sqlmodel import Session, SQLModel, select

from bot.store.database import Database, DatabaseError, connect
from bot.store.migrate import MIGRATIONS, migrate, newest
from bot.store.tables import Audit
from tests.conftest import tables_of

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


def test_migrations_make_exactly_the_tables_we_declare(database: Database) -> None:
    """Nothing is missing, nothing differs from the declarations, and doing it again changes nothing."""
    migrate(database.engine)
    assert set(SQLModel.metadata.tables) <= tables_of(database.engine)
    with database.engine.connect() as connection:
        from alembic.autogenerate import compare_metadata
        from alembic.migration import MigrationContext

        context = MigrationContext.configure(
            connection,
            opts={
                "include_object": lambda o, n, k, r, c: (
                    not (k == "table" and r and n not in SQLModel.metadata.tables)
                )
            },
        )
        assert compare_metadata(context, SQLModel.metadata) == []


def test_the_newest_revision_is_the_one_that_is_there_in_the_end(sqlite: Database) -> None:
    """What the names of the files say is what the revisions say of themselves, and what an upgrade leaves."""
    script = ScriptDirectory(str(MIGRATIONS))
    assert [newest()] == script.get_heads()
    with sqlite.engine.connect() as connection:
        assert connection.execute(sa.text("SELECT version_num FROM roundsman_version")).scalar() == newest()


def test_two_processes_may_migrate_at_once(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The second waits for the first and finds nothing to do."""
    url = f"sqlite:///{tmp_path_factory.mktemp('db') / 'new.db'}"
    engines = [connect(url), connect(url)]
    threads = [threading.Thread(target=migrate, args=(engine,)) for engine in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert "runs" in tables_of(engines[0])
    for engine in engines:
        engine.dispose()


def test_a_newer_schema_is_refused_with_words(database: Database) -> None:
    """An older program does not touch what it cannot know; it says which revision it met, and what to do."""
    with database.engine.begin() as connection:
        connection.execute(sa.text("UPDATE roundsman_version SET version_num = '9999'"))
    with pytest.raises(DatabaseError, match=r"by a newer Roundsman \(9999\); start that version"):
        migrate(database.engine)
    with database.engine.connect() as connection:
        assert connection.execute(sa.text("SELECT version_num FROM roundsman_version")).scalar() == "9999"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://127.0.0.1:1/rounds", "Connection refused; start it"),
        ("sqlite:///{file}", "file is not a database; start it"),
    ],
)
def test_a_database_that_cannot_be_used_is_told_in_one_line(url: str, words: str, tmp_path: Path) -> None:
    """What the server or the file said, and what to do; no traceback."""
    (tmp_path / "notes.txt").write_text("Buy milk.\n" * 100)
    engine = connect(url.format(file=tmp_path / "notes.txt"))
    with pytest.raises(DatabaseError, match=words) as told:
        migrate(engine)
    assert len(str(told.value).splitlines()) == 1
    engine.dispose()


def test_a_time_comes_back_aware_and_in_utc(database: Database) -> None:
    """SQLite forgets zones; we do not."""

    def write(db: Session) -> None:
        db.add(Audit(at=NOON, actor="ada", action="look", target="x"))

    database.write_now(write)
    at = database.read_now(lambda db: db.exec(select(Audit.at)).one())
    assert at == NOON
    assert at.tzinfo is not None


def test_a_time_without_a_zone_is_refused(database: Database) -> None:
    """A naive time would mean a different instant on every machine."""

    def write(db: Session) -> None:
        db.add(Audit(at=datetime(2026, 7, 1, 12), actor="ada", action="look", target="x"))  # noqa: DTZ001

    with pytest.raises((ValueError, sa.exc.StatementError), match="without a zone"):
        database.write_now(write)


def test_a_failed_transaction_leaves_nothing(database: Database) -> None:
    """Half a write is no write."""

    def write(db: Session) -> None:
        db.add(Audit(at=NOON, actor="ada", action="look", target="x"))
        db.flush()
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        database.write_now(write)
    assert database.read_now(lambda db: db.exec(select(Audit)).all()) == []


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("sqlite:////no/such/folder/x.db", "does not exist"),
        ("mysql://x/y", "no support for mysql"),
        ("what", "no database URL"),
    ],
)
def test_a_bad_url_is_refused_with_what_to_do(url: str, words: str) -> None:
    """Bad settings speak to whoever can mend them."""
    with pytest.raises(DatabaseError, match=words):
        connect(url)
