"""What people do to jobs, runs and sessions with the buttons of the pages; each answers with what it did."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import pytz
from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import Response

from bot.model.run import Job, Repository, SessionStatus
from bot.ports import authorise
from bot.store import audit, jobs, runs, sessions
from bot.store.database import Db
from bot.store.jobs import JobRefused
from bot.web.api import deeds
from bot.web.api.doors import Name, SeenRun, SeenSession, at_run, at_session
from bot.web.auth import Context, Operator, SignedInViewer, at_repository
from bot.web.cookies import onward
from bot.web.pages.language import gettext as _
from bot.web.pages.language import ngettext
from bot.web.pages.places import job_url, repository_url, run_url
from bot.web.pages.render import Notice, back, reader_of
from bot.web.problems import Problem

router = APIRouter(include_in_schema=False)
Runnable = Annotated[Repository, Depends(at_repository("run"))]
Editable = Annotated[Repository, Depends(at_repository("edit"))]
RunToChange = Annotated[SeenRun, Depends(at_run("run"))]
SessionToChange = Annotated[SeenSession, Depends(at_session("run"))]
JOB = "/{owner}/{repo}/jobs/{name}"


def came_from(request: Request, otherwise: str) -> str:
    """The page of ours whose form was sent."""
    sender = urlsplit(request.headers.get("referer", ""))
    if sender.netloc != request.headers.get("host") or not sender.path:
        return otherwise
    return onward(sender.path + (f"?{sender.query}" if sender.query else ""))


def _refused(request: Request, place: str, words: str) -> Response:
    return back(request, came_from(request, place), Notice(words=words[:500], tone="error"))


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
        return _refused(request, job_url(repository, name), problem.detail)
    words = _("Dry run of %(name)s started: nothing is written.") if dry_run else _("%(name)s is running.")
    return back(request, run_url(repository, run.id), Notice(words=words % {"name": name}))


async def _stand(request: Request, context: Context, login: str, repository: Repository, name: str, deed: deeds.Standing) -> Response:  # fmt: skip
    reader_of(request)
    try:
        job = await context.database.write(deeds.stand, repository, name, deed, login, context.now())
    except (Problem, JobRefused) as problem:
        if isinstance(problem, Problem) and problem.status == 404:
            raise
        return _refused(request, job_url(repository, name), str(problem))
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
        return _refused(request, repository_url(repository), problem.detail)
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
    except JobRefused as refused:
        return _refused(request, repository_url(repository), str(refused))
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
        return _refused(request, place, _("Say from when to when, like 2026-11-02T00:00."))
    except Problem as problem:
        if problem.status == 404:
            raise
        return _refused(request, place, problem.detail)
    words = ngettext("%(n)s fire of the past runs now.", "%(n)s fires of the past run now.", len(fired))
    return back(request, place, Notice(words=words % {"n": len(fired)}))


@router.post(JOB + "/ignore")
async def ignore(
    request: Request, context: Context, viewer: SignedInViewer, repository: Runnable, name: Name,
    number: Annotated[int, Form(ge=1, le=2**31 - 1)],
) -> Response:  # fmt: skip
    """Leave an item alone."""
    reader_of(request)
    await context.database.write(deeds.ignore, repository, name, number, viewer.login, context.now())
    words = _("%(name)s leaves #%(number)s alone from now on.") % {"name": name, "number": number}
    place = came_from(request, repository_url(repository, f"explain/{number}"))
    return back(request, place, Notice(words=words))


@router.post(JOB + "/unignore")
async def unignore(
    request: Request, context: Context, viewer: SignedInViewer, repository: Runnable, name: Name,
    number: Annotated[int, Form(ge=1, le=2**31 - 1)],
) -> Response:  # fmt: skip
    """Let an item be worked on again."""
    reader_of(request)
    await context.database.write(deeds.unignore, repository, name, number, viewer.login, context.now())
    words = _("%(name)s may work on #%(number)s again.") % {"name": name, "number": number}
    place = came_from(request, repository_url(repository, f"explain/{number}"))
    return back(request, place, Notice(words=words))


@router.post("/{owner}/{repo}/bulk")
async def bulk(
    request: Request, context: Context, viewer: SignedInViewer, repository: Runnable,
    deed: Annotated[Literal["run", "pause", "resume", "delete"], Form()], job: Annotated[list[str] | None, Form(max_length=200)] = None,
) -> Response:  # fmt: skip
    """Do one thing to several jobs; what could not be done is said by name."""
    reader_of(request)
    if deed == "delete" and (why := authorise(viewer, "edit", repository)):
        raise Problem(403, why, code="role")
    done, failed = 0, []
    for name in dict.fromkeys(job or ()):
        try:
            await context.database.write(_one, repository, name, deed, viewer.login, context.now())
            done += 1
        except (Problem, JobRefused) as problem:
            failed.append(f"{name}: {problem}")
    words = ngettext("Done for %(n)s job.", "Done for %(n)s jobs.", done) % {"n": done}
    said = " ".join([words, *failed])[:500]
    notice = Notice(words=said, tone="error" if failed else "success")
    return back(request, repository_url(repository), notice)


def _one(db: Db, repository: Repository, name: str, deed: str, by: str, now: datetime) -> Any:
    match deed:
        case "run":
            return deeds.run(db, repository, name, by, now)
        case "delete":
            return deeds.delete(db, repository, name, by, now)
        case "pause":
            return deeds.stand(db, repository, name, "pause", by, now)
        case _:
            return deeds.stand(db, repository, name, "resume", by, now)


@router.post("/{owner}/{repo}/runs/{run_id}/cancel")
async def cancel_run(
    request: Request, context: Context, viewer: SignedInViewer, seen: RunToChange
) -> Response:
    """Stop a run and its sessions."""
    reader_of(request)
    run = seen.told.run

    def work(db: Db) -> bool:
        asked = runs.request_cancel(db, run.id, context.now())
        if asked:
            what = f"run {run.id}"
            audit.note(db, viewer.login, "run.cancelled", what, context.now(), repository_id=run.repository_id)  # fmt: skip
        return asked

    asked = await context.database.write(work)
    words = _("Stopping: its sessions end within seconds.") if asked else _("It has ended already.")
    place = run_url(seen.told.repository, run.id)
    return back(request, came_from(request, place), Notice(words=words, tone="success" if asked else "warn"))


@router.post("/{owner}/{repo}/runs/{run_id}/rerun")
async def rerun_run(
    request: Request, context: Context, viewer: SignedInViewer, seen: RunToChange,
    only: Annotated[Literal["all", "failed"], Form()] = "all",
) -> Response:  # fmt: skip
    """Run again: the whole round, or each failed item."""
    reader_of(request)
    run, repository = seen.told.run, seen.told.repository
    bad = (SessionStatus.failed, SessionStatus.timeout)

    def work(db: Db) -> list[int]:
        job = jobs.get_job(db, run.job_id)
        assert job is not None
        numbers: list[int | None] = [run.number]
        if only == "failed":
            numbers = [one.number or None for one in sessions.of_run(db, run.id) if one.status in bad]
        return [
            deeds.run_job(db, job, viewer.login, context.now(), number=n, dry_run=run.dry_run).id
            for n in numbers
        ]

    try:
        again = await context.database.write(work)
    except Problem as problem:
        return _refused(request, run_url(repository, run.id), problem.detail)
    if not again:
        return _refused(request, run_url(repository, run.id), _("No item of this run has failed."))
    words = ngettext("Running again.", "%(n)s items run again.", len(again)) % {"n": len(again)}
    place = run_url(repository, again[0]) if len(again) == 1 else repository_url(repository, "runs")
    return back(request, place, Notice(words=words))


@router.post("/{owner}/{repo}/runs/{run_id}/undo")
async def undo_run(request: Request, context: Context, viewer: SignedInViewer, seen: RunToChange) -> Response:
    """Take back what a run did on GitHub."""
    reader_of(request)
    run, repository = seen.told.run, seen.told.repository
    place = run_url(repository, run.id)
    if context.undo is None:
        return _refused(
            request, place, _("This process has no connection to GitHub; use `roundsman runs undo`.")
        )
    if not run.status.final:
        return _refused(request, place, _("It has not ended yet; stop it first."))
    left = await context.undo(run.id, viewer.login)
    await context.database.write(
        audit.note, viewer.login, "run.undone", f"run {run.id}", context.now(), repository_id=run.repository_id, detail={"left": list(left)}
    )  # fmt: skip
    words = "; ".join(left) if left else _("Everything this run did is taken back.")
    return back(request, place, Notice(words=words[:500], tone="error" if left else "success"))


@router.post("/{owner}/{repo}/sessions/{session_id}/cancel")
async def cancel_session(
    request: Request, context: Context, viewer: SignedInViewer, seen: SessionToChange
) -> Response:
    """Stop one session."""
    reader_of(request)
    session = seen.session

    def work(db: Db) -> bool:
        asked = sessions.request_cancel(db, session.id, context.now())
        if asked:
            what = f"session {session.id}"
            audit.note(db, viewer.login, "session.cancelled", what, context.now(), repository_id=session.repository_id)  # fmt: skip
        return asked

    asked = await context.database.write(work)
    words = _("Stopping: it ends within seconds.") if asked else _("It has ended already.")
    place = run_url(seen.told.repository, session.run_id)
    return back(request, came_from(request, place), Notice(words=words, tone="success" if asked else "warn"))


@router.post("/{owner}/{repo}/sessions/{session_id}/rerun")
async def rerun_session(
    request: Request, context: Context, viewer: SignedInViewer, seen: SessionToChange
) -> Response:
    """Work on the session's item again, in a run of its own."""
    reader_of(request)
    session, told = seen.session, seen.told

    def work(db: Db) -> int:
        job = jobs.get_job(db, session.job_id)
        assert job is not None
        number = session.number or None
        return deeds.run_job(db, job, viewer.login, context.now(), number=number, dry_run=told.run.dry_run).id  # fmt: skip

    try:
        run_id = await context.database.write(work)
    except Problem as problem:
        return _refused(request, run_url(told.repository, session.run_id), problem.detail)
    return back(request, run_url(told.repository, run_id), Notice(words=_("Running again.")))


@router.post("/stop-all")
async def stop_all(request: Request, context: Context, viewer: Operator) -> Response:
    """Halt every fire and session."""
    from bot.store import words as facts

    reader_of(request)

    def work(db: Db) -> None:
        facts.stop_all(db, context.now(), viewer.login)
        audit.note(db, viewer.login, "service.stopped", "everything", context.now())

    await context.database.write(work)
    notice = Notice(words=_("Everything is stopped."), tone="warn", undo="/resume-all")
    return back(request, came_from(request, "/"), notice)


@router.post("/resume-all")
async def resume_all(request: Request, context: Context, viewer: Operator) -> Response:
    """Let the rounds go on."""
    from bot.store import words as facts

    reader_of(request)

    def work(db: Db) -> None:
        facts.resume_all(db)
        audit.note(db, viewer.login, "service.resumed", "everything", context.now())

    await context.database.write(work)
    return back(request, came_from(request, "/"), Notice(words=_("The rounds go on.")))
