"""What people do to jobs: each one transaction, with its line in the audit log."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Literal

from bot.flow.schedule import Schedule
from bot.model.job import JobSpec
from bot.model.run import Job, Repository, Run, Trigger, TriggerKind
from bot.store import audit, jobs, ledger, runs, words
from bot.store.database import Db
from bot.web.problems import Problem

MOST_BACKFILLED = 100
LONGEST_BACKFILL = timedelta(days=366)
Standing = Literal["pause", "resume", "enable", "disable"]


def job_named(db: Db, repository: Repository, name: str) -> Job:
    """The living job; raises a 404."""
    job = jobs.by_name(db, repository.id, name)
    if job is None:
        raise Problem(404, f"there is no job {name!r} in {repository.full_name}", code="unknown")
    return job


def note(db: Db, by: str, action: str, job: Job, now: datetime, **detail: Any) -> None:
    """Put a deed into the audit log."""
    audit.note(db, by, action, job.name, now, repository_id=job.repository_id, detail=detail or None)


def make(db: Db, repository: Repository, name: str, spec: JobSpec, by: str, now: datetime) -> Job:
    """Make a job."""
    job = jobs.save_job(db, repository.id, name, spec, by=by, now=now, expected="new")
    note(db, by, "job.created", job, now)
    return job


def edit(
    db: Db, repository: Repository, name: str, patch: dict[str, Any], respec: Callable[[Job], JobSpec], by: str, now: datetime
) -> Job:  # fmt: skip
    """Change a job's spec, status and name."""
    job = _ours(job_named(db, repository, name))
    spec = respec(job)
    job = jobs.save_job(db, repository.id, name, spec, by=by, now=now, expected="existing")
    match patch.get("status"):
        case "active" if job.status != "active":
            job = jobs.resume(db, job.id, now)
        case "paused" if job.status != "paused":
            job = jobs.pause(db, job.id, now)
        case "disabled" if job.status != "disabled":
            job = jobs.disable(db, job.id, now)
    if "name" in patch:
        job = jobs.rename(db, job.id, str(patch["name"]), now)
    note(db, by, "job.edited", job, now, keys=sorted(map(str, patch)))
    return job


def delete(db: Db, repository: Repository, name: str, by: str, now: datetime) -> Job:
    """Archive a job."""
    job = jobs.archive(db, _ours(job_named(db, repository, name)).id, now)
    note(db, by, "job.deleted", job, now)
    return job


def restore(db: Db, repository: Repository, name: str, by: str, now: datetime) -> Job:
    """Take the last deletion of a name back."""
    gone = next((job for job in jobs.jobs_of(db, repository.id, archived=True) if job.name == name), None)
    if gone is None:
        raise Problem(404, f"no job {name!r} was deleted in {repository.full_name}", code="unknown")
    job = jobs.restore(db, gone.id, now)
    note(db, by, "job.restored", job, now)
    return job


def duplicate(db: Db, repository: Repository, name: str, copy: str, by: str, now: datetime) -> Job:
    """Copy a job, paused."""
    job = jobs.duplicate(db, job_named(db, repository, name).id, copy, by=by, now=now)
    note(db, by, "job.created", job, now, copy_of=name)
    return job


def stand(
    db: Db,
    repository: Repository,
    name: str,
    deed: Standing,
    by: str,
    now: datetime,
    reason: str | None = None,
) -> Job:
    """Pause, resume, enable or disable a job."""
    job = job_named(db, repository, name)
    if job.status == "disabled" and deed in ("pause", "resume"):
        raise Problem(409, f"{name!r} is disabled; enable it first", code="disabled")
    if deed == "disable":
        job = jobs.disable(db, _ours(job).id, now)
    elif deed == "pause":
        job = jobs.pause(db, job.id, now, reason)
    else:
        job = (jobs.enable if deed == "enable" else jobs.resume)(db, job.id, now)
    done = {"pause": "paused", "resume": "resumed", "enable": "enabled", "disable": "disabled"}[deed]
    note(db, by, f"job.{done}", job, now, **({"reason": reason} if reason else {}))
    return job


