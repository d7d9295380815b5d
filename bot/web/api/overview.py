"""Over all repositories: jobs, bulk deeds, who I am, the global stop."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel

from bot.model.run import JobStatus, Repository
from bot.ports import Role, Viewer, authorise
from bot.store import answers, audit, repositories, words
from bot.store.audit import AuditEntry
from bot.store.database import Db
from bot.store.jobs import JobRefused
from bot.web.api import deeds
from bot.web.api.bodies import BulkAsked, Named
from bot.web.api.doors import sees
from bot.web.api.paging import Paged, linked
from bot.web.api.shapes import JobOut
from bot.web.auth import (
    Context,
    MaybeViewer,
    Openly,
    Operator,
    SignedInViewer,
    Visible,
    require,
    signed_in,
    visible_repositories,
)  # fmt: skip
from bot.web.context import WebContext
from bot.web.problems import Problem

router = APIRouter(prefix="/api", tags=["overview"])


class Me(BaseModel):
    """Who asks, and what they may see."""

    login: str
    kind: str
    operator: bool
    roles: dict[str, Role]


@router.get("/me")
async def who_am_i(viewer: SignedInViewer) -> Me:
    """Tell who you are here."""
    roles = {name: role for name, role in viewer.roles.items() if role not in ("none", "read")}
    return Me(login=viewer.login, kind=viewer.kind, operator=viewer.operator, roles=roles)


class RepositoryOut(BaseModel):
    """A repository Roundsman looks after."""

    full_name: str
    private: bool
    default_branch: str


@router.get("/repos")
async def list_repositories(visible: Openly) -> list[RepositoryOut]:
    """List the repositories you may see."""
    return [RepositoryOut.model_validate(one, from_attributes=True) for one in visible]


@router.get("/jobs")
async def list_jobs(
    request: Request, response: Response, context: Context, viewer: MaybeViewer, visible: Openly, page: Paged, status: JobStatus | None = None,
    search: Annotated[str | None, Query(max_length=200, pattern=r"^[^\x00-\x1f]*$")] = None,
) -> list[JobOut]:  # fmt: skip
    """List the jobs of all your repositories."""
    ids = [repository.id for repository in visible]
    told, total = await context.database.read(
        answers.page_of_jobs,
        repository_ids=ids,
        status=status,
        search=search,
        page=page.page,
        limit=page.limit,
    )
    linked(request, response, page, total)
    return [JobOut.of(one, full=sees(viewer, one.repository)) for one in told]


class BulkResult(BaseModel):
    """What became of one job."""

    repository: str
    name: str
    ok: bool
    status: int
    detail: str = ""
    run_id: int | None = None


@router.post("/jobs/bulk", dependencies=[Depends(visible_repositories)])
async def bulk(context: Context, viewer: SignedInViewer, body: BulkAsked) -> list[BulkResult]:
    """Run, pause, resume, enable, disable or delete many jobs; each succeeds or fails by itself."""
    return [await _one(context, viewer, body, job) for job in body.jobs]


async def _one(context: WebContext, viewer: Viewer, body: BulkAsked, job: Named) -> BulkResult:
    told = {"repository": job.repository, "name": job.name}
    try:
        repository = await context.database.read(repositories.by_name, job.repository)
        if repository is None or authorise(viewer, "see", repository) is not None:
            raise Problem(404, f"there is no repository {job.repository} here that you may see")
        require(viewer, "edit" if body.action in ("delete", "enable", "disable") else "run", repository)
        run_id = await context.database.write(_do, viewer.login, body, job.name, repository, context)
    except Problem as problem:
        return BulkResult(**told, ok=False, status=problem.status, detail=problem.detail)
    except JobRefused as refusal:
        return BulkResult(**told, ok=False, status=409, detail=str(refusal))
    return BulkResult(**told, ok=True, status=200, run_id=run_id)


def _do(
    db: Db, by: str, body: BulkAsked, name: str, repository: Repository, context: WebContext
) -> int | None:
    now = context.now()
    if body.action == "run":
        return deeds.run(db, repository, name, by, now).id
    if body.action == "delete":
        deeds.delete(db, repository, name, by, now)
    else:
        deeds.stand(db, repository, name, body.action, by, now)
    return None


@router.get("/audit")
async def read_audit(
    context: Context, viewer: SignedInViewer, visible: Visible, before: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
) -> list[AuditEntry]:  # fmt: skip
    """Read who did what, newest first, in your repositories; operators read all of it. Go on `before` the last id."""
    ids = None if viewer.operator else [repository.id for repository in visible]
    return await context.database.read(audit.entries, repository_ids=ids, before=before, limit=limit)


class Stop(BaseModel):
    """Whether everything is stopped, and by whom."""

    stopped: bool
    by: str | None = None


@router.get("/stop", dependencies=[Depends(signed_in)])
async def get_stop(context: Context) -> Stop:
    """Tell whether everything is stopped."""
    by = await context.database.read(words.stopped)
    return Stop(stopped=by is not None, by=by)


@router.post("/stop")
async def stop_everything(context: Context, viewer: Operator) -> Stop:
    """Halt every fire and session at once."""
    now = context.now()

    def work(db: Db) -> None:
        words.stop_all(db, now, viewer.login)
        audit.note(db, viewer.login, "service.stopped", "everything", now)

    await context.database.write(work)
    return Stop(stopped=True, by=viewer.login)


@router.delete("/stop")
async def go_on(context: Context, viewer: Operator) -> Stop:
    """Let the rounds go on."""
    now = context.now()

    def work(db: Db) -> None:
        words.resume_all(db)
        audit.note(db, viewer.login, "service.resumed", "everything", now)

    await context.database.write(work)
    return Stop(stopped=False)
