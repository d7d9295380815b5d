"""The ledger: which item a job has dealt with, in which state; parking, deferral, claims."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from bot.model.run import LedgerEntry
from bot.store.sql import change, insert_new, upsert
from bot.store.tables import Claims, Ledger


def entries(db: Session, job_id: int, numbers: Collection[int]) -> dict[int, LedgerEntry]:
    """What the ledger knows of these items."""
    rows = _in_parts(db, select(Ledger).where(Ledger.job_id == job_id), col(Ledger.number), numbers)
    return {row.number: LedgerEntry.model_validate(row) for row in rows}


def history_of(db: Session, job_ids: Collection[int], number: int) -> dict[int, LedgerEntry]:
    """What the ledgers of these jobs know of one item, by job."""
    rows = db.exec(select(Ledger).where(col(Ledger.job_id).in_(job_ids), Ledger.number == number))
    return {row.job_id: LedgerEntry.model_validate(row) for row in rows}


def claims(db: Session, job_id: int, numbers: Collection[int]) -> dict[int, int]:
    """The runs that hold these items."""
    rows = _in_parts(db, select(Claims).where(Claims.job_id == job_id), col(Claims.number), numbers)
    return {row.number: row.run_id for row in rows}


def _in_parts(db: Session, wanted: Any, column: Any, numbers: Collection[int]) -> list[Any]:
    every = sorted(numbers)
    found: list[Any] = []
    for start in range(0, len(every), 900):
        found += db.exec(wanted.where(column.in_(every[start : start + 900]))).all()
    return found


def take(db: Session, job_id: int, run_id: int, numbers: Sequence[int], now: datetime) -> set[int]:
    """Claim items for a run; gives those it got (and those it held already)."""
    insert_new(
        db,
        Claims,
        [{"job_id": job_id, "number": number, "run_id": run_id, "claimed_at": now} for number in numbers],
    )
    held = claims(db, job_id, numbers)
    return {number for number, holder in held.items() if holder == run_id}


def let_go(db: Session, job_id: int, number: int, run_id: int) -> None:
    """Give a claim back."""
    change(
        db,
        sa.delete(Claims).where(
            col(Claims.job_id) == job_id, col(Claims.number) == number, col(Claims.run_id) == run_id
        ),
    )


def done(
    db: Session,
    job_id: int,
    number: int,
    saw: dict[str, Any],
    run_id: int | None,
    session_id: int | None,
    now: datetime,
) -> None:
    """Record that a job has dealt with an item in the state its session saw."""
    good = {
        "saw": saw, "run_id": run_id, "session_id": session_id, "done_at": now, "attempts": 0, "attempts_on": None, "deferred_at": None,
    }  # fmt: skip
    upsert(db, Ledger, {"job_id": job_id, "number": number, **good}, ["job_id", "number"], good)


def tried(db: Session, job_id: int, number: int, on: str) -> int:
    """Count a failed session on an item in the state named `on`; gives how many there were in that state."""
    known = db.exec(
        select(Ledger.attempts, Ledger.attempts_on).where(Ledger.job_id == job_id, Ledger.number == number)
    ).first()
    attempts = 1 + (known[0] if known and known[1] == on else 0)
    now = {"attempts": attempts, "attempts_on": on, "deferred_at": None}
    upsert(db, Ledger, {"job_id": job_id, "number": number, **now}, ["job_id", "number"], now)
    return attempts


def deferred(db: Session, job_id: int, numbers: Sequence[int], now: datetime) -> None:
    """Remember since when items have waited for their turn."""
    for number in numbers:
        upsert(
            db, Ledger, {"job_id": job_id, "number": number, "attempts": 0, "deferred_at": now}, ["job_id", "number"],
            {"deferred_at": sa.func.coalesce(Ledger.deferred_at, now)},
        )  # fmt: skip


def park(db: Session, job_ids: Collection[int], number: int, by: str) -> None:
    """Leave an item alone until somebody says otherwise."""
    words = f"ignored by {by}"
    for job_id in job_ids:
        upsert(
            db,
            Ledger,
            {"job_id": job_id, "number": number, "attempts": 0, "parked": words},
            ["job_id", "number"],
            {"parked": words},
        )


def unpark(db: Session, job_ids: Collection[int], number: int) -> int:
    """Let an item be worked on again; gives how many jobs had it parked."""
    return change(
        db,
        sa.update(Ledger)
        .where(col(Ledger.job_id).in_(job_ids), col(Ledger.number) == number)
        .where(sa.or_(col(Ledger.parked).is_not(None), col(Ledger.attempts) > 0))
        .values(parked=None, attempts=0, attempts_on=None),
    )
