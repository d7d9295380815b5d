"""What people do to items and to many jobs at once with the buttons of the pages."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import Response

from bot.model.run import Repository
from bot.ports import authorise
from bot.store.database import Db
from bot.store.jobs import JobRefused
from bot.web.api import deeds
from bot.web.api.doors import Name
from bot.web.auth import Context, SignedInViewer, at_repository
from bot.web.pages.answering import came_from
from bot.web.pages.language import gettext as _
from bot.web.pages.language import ngettext
from bot.web.pages.places import repository_url
from bot.web.pages.render import Notice, back, reader_of
from bot.web.problems import Problem

router = APIRouter(include_in_schema=False)
Runnable = Annotated[Repository, Depends(at_repository("run"))]
JOB = "/{owner}/{repo}/jobs/{name}"


@router.post(JOB + "/ignore")
async def ignore(
    request: Request, context: Context, viewer: SignedInViewer, repository: Runnable, name: Name,
    number: Annotated[int, Form(ge=1, le=2**31 - 1)],
) -> Response:  # fmt: skip
    """Leave an item alone."""
    reader_of(request)
    await context.database.write(deeds.ignore, repository, name, number, viewer.login, context.now())
    words = _("%(name)s leaves #%(number)s alone from now on.") % {"name": name, "number": number}
    place = came_from(request, repository_url(repository, f"explain/{number}"))
    return back(request, place, Notice(words=words))


@router.post(JOB + "/unignore")
async def unignore(
    request: Request, context: Context, viewer: SignedInViewer, repository: Runnable, name: Name,
    number: Annotated[int, Form(ge=1, le=2**31 - 1)],
) -> Response:  # fmt: skip
    """Let an item be worked on again."""
    reader_of(request)
    await context.database.write(deeds.unignore, repository, name, number, viewer.login, context.now())
    words = _("%(name)s may work on #%(number)s again.") % {"name": name, "number": number}
    place = came_from(request, repository_url(repository, f"explain/{number}"))
    return back(request, place, Notice(words=words))


@router.post("/{owner}/{repo}/bulk")
async def bulk(
    request: Request, context: Context, viewer: SignedInViewer, repository: Runnable,
    deed: Annotated[Literal["run", "pause", "resume", "delete"], Form()], job: Annotated[list[str] | None, Form(max_length=200)] = None,
) -> Response:  # fmt: skip
    """Do one thing to several jobs; what could not be done is said by name."""
    reader_of(request)
    if deed == "delete" and (why := authorise(viewer, "edit", repository)):
        raise Problem(403, why, code="role")
    done, failed = 0, []
    for name in dict.fromkeys(job or ()):
        try:
            await context.database.write(_one, repository, name, deed, viewer.login, context.now())
            done += 1
        except (Problem, JobRefused) as problem:
            failed.append(f"{name}: {problem}")
    words = ngettext("Done for %(n)s job.", "Done for %(n)s jobs.", done) % {"n": done}
    said = " ".join([words, *failed])[:500]
    notice = Notice(words=said, tone="error" if failed else "success")
    return back(request, repository_url(repository), notice)


def _one(db: Db, repository: Repository, name: str, deed: str, by: str, now: datetime) -> Any:
    match deed:
        case "run":
            return deeds.run(db, repository, name, by, now)
        case "delete":
            return deeds.delete(db, repository, name, by, now)
        case "pause":
            return deeds.stand(db, repository, name, "pause", by, now)
        case _:
            return deeds.stand(db, repository, name, "resume", by, now)
