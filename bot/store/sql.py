"""The two or three statements that SQLAlchemy spells differently on each database."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, SQLModel

LOCK_ADMISSION = 0x61646D69  # "admi"


def insert_new(
    db: Session, table: type[SQLModel], rows: Sequence[Mapping[str, Any]], *returning: Any
) -> list[Any]:
    """Insert the rows that break no unique key; give `returning` of those that went in."""
    statement, connection, made = _inserting(db, table), db.connection(), list[Any]()
    for group in _alike(rows):
        if returning:
            made += connection.execute(statement.returning(*returning), group).all()
        else:
            connection.execute(statement, group)
    return made


def count_new(db: Session, table: type[SQLModel], rows: Sequence[Mapping[str, Any]]) -> int:
    """Insert the rows that break no unique key; give how many went in. For very many rows: nothing is read back."""
    connection = db.connection()
    if connection.dialect.name == "postgresql":
        return sum(_at_once(connection, table, group) for group in _alike(rows))
    return sum(_by_driver(connection, table, group) for group in _alike(rows))


def _by_driver(connection: sa.Connection, table: type[SQLModel], rows: list[dict[str, Any]]) -> int:
    """SQLite's own `executemany`: what is done for each row elsewhere costs several times the insert."""
    names = sorted(rows[0])
    marks = ", ".join("?" * len(names))
    columns = ", ".join(f'"{name}"' for name in names)
    insert = f"INSERT INTO {table.__tablename__} ({columns}) VALUES ({marks}) ON CONFLICT DO NOTHING"
    driver: Any = connection.connection.driver_connection
    values = [
        [value if type(value := row[name]) in _AS_IT_IS else _stored(value) for name in names] for row in rows
    ]
    return int(driver.executemany(insert, values).rowcount)


_AS_IT_IS = frozenset({str, int, type(None)})


def _stored(value: Any) -> Any:
    """A value as SQLite keeps it."""
    match value:
        case datetime():
            return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
        case dict() | list():
            return json.dumps(value)
        case _:
            return value


def known_of(db: Session, table: type[SQLModel], column: str, values: Collection[str]) -> set[str]:
    """Which of these texts a column holds: one statement with one parameter, however many there are."""
    told: object = list(values)
    every = "= ANY(CAST(:told AS text[]))"  # as a set from a sub-select the planner reads the whole table
    if db.get_bind().dialect.name == "sqlite":
        every, told = "IN (SELECT value FROM json_each(:told))", json.dumps(told)
    wanted = sa.text(f"SELECT {column} FROM {table.__tablename__} WHERE {column} {every}")
    return {str(row[0]) for row in db.connection().execute(wanted, {"told": told})}


def _at_once(connection: sa.Connection, table: type[SQLModel], rows: list[dict[str, Any]]) -> int:
    """One statement with one parameter, however many rows: the server reads them as JSON."""
    name, columns = table.__tablename__, ", ".join(f'"{column}"' for column in sorted(rows[0]))
    insert = (
        f"INSERT INTO {name} ({columns}) SELECT {columns} "
        f"FROM json_populate_recordset(NULL::{name}, CAST(:rows AS json)) ON CONFLICT DO NOTHING"
    )
    return int(connection.execute(sa.text(insert), {"rows": json.dumps(rows, default=_plain)}).rowcount)


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is no JSON")


def _inserting(db: Session, table: type[SQLModel]) -> Any:
    insert: Any = postgresql.insert if db.get_bind().dialect.name == "postgresql" else sqlite.insert
    return insert(table.__table__).on_conflict_do_nothing()  # type: ignore[attr-defined]


def _alike(rows: Sequence[Mapping[str, Any]]) -> Iterable[list[dict[str, Any]]]:
    """The rows by shape: those of one shape go as one prepared statement, compiled once for ever."""
    found: dict[frozenset[str], list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(frozenset(row), []).append(dict(row))
    return found.values()


def upsert(
    db: Session,
    table: type[SQLModel],
    row: Mapping[str, Any],
    keys: Sequence[str],
    changes: Mapping[str, Any],
) -> None:
    """Insert the row, or make `changes` where `keys` are there already."""
    insert: Any = postgresql.insert if db.get_bind().dialect.name == "postgresql" else sqlite.insert
    statement = (
        insert(table).values(**row).on_conflict_do_update(index_elements=list(keys), set_=dict(changes))
    )
    db.execute(statement)


def put_all(
    db: Session, table: type[SQLModel], rows: Sequence[Mapping[str, Any]], keys: Collection[str]
) -> None:
    """Insert rows of one shape, or put them in the place of those with the same `keys`: one prepared statement."""
    if not rows:
        return
    insert: Any = postgresql.insert if db.get_bind().dialect.name == "postgresql" else sqlite.insert
    statement = insert(table.__table__)  # type: ignore[attr-defined]
    new = {name: statement.excluded[name] for name in rows[0] if name not in keys}
    db.connection().execute(
        statement.on_conflict_do_update(index_elements=list(keys), set_=new), [dict(row) for row in rows]
    )


def change(db: Session, statement: sa.Update | sa.Delete) -> int:
    """Run a conditional change; give how many rows it touched."""
    return int(db.execute(statement.execution_options(synchronize_session=False)).rowcount)  # type: ignore[attr-defined]


def lives(column: Any, states: Collection[str]) -> Any:
    """The condition that a run or session is not over, spelled out in the statement: only so does SQLite use the index of the living."""
    return column.in_(sa.bindparam(None, list(states), expanding=True, literal_execute=True))


def one_at_a_time(db: Session, lock: int) -> None:
    """Let one transaction at a time past this point; SQLite's writers already are."""
    if db.get_bind().dialect.name == "postgresql":
        db.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": lock})


def skip_locked(db: Session, statement: Any) -> Any:
    """Lock the rows read and pass over those another transaction holds; SQLite needs no such care."""
    return (
        statement.with_for_update(skip_locked=True)
        if db.get_bind().dialect.name == "postgresql"
        else statement
    )
