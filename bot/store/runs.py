"""Runs: recorded once per occasion, claimed by one process, closed by their last session."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from bot.model.run import (
    FLOW_VERSION,
    Job,
    Repository,
    Run,
    RunItem,
    RunStatus,
    SessionStatus,
    Trigger,
    TriggerKind,
)
from bot.store.sql import change, insert_new
from bot.store.tables import Jobs, Repositories, RunItems, Runs, Sessions

LIVE = (RunStatus.pending.value, RunStatus.running.value)
LIVE_SESSIONS = (SessionStatus.queued.value, SessionStatus.running.value)
_PRIORITY = {"high": 1, "normal": 2, "low": 3}
IN_LINE = (TriggerKind.schedule, TriggerKind.backfill)
"""Runs that wait for the one of their own kind before them: those of a backfill for each other, not for today's fires."""
_BY_HAND = frozenset({TriggerKind.manual, TriggerKind.comment})


def priority_of(spec: dict[str, Any], kind: TriggerKind) -> int:
    """Smaller goes first: what a person asked for, then high, normal and low."""
    return 0 if kind in _BY_HAND else _PRIORITY.get(str(spec.get("priority", "normal")), 2)


def row_for(job: Jobs | Job, trigger: Trigger, now: datetime, **more: Any) -> dict[str, Any]:
    """The new row of a firing."""
    return {
        "job_id": job.id, "repository_id": job.repository_id, "trigger": trigger.kind.value, "occasion": trigger.occasion,
        "status": RunStatus.pending.value, "spec": job.spec, "flow_version": FLOW_VERSION, "number": trigger.number,
        "by": trigger.by, "dry_run": trigger.dry_run, "serial": trigger.kind in IN_LINE,
        "priority": priority_of(job.spec, trigger.kind), "scheduled_for": trigger.scheduled_for, "created_at": now,
        "attempt": 1, "items_found": 0, "items_processed": 0, "items_skipped": 0, "items_deferred": 0, "items_failed": 0,
        "items_quiet": 0, "cost": 0.0, "requests": 0, "not_before": None, "completed_at": None, "reason": None, **more,
    }  # fmt: skip


def fire(
    db: Session, job_id: int, trigger: Trigger, now: datetime, *, not_before: datetime | None = None
) -> Run | None:
    """Record that a job fires; None where this very occasion has fired already, or the job is gone."""
    job = db.get(Jobs, job_id)
    if job is None or job.archived_at is not None:
        return None
    row = row_for(job, trigger, now, not_before=not_before)
    inserted = insert_new(db, Runs, [row], Runs.id)
    return get(db, inserted[0][0]) if inserted else None


def get(db: Session, run_id: int) -> Run | None:
    """One run."""
    row = db.get(Runs, run_id, populate_existing=True)
    return Run.model_validate(row) if row else None


def place_of(db: Session, run_id: int) -> tuple[Run, Job, Repository] | None:
    """A run with its job and repository."""
    found = db.exec(
        select(Runs, Jobs, Repositories)
        .join(Jobs, col(Jobs.id) == col(Runs.job_id))
        .join(Repositories, col(Repositories.id) == col(Runs.repository_id))
        .where(Runs.id == run_id)
    ).first()
    if found is None:
        return None
    run, job, repository = found
    return Run.model_validate(run), Job.model_validate(job), Repository.model_validate(repository)


def runs_of(db: Session, job_id: int, limit: int = 20, before: int | None = None) -> list[Run]:
    """The newest runs of a job, newest first."""
    wanted = select(Runs).where(Runs.job_id == job_id)
    if before is not None:
        wanted = wanted.where(col(Runs.id) < before)
    return [Run.model_validate(row) for row in db.exec(wanted.order_by(col(Runs.id).desc()).limit(limit))]


def items_of(db: Session, run_id: int) -> list[RunItem]:
    """What a run decided about each matching item."""
    rows = db.exec(select(RunItems).where(RunItems.run_id == run_id).order_by(col(RunItems.number)))
    return [RunItem.model_validate(row) for row in rows]


def live_runs(db: Session, job_ids: Collection[int]) -> dict[int, list[int]]:
    """The ids of pending and running rounds by job, which today's fires meet.

    Runs for one item alone (events, comments) are no rounds, and a backfill goes beside them in a line of its own.
    """
    found: dict[int, list[int]] = {}
    rows = db.exec(
        select(Runs.job_id, Runs.id)
        .where(col(Runs.job_id).in_(job_ids), col(Runs.status).in_(LIVE), col(Runs.number).is_(None))
        .where(col(Runs.trigger) != TriggerKind.backfill.value)
        .order_by(col(Runs.id))
    )
    for job_id, run_id in rows:
        found.setdefault(job_id, []).append(int(run_id or 0))
    return found


