"""Jobs that are due, by one indexed query; and their next fires."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from bot.flow.schedule import Schedule
from bot.model.job import JobSpec
from bot.model.run import Job
from bot.store import words
from bot.store.jobs import identity_of
from bot.store.sql import count_new, skip_locked
from bot.store.tables import Jobs, Repositories, Runs

EPOCH = datetime(2024, 1, 1, tzinfo=UTC)


def due_jobs(db: Session, now: datetime, most: int) -> list[tuple[Job, str]]:
    """Take jobs whose fire is due, the longest due first, each with its repository's name; locked until the end."""
    wanted = (
        sa.select(_JOBS)
        .where(col(Jobs.status) == "active", col(Jobs.archived_at).is_(None), col(Jobs.next_run_at) <= now)
        .order_by(col(Jobs.next_run_at))
        .limit(most)
    )
    # plain rows, no objects: ten thousand may be due at once
    rows = db.connection().execute(skip_locked(db, wanted)).mappings()
    jobs = [Job.model_validate(dict(row)) for row in rows]
    ids = {job.repository_id for job in jobs}
    named = select(Repositories.id, Repositories.owner, Repositories.name).where(
        col(Repositories.id).in_(ids)
    )
    names = {int(i or 0): f"{owner}/{name}" for i, owner, name in db.exec(named)}
    return [(job, names[job.repository_id]) for job in jobs]


def due_specs(db: Session, until: datetime, most: int) -> list[str]:
    """The specs of jobs whose fire will be due by then, as JSON in one spelling."""
    wanted = (
        sa.select(_JOBS.c.spec)
        .where(col(Jobs.status) == "active", col(Jobs.archived_at).is_(None), col(Jobs.next_run_at) <= until)
        .limit(most)
    )
    return [json.dumps(spec) for spec in db.connection().execute(wanted).scalars()]


def look_back(db: Session, since: datetime, born: datetime) -> int:
    """Let jobs this database first heard of after `born` fire as if it had known them at `since`; gives how many may.

    A period counts from a fixed instant then: where no disk survives, the job is new whenever somebody looks. One
    whose last fire is remembered goes on from there.
    """
    wanted = (
        select(Jobs, Repositories.full_name)
        .join(Repositories, col(Repositories.id) == col(Jobs.repository_id))
        .where(Jobs.status == "active", col(Jobs.archived_at).is_(None), col(Jobs.created_at) >= born)
        .where(sa.not_(sa.exists().where(col(Runs.job_id) == col(Jobs.id), col(Runs.trigger) == "schedule")))
    )
    moved = 0
    for job, name in db.exec(wanted).all():
        schedule = Schedule.of(
            JobSpec.model_validate(job.spec), identity=identity_of(name, job.name), anchor=EPOCH
        )
        first = schedule.next_after(words.fired_until(db, int(job.id or 0)) or since)
        job.anchor_at, job.next_run_at = EPOCH, first.due if first else None
        moved += first is not None
        db.add(job)
    return moved


def record_fires(db: Session, rows: Sequence[dict[str, Any]], following: Sequence[dict[str, Any]]) -> int:
    """Insert the runs of occasions that have not fired yet, and set each job's next fire; gives how many runs are new.

    `following` has `id`, `next_run_at` and `error` of each job.
    """
    took = count_new(db, Runs, rows)
    if following:
        changes = [{"of": one["id"], "due": one["next_run_at"], "told": one["error"]} for one in following]
        db.connection().execute(_NEXT, changes)
    return took


_JOBS: sa.Table = Jobs.__table__  # type: ignore[attr-defined]
_NEXT = (
    sa.update(_JOBS)
    .where(_JOBS.c.id == sa.bindparam("of"))
    .values(next_run_at=sa.bindparam("due"), error=sa.bindparam("told"))
)
