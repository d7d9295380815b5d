"""The two or three statements that SQLAlchemy spells differently on each database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, SQLModel

LOCK_ADMISSION = 0x61646D69  # "admi"


def insert_new(
    db: Session, table: type[SQLModel], rows: Sequence[Mapping[str, Any]], *returning: Any
) -> list[Any]:
    """Insert the rows that break no unique key; give `returning` of those that went in."""
    if not rows:
        return []
    insert: Any = postgresql.insert if db.get_bind().dialect.name == "postgresql" else sqlite.insert
    statement = insert(table).values([dict(row) for row in rows]).on_conflict_do_nothing()
    if not returning:
        db.execute(statement)
        return []
    return list(db.execute(statement.returning(*returning)).all())


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


def change(db: Session, statement: sa.Update | sa.Delete) -> int:
    """Run a conditional change; give how many rows it touched."""
    return int(db.execute(statement.execution_options(synchronize_session=False)).rowcount)  # type: ignore[attr-defined]


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
