"""Processes that work: a heartbeat for people to see; liveness itself is a lock."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from bot.store.sql import change, upsert
from bot.store.tables import Executors, Runs, Sessions


def beat(
    db: Session, name: str, host: str, pid: int, version: str, now: datetime, *, fresh: bool = False
) -> None:
    """Show that a process lives."""
    row: dict[str, Any] = {
        "id": name,
        "host": host,
        "pid": pid,
        "version": version,
        "started_at": now,
        "seen_at": now,
    }
    changes = dict(row) if fresh else {"seen_at": now, "pid": pid, "host": host, "version": version}
    changes.pop("id", None)
    upsert(db, Executors, row, ["id"], changes)


def gone(db: Session, name: str) -> None:
    """A process ended in good order."""
    change(db, sa.delete(Executors).where(col(Executors.id) == name))


def forget(db: Session, names: Collection[str]) -> None:
    """Dead processes whose work was taken over."""
    held = sa.select(col(Sessions.executor)).where(
        col(Sessions.status) == "running", col(Sessions.executor).is_not(None)
    )
    change(db, sa.delete(Executors).where(col(Executors.id).in_(names), col(Executors.id).not_in(held)))


def holders(db: Session) -> list[str]:
    """Every name that holds work or showed itself."""
    names = set(db.exec(select(Executors.id)).all())
    names |= {
        e for e in db.exec(select(Sessions.executor).where(Sessions.status == "running").distinct()) if e
    }
    names |= {
        e
        for e in db.exec(select(Runs.executor).where(col(Runs.status).in_(("pending", "running"))).distinct())
        if e
    }
    return sorted(names)


def living(db: Session) -> list[dict[str, Any]]:
    """Processes by their heartbeat, for people."""
    return [row.model_dump() for row in db.exec(select(Executors).order_by(col(Executors.id)))]
