"""What people do to runs and sessions with the buttons of the pages; each answers with what it did."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import Response

from bot.model.run import SessionStatus
from bot.store import audit, jobs, runs, sessions
from bot.store.database import Db
from bot.web.api import deeds
from bot.web.api.doors import SeenRun, SeenSession, at_run, at_session
from bot.web.auth import Context, SignedInViewer
from bot.web.pages.answering import came_from, refused
from bot.web.pages.language import gettext as _
from bot.web.pages.language import ngettext
from bot.web.pages.places import repository_url, run_url
from bot.web.pages.render import Notice, back, reader_of
from bot.web.problems import Problem

router = APIRouter(include_in_schema=False)
RunToChange = Annotated[SeenRun, Depends(at_run("run"))]
SessionToChange = Annotated[SeenSession, Depends(at_session("run"))]


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
        return refused(request, run_url(repository, run.id), problem.detail)
    if not again:
        return refused(request, run_url(repository, run.id), _("No item of this run has failed."))
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
        return refused(
            request, place, _("This process has no connection to GitHub; use `roundsman runs undo`.")
        )
    if not run.status.final:
        return refused(request, place, _("It has not ended yet; stop it first."))
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
        return refused(request, run_url(told.repository, session.run_id), problem.detail)
    return back(request, run_url(told.repository, run_id), Notice(words=_("Running again.")))
