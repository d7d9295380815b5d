"""`/api/runs` and `/api/sessions`: what happened and what happens."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, Field

from bot.model.run import RunStatus, SessionStatus
from bot.store import answers, audit, jobs, runs, sessions, transcripts
from bot.store.answers import ToldRun
from bot.store.database import Db
from bot.web.api import deeds
from bot.web.api.bodies import Closed
from bot.web.api.creation import IdempotencyKey, created
from bot.web.api.doors import SeenRun, SeenSession, at_run, at_session
from bot.web.api.paging import Paged, linked
from bot.web.api.shapes import ItemOut, RunOut, SessionOut
from bot.web.auth import Context, Openly, SignedInViewer
from bot.web.problems import Problem

router = APIRouter(prefix="/api", tags=["runs and sessions"])
Run = Annotated[SeenRun, Depends(at_run("see"))]
RunToChange = Annotated[SeenRun, Depends(at_run("run"))]
Session = Annotated[SeenSession, Depends(at_session("see"))]
WholeSession = Annotated[SeenSession, Depends(at_session("see", public=False))]
SessionToChange = Annotated[SeenSession, Depends(at_session("run"))]


@router.get("/runs")
async def list_runs(
    request: Request, response: Response, context: Context, visible: Openly, page: Paged, status: RunStatus | None = None,
) -> list[RunOut]:  # fmt: skip
    """List the runs of all your repositories, newest first."""
    ids = [repository.id for repository in visible]
    told, total = await context.database.read(
        answers.page_of_runs, repository_ids=ids, status=status, page=page.page, limit=page.limit
    )
    linked(request, response, page, total)
    return [RunOut.of(one) for one in told]


@router.get("/runs/{run_id}")
async def get_run(seen: Run) -> RunOut:
    """Show a run."""
    return RunOut.of(seen.told)


@router.get("/runs/{run_id}/items")
async def list_items(
    request: Request, response: Response, context: Context, seen: Run, page: Paged,
    verdict: Literal["picked", "skipped", "deferred"] | None = None,
) -> list[ItemOut]:  # fmt: skip
    """List what a run decided about each matching item, with the reason."""
    items, total = await context.database.read(
        answers.page_of_items, seen.told.run.id, verdict=verdict, page=page.page, limit=page.limit
    )
    linked(request, response, page, total)
    return [ItemOut.of(item) for item in items]


@router.get("/runs/{run_id}/sessions")
async def list_sessions(context: Context, seen: Run) -> list[SessionOut]:
    """List the sessions of a run, without their prompts."""
    found = await context.database.read(sessions.of_run, seen.told.run.id)
    bare = [session.model_copy(update={"prompt": None}) for session in found]
    return [SessionOut.of(session, seen.told, full=seen.full) for session in bare]


@router.post("/runs/{run_id}/cancel", status_code=202)
async def cancel_run(context: Context, viewer: SignedInViewer, seen: RunToChange) -> RunOut:
    """End a run and its sessions within seconds; 409 where it has ended."""
    run, now = seen.told.run, context.now()

    def work(db: Db) -> ToldRun | None:
        asked = runs.request_cancel(db, run.id, now)
        if asked:
            audit.note(
                db, viewer.login, "run.cancelled", f"run {run.id}", now, repository_id=run.repository_id
            )
        return answers.told_run(db, run.id) if asked or not run.status.final else None

    told = await context.database.write(work)
    if told is None:
        raise Problem(409, f"run {run.id} has ended already: {run.status.value}", code="ended")
    return RunOut.of(told)


class RerunAsked(Closed):
    """What of a run to run again."""

    only: Literal["all", "failed"] = Field(
        "all", description="The whole round, or each failed item by itself."
    )


@router.post("/runs/{run_id}/rerun", status_code=201)
async def rerun_run(
    context: Context, viewer: SignedInViewer, seen: RunToChange, body: RerunAsked | None = None
) -> list[RunOut]:
    """Run again: the whole job, or one run for each item that failed."""
    run, now, only = seen.told.run, context.now(), body.only if body else "all"

    def work(db: Db) -> list[ToldRun]:
        job = jobs.get_job(db, run.job_id)
        assert job is not None
        if only == "all":
            numbers: list[int | None] = [run.number]
        else:
            bad = (SessionStatus.failed, SessionStatus.timeout)
            numbers = [one.number or None for one in sessions.of_run(db, run.id) if one.status in bad]
        again = [
            deeds.run_job(db, job, viewer.login, now, number=number, dry_run=run.dry_run)
            for number in numbers
        ]
        return answers.told_runs(db, again)

    told = await context.database.write(work)
    if not told:
        raise Problem(409, f"no item of run {run.id} has failed", code="nothing-failed")
    return [RunOut.of(one) for one in told]


class Undone(BaseModel):
    """What could not be taken back; empty when all was."""

    left: list[str]


@router.post("/runs/{run_id}/undo")
async def undo_run(context: Context, viewer: SignedInViewer, seen: RunToChange) -> Undone:
    """Take back what a run did on GitHub: comments, labels and the rest."""
    run = seen.told.run
    if context.undo is None:
        raise Problem(
            503, "this process has no connection to GitHub; use `roundsman runs undo`", code="no-github"
        )
    if not run.status.final:
        raise Problem(409, f"run {run.id} has not ended; cancel it first", code="running")
    left = await context.undo(run.id, viewer.login)
    await context.database.write(
        audit.note, viewer.login, "run.undone", f"run {run.id}", context.now(),
        repository_id=run.repository_id, detail={"left": list(left)},
    )  # fmt: skip
    return Undone(left=list(left))


@router.get("/sessions/{session_id}")
async def get_session(seen: Session) -> SessionOut:
    """Show a session with its prompt and what was decided about its actions."""
    return SessionOut.of(seen.session, seen.told, full=seen.full)


@router.post("/sessions/{session_id}/cancel", status_code=202)
async def cancel_session(context: Context, viewer: SignedInViewer, seen: SessionToChange) -> SessionOut:
    """End a session within seconds; 409 where it has ended."""
    session, now = seen.session, context.now()
    if session.status.final:
        raise Problem(409, f"session {session.id} has ended already: {session.status.value}", code="ended")

    def work(db: Db) -> Any:
        if sessions.request_cancel(db, session.id, now):
            where, what = session.repository_id, f"session {session.id}"
            audit.note(db, viewer.login, "session.cancelled", what, now, repository_id=where)
        return sessions.get(db, session.id)

    return SessionOut.of(await context.database.write(work), seen.told, full=True)


@router.post("/sessions/{session_id}/rerun", status_code=201, response_model=RunOut)
async def rerun_session(
    request: Request,
    context: Context,
    viewer: SignedInViewer,
    seen: SessionToChange,
    key: IdempotencyKey = None,
) -> Response:
    """Work on the session's item again, in a run of its own."""
    session, told, now = seen.session, seen.told, context.now()

    def work(db: Db) -> dict[str, Any]:
        job = jobs.get_job(db, session.job_id)
        assert job is not None
        run = deeds.run_job(
            db, job, viewer.login, now, number=session.number or None, dry_run=told.run.dry_run
        )
        return RunOut.of(ToldRun(run, told.job, told.repository, [])).model_dump(mode="json")

    return await created(request, viewer, key, work, lambda run: f"/api/runs/{run['id']}")


class Line(BaseModel):
    """One event of a transcript."""

    seq: int
    at: datetime
    event: dict[str, Any]


class TranscriptOut(BaseModel):
    """A stretch of a transcript; ask again with `after` set to `next` while `live`."""

    lines: list[Line]
    next: int
    live: bool


@router.get("/sessions/{session_id}/transcript")
async def get_transcript(
    context: Context, seen: WholeSession, after: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 1000,
) -> TranscriptOut:  # fmt: skip
    """Read everything the agent said, in order."""
    rows = await context.database.read(transcripts.transcript, seen.session.id, after, limit)
    lines = [Line(seq=seq, at=at, event=event) for seq, at, event in rows]
    more = not seen.session.status.final or len(lines) == limit
    return TranscriptOut(lines=lines, next=lines[-1].seq if lines else after, live=more)
