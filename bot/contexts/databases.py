"""The rows of one query on a connection the operator named. The connection itself cannot write; the query is not trusted."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from bot.model.context import DatabaseContext
from bot.ports import Refusal

PATIENCE = 10.0
MOST_CELL = 20_000
MOST_BYTES = 16_000_000
"""Bytes of one value while SQLite computes, so that no query fills our memory."""
_READS = frozenset({
    sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE,
})  # fmt: skip


class Databases:
    """Named connections; their URLs never leave this class, not even in an error."""

    def __init__(self, urls: Mapping[str, str]) -> None:
        self._urls = urls

    async def read(self, context: DatabaseContext) -> str | Refusal:
        """The rows as JSON Lines, cut at the context's rows and size; a note at the end says so."""
        url = self._urls.get(context.database)
        if url is None:
            words = "the operator named no such connection (ROUNDSMAN_DATABASE_CONTEXTS)"
            return Refusal(kind="forbidden", words=words)
        try:
            parsed = make_url(url)
        except ArgumentError:
            return Refusal(kind="invalid", words="its URL is wrong; write sqlite:///FILE or postgresql://…")
        backend = parsed.get_backend_name()
        if backend not in ("sqlite", "postgresql", "postgres"):
            return Refusal(kind="invalid", words=f"no support for {backend}; use SQLite or PostgreSQL")
        work = _sqlite if backend == "sqlite" else _postgres
        try:
            return await asyncio.to_thread(work, parsed, context)
        except (sqlite3.Error, sqlite3.Warning, psycopg.Error) as error:
            return Refusal(kind="invalid", words=_words(error))


def _words(error: Exception) -> str:
    """What the database said of the query; nothing of where it is."""
    if isinstance(error, psycopg.OperationalError) and error.sqlstate is None:
        return "the database could not be reached"
    return f"the database said: {' '.join(str(error).split())[:300]}"


def _sqlite(url: URL, context: DatabaseContext) -> str | Refusal:
    path = Path(url.database or "").expanduser()
    if not path.is_file():
        return Refusal(kind="gone", words="its file is not there")
    until = time.monotonic() + PATIENCE
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=PATIENCE)
    try:
        connection.execute("PRAGMA query_only = ON")
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MOST_BYTES)
        connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        connection.set_authorizer(_only_reads)
        connection.set_progress_handler(lambda: int(time.monotonic() > until), 10_000)
        rows = connection.execute(context.query)
        names = [column[0] for column in rows.description or ()]
        return _lines((dict(zip(names, row, strict=True)) for row in rows), context)
    finally:
        connection.close()


def _only_reads(action: int, _first: str | None, second: str | None, *_: str | None) -> int:
    """Allow SELECT and its parts; ATTACH, PRAGMA, every write and extension loading are denied when it is compiled."""
    if action not in _READS or (action == sqlite3.SQLITE_FUNCTION and second == "load_extension"):
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK


def _postgres(url: URL, context: DatabaseContext) -> str | Refusal:
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    caps = (
        f"-c default_transaction_read_only=on -c statement_timeout={PATIENCE * 1000:.0f} -c lock_timeout=2000"
    )
    given = str(url.query.get("options") or "")
    inner = context.query.strip().rstrip(";")
    # As a subquery only a SELECT can stand, and the server cuts long rows before they reach us.
    query = f"SELECT left(to_json(roundsman_row)::text, {MOST_CELL}) FROM (\n{inner}\n) AS roundsman_row LIMIT {context.max_rows + 1}"
    with psycopg.connect(
        plain, options=f"{given} {caps}".strip(), connect_timeout=5, application_name="roundsman context"
    ) as connection:
        connection.read_only = True
        # A first snapshot: after it not even SET can make this transaction writable.
        connection.execute("SELECT 1 FROM pg_catalog.pg_class LIMIT 1")
        # Prepared: the protocol then takes one statement and no second behind a semicolon.
        rows = connection.execute(query.encode(), prepare=True)
        return _lines((row[0] for row in rows), context)


def _lines(rows: Iterable[Any], context: DatabaseContext) -> str:
    """Rows as JSON, one a line, while they fit."""
    lines: list[str] = []
    size, most = 0, context.max_kb * 1024
    for row in rows:
        line = (
            row if isinstance(row, str) else json.dumps(row, ensure_ascii=False, default=_plain)[:MOST_CELL]
        )
        size += len(line) + 1
        if len(lines) >= context.max_rows or size > most:
            return "\n".join([*lines, f"[… there are more rows than the {len(lines)} shown]"])
        lines.append(line)
    return "\n".join(lines)


def _plain(value: object) -> str:
    return f"({len(value)} bytes)" if isinstance(value, bytes) else str(value)
