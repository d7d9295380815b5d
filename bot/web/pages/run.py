"""A run's page: which items it found, which it worked on and why, its sessions, what it did."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import RedirectResponse, Response

from bot.model.run import Repository
from bot.store import effects, runs, sessions
from bot.store import pulse as pulses
from bot.store.database import Db
from bot.web.api.doors import Id, SeenRun, at_run
from bot.web.auth import Context, SignedInViewer
from bot.web.pages.live import changes, stream
from bot.web.pages.places import Mark, mark_of, run_url
from bot.web.pages.render import fragment, page

router = APIRouter(include_in_schema=False)
Seen = Annotated[SeenRun, Depends(at_run("see"))]
MOST_ITEMS = 300


def run_values(db: Db, run_id: int) -> dict[str, Any]:
    """What the page of a run says."""
    place = runs.place_of(db, run_id)
    assert place is not None
    run, job, repository = place
    items = runs.items_of(db, run_id)
    order = {"picked": 0, "deferred": 1, "skipped": 2}
    return {
        "run": run, "job": job, "repository": repository, "sessions": sessions.of_run(db, run_id),
        "items": sorted(items, key=lambda item: (order[item.verdict], item.number))[:MOST_ITEMS], "more_items": max(0, len(items) - MOST_ITEMS),
        "effects": effects.of_run(db, run_id),
    }  # fmt: skip


@router.get("/{owner}/{repo}/runs/{run_id}")
async def run_page(request: Request, context: Context, owner: str, repo: str, seen: Seen) -> Response:
    """Everything about one run."""
    run, repository = seen.told.run, seen.told.repository
    if not same_place(repository, owner, repo):
        return RedirectResponse(run_url(repository, run.id), 303)
    mark = mark_of(await context.database.read(pulses.pulse, [repository.id], run.id))
    values = await context.database.read(run_values, run.id)
    job = values["job"]
    crumbs = ((job.name, f"/{repository.full_name}/jobs/{job.name}"), (f"#{run.id}", ""))
    return await page(
        request,
        "run.html",
        {**values, "crumbs": crumbs, "full": seen.full, "mark": mark},
        repository=repository,
    )


def same_place(repository: Repository, owner: str, repo: str) -> bool:
    """Whether an address names the repository its run or session is of."""
    return repository.full_name.lower() == f"{owner}/{repo}".lower()


@router.get("/{owner}/{repo}/runs/{run_id}/live")
async def run_live(
    request: Request,
    context: Context,
    viewer: SignedInViewer,
    seen: Seen,
    run_id: Id,
    mark: Annotated[Mark, Query(alias="seen")] = "",
) -> Response:
    """The run's body while it goes on; `close` when it has ended."""
    state = seen.told.run.status

    async def pulse() -> Any:
        return await context.database.read(pulses.pulse, [seen.told.repository.id], run_id)

    async def parts() -> Mapping[str, str]:
        nonlocal state
        values = await context.database.read(run_values, run_id)
        state = values["run"].status
        return {"body": fragment(request, "run_body.html", {**values, "full": seen.full}, viewer=viewer)}

    return stream(changes(request, pulse, parts, mark, lambda: state.final))
