"""Numbers over time, for all repositories or one, with the table beside each chart."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from bot.store import stats, views
from bot.store.stretch import Where
from bot.web.auth import Context, SignedInViewer, Visible
from bot.web.context import WebContext
from bot.web.pages.overview import visible_ids
from bot.web.pages.render import page
from bot.web.pages.repository import Seen

router = APIRouter(include_in_schema=False)
Days = Annotated[Literal[7, 30, 90], Query()]


async def _values(context: WebContext, ids: views.Ids, days: int, job: int | None = None) -> dict[str, Any]:
    now = context.now()
    where = Where(ids, now - timedelta(days=days - 1), now + timedelta(seconds=1), job)
    return {"stats": await context.database.read(stats.statistics, where), "days": days, "job": job}


@router.get("/stats")
async def all_statistics(
    request: Request, context: Context, viewer: SignedInViewer, visible: Visible, days: Days = 30
) -> Response:
    """Of all repositories of the viewer."""
    values = await _values(context, visible_ids(viewer, visible), days)
    return await page(request, "stats.html", values)


@router.get("/{owner}/{repo}/stats")
async def repository_statistics(
    request: Request, context: Context, repository: Seen, days: Days = 30, job: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None
) -> Response:  # fmt: skip
    """Of one repository, or of one of its jobs."""
    values = await _values(context, [repository.id], days, job)
    return await page(request, "stats.html", values, repository=repository)
