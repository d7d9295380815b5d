"""Jobs: saved, listed, paused, renamed, archived. Whatever changes a job also says when it fires next."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from pydantic import ValidationError
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from bot.flow.schedule import Schedule
from bot.model.job import JobSpec
from bot.model.run import Job, JobStatus, Run
from bot.model.schedule import JOB_NAME, After, Events
from bot.store.sql import change, insert_new
from bot.store.tables import Jobs, Repositories, Runs

Source = Literal["api", "file", "local"]
Expected = Literal["new", "existing", "either"]


class JobRefused(Exception):  # noqa: N818 - said to people as it is named
    """The job cannot be kept as asked; the message says why and what to do."""


class NameTaken(JobRefused):
    """Another living job of the repository has this name."""


class ElsewhereKept(JobRefused):
    """The job stands in the repository's own file."""


class NoSuchJob(JobRefused):
    """There is no such living job."""


class NeverFires(JobRefused):
    """Time alone fires this job, and it will not."""


def written(spec: JobSpec) -> dict[str, Any]:
    """The spec as JSON, with the keys people wrote and no others, so that defaults stay defaults."""
    return spec.model_dump(mode="json", exclude_unset=True)


def identity_of(repository: str, name: str) -> str:
    """What spreads `H` and jitter: stable for the job, the same offline as in the service."""
    return f"{repository.lower()}:{name}"


def next_fire(spec: JobSpec, repository: str, name: str, anchor: datetime, now: datetime) -> datetime | None:
    """When a job is due next, jitter included; None where only events, other jobs or people fire it."""
    occasion = Schedule.of(spec, identity=identity_of(repository, name), anchor=anchor).next_after(now)
    return occasion.due if occasion else None


def get_job(db: Session, job_id: int) -> Job | None:
    """One job, archived or not."""
    row = db.get(Jobs, job_id, populate_existing=True)
    return Job.model_validate(row) if row else None


def by_name(db: Session, repository_id: int, name: str) -> Job | None:
    """The living job of this name."""
    row = _living(db, repository_id, name)
    return Job.model_validate(row) if row else None


def jobs_of(db: Session, repository_id: int, *, archived: bool = False) -> list[Job]:
    """A repository's living jobs by name; with `archived` those that are gone, newest first, until the purge."""
    wanted = select(Jobs).where(Jobs.repository_id == repository_id)
    wanted = (
        wanted.where(col(Jobs.archived_at).is_not(None)).order_by(col(Jobs.archived_at).desc())
        if archived
        else wanted.where(col(Jobs.archived_at).is_(None)).order_by(sa.func.lower(col(Jobs.name)))
    )
    return [Job.model_validate(row) for row in db.exec(wanted)]


def list_jobs(
    db: Session, *, repository_ids: Collection[int] | None = None, status: JobStatus | None = None,
    search: str | None = None, page: int = 1, limit: int = 20,
) -> tuple[list[Job], int]:  # fmt: skip
    """One page of living jobs, by repository and name, and how many there are in all."""
    wanted = (
        select(Jobs)
        .join(Repositories, col(Repositories.id) == col(Jobs.repository_id))
        .where(col(Jobs.archived_at).is_(None))
    )
    if repository_ids is not None:
        wanted = wanted.where(col(Jobs.repository_id).in_(repository_ids))
    if status is not None:
        wanted = wanted.where(Jobs.status == status)
    if search:
        wanted = wanted.where(col(Jobs.name).icontains(search, autoescape=True))
    total = db.exec(select(sa.func.count()).select_from(wanted.subquery())).one()
    ordered = wanted.order_by(col(Repositories.full_name), sa.func.lower(col(Jobs.name)), col(Jobs.id))
    rows = db.exec(ordered.offset((page - 1) * limit).limit(limit))
    return [Job.model_validate(row) for row in rows], int(total)


def last_runs(db: Session, job_ids: Collection[int], n: int = 5) -> dict[int, list[Run]]:
    """The newest `n` runs of each job, newest first, in one query."""
    rank = sa.func.row_number().over(partition_by=col(Runs.job_id), order_by=col(Runs.id).desc())
    ranked = (
        sa.select(col(Runs.id).label("id"), rank.label("rank"))
        .where(col(Runs.job_id).in_(job_ids))
        .subquery()
    )
    wanted = select(Runs).join(ranked, ranked.c.id == col(Runs.id)).where(ranked.c.rank <= n)
    found: dict[int, list[Run]] = {}
    for row in db.exec(wanted.order_by(col(Runs.id).desc())):
        found.setdefault(row.job_id, []).append(Run.model_validate(row))
    return found