def begin(db: Session, run_id: int, executor: str, now: datetime) -> Run | None:
    """Mark a claimed run as running; None where it has ended meanwhile (cancelled, say)."""
    change(
        db,
        sa.update(Runs)
        .where(col(Runs.id) == run_id, col(Runs.status).in_(LIVE))
        .values(
            status=RunStatus.running.value,
            executor=executor,
            started_at=sa.func.coalesce(Runs.started_at, now),
        ),
    )
    run = get(db, run_id)
    return run if run and run.status is RunStatus.running else None


def postpone(db: Session, run_id: int, until: datetime | None, reason: str) -> None:
    """Put a run back in the queue under a new attempt; its item is held, or GitHub asks us to wait."""
    change(
        db,
        sa.update(Runs)
        .where(col(Runs.id) == run_id, col(Runs.status).in_(LIVE))
        .values(
            status=RunStatus.pending.value,
            executor=None,
            attempt=Runs.attempt + 1,
            not_before=until,
            reason=reason,
        ),
    )


def request_cancel(db: Session, run_id: int, now: datetime) -> bool:
    """Ask for a run's end: what waits is cancelled here and now, what works is ended by its worker."""
    touched = change(
        db,
        sa.update(Runs)
        .where(col(Runs.id) == run_id, col(Runs.status).in_(LIVE), col(Runs.cancel_requested_at).is_(None))
        .values(cancel_requested_at=now),
    )
    if touched:
        _cancel_waiting(db, col(Sessions.run_id) == run_id, now)
        close_if_done(db, run_id, now)
        _cancel_pending(db, col(Runs.id) == run_id, now)
    return bool(touched)


def cancel_everything(db: Session, now: datetime) -> None:
    """Ask for the end of every live run."""
    live = db.exec(select(Runs.id).where(col(Runs.status).in_(LIVE))).all()
    for run_id in live:
        request_cancel(db, int(run_id or 0), now)


def _cancel_waiting(db: Session, which: Any, now: datetime) -> None:
    from bot.store.sessions import finish

    waiting = select(Sessions.id, Sessions.attempt).where(
        which, Sessions.status == SessionStatus.queued.value
    )
    for session_id, attempt in db.exec(waiting).all():
        words = "cancelled before it began"
        finish(db, int(session_id or 0), attempt, SessionStatus.cancelled, now, reason=words)
    change(
        db,
        sa.update(Sessions)
        .where(
            which,
            col(Sessions.status) == SessionStatus.running.value,
            col(Sessions.cancel_requested_at).is_(None),
        )
        .values(cancel_requested_at=now),
    )


def _cancel_pending(db: Session, which: Any, now: datetime) -> None:
    pending = db.exec(select(Runs.id).where(which, Runs.status == RunStatus.pending.value)).all()
    for run_id in pending:
        end(db, int(run_id or 0), RunStatus.cancelled, now, reason="cancelled before it began")


def record_items(db: Session, items: Sequence[RunItem]) -> None:
    """Keep the verdicts; those that are there stay."""
    for start in range(0, len(items), 500):
        insert_new(db, RunItems, [item.model_dump() for item in items[start : start + 500]])


def chosen(
    db: Session, run_id: int, *, found: int, skipped: int, deferred: int, requests: int, facts: dict[str, Any]
) -> None:
    """Keep what a run found; from now on its last session closes it."""
    values = {
        "items_found": found,
        "items_skipped": skipped,
        "items_deferred": deferred,
        "requests": requests,
        "facts": facts,
    }
    change(db, sa.update(Runs).where(col(Runs.id) == run_id).values(values))


def close_if_done(db: Session, run_id: int, now: datetime) -> RunStatus | None:
    """End the run if none of its sessions lives; gives the status it ended with, once."""
    run = db.get(Runs, run_id, populate_existing=True)
    if run is None or run.status != RunStatus.running.value or run.facts is None:
        return None
    rows = db.exec(
        select(Sessions.status, sa.func.count(), sa.func.sum(Sessions.cost))
        .where(Sessions.run_id == run_id)
        .group_by(Sessions.status)
    )
    counts: dict[str, int] = {}
    cost = 0.0
    for status, count, spent in rows:
        counts[status] = count
        cost += float(spent or 0)
    if any(counts.get(status) for status in LIVE_SESSIONS):
        return None
    return end(db, run_id, _status_from(counts, bool(run.cancel_requested_at)), now, counts=counts, cost=cost)


