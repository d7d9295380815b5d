"""The journal of what we did on GitHub: intended before the write, done after it, undone on request."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from bot.model.run import Effect
from bot.store.sql import change, insert_new
from bot.store.tables import Effects


def intend(db: Session, /, key: str, **row: Any) -> Effect:
    """Write down what we are about to do; what is written already stands."""
    insert_new(db, Effects, [{"key": key, "done": False, **row}])
    return by_key(db, key)


def by_key(db: Session, key: str) -> Effect:
    """One effect."""
    return Effect.model_validate(db.exec(select(Effects).where(Effects.key == key)).one())


def did(db: Session, key: str, *, at: datetime, target_id: str, url: str) -> None:
    """Write down that it is done."""
    values = {"at": at, "target_id": target_id, "url": url, "done": True}
    change(db, sa.update(Effects).where(col(Effects.key) == key).values(values))


def abandon(db: Session, key: str) -> None:
    """GitHub refused: it was never done."""
    change(db, sa.delete(Effects).where(col(Effects.key) == key, col(Effects.done).is_(False)))


def abandon_unfinished(db: Session, session_id: int) -> None:
    """The session is over: what it meant to do and never saw done no longer holds its items back."""
    change(db, sa.delete(Effects).where(col(Effects.session_id) == session_id, col(Effects.done).is_(False)))


def undone(db: Session, effect_id: int, now: datetime) -> None:
    """Write down that it was taken back."""
    change(db, sa.update(Effects).where(col(Effects.id) == effect_id).values(undone_at=now))


def on_items(db: Session, repository_id: int, numbers: Collection[int]) -> dict[int, list[Effect]]:
    """Our effects on these items, of all jobs, oldest first."""
    found: dict[int, list[Effect]] = {}
    every = sorted(numbers)
    for start in range(0, len(every), 900):
        rows = db.exec(
            select(Effects)
            .where(
                Effects.repository_id == repository_id, col(Effects.number).in_(every[start : start + 900])
            )
            .order_by(col(Effects.id))
        )
        for row in rows:
            found.setdefault(row.number, []).append(Effect.model_validate(row))
    return found


def of_run(db: Session, run_id: int) -> list[Effect]:
    """What a run did, newest first: the order in which to take it back."""
    rows = db.exec(select(Effects).where(Effects.run_id == run_id).order_by(col(Effects.id).desc()))
    return [Effect.model_validate(row) for row in rows]


def of_session(db: Session, session_id: int) -> list[Effect]:
    """What a session did, oldest first."""
    rows = db.exec(select(Effects).where(Effects.session_id == session_id).order_by(col(Effects.id)))
    return [Effect.model_validate(row) for row in rows]


def last_comment(db: Session, job_id: int, number: int) -> Effect | None:
    """Our newest living comment of a job on an item."""
    row = db.exec(
        select(Effects)
        .where(
            Effects.job_id == job_id, Effects.number == number, Effects.kind == "comment", col(Effects.done)
        )
        .where(col(Effects.undone_at).is_(None))
        .order_by(col(Effects.id).desc())
    ).first()
    return Effect.model_validate(row) if row else None
