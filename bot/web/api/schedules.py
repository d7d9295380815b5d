"""`/api/repos/{owner}/{repo}/schedules`: a repository's jobs."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Body, Depends, Query, Request, Response
from pydantic import ValidationError

from bot.model.job import JobSpec
from bot.model.run import Job, JobStatus, Repository, RunStatus
from bot.store import answers, jobs
from bot.store.answers import ToldJob, ToldRun
from bot.store.database import Db
from bot.web.api import deeds
from bot.web.api.bodies import (
    BackfillAsked,
    CopyAsked,
    ItemAsked,
    JobPatch,
    NewJobBody,
    PauseAsked,
    RunAsked,
    patched,
)
from bot.web.api.creation import IdempotencyKey, created
from bot.web.api.doors import Name, sees
from bot.web.api.paging import Paged, linked
from bot.web.api.shapes import JobOut, Preview, RunOut, preview_spec
from bot.web.auth import Context, MaybeViewer, SignedInViewer, at_repository
from bot.web.context import WebContext
from bot.web.problems import Problem
from bot.web.surroundings import fit

router = APIRouter(prefix="/api/repos/{owner}/{repo}/schedules", tags=["jobs"])
Seen = Annotated[Repository, Depends(at_repository("see"))]
Open = Annotated[Repository, Depends(at_repository("see", public=True))]
Runnable = Annotated[Repository, Depends(at_repository("run"))]
Editable = Annotated[Repository, Depends(at_repository("edit"))]
FEW = 20


@router.get("")
async def list_jobs(
    request: Request, response: Response, context: Context, viewer: MaybeViewer, repository: Open, page: Paged, status: JobStatus | None = None,
) -> list[JobOut]:  # fmt: skip
    """List the jobs of a repository by name, each with its last five runs."""
    told, total = await context.database.read(
        answers.page_of_jobs, repository_ids=[repository.id], status=status, page=page.page, limit=page.limit
    )
    linked(request, response, page, total)
    full = sees(viewer, repository)
    return [JobOut.of(one, full=full) for one in told]


@router.post("", status_code=201, response_model=JobOut)
async def create_job(
    request: Request, context: Context, viewer: SignedInViewer, repository: Editable, body: NewJobBody, key: IdempotencyKey = None,
) -> Response:  # fmt: skip
    """Make a job; 409 where the name is taken."""
    spec, now = body.spec, context.now()
    await fit(context, spec, repository)

    def work(db: Db) -> dict[str, Any]:
        job = deeds.make(db, repository, body.name, spec, viewer.login, now)
        return JobOut.of(ToldJob(job, repository, [], {})).model_dump(mode="json")

    return await created(request, viewer, key, work, lambda job: _place(repository, job["name"]))


@router.get("/{name}")
async def get_job(context: Context, viewer: MaybeViewer, repository: Open, name: Name) -> JobOut:
    """Show a job with its last twenty runs."""
    return await _told(context, repository, name, full=sees(viewer, repository))


@router.patch("/{name}")
async def edit_job(
    context: Context,
    viewer: SignedInViewer,
    repository: Editable,
    name: Name,
    body: Annotated[JobPatch, Body()],
) -> JobOut:
    """Change keys of a job; its next fire is computed anew."""
    now = context.now()
    before = await context.database.read(jobs.by_name, repository.id, name)
    if before is not None and before.source == "api":
        await fit(context, patched(before, body), repository, before=_as_it_was(before))
    job = await context.database.write(
        deeds.edit, repository, name, body, lambda stored: patched(stored, body), viewer.login, now
    )
    return await _told(context, repository, job.name)


@router.delete("/{name}", status_code=204)
async def delete_job(context: Context, viewer: SignedInViewer, repository: Editable, name: Name) -> None:
    """Delete a job. Its history stays until the purge, and `restore` takes the deletion back."""
    await context.database.write(deeds.delete, repository, name, viewer.login, context.now())


@router.post("/{name}/restore")
async def restore_job(context: Context, viewer: SignedInViewer, repository: Editable, name: Name) -> JobOut:
    """Take a deletion back; 409 where another job has the name by now."""
    await context.database.write(deeds.restore, repository, name, viewer.login, context.now())
    return await _told(context, repository, name)


@router.post("/{name}/duplicate", status_code=201, response_model=JobOut)
async def duplicate_job(
    request: Request, context: Context, viewer: SignedInViewer, repository: Editable, name: Name, body: CopyAsked,
    key: IdempotencyKey = None,
) -> Response:  # fmt: skip
    """Copy a job under another name; the copy is paused."""
    now = context.now()

    def work(db: Db) -> dict[str, Any]:
        job = deeds.duplicate(db, repository, name, body.name, viewer.login, now)
        return JobOut.of(ToldJob(job, repository, [], {})).model_dump(mode="json")

    return await created(request, viewer, key, work, lambda job: _place(repository, job["name"]))


@router.post("/{name}/run", status_code=201, response_model=RunOut)
async def run_job(
    request: Request, context: Context, viewer: SignedInViewer, repository: Runnable, name: Name,
    body: RunAsked | None = None, key: IdempotencyKey = None,
) -> Response:  # fmt: skip
    """Run a job now; 409 where it is disabled. The next fire stays where it is."""
    now, asked = context.now(), body or RunAsked()

    def work(db: Db) -> dict[str, Any]:
        run = deeds.run(db, repository, name, viewer.login, now, number=asked.number, dry_run=asked.dry_run)
        return RunOut.of(ToldRun(run, name, repository, [])).model_dump(mode="json")

    return await created(request, viewer, key, work, lambda run: f"/api/runs/{run['id']}")


@router.post("/{name}/pause")
async def pause_job(
    context: Context, viewer: SignedInViewer, repository: Runnable, name: Name, body: PauseAsked | None = None
) -> JobOut:
    """Hold a job back; sessions that have begun go on."""
    reason = body.reason if body else None
    return await _stand(context, repository, name, "pause", viewer.login, reason)


@router.post("/{name}/resume")
async def resume_job(context: Context, viewer: SignedInViewer, repository: Runnable, name: Name) -> JobOut:
    """Let a paused job fire again."""
    return await _stand(context, repository, name, "resume", viewer.login)


@router.post("/{name}/enable")
async def enable_job(context: Context, viewer: SignedInViewer, repository: Editable, name: Name) -> JobOut:
    """Switch a job on."""
    return await _stand(context, repository, name, "enable", viewer.login)


@router.post("/{name}/disable")
async def disable_job(context: Context, viewer: SignedInViewer, repository: Editable, name: Name) -> JobOut:
    """Switch a job off: nobody can run it."""
    return await _stand(context, repository, name, "disable", viewer.login)


@router.get("/{name}/preview")
async def preview_job(
    context: Context, repository: Seen, name: Name, n: Annotated[int, Query(ge=1, le=50)] = 5
) -> Preview:
    """Show the next fires of a job, in its own time zone."""
    job = await context.database.read(deeds.job_named, repository, name)
    return preview_of(context, job, repository, n)


def preview_of(context: WebContext, job: Job, repository: Repository, n: int) -> Preview:
    """What a stored job will do."""
    try:
        spec = JobSpec.model_validate(job.spec)
    except ValueError as error:
        raise Problem(409, f"{job.name!r} is no longer valid: {error}", code="broken") from None
    return preview_spec(context.now(), spec, jobs.identity_of(repository.full_name, job.name), job, n)


@router.post("/{name}/backfill", status_code=201)
async def backfill_job(
    context: Context, viewer: SignedInViewer, repository: Runnable, name: Name, body: BackfillAsked
) -> list[RunOut]:
    """Run the scheduled fires of a stretch of the past, at most a hundred; doing it twice runs none twice."""
    fired = await context.database.write(
        deeds.backfill,
        repository,
        name,
        body.since,
        body.until,
        viewer.login,
        context.now(),
        dry_run=body.dry_run,
    )
    return [RunOut.of(ToldRun(run, name, repository, [])) for run in fired]


@router.get("/{name}/runs")
async def list_runs(
    request: Request, response: Response, context: Context, repository: Open, name: Name, page: Paged, status: RunStatus | None = None,
) -> list[RunOut]:  # fmt: skip
    """List the runs of a job, newest first."""
    job = await context.database.read(deeds.job_named, repository, name)
    told, total = await context.database.read(
        answers.page_of_runs, repository_ids=[repository.id], job_id=job.id, status=status, page=page.page, limit=page.limit
    )  # fmt: skip
    linked(request, response, page, total)
    return [RunOut.of(one) for one in told]


@router.post("/{name}/ignore", status_code=204)
async def ignore_item(
    context: Context, viewer: SignedInViewer, repository: Runnable, name: Name, body: ItemAsked
) -> None:
    """Leave an item alone until somebody says otherwise."""
    await context.database.write(deeds.ignore, repository, name, body.number, viewer.login, context.now())


@router.post("/{name}/unignore", status_code=204)
async def unignore_item(
    context: Context, viewer: SignedInViewer, repository: Runnable, name: Name, body: ItemAsked
) -> None:
    """Let an item be worked on again, failed sessions forgotten."""
    await context.database.write(deeds.unignore, repository, name, body.number, viewer.login, context.now())


def _as_it_was(job: Job) -> JobSpec | None:
    try:
        return JobSpec.model_validate(job.spec)
    except ValidationError:
        return None


async def _stand(
    context: WebContext,
    repository: Repository,
    name: str,
    deed: deeds.Standing,
    by: str,
    reason: str | None = None,
) -> JobOut:
    await context.database.write(deeds.stand, repository, name, deed, by, context.now(), reason)
    return await _told(context, repository, name)


async def _told(context: WebContext, repository: Repository, name: str, *, full: bool = True) -> JobOut:
    told = await context.database.read(answers.told_job, repository.id, name, FEW)
    if told is None:
        raise Problem(404, f"there is no job {name!r} in {repository.full_name}", code="unknown")
    return JobOut.of(told, full=full)


def _place(repository: Repository, name: str) -> str:
    return f"/api/repos/{repository.full_name}/schedules/{quote(name)}"
