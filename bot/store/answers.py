"""What the API tells about jobs, runs and items: a few queries a page, however long it is."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from bot.model.run import Job, Repository, Run, RunItem, RunStatus
from bot.model.run import Session as AgentSession
from bot.store import jobs
from bot.store.tables import Jobs, Repositories, RunItems, Runs, Sessions


@dataclass(frozen=True, slots=True)
class ToldJob:
    """A job with its newest runs and their sessions."""

    job: Job
    repository: Repository
    runs: list[Run]
    session_ids: dict[int, list[int]]


@dataclass(frozen=True, slots=True)
class ToldRun:
    """A run with the names people know it by, and its sessions."""

    run: Run
    job: str
    repository: Repository
    session_ids: list[int]


def session_ids(db: Session, run_ids: Collection[int]) -> dict[int, list[int]]:
    """The sessions of these runs, in order."""
    rows = db.exec(
        select(Sessions.run_id, Sessions.id)
        .where(col(Sessions.run_id).in_(run_ids))
        .order_by(col(Sessions.id))
    )
    found: dict[int, list[int]] = {}
    for run_id, session_id in rows:
        found.setdefault(run_id, []).append(int(session_id or 0))
    return found


def told_jobs(db: Session, wanted: Collection[Job], n: int = 5) -> list[ToldJob]:
    """These jobs, each with its newest `n` runs."""
    last = jobs.last_runs(db, [job.id for job in wanted], n)
    ids = session_ids(db, [run.id for runs in last.values() for run in runs])
    places = _repositories(db, {job.repository_id for job in wanted})
    return [ToldJob(job, places[job.repository_id], last.get(job.id, []), ids) for job in wanted]


def page_of_jobs(db: Session, /, **wanted: Any) -> tuple[list[ToldJob], int]:
    """One page of living jobs; takes what `list_jobs` takes."""
    page, total = jobs.list_jobs(db, **wanted)
    return told_jobs(db, page), total


def told_job(db: Session, repository_id: int, name: str, n: int = 20) -> ToldJob | None:
    """One living job with its newest `n` runs."""
    job = jobs.by_name(db, repository_id, name)
    return told_jobs(db, [job], n)[0] if job else None


def page_of_runs(
    db: Session, *, repository_ids: Collection[int], job_id: int | None = None, status: RunStatus | None = None,
    page: int = 1, limit: int = 20,
) -> tuple[list[ToldRun], int]:  # fmt: skip
    """One page of runs, newest first, and how many there are."""
    which: list[Any] = [col(Runs.repository_id).in_(repository_ids)]
    if job_id is not None:
        which = [col(Runs.job_id) == job_id]
    if status is not None:
        which.append(col(Runs.status) == status.value)
    total = db.exec(select(sa.func.count()).select_from(Runs).where(*which)).one()
    rows = db.exec(
        select(Runs).where(*which).order_by(col(Runs.id).desc()).offset((page - 1) * limit).limit(limit)
    )
    return told_runs(db, [Run.model_validate(row) for row in rows]), int(total)


def told_runs(db: Session, wanted: Collection[Run]) -> list[ToldRun]:
    """These runs with the names of their jobs and repositories."""
    ids = session_ids(db, [run.id for run in wanted])
    names = dict(
        db.exec(select(Jobs.id, Jobs.name).where(col(Jobs.id).in_({run.job_id for run in wanted}))).all()
    )
    places = _repositories(db, {run.repository_id for run in wanted})
    return [ToldRun(run, names[run.job_id], places[run.repository_id], ids.get(run.id, [])) for run in wanted]


def told_run(db: Session, run_id: int) -> ToldRun | None:
    """One run."""
    row = db.get(Runs, run_id, populate_existing=True)
    return told_runs(db, [Run.model_validate(row)])[0] if row else None


def told_session(db: Session, session_id: int) -> tuple[AgentSession, ToldRun] | None:
    """One session with its run."""
    row = db.get(Sessions, session_id, populate_existing=True)
    run = told_run(db, row.run_id) if row else None
    return (AgentSession.model_validate(row), run) if row and run else None


def page_of_items(
    db: Session, run_id: int, *, verdict: str | None = None, page: int = 1, limit: int = 100
) -> tuple[list[RunItem], int]:
    """One page of what a run decided, by number."""
    which = [col(RunItems.run_id) == run_id]
    if verdict is not None:
        which.append(col(RunItems.verdict) == verdict)
    total = db.exec(select(sa.func.count()).select_from(RunItems).where(*which)).one()
    rows = db.exec(
        select(RunItems).where(*which).order_by(col(RunItems.number)).offset((page - 1) * limit).limit(limit)
    )
    return [RunItem.model_validate(row) for row in rows], int(total)


def verdicts_on(db: Session, job_id: int, number: int, limit: int = 10) -> list[tuple[Run, RunItem]]:
    """What the newest runs of a job decided about one item, newest first."""
    rows = db.exec(
        select(Runs, RunItems)
        .join(RunItems, col(RunItems.run_id) == col(Runs.id))
        .where(RunItems.number == number, Runs.job_id == job_id)
        .order_by(col(Runs.id).desc())
        .limit(limit)
    )
    return [(Run.model_validate(run), RunItem.model_validate(item)) for run, item in rows]


def _repositories(db: Session, ids: Collection[int]) -> dict[int, Repository]:
    rows = db.exec(select(Repositories).where(col(Repositories.id).in_(ids)))
    return {int(row.id or 0): Repository.model_validate(row) for row in rows}
