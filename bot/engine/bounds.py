"""Jobs that stand above the operator's ceilings: marked where people look, and freed when the ceilings rise again.

A run refuses them by itself; the mark only says so beforehand.
"""

from __future__ import annotations

import asyncio
import hashlib
from datetime import datetime

from pydantic import ValidationError

from bot import __version__
from bot.flow.ceilings import above
from bot.flow.review import Surroundings
from bot.model.job import JobSpec
from bot.model.run import Job
from bot.store import jobs, repositories, words
from bot.store.database import Database, Db
from commands.catalog import Catalog
from commands.faults import CommandError
from commands.template import Command

CEILING = "the operator's ceiling"
"""In every objection of a ceiling, and in no other."""
JUDGED = "judged-under"


def stamp_of(around: Surroundings) -> str:
    """What configurations were judged under, in short: another stamp, and they are judged again."""
    names = (around.channels, around.mcp_servers, around.databases, around.hosts)
    told = repr((__version__, around.ceilings, [sorted(each or ()) for each in names], around.default_engine, around.default_model))  # fmt: skip
    return hashlib.blake2s(told.encode(), digest_size=4).hexdigest()


async def judge_anew(database: Database, around: Surroundings, now: datetime) -> bool:
    """Mark every job that is above a ceiling, if anything changed since the last time; says whether it had."""
    stamp = stamp_of(around)
    if await database.read(words.get, JUDGED) == stamp:
        return False
    every = await database.read(_every)
    marks = await asyncio.to_thread(lambda: [(job, _mark(job, own, around)) for job, own in every])
    changed = [(job.id, mark) for job, mark in marks if mark != job.error]
    await database.write(_keep, changed, stamp, now)
    return True


def _every(db: Db) -> list[tuple[Job, dict[str, str]]]:
    return [
        (job, dict(words.get(db, f"commands:{repository.id}") or {}))
        for repository in repositories.every(db)
        for job in jobs.jobs_of(db, repository.id)
    ]


def _mark(job: Job, own: dict[str, str], around: Surroundings) -> str | None:
    """What is to be shown on the job; an error of another kind stays."""
    if job.error is not None and CEILING not in job.error:
        return job.error
    try:
        spec = JobSpec.model_validate(job.spec)
    except ValidationError:
        return job.error
    command = _command(spec, own)
    found = next(above(spec, around.ceilings, around.default_engine, around.default_model, command), None)
    return f"{found.dotted}: {found.message}; {found.hint}" if found and CEILING in found.message else None


def _command(spec: JobSpec, own: dict[str, str]) -> Command | None:
    try:
        return Catalog(own).get(spec.command) if spec.command else None
    except CommandError:
        return None


def _keep(db: Db, changed: list[tuple[int, str | None]], stamp: str, now: datetime) -> None:
    for job_id, mark in changed:
        jobs.mark(db, job_id, mark, now)
    words.put(db, JUDGED, stamp, now)
