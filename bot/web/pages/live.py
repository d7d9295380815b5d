"""What goes on while a page is open: its living parts, sent again whenever they have changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sse_starlette import EventSourceResponse, ServerSentEvent

from bot.store import pulse as pulses
from bot.web.auth import Context, Openly, SignedInViewer
from bot.web.pages.overview import overview_of, visible_ids
from bot.web.pages.places import Mark, mark_of
from bot.web.pages.render import fragment

router = APIRouter(include_in_schema=False)
EVERY_SECONDS = 1.0
LOOKS = 120
"""After so many the browser connects anew, and is asked again who it is and what it may see."""

Pulse = Callable[[], Awaitable[Any]]
Parts = Callable[[], Awaitable[Mapping[str, str]]]


async def changes(
    request: Request, pulse: Pulse, parts: Parts, seen: str, ended: Callable[[], bool] = lambda: False
) -> AsyncIterator[ServerSentEvent]:
    """The parts that differ from what was sent before, by name, whenever the pulse says that something happened.

    `seen` is the mark of the pulse the page was drawn at: where it is another by now, all parts are sent at once.
    With `ended` the stream says `close` as soon as nothing can change any more.
    """
    beat = await pulse()
    sent = dict(await parts()) if mark_of(beat) == seen else {}
    last = beat if sent else None
    for _look in range(LOOKS):
        if beat != last:
            for name, html in (await parts()).items():
                if sent.get(name) != html:
                    sent[name] = html
                    yield ServerSentEvent(html, event=name)
        if ended():
            yield ServerSentEvent("", event="close")
            return
        await asyncio.sleep(EVERY_SECONDS)
        if await request.is_disconnected():
            return
        last, beat = beat, await pulse()


def stream(events: AsyncIterator[ServerSentEvent]) -> Response:
    """An answer that goes on."""
    return EventSourceResponse(events, ping=15, headers={"Cache-Control": "no-store"})


@router.get("/live")
async def live(
    request: Request, context: Context, viewer: SignedInViewer, visible: Openly, seen: Mark = ""
) -> Response:
    """The living parts of the overview."""
    ids = visible_ids(viewer, visible)
    if ids is not None and not ids:
        return Response(status_code=204)  # nothing will ever change; the browser asks no more

    async def pulse() -> Any:
        return await context.database.read(pulses.pulse, ids)

    async def parts() -> Mapping[str, str]:
        values = await overview_of(context.database, ids, context)
        return {
            name: fragment(request, f"overview_{name}.html", values, viewer=viewer)
            for name in ("tiles", "running", "next", "failures", "lately")
        }

    return stream(changes(request, pulse, parts, seen))
