"""What people do to a job with the buttons of the pages; each answers with what it did."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import pytz
from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import Response

from bot.model.run import Job, Repository
from bot.store import jobs
from bot.store.database import Db
from bot.store.jobs import JobRefused
from bot.web.api import deeds
from bot.web.api.doors import Name
from bot.web.auth import Context, SignedInViewer, at_repository
from bot.web.pages.answering import came_from, refused
from bot.web.pages.language import gettext as _
from bot.web.pages.language import ngettext
from bot.web.pages.places import job_url, repository_url, run_url
from bot.web.pages.render import Notice, back, reader_of
from bot.web.problems import Problem

router = APIRouter(include_in_schema=False)
Runnable = Annotated[Repository, Depends(at_repository("run"))]
Editable = Annotated[Repository, Depends(at_repository("edit"))]
JOB = "/{owner}/{repo}/jobs/{name}"


@router.post(JOB + "/run")
async def run_job(
    request: Request, context: Context, viewer: SignedInViewer, repository: Runnable, name: Name,
    number: Annotated[int | None, Form(ge=1, le=2**31 - 1)] = None, dry_run: Annotated[bool, Form()] = False,
) -> Response:  # fmt: skip
    """Run a job now; the run's page shows it at work."""
    reader_of(request)
    try:
        run = await context.database.write(
            deeds.run, repository, name, viewer.login, context.now(), number=number, dry_run=dry_run
        )
    except Problem as problem:
        if problem.status == 404:
            raise
        return refused(request, job_url(repository, name), problem.detail)
    words = _("Dry run of %(name)s started: nothing is written.") if dry_run else _("%(name)s is running.")
    return back(request, run_url(repository, run.id), Notice(words=words % {"name": name}))


async def _stand(request: Request, context: Context, login: str, repository: Repository, name: str, deed: deeds.Standing) -> Response:  # fmt: skip
    reader_of(request)
    try:
        job = await context.database.write(deeds.stand, repository, name, deed, login, context.now())
    except (Problem, JobRefused) as problem:
        if isinstance(problem, Problem) and problem.status == 404:
            raise
        return refused(request, job_url(repository, name), str(problem))
    said = {
        "pause": _("%(name)s is paused. What has begun goes on; you can still run it by hand."),
        "resume": _("%(name)s fires again."),
        "enable": _("%(name)s is enabled."),
        "disable": _("%(name)s is disabled; nobody can run it until it is enabled."),
    }[deed]
    undo = {"pause": "resume", "resume": "pause", "enable": "disable", "disable": "enable"}[deed]
    notice = Notice(words=said % {"name": name}, undo=job_url(repository, name, undo))
    place = came_from(request, job_url(repository, name))
    return back(request, place + (f"#job-{job.id}" if place == repository_url(repository) else ""), notice)


@router.post(JOB + "/pause")
async def pause(
    request: Request, context: Context, viewer: SignedInViewer, repository: Runnable, name: Name
) -> Response:
    """Pause a job."""
    return await _stand(request, context, viewer.login, repository, name, "pause")


@router.post(JOB + "/resume")
async def resume(
    request: Request, context: Context, viewer: SignedInViewer, repository: Runnable, name: Name
) -> Response:
    """Resume a job."""
    return await _stand(request, context, viewer.login, repository, name, "resume")


@router.post(JOB + "/enable")
async def enable(
    request: Request, context: Context, viewer: SignedInViewer, repository: Editable, name: Name
) -> Response:
    """Enable a job."""
    return await _stand(request, context, viewer.login, repository, name, "enable")


@router.post(JOB + "/disable")
async def disable(
    request: Request, context: Context, viewer: SignedInViewer, repository: Editable, name: Name
) -> Response:
    """Disable a job."""
    return await _stand(request, context, viewer.login, repository, name, "disable")


@router.post(JOB + "/delete")
async def delete(
    request: Request, context: Context, viewer: SignedInViewer, repository: Editable, name: Name
) -> Response:
    """Delete a job, with a way back."""
    reader_of(request)
    try:
        await context.database.write(deeds.delete, repository, name, viewer.login, context.now())
    except Problem as problem:
        if problem.status == 404:
            raise
        return refused(request, repository_url(repository), problem.detail)
    words = _("%(name)s is deleted. Its history stays until the purge.") % {"name": name}
    return back(request, repository_url(repository), Notice(words=words, undo=job_url(repository, name, "restore")))  # fmt: skip


@router.post(JOB + "/restore")
async def restore(
    request: Request, context: Context, viewer: SignedInViewer, repository: Editable, name: Name
) -> Response:
    """Take a deletion back."""
    reader_of(request)
    try:
        job = await context.database.write(deeds.restore, repository, name, viewer.login, context.now())
    except JobRefused as problem:
        return refused(request, repository_url(repository), str(problem))
    words = _("%(name)s is back.") % {"name": name}
    return back(request, repository_url(repository) + f"#job-{job.id}", Notice(words=words))


@router.post(JOB + "/duplicate")
async def duplicate(
    request: Request, context: Context, viewer: SignedInViewer, repository: Editable, name: Name
) -> Response:
    """Copy a job; the copy is paused and open for editing."""
    reader_of(request)

    def work(db: Db) -> Job:
        taken = {job.name for job in jobs.jobs_of(db, repository.id)}
        stem = f"{name[:180]}-copy"
        free = next(n for n in (stem, *(f"{stem}-{i}" for i in range(2, 1000))) if n not in taken)
        return deeds.duplicate(db, repository, name, free, viewer.login, context.now())

    copy = await context.database.write(work)
    words = _("This copy is paused until you resume it.")
    return back(request, job_url(repository, copy.name, "edit"), Notice(words=words))


@router.post(JOB + "/backfill")
async def backfill(
    request: Request, context: Context, viewer: SignedInViewer, repository: Runnable, name: Name,
    since: Annotated[str, Form(max_length=20)] = "", until: Annotated[str, Form(max_length=20)] = "", dry_run: Annotated[bool, Form()] = False,
) -> Response:  # fmt: skip
    """Run the fires of a stretch of the past, given on the reader's wall clock."""
    reader = reader_of(request)
    place = job_url(repository, name)
    try:
        zone = pytz.timezone(reader.zone)
        first = zone.localize(datetime.fromisoformat(since).replace(tzinfo=None)).astimezone(UTC)
        last = (
            zone.localize(datetime.fromisoformat(until).replace(tzinfo=None)).astimezone(UTC)
            if until
            else context.now()
        )
        fired = await context.database.write(
            deeds.backfill, repository, name, first, last, viewer.login, context.now(), dry_run=dry_run
        )
    except ValueError:
        return refused(request, place, _("Say from when to when, like 2026-11-02T00:00."))
    except Problem as problem:
        if problem.status == 404:
            raise
        return refused(request, place, problem.detail)
    words = ngettext("%(n)s fire of the past runs now.", "%(n)s fires of the past run now.", len(fired))
    return back(request, place, Notice(words=words % {"n": len(fired)}))
