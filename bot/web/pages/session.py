"""A session's page: what the agent was asked, what it says while it works, what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import RedirectResponse, Response
from sse_starlette import ServerSentEvent

from bot.store import effects, sessions, transcripts
from bot.store.database import Db
from bot.web.api.doors import Id, SeenSession, at_session
from bot.web.auth import Context, SignedInViewer
from bot.web.pages.language import gettext as _
from bot.web.pages.live import EVERY_SECONDS, LOOKS, stream
from bot.web.pages.places import session_url
from bot.web.pages.render import fragment, page
from bot.web.pages.run import same_place

router = APIRouter(include_in_schema=False)
Seen = Annotated[SeenSession, Depends(at_session("see"))]
Whole = Annotated[SeenSession, Depends(at_session("see", public=False))]
AT_ONCE = 400


def session_values(db: Db, session_id: int) -> dict[str, Any]:
    """What the page says of a session, but for its transcript."""
    session = sessions.get(db, session_id)
    assert session is not None
    if not session.status.final:
        spent = transcripts.spent_so_far(db, session_id, session.attempt)
        session = session.model_copy(update=asdict(spent))
    return {
        "session": session,
        "effects": effects.of_session(db, session_id),
        "attempts": sessions.attempts_of(db, session_id),
    }


@router.get("/{owner}/{repo}/sessions/{session_id}")
async def session_page(
    request: Request, context: Context, owner: str, repo: str, seen: Seen, after: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0
) -> Response:  # fmt: skip
    """Everything about one session; its prompt and transcript only for who has a role."""
    told, session = seen.told, seen.session
    if not same_place(told.repository, owner, repo):
        return RedirectResponse(session_url(told.repository, session.id), 303)
    values = await context.database.read(session_values, session.id)
    lines = (
        await context.database.read(transcripts.transcript, session.id, after, AT_ONCE) if seen.full else []
    )
    base = f"/{told.repository.full_name}"
    crumbs = ((told.job, f"{base}/jobs/{told.job}"), (f"#{told.run.id}", f"{base}/runs/{told.run.id}"))
    values |= {
        "run": told.run, "job_name": told.job, "lines": lines, "last": lines[-1][0] if lines else after,
        "more": len(lines) == AT_ONCE, "full": seen.full, "crumbs": (*crumbs, (f"#{session.number}" if session.number else _("session %(n)s") % {"n": session.id}, "")),
    }  # fmt: skip
    return await page(request, "session.html", values, repository=told.repository)


@router.get("/{owner}/{repo}/sessions/{session_id}/live")
async def session_live(
    request: Request, context: Context, viewer: SignedInViewer, seen: Whole, session_id: Id,
    after: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0, known: Annotated[str, Query(alias="state", max_length=20)] = "",
) -> Response:  # fmt: skip
    """The transcript as it grows, and the session's state when it changes; `close` when it has ended."""
    heard = request.headers.get("last-event-id", "")
    first = max(after, int(heard)) if heard.isascii() and heard.isdigit() and len(heard) < 10 else after
    repository = seen.told.repository

    async def events() -> AsyncIterator[ServerSentEvent]:
        last, told = first, (known or seen.session.status.value, None, seen.session.tokens_in)
        for _look in range(LOOKS):
            rows = await context.database.read(transcripts.transcript, session_id, last, 100)
            for seq, at, event in rows:
                last = seq
                said = {"line": (seq, at, event), "repository": repository}
                html = fragment(request, "session_line.html", said, viewer=viewer)
                yield ServerSentEvent(html, event="line", id=str(seq))
            values = await context.database.read(session_values, session_id)
            session = values["session"]
            state = (session.status.value, session.cancel_requested_at, session.tokens_in)
            if state != told:
                told = state
                more = {
                    "run": seen.told.run,
                    "job_name": seen.told.job,
                    "repository": repository,
                    "full": True,
                }
                html = fragment(request, "session_head.html", {**values, **more}, viewer=viewer)
                yield ServerSentEvent(html, event="head")
            if session.status.final and not rows:
                yield ServerSentEvent("", event="close")
                return
            if await request.is_disconnected():
                return
            await asyncio.sleep(EVERY_SECONDS / 2)

    return stream(events())