def run(
    db: Db, repository: Repository, name: str, by: str, now: datetime, *, number: int | None = None, dry_run: bool = False
) -> Run:  # fmt: skip
    """Run a job by hand; the next fire stays where it is."""
    return run_job(db, job_named(db, repository, name), by, now, number=number, dry_run=dry_run)


def run_job(
    db: Db, job: Job, by: str, now: datetime, *, number: int | None = None, dry_run: bool = False
) -> Run:
    """Run a job by hand."""
    _may_run(db, job)
    if number is not None and job.spec.get("target", "issues") not in ("issues", "prs"):
        raise Problem(422, f"{job.name!r} works on no items, so it cannot run for #{number}", code="invalid")
    occasion = f"{now:%Y-%m-%dT%H:%M:%SZ}-{secrets.token_hex(4)}"
    trigger = Trigger(kind=TriggerKind.manual, occasion=occasion, number=number, by=by, dry_run=dry_run)
    fired = runs.fire(db, job.id, trigger, now)
    if fired is None:
        raise Problem(409, f"{job.name!r} was deleted; restore it first", code="deleted")
    note(db, by, "job.run", job, now, run=fired.id, number=number, dry_run=dry_run)
    return fired


def backfill(
    db: Db, repository: Repository, name: str, since: datetime, until: datetime, by: str, now: datetime, *, dry_run: bool = False
) -> list[Run]:  # fmt: skip
    """Run the scheduled fires of a stretch of the past; those that ran by backfill before are left out."""
    job = job_named(db, repository, name)
    _may_run(db, job)
    if not now - LONGEST_BACKFILL <= since < until <= now:
        words = "a backfill reaches from `since`, at most a year ago, to a later `until` that is not ahead"
        raise Problem(422, words, code="invalid")
    spec = JobSpec.model_validate(job.spec)
    identity = jobs.identity_of(repository.full_name, job.name)
    wanted = []
    for occasion in Schedule.of(spec, identity=identity, anchor=job.anchor_at).occasions(since):
        if occasion.nominal > until:
            break
        wanted.append(occasion)
        if len(wanted) > MOST_BACKFILLED:
            raise Problem(
                422,
                f"more than {MOST_BACKFILLED} fires lie in this stretch; take a shorter one",
                code="invalid",
            )
    fired = []
    for occasion in wanted:
        trigger = Trigger(
            kind=TriggerKind.backfill, occasion=occasion.id, scheduled_for=occasion.nominal, by=by, dry_run=dry_run
        )  # fmt: skip
        one = runs.fire(db, job.id, trigger, now)
        fired += [one] if one else []
    note(db, by, "job.backfilled", job, now, runs=[one.id for one in fired])
    return fired


def ignore(db: Db, repository: Repository, name: str, number: int, by: str, now: datetime) -> None:
    """Leave an item alone."""
    job = job_named(db, repository, name)
    ledger.park(db, [job.id], number, by)
    note(db, by, "item.ignored", job, now, number=number)


def unignore(db: Db, repository: Repository, name: str, number: int, by: str, now: datetime) -> None:
    """Work on an item again."""
    job = job_named(db, repository, name)
    ledger.unpark(db, [job.id], number)
    note(db, by, "item.unignored", job, now, number=number)


def _may_run(db: Db, job: Job) -> None:
    if job.status == "disabled":
        raise Problem(409, f"{job.name!r} is disabled; enable it first", code="disabled")
    if job.error:
        raise Problem(409, f"{job.name!r} is no longer valid: {job.error}; edit it first", code="broken")
    stopped = words.stopped(db)
    if stopped:
        raise Problem(409, f"{stopped} has stopped everything; resume first", code="stopped")


def _ours(job: Job) -> Job:
    """A job made here; one of a file is changed in the file."""
    if job.source == "api":
        return job
    place = f"{job.source_path}:{job.source_line}" if job.source_path else "a file"
    raise Problem(409, f"{job.name!r} stands in {place}; change it there", code="file-job")
