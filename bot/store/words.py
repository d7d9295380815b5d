"""Small durable facts by name; among them the global stop."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from bot.store.sql import change, upsert
from bot.store.tables import Words

STOP = "stop"


def put(db: Session, name: str, value: Any, now: datetime) -> None:
    """Keep a fact."""
    upsert(db, Words, {"name": name, "value": value, "at": now}, ["name"], {"value": value, "at": now})


def get(db: Session, name: str) -> Any:
    """Recall a fact; None where there is none."""
    return db.exec(select(Words.value).where(Words.name == name)).first()


def since(db: Session, name: str) -> datetime | None:
    """When a fact was last kept."""
    return db.exec(select(Words.at).where(Words.name == name)).first()


def forget(db: Session, name: str) -> None:
    """Drop a fact."""
    change(db, sa.delete(Words).where(col(Words.name) == name))


def home_of(db: Session, repository_id: int) -> int | None:
    """The number of a repository's dashboard issue."""
    number = get(db, f"home:{repository_id}")
    return number if isinstance(number, int) else None


def set_home(db: Session, repository_id: int, number: int, now: datetime) -> None:
    """Keep the number of a repository's dashboard issue."""
    put(db, f"home:{repository_id}", number, now)


def fired_until(db: Session, job_id: int) -> datetime | None:
    """Up to when a job without items is remembered to have fired."""
    told = get(db, f"fired:{job_id}")
    return datetime.fromisoformat(told) if told else None


def set_fired(db: Session, job_id: int, until: datetime, now: datetime) -> None:
    """Remember up to when a job without items has fired."""
    put(db, f"fired:{job_id}", until.isoformat(), now)


def stopped(db: Session) -> str | None:
    """Who stopped everything, or None while rounds go on."""
    said = get(db, STOP)
    return str(said["by"]) if said else None


def stop_all(db: Session, now: datetime, by: str) -> None:
    """Halt every fire and session; sessions at work are cancelled by their workers within seconds."""
    from bot.store.runs import cancel_everything

    put(db, STOP, {"by": by}, now)
    cancel_everything(db, now)


def resume_all(db: Session) -> None:
    """Let the rounds go on."""
    forget(db, STOP)
