"""The data directory: every changed record in one SQLite transaction before a write is answered."""

import json
import sqlite3
from dataclasses import fields
from pathlib import Path
from typing import Any

from bot.demo.records import Record
from bot.demo.tables import Table, Tables


class Journal:
    """Keeps `Tables` in `github.sqlite3`; what `save` returned from survives kill -9."""

    def __init__(self, data_dir: Path) -> None:
        data_dir.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(data_dir / "github.sqlite3", isolation_level=None, check_same_thread=False)
        self._db.executescript(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
            "CREATE TABLE IF NOT EXISTS record (kind TEXT, id INTEGER, body TEXT, PRIMARY KEY (kind, id)) WITHOUT ROWID;"
            "CREATE TABLE IF NOT EXISTS counter (kind TEXT PRIMARY KEY, value INTEGER);"
        )
        self._saved_counters: dict[str, int] = {}

    def load(self, tables: Tables) -> None:
        """Fill the tables with what was saved."""
        by_kind = {table.kind: table for table in tables.every()}
        for kind, body in self._db.execute("SELECT kind, body FROM record ORDER BY kind, id"):
            table = by_kind[kind]
            table.place(table.shape(**_known(table.shape, json.loads(body))))
        tables.counters = dict(self._db.execute("SELECT kind, value FROM counter"))
        self._saved_counters = dict(tables.counters)

    def save(self, tables: Tables) -> None:
        """Write all changed rows in one transaction; nothing happens when nothing changed."""
        changed = [table for table in tables.every() if table.dirty]
        counters = {k: v for k, v in tables.counters.items() if self._saved_counters.get(k) != v}
        if not changed and not counters:
            return
        self._db.execute("BEGIN IMMEDIATE")
        for table in changed:
            self._save_table(table)
        self._db.executemany("INSERT OR REPLACE INTO counter VALUES (?, ?)", counters.items())
        self._db.execute("COMMIT")
        for table in changed:
            table.dirty.clear()
        self._saved_counters.update(counters)

    def _save_table(self, table: Table[Record]) -> None:
        kept = [(table.kind, i, _dump(row)) for i in table.dirty if (row := table.get(i)) is not None]
        gone = [(table.kind, i) for i in table.dirty if table.get(i) is None]
        self._db.executemany("INSERT OR REPLACE INTO record VALUES (?, ?, ?)", kept)
        self._db.executemany("DELETE FROM record WHERE kind = ? AND id = ?", gone)

    def close(self) -> None:
        """Close the file."""
        self._db.close()


def _dump(row: Record) -> str:
    return json.dumps({f.name: getattr(row, f.name) for f in fields(row)}, separators=(",", ":"))


def _known(shape: type[Record], row: dict[str, Any]) -> dict[str, Any]:
    """Drop fields that an older version wrote and this one no longer has."""
    names = {f.name for f in fields(shape)}
    return {key: value for key, value in row.items() if key in names}