def save_job(
    db: Session, repository_id: int, name: str, spec: JobSpec, *, source: Source = "api", source_path: str | None = None,
    source_line: int | None = None, by: str | None = None, now: datetime, expected: Expected = "either",
) -> Job:  # fmt: skip
    """Make a job or change it; raises NameTaken, NoSuchJob or NeverFires. An `every` keeps its anchor."""
    _must_be_a_name(name)
    row = _living(db, repository_id, name)
    if row is None and expected == "existing":
        raise NoSuchJob(f"there is no job {name!r}; list the jobs to see their names")
    if row is not None and expected == "new":
        raise NameTaken(
            f"a job named {name!r} exists in this repository; choose another name or change that one"
        )
    place = {"source": source, "source_path": source_path, "source_line": source_line}
    if row is None:
        return _make(db, repository_id, name, spec, place, by, now)
    return _alter(db, row, spec, place, now)


def _make(
    db: Session, repository_id: int, name: str, spec: JobSpec, place: dict[str, Any], by: str | None, now: datetime
) -> Job:  # fmt: skip
    due = _due(db, repository_id, name, spec, now, now)
    _must_fire(spec, due)
    row = {
        "repository_id": repository_id, "name": name, "spec": written(spec), **place, "status": spec.status, "anchor_at": now,
        "next_run_at": due if spec.status == "active" else None, "run_count": 0, "error_count": 0, "failures_in_row": 0,
        "created_by": by, "created_at": now, "updated_at": now,
    }  # fmt: skip
    made = insert_new(db, Jobs, [row], Jobs.id)
    if not made:  # somebody was quicker
        raise NameTaken(
            f"a job named {name!r} exists in this repository; choose another name or change that one"
        )
    return _job(db, int(made[0][0]))


def _alter(db: Session, row: Jobs, spec: JobSpec, place: dict[str, Any], now: datetime) -> Job:
    text = written(spec)
    if row.spec == text and row.error is None:
        same = all(getattr(row, key) == value for key, value in place.items())
        if not same:
            change(db, sa.update(Jobs).where(col(Jobs.id) == row.id).values(**place))
        return _job(db, int(row.id or 0))
    due = _due(db, row.repository_id, row.name, spec, row.anchor_at, now)
    if row.spec.get("on") != text.get("on"):
        _must_fire(spec, due)
    # a job paused in the dashboard stays paused until its own text says something new about its status
    status = spec.status if spec.status != row.spec.get("status", "active") else row.status
    values = {
        "spec": text, **place, "status": status, "error": None, "updated_at": now,
        "next_run_at": due if status == "active" else None,
        "pause_reason": row.pause_reason if status == row.status else None,
    }  # fmt: skip
    change(db, sa.update(Jobs).where(col(Jobs.id) == row.id).values(**values))
    return _job(db, int(row.id or 0))


def _must_be_a_name(name: str) -> None:
    if not re.fullmatch(JOB_NAME, name):
        raise JobRefused(
            f"{name[:60]!r} is no name for a job; use letters, digits, spaces, _ and -, starting with a letter or digit, at most 200"
        )


def _due(
    db: Session, repository_id: int, name: str, spec: JobSpec, anchor: datetime, now: datetime
) -> datetime | None:
    full_name = db.exec(select(Repositories.full_name).where(Repositories.id == repository_id)).one()
    return next_fire(spec, full_name, name, anchor, now)


def _must_fire(spec: JobSpec, due: datetime | None) -> None:
    if due is None and not any(isinstance(trigger, Events | After) for trigger in spec.on):
        raise NeverFires("this schedule never fires again; `at` and `expires` must lie in the future")


def pause(db: Session, job_id: int, now: datetime, reason: str | None = None) -> Job:
    """Hold a job back; sessions that have begun go on, and people may still run it."""
    return _stand(db, job_id, "paused", now, reason)


def disable(db: Session, job_id: int, now: datetime) -> Job:
    """Switch a job off; nobody can run it until it is enabled."""
    return _stand(db, job_id, "disabled", now, None)


def resume(db: Session, job_id: int, now: datetime) -> Job:
    """Let a paused job fire again, from its next occasion on; what it failed before is forgiven."""
    return _stand(db, job_id, "active", now, None)


def enable(db: Session, job_id: int, now: datetime) -> Job:
    """Switch a disabled job on."""
    return _stand(db, job_id, "active", now, None)


