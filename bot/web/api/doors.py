"""From an address to what it names, for somebody who may: jobs, runs, sessions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Path, Request

from bot.model.run import Repository, Session
from bot.model.schedule import JOB_NAME
from bot.ports import Doing, Viewer, authorise
from bot.store import answers
from bot.store.answers import ToldRun
from bot.web.auth import is_open, require, signed_in, viewer_of
from bot.web.context import context_of
from bot.web.problems import Problem

Id = Annotated[int, Path(ge=1, le=2**31 - 1)]
Name = Annotated[str, Path(pattern=JOB_NAME.replace(r"\Z", "$"), description="The job's name.")]


@dataclass(frozen=True, slots=True)
class SeenRun:
    """A run, and whether prompts and transcripts may be shown with it."""

    told: ToldRun
    full: bool


@dataclass(frozen=True, slots=True)
class SeenSession:
    """A session with its run, and whether its prompt and transcript may be shown."""

    session: Session
    told: ToldRun
    full: bool


def at_run(doing: Doing) -> Callable[..., Awaitable[SeenRun]]:
    """A dependency: the run of the path; seeing may be open to the public."""

    async def found(request: Request, run_id: Id) -> SeenRun:
        told = await context_of(request).database.read(answers.told_run, run_id)
        full = await _may(request, doing, told.repository if told else None, f"run {run_id}")
        assert told is not None
        return SeenRun(told, full)

    found.guards = doing  # type: ignore[attr-defined]
    return found


def at_session(doing: Doing, *, public: bool = True) -> Callable[..., Awaitable[SeenSession]]:
    """A dependency: the session of the path."""

    async def found(request: Request, session_id: Id) -> SeenSession:
        pair = await context_of(request).database.read(answers.told_session, session_id)
        place = pair[1].repository if pair else None
        full = await _may(request, doing, place, f"session {session_id}", public=public)
        assert pair is not None
        return SeenSession(pair[0], pair[1], full)

    found.guards = doing  # type: ignore[attr-defined]
    return found


async def _may(
    request: Request, doing: Doing, where: Repository | None, what: str, *, public: bool = True
) -> bool:
    """Raise unless whoever asks may; whether they may see all of it. What they may not see is not there."""
    viewer = await viewer_of(request)
    looks = doing == "see" and public
    if looks and where is not None and not sees(viewer, where) and is_open(request, where):
        return False
    await signed_in(request)
    if where is None or not sees(viewer, where):
        raise Problem(404, f"there is no {what} here that you may see", code="unknown")
    require(viewer, doing, where)
    return True


def sees(viewer: Viewer | None, where: Repository) -> bool:
    """Whether somebody has a role there, and so may see all of it."""
    return authorise(viewer, "see", where) is None
