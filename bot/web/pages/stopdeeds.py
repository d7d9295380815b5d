"""The global stop and its end."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from bot.store import audit
from bot.store import words as facts
from bot.store.database import Db
from bot.web.auth import Context, Operator
from bot.web.pages.answering import came_from
from bot.web.pages.language import gettext as _
from bot.web.pages.render import Notice, back, reader_of

router = APIRouter(include_in_schema=False)


@router.post("/stop-all")
async def stop_all(request: Request, context: Context, viewer: Operator) -> Response:
    """Halt every fire and session."""
    reader_of(request)

    def work(db: Db) -> None:
        facts.stop_all(db, context.now(), viewer.login)
        audit.note(db, viewer.login, "service.stopped", "everything", context.now())

    await context.database.write(work)
    notice = Notice(words=_("Everything is stopped."), tone="warn", undo="/resume-all")
    return back(request, came_from(request, "/"), notice)


@router.post("/resume-all")
async def resume_all(request: Request, context: Context, viewer: Operator) -> Response:
    """Let the rounds go on."""
    reader_of(request)

    def work(db: Db) -> None:
        facts.resume_all(db)
        audit.note(db, viewer.login, "service.resumed", "everything", context.now())

    await context.database.write(work)
    return back(request, came_from(request, "/"), Notice(words=_("The rounds go on.")))
