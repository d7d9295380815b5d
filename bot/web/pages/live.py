"""What goes on while a page is open: its living parts, sent again whenever they have changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from sse_starlette import EventSourceResponse, ServerSentEvent

from bot.web.auth import Context, SignedInViewer, Visible
from bot.web.pages.overview import overview_of, visible_ids
from bot.web.pages.render import fragment

router = APIRouter(include_in_schema=False)
EVERY_SECONDS = 1.0
LONGEST = 3600
"""Looks after which the browser connects anew, and is asked again who it is."""

Parts = Callable[[], Awaitable[Mapping[str, str]]]


async def changes(
    request: Request, parts: Parts, over: Callable[[], bool] = lambda: False
) -> AsyncIterator[ServerSentEvent]:
    """Each part that differs from what was sent before, by its name; `close` when it is over."""
    sent: dict[str, str] = dict(await parts())
    for _look in range(LONGEST):
        if over():
            yield ServerSentEvent("", event="close")
            return
        await asyncio.sleep(EVERY_SECONDS)
        if await request.is_disconnected():
            return
        for name, html in (await parts()).items():
            if sent.get(name) != html:
                sent[name] = html
                yield ServerSentEvent(html, event=name)


def stream(request: Request, parts: Parts, over: Callable[[], bool] = lambda: False) -> Response:
    """An answer that goes on."""
    return EventSourceResponse(changes(request, parts, over), ping=15, headers={"Cache-Control": "no-store"})


@router.get("/live")
async def live(
    request: Request, context: Context, viewer: SignedInViewer, visible: Visible,
    page: Annotated[Literal["overview"], Query()] = "overview",
) -> Response:  # fmt: skip
    """The living parts of the overview."""
    ids = visible_ids(viewer, visible)
    if ids is not None and not ids:
        return Response(status_code=204)  # nothing will ever change; the browser asks no more

    async def parts() -> Mapping[str, str]:
        values = await overview_of(context.database, ids, context)
        return {
            name: fragment(request, f"{page}_{name}.html", values, viewer=viewer)
            for name in ("tiles", "running", "next")
        }

    return stream(request, parts)
