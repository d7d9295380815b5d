"""Database contexts: rows come out, nothing goes in."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import psycopg
import pytest

from bot.contexts.databases import Databases
from bot.model.context import DatabaseContext
from bot.ports import Refusal


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """A SQLite file with three orders."""
    path = tmp_path / "orders.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE orders (id INTEGER, item TEXT)")
        connection.executemany("INSERT INTO orders VALUES (?, ?)", [(1, "pen"), (2, "ink"), (3, "café")])
    connection.close()
    return path


@pytest.fixture
def orders(postgres_url: str) -> str:
    """A PostgreSQL database with three orders."""
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE TABLE orders (id int, item text)")
        connection.execute("INSERT INTO orders VALUES (1, 'pen'), (2, 'ink'), (3, 'café')")
    return postgres_url


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def shop(request: pytest.FixtureRequest) -> Databases:
    """The orders on each kind of database, as connection `shop`."""
    if request.param == "sqlite":
        return Databases({"shop": f"sqlite:///{request.getfixturevalue('ledger')}"})
    return Databases({"shop": str(request.getfixturevalue("orders"))})


async def ask(shop: Databases, query: str, **more: int) -> str | Refusal:
    """Ask."""
    return await shop.read(DatabaseContext(database="shop", query=query, **more))


def refused(answer: str | Refusal) -> str:
    """The words of a refusal."""
    assert isinstance(answer, Refusal), answer
    return answer.words


async def rows(shop: Databases) -> int:
    """How many orders there are."""
    answer = await ask(shop, "SELECT count(*) AS n FROM orders")
    assert isinstance(answer, str)
    return int(json.loads(answer)["n"])


async def test_rows_come_as_json_lines(shop: Databases) -> None:
    """One object a row, by column name; a closing semicolon or comment does no harm."""
    answer = await ask(shop, "SELECT id, item FROM orders ORDER BY id -- all;")
    assert isinstance(answer, str)
    assert [json.loads(line) for line in answer.splitlines()][2] == {"id": 3, "item": "café"}


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM orders",
        "INSERT INTO orders VALUES (4, 'ivy')",
        "DROP TABLE orders",
        "SELECT 1; DELETE FROM orders",
        "SELECT 1) AS q; DELETE FROM orders; --",
        "WITH gone AS (DELETE FROM orders RETURNING id) SELECT * FROM gone",
        "SELECT 1) AS q; COMMIT; SET default_transaction_read_only = off; DELETE FROM orders; SELECT (1",
        "DO $$ BEGIN SET LOCAL transaction_read_only = off; DELETE FROM orders; END $$",
        "SELECT set_config('transaction_read_only', 'off', false)",
        "COPY orders TO PROGRAM 'true'",
        "PRAGMA query_only = OFF",
        "ATTACH 'file:other.db?mode=rwc' AS other",
        "VACUUM",
        "SELECT load_extension('x')",
        "SELECT writefile('x', 'y')",
    ],
)
async def test_what_writes_is_refused(shop: Databases, query: str) -> None:
    """However it is put: the connection cannot write, and nothing but a SELECT is even begun."""
    assert refused(await ask(shop, query))
    assert await rows(shop) == 3


@pytest.mark.postgres
async def test_a_function_that_writes_is_refused_by_the_connection(orders: str) -> None:
    """A SELECT may call what writes; the transaction is read-only, so it fails."""
    with psycopg.connect(orders) as connection:
        connection.execute(
            "CREATE FUNCTION sneak() RETURNS int LANGUAGE plpgsql AS "
            "$$ BEGIN PERFORM set_config('transaction_read_only', 'off', true); DELETE FROM orders; RETURN 1; END $$"
        )
        connection.execute(
            "CREATE FUNCTION plain() RETURNS int LANGUAGE sql AS 'DELETE FROM orders RETURNING id'"
        )
    shop = Databases({"shop": orders})
    assert "transaction" in refused(await ask(shop, "SELECT sneak()"))
    assert "read-only transaction" in refused(await ask(shop, "SELECT plain()"))
    assert await rows(shop) == 3


async def test_rows_and_size_are_capped_and_said(shop: Databases) -> None:
    """The job's rows and kB hold."""
    answer = await ask(shop, "SELECT id FROM orders", max_rows=2)
    assert isinstance(answer, str)
    assert answer.endswith("[… there are more rows than the 2 shown]")
    wide = await ask(
        shop,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900) SELECT i, 'xxxxxxxxxx' AS x FROM n",
        max_rows=5000,
        max_kb=1,
    )
    assert isinstance(wide, str)
    assert len(wide) < 1_200


async def test_time_is_capped(shop: Databases, monkeypatch: pytest.MonkeyPatch) -> None:
    """A query that never ends is ended."""
    monkeypatch.setattr("bot.contexts.databases.PATIENCE", 0.3)
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    assert refused(await ask(shop, endless))


async def test_a_connection_nobody_named_is_refused_and_its_url_kept(tmp_path: Path) -> None:
    """The words say what to do and nothing of where a database is."""
    shop = Databases({"shop": "postgresql://me:s3cret@127.0.0.1:1/x", "file": f"sqlite:///{tmp_path}/no.db"})
    assert "named no such connection" in refused(
        await shop.read(DatabaseContext(database="other", query="SELECT 1"))
    )
    words = refused(await ask(shop, "SELECT 1"))
    assert "s3cret" not in words
    assert words == "the database could not be reached"
    gone = refused(await shop.read(DatabaseContext(database="file", query="SELECT 1")))
    assert str(tmp_path) not in gone
