"""Whether the service lives, and whether it is of use."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel
from sqlalchemy.exc import SQLAlchemyError

import bot
from bot.store import heartbeat, words
from bot.web.auth import Context

router = APIRouter(tags=["health"])
ALIVE_WITHIN = timedelta(seconds=90)
PATIENCE = 5.0


class Health(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"
    version: str = bot.__version__


class Readiness(BaseModel):
    """Each part, and whether jobs will be worked on."""

    ready: bool
    database: bool
    workers: int
    stopped_by: str | None = None


@router.get("/healthz")
async def healthz() -> Health:
    """Answer while the process can answer at all."""
    return Health()


@router.get("/readyz", responses={503: {"model": Readiness, "description": "Not of use right now."}})
async def readyz(context: Context, response: Response) -> Readiness:
    """Ready when the database answers and a worker has given a sign of life; a global stop is shown, not counted."""
    response.headers["Cache-Control"] = "no-store"
    try:
        async with asyncio.timeout(PATIENCE):
            workers = await context.database.read(heartbeat.workers_since, context.now(), ALIVE_WITHIN)
            stopped = await context.database.read(words.stopped)
    except (SQLAlchemyError, TimeoutError):
        response.status_code = 503
        return Readiness(ready=False, database=False, workers=0)
    if not workers:
        response.status_code = 503
    return Readiness(ready=workers > 0, database=True, workers=workers, stopped_by=stopped)
