"""What history is kept, and how it goes: in small transactions, oldest first, each safe to run by two processes at once.

What was done on an item (`ledger`, `effects`) stays as long as its job or repository: it answers "already processed?".
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import sqlalchemy as sa
from sqlmodel import Session, col, select

from bot.store import budget, deliveries, sessions
from bot.store.sql import change, one_at_a_time
from bot.store.tables import (
    Audit,
    Budgets,
    Claims,
    Effects,
    Idempotency,
    IndexedItems,
    IndexState,
    Jobs,
    Ledger,
    Outbox,
    Reactions,
    Repositories,
    Reservations,
    RunItems,
    Runs,
    Sessions,
    Transcript,
    Words,
)

LOCK_HOUSE = 0x686F7573  # "hous"
BATCH = 100
FINAL = ("completed", "partial", "failed", "cancelled", "skipped")
DELIVERIES = timedelta(days=30)
"""GitHub delivers again for three days at most."""
KEYS = timedelta(hours=24)
SIGNED_OUT = timedelta(days=60)
"""Longer than any cookie lives."""
SHUFFLED = timedelta(days=30)
ORPHANED = timedelta(hours=1)
"""A reservation is made in the transaction that starts its session, so one without is nobody's; a doubt's benefit all the same."""

Sweep = Callable[[Session], int]


@dataclass(frozen=True, slots=True)
class Kept:
    """How long: runs by age, but at least the last `last` of a job; transcripts; the audit log."""

    runs: timedelta = timedelta(days=90)
    last: int = 20
    transcripts: timedelta = timedelta(days=30)
    audit: timedelta = timedelta(days=365)


def sweeps(kept: Kept, now: datetime) -> dict[str, Sweep]:
    """What is to be swept, by name; each gives how many rows it took, and is to be repeated until it takes none."""
    old = now - kept.runs
    return {
        "transcripts": partial(_transcripts, before=now - kept.transcripts),
        "runs": partial(_old_runs, before=old, last=kept.last),
        "deleted jobs": partial(_deleted_jobs, before=old),
        "gone repositories": partial(_gone_repositories, before=old),
        "orphaned reservations": partial(_orphaned_reservations, before=now - ORPHANED),
        "money": partial(_money, before=old),
        "deliveries": partial(deliveries.purge, before=now - DELIVERIES),
        "audit": partial(_aged, table=Audit, before=now - kept.audit),
        "idempotency keys": partial(_aged, table=Idempotency, before=now - KEYS),
        "signed out": partial(_words, prefix="signed-out/", before=now - SIGNED_OUT),
        "shuffled": partial(_words, prefix="shuffled:", before=now - SHUFFLED),
    }


def take(db: Session, sweep: Sweep) -> int:
    """One batch, while no other process sweeps."""
    one_at_a_time(db, LOCK_HOUSE)
    return sweep(db)


def _transcripts(db: Session, before: datetime) -> int:
    there = sa.exists().where(col(Transcript.session_id) == col(Sessions.id))
    wanted = select(Sessions.id).where(col(Sessions.completed_at) < before, there).limit(BATCH)
    ids = list(db.exec(wanted))
    return change(db, sa.delete(Transcript).where(col(Transcript.session_id).in_(ids))) if ids else 0


def _old_runs(db: Session, before: datetime, last: int) -> int:
    other = sa.orm.aliased(Runs)
    newest = (
        sa.select(col(other.id))
        .where(col(other.job_id) == col(Runs.job_id))
        .order_by(col(other.id).desc())
        .limit(1)
        .offset(last - 1)
        .scalar_subquery()
    )
    wanted = select(Runs.id).where(
        col(Runs.status).in_(FINAL), col(Runs.completed_at) < before, col(Runs.id) < newest
    )
    return _drop_runs(db, list(db.exec(wanted.order_by(col(Runs.completed_at)).limit(BATCH))))


def _drop_runs(db: Session, ids: Collection[int | None]) -> int:
    """Remove runs with all that hangs on them; the journal of our deeds stays."""
    if not ids:
        return 0
    theirs = select(Sessions.id).where(col(Sessions.run_id).in_(ids))
    change(db, sa.delete(Transcript).where(col(Transcript.session_id).in_(theirs)))
    change(db, sa.delete(Sessions).where(col(Sessions.run_id).in_(ids)))
    change(db, sa.delete(RunItems).where(col(RunItems.run_id).in_(ids)))
    over = sa.or_(col(Outbox.sent_at).is_not(None), col(Outbox.given_up_at).is_not(None))
    change(db, sa.delete(Outbox).where(col(Outbox.run_id).in_(ids), over))
    return change(db, sa.delete(Runs).where(col(Runs.id).in_(ids)))


def _deleted_jobs(db: Session, before: datetime) -> int:
    """Jobs deleted long ago, with all their runs: nobody can restore them any more."""
    live = sa.exists().where(col(Runs.job_id) == col(Jobs.id), col(Runs.status).not_in(FINAL))
    job = db.exec(select(Jobs.id).where(col(Jobs.archived_at) < before, sa.not_(live)).limit(1)).first()
    if job is None:
        return 0
    ids = list(db.exec(select(Runs.id).where(Runs.job_id == job).limit(BATCH)))
    if ids:
        return _drop_runs(db, ids)
    for table in (Ledger, Claims):
        change(db, sa.delete(table).where(col(table.job_id) == job))
    return change(db, sa.delete(Jobs).where(col(Jobs.id) == job))


def _gone_repositories(db: Session, before: datetime) -> int:
    jobs = sa.exists().where(col(Jobs.repository_id) == col(Repositories.id))
    runs = sa.exists().where(col(Runs.repository_id) == col(Repositories.id))
    wanted = select(Repositories.id).where(
        col(Repositories.archived_at) < before, sa.not_(jobs), sa.not_(runs)
    )
    ids = list(db.exec(wanted.limit(BATCH)))
    if not ids:
        return 0
    for table in (Effects, Reactions, IndexedItems, IndexState):
        change(db, sa.delete(table).where(col(table.repository_id).in_(ids)))
    names = [f"{kind}:{number}" for kind in ("home", "commands") for number in ids]
    change(db, sa.delete(Words).where(col(Words.name).in_(names)))
    return change(db, sa.delete(Repositories).where(col(Repositories.id).in_(ids)))


def _orphaned_reservations(db: Session, before: datetime) -> int:
    """Settle money set aside for attempts that are over at what the meter saw; where nobody knows any more, at all of it."""
    open_ = select(Reservations.attempt).where(
        col(Reservations.settled).is_(None), col(Reservations.made_at) < before
    )
    live = {
        f"session-{session}-{attempt}"
        for session, attempt in db.exec(
            select(Sessions.id, Sessions.attempt).where(col(Sessions.status).in_(("queued", "running")))
        )
    }
    orphans = sorted(set(db.exec(open_.distinct())) - live)[:BATCH]
    for attempt in orphans:
        budget.settle(db, attempt, _took(db, attempt))
    return len(orphans)


def _took(db: Session, attempt: str) -> float:
    _, number, nth = attempt.split("-")
    spent = sessions.spent_in(db, int(number), int(nth))
    return spent if spent is not None else budget.reserved_for(db, attempt) or 0.0


def _money(db: Session, before: datetime) -> int:
    """What was set aside and settled long ago; then the budgets nothing stands under any more."""
    settled = change(
        db,
        sa.delete(Reservations).where(
            col(Reservations.made_at) < before, col(Reservations.settled).is_not(None)
        ),
    )
    lives = sa.exists().where(col(Reservations.scope) == col(Budgets.scope))
    past = sa.or_(
        col(Budgets.day).is_(None), col(Budgets.day) < (before - timedelta(days=1)).strftime("%Y-%m-%d")
    )
    if settled:
        change(db, sa.delete(Budgets).where(past, sa.not_(lives)))
    return 0


def _aged(db: Session, table: type[Audit | Idempotency], before: datetime) -> int:
    change(db, sa.delete(table).where(col(table.at) < before))
    return 0


def _words(db: Session, prefix: str, before: datetime) -> int:
    change(
        db,
        sa.delete(Words).where(col(Words.name).startswith(prefix, autoescape=True), col(Words.at) < before),
    )
    return 0
