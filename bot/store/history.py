"""What every job knows of one item: ledger, claims, verdicts, sessions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session as Db
from sqlmodel import col, select

from bot.model.run import Job, LedgerEntry, RunItem, Session
from bot.store.tables import Claims, Jobs, Ledger, RunItems, Runs, Sessions


@dataclass(frozen=True, slots=True)
class Seen:
    """What one job knows of one item: ledger, claim, the newest verdicts and sessions."""

    job: Job
    entry: LedgerEntry | None = None
    claimed_by: int | None = None
    verdicts: tuple[tuple[RunItem, datetime], ...] = ()
    sessions: tuple[Session, ...] = ()


def history(db: Db, repository_id: int, number: int, most: int = 5) -> list[Seen]:
    """What every job of a repository, gone ones too where they touched it, knows of one item."""
    jobs = [
        Job.model_validate(row)
        for row in db.exec(
            select(Jobs).where(Jobs.repository_id == repository_id).order_by(sa.func.lower(col(Jobs.name)))
        )
    ]
    ids = [job.id for job in jobs]
    entries = {
        row.job_id: LedgerEntry.model_validate(row)
        for row in db.exec(select(Ledger).where(col(Ledger.job_id).in_(ids), Ledger.number == number))
    }
    held = {
        row.job_id: row.run_id
        for row in db.exec(select(Claims).where(col(Claims.job_id).in_(ids), Claims.number == number))
    }
    verdicts = _verdicts(db, repository_id, number, most)
    sessions = _sessions_on(db, repository_id, number, most)
    seen = [
        Seen(job, entries.get(job.id), held.get(job.id), tuple(verdicts.get(job.id, ())), tuple(sessions.get(job.id, ())))
        for job in jobs
    ]  # fmt: skip
    return [one for one in seen if one.job.archived_at is None or one.entry or one.sessions]


def _verdicts(
    db: Db, repository_id: int, number: int, most: int
) -> dict[int, list[tuple[RunItem, datetime]]]:
    found: dict[int, list[tuple[RunItem, datetime]]] = {}
    wanted = (
        select(RunItems, Runs.job_id, Runs.created_at)
        .join(Runs, col(Runs.id) == col(RunItems.run_id))
        .where(RunItems.number == number, Runs.repository_id == repository_id)
        .order_by(col(RunItems.run_id).desc())
        .limit(most * 20)
    )
    for item, job_id, at in db.exec(wanted):
        rows = found.setdefault(job_id, [])
        if len(rows) < most:
            rows.append((RunItem.model_validate(item), at))
    return found


def _sessions_on(db: Db, repository_id: int, number: int, most: int) -> dict[int, list[Session]]:
    found: dict[int, list[Session]] = {}
    wanted = (
        select(Sessions)
        .where(Sessions.repository_id == repository_id, Sessions.number == number)
        .order_by(col(Sessions.id).desc())
        .limit(most * 20)
    )
    for row in db.exec(wanted):
        rows = found.setdefault(row.job_id, [])
        if len(rows) < most:
            rows.append(Session.model_validate(row))
    return found
