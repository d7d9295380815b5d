"""The table of benchmarks: one that breaks is a row, not the end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bot.store.database import Database, connect
from bot.store.migrate import migrate
from tests.benchmarks import __main__ as bench
from tests.benchmarks import growth
from tests.benchmarks.table import Row, as_json


def test_a_measure_that_breaks_is_a_row(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With its reason in one line; the others go on, and the exit code tells."""
    import tests.benchmarks.filters as one
    import tests.benchmarks.growth as other

    def breaks() -> list[Row]:
        raise OSError("no such\ndisk")

    held = Row("a", 1.0, 2.0, "theirs", 0.5, "less", True, "ms")
    monkeypatch.setattr(one, "rows", breaks)
    monkeypatch.setattr(other, "rows", lambda: [held])
    assert bench.main(["filters", "growth", "--json"]) == 1
    broken, fine = json.loads(capsys.readouterr().out)
    assert (broken["ours"], broken["held"], broken["note"]) == (None, False, "failed: OSError: no such disk")
    assert fine == json.loads(as_json([held]))[0]
    assert bench.main(["growth"]) == 0


def test_a_name_that_is_none_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """With those there are."""
    assert bench.main(["webhoook"]) == 2
    assert "webhook" in capsys.readouterr().err


def test_no_queue_is_looked_through_from_end_to_end(tmp_path: Path) -> None:
    """By SQLite's own plans: what asks again and again reads indexes of what lives, never all that ever was."""
    engine = connect(f"sqlite:///{tmp_path / 'plans.db'}")
    migrate(engine)
    database = Database(engine)
    try:
        for name, (_, _, looks) in growth.AXES.items():
            table = growth.TABLES.get(name, name)
            assert growth.scans(database, looks, table) == [], name
    finally:
        database.close()


@pytest.mark.postgres
def test_postgresql_finds_known_deliveries_by_their_index(postgres_url: str) -> None:
    """However many were kept: by PostgreSQL's own plan, once it has counted them."""
    database = Database(connect(postgres_url))
    _, fill, looks = growth.AXES["deliveries"]
    try:
        database.write_now(fill, 5_000)
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("ANALYZE deliveries")
        assert growth.scans(database, {"known": looks["known"]}, "deliveries") == []
    finally:
        database.close()
