"""What an ending sets off, in the same transaction: the job's counters, giving up, the next job, words that must leave."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session as Db
from sqlmodel import col, select

from bot.flow.seen import fingerprint
from bot.model.job import JobSpec
from bot.model.run import Run, RunStatus, Session, Trigger, TriggerKind
from bot.store import ledger, runs
from bot.store.sql import change, insert_new
from bot.store.tables import Audit, Jobs, Outbox, Runs, Sessions

_BAD = frozenset({RunStatus.failed})


def run_ended(db: Db, run_id: int, now: datetime) -> None:
    """Let the job know of a run's final status."""
    run = runs.get(db, run_id)
    assert run is not None
    failed = run.status in _BAD
    row: dict[str, Any] = {
        "last_run_at": run.started_at or now, "last_run_status": run.status.value, "run_count": Jobs.run_count + 1,
        "error_count": Jobs.error_count + (1 if failed else 0),
    }  # fmt: skip
    if failed:
        row["failures_in_row"] = Jobs.failures_in_row + 1
    elif run.status in (RunStatus.completed, RunStatus.partial):
        row["failures_in_row"] = 0
    change(db, sa.update(Jobs).where(col(Jobs.id) == run.job_id).values(**row))
    if failed:
        _give_up(db, run, now)
    _tell(db, run, run.status.value, now)
    if _money_ran_out(db, run_id):
        _tell(db, run, "budget", now)
    _fire_followers(db, run, now)


def _money_ran_out(db: Db, run_id: int) -> bool:
    """Whether a budget kept a session of the run from its work, before or while it was at it."""
    refused = col(Sessions.reason).startswith("the budget of")
    skipped = sa.and_(col(Sessions.status) == "skipped", refused)
    wanted = select(Sessions.id).where(
        Sessions.run_id == run_id, sa.or_(col(Sessions.failure) == "budget", skipped)
    )
    return db.exec(wanted.limit(1)).first() is not None


def _give_up(db: Db, run: Run, now: datetime) -> None:
    """Pause a job that has failed too often in a row, and say so."""
    most = int((run.spec.get("limits") or {}).get("give_up", 5))
    words = f"paused itself after {most} failed runs in a row; the last: {run.error or run.reason or 'its sessions failed'}"
    paused = change(
        db,
        sa.update(Jobs)
        .where(
            col(Jobs.id) == run.job_id,
            col(Jobs.status) == "active",
            col(Jobs.failures_in_row) >= most,
            sa.literal(most) > 0,
        )
        .values(status="paused", pause_reason=words, next_run_at=None, updated_at=now),
    )
    if paused:
        name = db.exec(select(Jobs.name).where(Jobs.id == run.job_id)).one()
        db.add(
            Audit(
                at=now,
                actor="roundsman",
                action="job.paused",
                target=name,
                repository_id=run.repository_id,
                detail={"reason": words},
            )
        )
        _tell(db, run, "paused", now)


def budget_reached(db: Db, run: Run, now: datetime) -> None:
    """Say once a run that money was the reason to stop."""
    _tell(db, run, "budget", now)


def _tell(db: Db, run: Run, event: str, now: datetime) -> None:
    """Put a word for each channel of the job that wants it into the outbox."""
    for place, wish in enumerate(JobSpec.model_validate(run.spec).notify if run.spec.get("notify") else ()):
        if event in wish.on and not run.dry_run:
            body = {"to": wish.to, "target": wish.target, "run": run.id, "event": event}
            tell(db, f"run-{run.id}-{event}-{place}", wish.to, event, body, now, run=run)
    if run.status.final and run.status is not RunStatus.skipped and event == run.status.value:
        tell(db, f"run-{run.id}-job.completed", "webhook", "job.completed", {"run": run.id}, now, run=run)


def tell(
    db: Db, key: str, channel: str, event: str, body: dict[str, Any], now: datetime, *, run: Run
) -> None:
    """Queue one word; the same key leaves once."""
    row = {
        "key": key,
        "channel": channel,
        "event": event,
        "job_id": run.job_id,
        "run_id": run.id,
        "body": body,
        "tries": 0,
        "not_before": now,
    }
    insert_new(db, Outbox, [row])


def _fire_followers(db: Db, run: Run, now: datetime) -> None:
    """Fire the jobs of the repository that run after this one."""
    if run.dry_run or run.status is RunStatus.skipped:
        return
    name = db.exec(select(Jobs.name).where(Jobs.id == run.job_id)).one()
    followers = db.exec(
        select(Jobs).where(
            Jobs.repository_id == run.repository_id, Jobs.status == "active", col(Jobs.archived_at).is_(None)
        )
    ).all()
    for job in followers:
        for trigger in job.spec.get("on") or ():
            after = trigger.get("after") if isinstance(trigger, dict) else None
            if (
                isinstance(after, dict)
                and after.get("job") == name
                and run.status.value in after.get("on", ("completed",))
            ):
                runs.fire(
                    db,
                    int(job.id or 0),
                    Trigger(kind=TriggerKind.after, occasion=f"run-{run.id}", by=name),
                    now,
                )


def session_failed(db: Db, session: Session, run: Run, now: datetime) -> None:
    """Count the failure on the item as it is; an event's item comes again by itself until it is parked."""
    tries = ledger.tried(db, session.job_id, session.number, fingerprint(session.saw or {}))
    most = int((run.spec.get("limits") or {}).get("attempts", 3))
    if run.trigger is not TriggerKind.event or tries >= most:
        return
    origin = db.exec(select(Runs.occasion).where(Runs.id == run.id)).one().partition("#")[0]
    again = Trigger(
        kind=TriggerKind.event, occasion=f"{origin}#{tries + 1}", number=session.number, by=run.by
    )
    runs.fire(db, session.job_id, again, now, not_before=now + timedelta(minutes=5) * 2 ** (tries - 1))