def _status_from(counts: dict[str, int], cancelled: bool) -> RunStatus:
    bad = counts.get("failed", 0) + counts.get("timeout", 0)
    good = counts.get("succeeded", 0) + counts.get("quiet", 0)
    if cancelled or (counts.get("cancelled") and not good and not bad):
        return RunStatus.cancelled
    if bad and good:
        return RunStatus.partial
    return RunStatus.failed if bad else RunStatus.completed


def end(
    db: Session, run_id: int, status: RunStatus, now: datetime, *, reason: str | None = None, error: str | None = None,
    counts: dict[str, int] | None = None, cost: float = 0.0,
) -> RunStatus | None:  # fmt: skip
    """Give a run its final status, exactly once, and let its job know; None where it had one already."""
    counts = counts or {}
    values: dict[str, Any] = {
        "status": status.value, "completed_at": now, "reason": sa.func.coalesce(reason, Runs.reason), "error": error, "cost": cost,
        "items_processed": counts.get("succeeded", 0) + counts.get("quiet", 0), "items_quiet": counts.get("quiet", 0),
        "items_failed": counts.get("failed", 0) + counts.get("timeout", 0),
    }  # fmt: skip
    if not change(
        db, sa.update(Runs).where(col(Runs.id) == run_id, col(Runs.status).in_(LIVE)).values(**values)
    ):
        return None
    from bot.store.aftermath import run_ended

    run_ended(db, run_id, now)
    return status


def recorded_skip(db: Session, job: Jobs | Job, trigger: Trigger, now: datetime, reason: str) -> None:
    """Record a fire that does nothing, with its reason."""
    insert_new(
        db,
        Runs,
        [row_for(job, trigger, now, status=RunStatus.skipped.value, completed_at=now, reason=reason)],
    )


def release(db: Session, executors: Collection[str]) -> int:
    """Give back runs that dead processes had claimed but not begun."""
    return change(
        db,
        sa.update(Runs)
        .where(col(Runs.executor).in_(executors), col(Runs.status) == RunStatus.pending.value)
        .values(executor=None),
    )


def release_one(db: Session, run_id: int, attempt: int) -> None:
    """Give back a run that was claimed and whose workflow never began."""
    change(
        db,
        sa.update(Runs)
        .where(col(Runs.id) == run_id, col(Runs.attempt) == attempt, col(Runs.facts).is_(None))
        .where(col(Runs.status).in_(LIVE))
        .values(status=RunStatus.pending.value, executor=None),
    )


def retry_later(attempt: int, *, base: float = 30.0, most: float = 3600.0, spread: float = 0.0) -> timedelta:
    """The wait before try number `attempt + 1`: doubling, capped, spread by `spread` in 0..1."""
    return timedelta(seconds=min(most, base * 2 ** max(0, attempt - 1)) * (1 + 0.25 * spread))


def held_by(db: Session, executor: str) -> int:
    """How many runs this process has claimed that are still choosing."""
    wanted = select(sa.func.count()).where(
        Runs.executor == executor, col(Runs.status).in_(LIVE), col(Runs.facts).is_(None)
    )
    return int(db.exec(wanted).one())


def held_of(db: Session, executor: str) -> list[tuple[int, int]]:
    """Runs this process has claimed and not chosen yet, as (id, attempt)."""
    wanted = select(Runs.id, Runs.attempt).where(Runs.executor == executor, col(Runs.status).in_(LIVE))
    return [(int(run or 0), attempt) for run, attempt in db.exec(wanted.where(col(Runs.facts).is_(None)))]


def was_chosen(db: Session, run_id: int) -> bool:
    """Whether a run has chosen its items."""
    return db.exec(select(Runs.facts).where(Runs.id == run_id)).first() is not None


def anything_left(db: Session, now: datetime) -> bool:
    """Whether a run lives that could go on by itself before long."""
    wanted = select(Runs.id).where(col(Runs.status).in_(LIVE))
    return (
        db.exec(
            wanted.where(sa.or_(col(Runs.not_before).is_(None), col(Runs.not_before) <= now)).limit(1)
        ).first()
        is not None
    )
