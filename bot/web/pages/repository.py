"""A repository's page: its jobs as cards, its runs, and the jobs that were deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from bot.model.job import JobSpec
from bot.model.run import Job, Repository, Run
from bot.store import jobs, runs, service, views
from bot.store import pulse as pulses
from bot.store.database import Db
from bot.web.auth import Context, SignedInViewer, at_repository
from bot.web.pages.jobwords import spec_of
from bot.web.pages.live import changes, stream
from bot.web.pages.places import Mark, mark_of
from bot.web.pages.render import fragment, page

router = APIRouter(include_in_schema=False)
Open = Annotated[Repository, Depends(at_repository("see", public=True))]
Seen = Annotated[Repository, Depends(at_repository("see"))]


@dataclass(frozen=True, slots=True)
class Card:
    """A job as its card shows it; `spec` is None where it has become invalid."""

    job: Job
    spec: JobSpec | None
    runs: Sequence[Run]
    live: Sequence[int]
    result: views.Result | None


def cards(db: Db, repository_id: int, job_id: int | None = None) -> list[Card]:
    """The cards of a repository's jobs, by name."""
    found = [job for job in jobs.jobs_of(db, repository_id) if job_id in (None, job.id)]
    ids = [job.id for job in found]
    last, working = jobs.last_runs(db, ids), runs.live_runs(db, ids)
    results = views.last_results(db, last)
    return [
        Card(job, spec_of(job), last.get(job.id, []), working.get(job.id, []), results.get(job.id))
        for job in found
    ]


@router.get("/{owner}/{repo}")
async def repository_page(request: Request, context: Context, repository: Open) -> Response:
    """The jobs of a repository."""
    values = {
        "mark": mark_of(await context.database.read(pulses.pulse, [repository.id])),
        "cards": await context.database.read(cards, repository.id),
        "gone": (await context.database.read(jobs.jobs_of, repository.id, archived=True))[:10],
        "faults": await context.database.read(service.file_faults, repository.id),
    }
    return await page(request, "repository.html", values, repository=repository)


@router.get("/{owner}/{repo}/live")
async def repository_live(
    request: Request, context: Context, viewer: SignedInViewer, repository: Seen, seen: Mark = ""
) -> Response:
    """The cards of jobs to which something happens."""

    async def pulse() -> Any:
        return await context.database.read(pulses.pulse, [repository.id])

    async def parts() -> Mapping[str, str]:
        return {
            f"job-{card.job.id}": fragment(
                request, "job_card.html", {"card": card, "repository": repository}, viewer=viewer
            )
            for card in await context.database.read(cards, repository.id)
        }

    return stream(changes(request, pulse, parts, seen))


@router.get("/{owner}/{repo}/runs")
async def runs_page(
    request: Request, context: Context, repository: Open, before: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None
) -> Response:  # fmt: skip
    """The runs of a repository, newest first."""
    firings = await context.database.read(views.recent, [repository.id], 50, before)
    return await page(
        request, "runs.html", {"firings": firings, "more": len(firings) == 50}, repository=repository
    )