def _stand(db: Session, job_id: int, status: JobStatus, now: datetime, reason: str | None) -> Job:
    job = _job(db, job_id)
    if job.archived_at is not None:
        raise NoSuchJob(f"the job {job.name!r} has been deleted; restore it first")
    values: dict[str, Any] = {
        "status": status,
        "pause_reason": reason,
        "updated_at": now,
        "next_run_at": None,
    }
    if job.source == "api":
        values["spec"] = job.spec | {"status": status}
    if status == "active":
        values |= {"next_run_at": _due_of(db, job, now), "failures_in_row": 0}
    change(db, sa.update(Jobs).where(col(Jobs.id) == job_id).values(**values))
    return _job(db, job_id)


def _due_of(db: Session, job: Job, now: datetime) -> datetime | None:
    """When a stored job is due; one that has become invalid is not."""
    try:
        spec = JobSpec.model_validate(job.spec)
    except ValidationError:
        return None
    return _due(db, job.repository_id, job.name, spec, job.anchor_at, now)


def mark_invalid(db: Session, job_id: int, error: str, now: datetime) -> None:
    """Show a stored job's fault and fire it no more until it is mended."""
    change(
        db,
        sa.update(Jobs).where(col(Jobs.id) == job_id).values(error=error, next_run_at=None, updated_at=now),
    )


def mark(db: Session, job_id: int, error: str | None, now: datetime) -> None:
    """Show what keeps a stored job from running, or that nothing does any more; its fires go on."""
    change(db, sa.update(Jobs).where(col(Jobs.id) == job_id).values(error=error, updated_at=now))


def rename(db: Session, job_id: int, name: str, now: datetime) -> Job:
    """Give a job another name; raises NameTaken. Its history and ledger stay with it."""
    job = _job(db, job_id)
    if name == job.name:
        return job
    _must_be_a_name(name)
    if _living(db, job.repository_id, name):
        raise NameTaken(f"a job named {name!r} exists in this repository; choose another name")
    try:
        with db.begin_nested():
            change(db, sa.update(Jobs).where(col(Jobs.id) == job_id).values(name=name, updated_at=now))
    except IntegrityError as error:  # somebody was quicker
        raise NameTaken(f"a job named {name!r} exists in this repository; choose another name") from error
    renamed = _job(db, job_id)
    if renamed.status == "active":
        change(
            db, sa.update(Jobs).where(col(Jobs.id) == job_id).values(next_run_at=_due_of(db, renamed, now))
        )
    return _job(db, job_id)


def duplicate(db: Session, job_id: int, name: str, *, by: str | None, now: datetime) -> Job:
    """Make a paused copy under another name."""
    job = _job(db, job_id)
    spec = JobSpec.model_validate(job.spec | {"status": "paused"})
    return save_job(db, job.repository_id, name, spec, by=by, now=now, expected="new")


def archive(db: Session, job_id: int, now: datetime) -> Job:
    """Delete a job: it fires no more, its live runs are cancelled, its history is kept until the purge."""
    from bot.store.runs import LIVE, request_cancel

    change(
        db,
        sa.update(Jobs)
        .where(col(Jobs.id) == job_id, col(Jobs.archived_at).is_(None))
        .values(archived_at=now, updated_at=now, next_run_at=None),
    )
    for run_id in db.exec(select(Runs.id).where(Runs.job_id == job_id, col(Runs.status).in_(LIVE))).all():
        request_cancel(db, int(run_id or 0), now)
    return _job(db, job_id)


def restore(db: Session, job_id: int, now: datetime) -> Job:
    """Take a deletion back; raises NameTaken where another job has the name by now."""
    job = _job(db, job_id)
    if job.archived_at is None:
        return job
    if _living(db, job.repository_id, job.name):
        raise NameTaken(f"another job is named {job.name!r} by now; rename that one first")
    due = _due_of(db, job, now) if job.status == "active" else None
    change(
        db,
        sa.update(Jobs)
        .where(col(Jobs.id) == job_id)
        .values(archived_at=None, updated_at=now, next_run_at=due),
    )
    return _job(db, job_id)


def _living(db: Session, repository_id: int, name: str) -> Jobs | None:
    wanted = select(Jobs).where(
        Jobs.repository_id == repository_id, Jobs.name == name, col(Jobs.archived_at).is_(None)
    )
    return db.exec(wanted.execution_options(populate_existing=True)).first()


def _job(db: Session, job_id: int) -> Job:
    job = get_job(db, job_id)
    if job is None:
        raise NoSuchJob(f"there is no job {job_id}; it may have been purged")
    return job
