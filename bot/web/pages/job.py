"""A job's page: what it is, when it fires, what it did, what it may cost."""

from __future__ import annotations

import contextlib
from datetime import datetime
from itertools import islice
from typing import Annotated, Any

import pytz
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

import filters
from bot.flow.describe import describe_filter
from bot.flow.schedule import Schedule
from bot.flow.written import as_yaml
from bot.model.job import JobSpec
from bot.model.run import Job, Repository
from bot.store import budget, jobs, runs
from bot.store.database import Db
from bot.web.api.deeds import job_named
from bot.web.api.doors import Name
from bot.web.auth import Context
from bot.web.context import WebContext
from bot.web.pages.render import page
from bot.web.pages.repository import Open, cards
from bot.web.surroundings import catalog_of
from commands.faults import CommandError

router = APIRouter(include_in_schema=False)
SHOWN = 20


def fires_ahead(
    spec: JobSpec, full_name: str, name: str, anchor: datetime, now: datetime, n: int = 5
) -> list[datetime]:
    """The next fires of a job."""
    schedule = Schedule.of(spec, identity=jobs.identity_of(full_name, name), anchor=anchor)
    return [occasion.nominal for occasion in islice(schedule.occasions(now), n)]


def in_words(query: str | None, target: str) -> str:
    """A filter in words, with the kind its target implies; nothing where it has faults."""
    try:
        return describe_filter(query, target) if query else ""
    except filters.QueryError:
        return ""


def _spent_today(db: Db, job: Job, context: WebContext) -> float:
    day = context.now().astimezone(pytz.timezone(context.settings.timezone)).strftime("%Y-%m-%d")
    return budget.spent(db, f"job {job.id} {day}")


@router.get("/{owner}/{repo}/jobs/{name}")
async def job_page(
    request: Request, context: Context, repository: Open, name: Name, before: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None
) -> Response:  # fmt: skip
    """Everything about one job."""

    def work(db: Db) -> dict[str, Any]:
        job = job_named(db, repository, name)
        (card,) = cards(db, repository.id, job.id)
        return {
            "card": card,
            "runs": runs.runs_of(db, job.id, SHOWN, before),
            "spent": _spent_today(db, job, context),
        }

    values = await context.database.read(work)
    values |= await _told(context, repository, values["card"])
    crumbs = ((name, ""),)
    more = len(values["runs"]) == SHOWN
    return await page(request, "job.html", {**values, "crumbs": crumbs, "more": more}, repository=repository)


async def most_of(context: WebContext, repository: Repository, spec: JobSpec) -> float:
    """What a run may cost at most, in USD; a script costs nothing."""
    if spec.command is not None:
        with contextlib.suppress(CommandError):
            if (await catalog_of(context, repository)).get(spec.command).is_script:
                return 0.0
    sessions = spec.max_items if spec.has_items else 1
    return min(spec.limits.budget.run, sessions * spec.limits.budget.session)


async def _told(context: WebContext, repository: Repository, card: Any) -> dict[str, Any]:
    job, spec = card.job, card.spec
    if spec is None:
        return {"ahead": [], "query_words": "", "sheet": "", "most": 0.0}
    return {
        "ahead": fires_ahead(spec, repository.full_name, job.name, job.anchor_at, context.now())
        if job.status == "active"
        else [],
        "query_words": in_words(spec.query, spec.target),
        "sheet": as_yaml({job.name: job.spec}),
        "most": await most_of(context, repository, spec),
    }
