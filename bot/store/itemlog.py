"""What happened to one item before: what event triggers, comment commands and their answers ask."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, col, select

from bot.flow.trigger import GATHER, Firing, Past
from bot.model.run import Run, RunItem, RunStatus, TriggerKind
from bot.model.run import Session as AgentSession
from bot.store import runs
from bot.store.runs import LIVE, LIVE_SESSIONS
from bot.store.tables import Effects, RunItems, Runs, Sessions

_ASKED = (TriggerKind.event.value, TriggerKind.comment.value, TriggerKind.manual.value)


def past_of(
    db: Session, repository_id: int, job_ids: Collection[int], number: int, now: datetime
) -> dict[int, Past]:
    """What went before on an item, by job: who fired the job on it, and when we last wrote to it."""
    rows = db.exec(
        select(Runs.job_id, Runs.by, Runs.created_at)
        .where(col(Runs.job_id).in_(job_ids), Runs.number == number)
        .where(col(Runs.trigger).in_(_ASKED))
        .order_by(col(Runs.id).desc())
        .limit(500)
    ).all()
    ours = db.exec(
        select(sa.func.max(Effects.at)).where(
            Effects.repository_id == repository_id, Effects.number == number, col(Effects.done), col(Effects.job_id) > 0
        )
    ).one()  # fmt: skip
    found: dict[int, Past] = {}
    for job_id in job_ids:
        mine = [(str(by or ""), at) for job, by, at in rows if job == job_id]
        people = [at for by, at in mine if not by.endswith("[bot]")]
        bots = [at for by, at in mine if by.endswith("[bot]") and now - at < timedelta(days=1)]
        found[job_id] = Past(max(people, default=None), ours, len(bots))
    return found


def fire_for_item(db: Session, firing: Firing, now: datetime) -> str:
    """Fire a job for one item, or let the event join a run of it that waits: it will look at the item as it is then."""
    trigger = firing.trigger
    waiting = db.exec(
        select(Runs.id).where(
            Runs.job_id == firing.job.id, Runs.number == trigger.number, Runs.trigger == TriggerKind.event.value,
            Runs.status == RunStatus.pending.value, col(Runs.executor).is_(None),
        )
    ).first()  # fmt: skip
    if waiting is not None:
        return f"{firing.job.name} joined run {waiting}"
    run = runs.fire(db, firing.job.id, trigger, now, not_before=now + GATHER)
    return f"{firing.job.name} fired as run {run.id}" if run else f"{firing.job.name} had fired already"


def live_sessions(db: Session, repository_id: int, number: int) -> list[AgentSession]:
    """The sessions that wait or work on an item."""
    rows = db.exec(
        select(Sessions).where(
            Sessions.repository_id == repository_id, Sessions.number == number, col(Sessions.status).in_(LIVE_SESSIONS)
        )
    )  # fmt: skip
    return [AgentSession.model_validate(row) for row in rows]


def live_runs(db: Session, repository_id: int, number: int) -> list[Run]:
    """The runs for this item alone that wait or work."""
    rows = db.exec(
        select(Runs).where(Runs.repository_id == repository_id, Runs.number == number, col(Runs.status).in_(LIVE))
    )  # fmt: skip
    return [Run.model_validate(row) for row in rows]


def sessions_of(db: Session, repository_id: int, number: int, limit: int = 20) -> list[AgentSession]:
    """The newest sessions on an item, of all jobs."""
    wanted = select(Sessions).where(Sessions.repository_id == repository_id, Sessions.number == number)
    rows = db.exec(wanted.order_by(col(Sessions.id).desc()).limit(limit))
    return [AgentSession.model_validate(row) for row in rows]


def last_verdict(db: Session, job_id: int, number: int) -> RunItem | None:
    """What the newest run of a job that saw the item decided about it."""
    row = db.exec(
        select(RunItems)
        .join(Runs, col(Runs.id) == col(RunItems.run_id))
        .where(RunItems.number == number, Runs.job_id == job_id)
        .order_by(col(RunItems.run_id).desc())
        .limit(1)
    ).first()
    return RunItem.model_validate(row) if row else None


def asked_by_comment(db: Session, after: int, limit: int = 50) -> list[Run]:
    """Runs that comments asked for and that have ended, in order of their ids."""
    rows = db.exec(
        select(Runs)
        .where(Runs.trigger == TriggerKind.comment.value, col(Runs.id) > after)
        .order_by(col(Runs.id))
        .limit(limit)
    )
    return [Run.model_validate(row) for row in rows]


def newest_run(db: Session) -> int:
    """The id of the newest run, 0 before the first."""
    return int(db.exec(select(sa.func.max(Runs.id))).one() or 0)
