"""The first page: what runs, what failed, what comes next, what it costs, for every repository of the viewer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import pytz
from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response

from bot.model.run import Repository
from bot.ports import Viewer
from bot.store import pulse as pulses
from bot.store import views
from bot.store import words as facts
from bot.store.database import Database
from bot.web.auth import Context, MaybeViewer, Openly
from bot.web.context import WebContext
from bot.web.cookies import onward
from bot.web.pages.language import LANGUAGES
from bot.web.pages.places import mark_of
from bot.web.pages.render import page

router = APIRouter(include_in_schema=False)
ON_A_PAGE = 50


def visible_ids(viewer: Viewer | None, visible: Sequence[Repository]) -> views.Ids:
    """The ids a viewer may see; None for those who may see all."""
    return (
        None
        if viewer is not None and (viewer.operator or viewer.kind == "local")
        else [repository.id for repository in visible]
    )


def day_of(context: WebContext) -> datetime:
    """When the operator's day began."""
    zone = pytz.timezone(context.settings.timezone)
    local = context.now().astimezone(zone)
    return zone.localize(local.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None))


async def overview_of(database: Database, ids: views.Ids, context: WebContext) -> dict[str, Any]:
    """What the parts of the page that live are drawn from."""
    overview = await database.read(views.overview, ids, context.now(), day_of(context))
    return {"overview": overview, "live_sessions": sum(len(firing.sessions) for firing in overview.live)}


@router.get("/")
async def overview_page(
    request: Request, context: Context, viewer: MaybeViewer, visible: Openly,
    q: Annotated[str, Query(max_length=100)] = "", number: Annotated[int, Query(alias="page", ge=1, le=1000)] = 1,
) -> Response:  # fmt: skip
    """The overview of all repositories."""
    ids = visible_ids(viewer, visible)
    mark = mark_of(await context.database.read(pulses.pulse, ids))
    values = await overview_of(context.database, ids, context)
    rows = values["overview"].rows
    wanted = [row for row in rows if q.strip().lower() in row.repository.full_name.lower()]
    start = (number - 1) * ON_A_PAGE
    more = {
        "rows": wanted[start : start + ON_A_PAGE], "rows_total": len(rows), "q": q, "number": number,
        "pages": -(-len(wanted) // ON_A_PAGE), "stopped": await context.database.read(facts.stopped),
        "mark": mark, "unconfined": context.settings.sandbox == "none",
    }  # fmt: skip
    return await page(request, "overview.html", values | more)


@router.get("/language")
async def language(
    to: Annotated[str, Query(max_length=5)],
    place: Annotated[str, Query(max_length=2000, alias="next")] = "/",
) -> Response:
    """Speak another language from now on."""
    response = RedirectResponse(onward(place), 303)
    if to in LANGUAGES:
        response.set_cookie("lang", to, max_age=31_536_000, path="/", samesite="lax", httponly=True)
    return response
