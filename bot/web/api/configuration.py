"""`/api/repos/{owner}/{repo}/configuration`: jobs in and out as `roundsman.yml`."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import PlainTextResponse, Response
from pydantic import BaseModel

from bot.flow.config import Configuration, Source, read_configuration
from bot.flow.written import as_yaml
from bot.model.fault import Fault as FileFault
from bot.model.run import Repository
from bot.store import jobs
from bot.store.configuration import import_configuration
from bot.web.auth import Context, SignedInViewer, at_repository
from bot.web.context import WebContext
from bot.web.problems import Fault, Problem
from bot.web.surroundings import surroundings_of

router = APIRouter(prefix="/api/repos/{owner}/{repo}/configuration", tags=["configuration"])
YAML = "application/yaml"
_FILE = {"schema": {"type": "object", "title": "roundsman.yml"}}
_TEXT = {"requestBody": {"required": True, "content": {YAML: _FILE}}}


@router.get("", response_class=PlainTextResponse, responses={200: {"content": {YAML: _FILE}}})
async def export(
    context: Context, repository: Annotated[Repository, Depends(at_repository("see"))]
) -> Response:
    """Export the jobs of a repository as a file to put into it."""
    every = await context.database.read(jobs.jobs_of, repository.id)
    text = as_yaml({job.name: job.spec for job in every})
    return PlainTextResponse(text, media_type=YAML)


class Imported(BaseModel):
    """What an import changed, by name."""

    created: list[str]
    changed: list[str]
    unchanged: list[str]
    warnings: list[Fault]


@router.put("", openapi_extra=_TEXT)
async def import_file(
    request: Request, context: Context, viewer: SignedInViewer,
    repository: Annotated[Repository, Depends(at_repository("edit"))], dry_run: bool = False,
) -> Imported:  # fmt: skip
    """Make or change the jobs a `roundsman.yml` names, all or none; jobs it does not name stay as they are."""
    found = await _read(context, repository, await request.body())
    warnings = [_fault(one) for one in found.warnings]
    if found.faults:
        first = found.faults[0]
        words = f"line {first.line}: {first.message}"
        raise Problem(422, words, code="invalid", errors=[_fault(one) for one in found.faults])
    applied = await context.database.write(
        import_configuration, repository.id, found.jobs, context.now(), by=viewer.login, rehearse=dry_run
    )
    return Imported(
        created=list(applied.created),
        changed=list(applied.changed),
        unchanged=list(applied.unchanged),
        warnings=warnings,
    )


async def _read(context: WebContext, repository: Repository, text: bytes) -> Configuration:
    source = Source("roundsman.yml", text)
    around = await surroundings_of(context, repository)
    names = {job.name for job in read_configuration([source], replace(around, jobs=None)).jobs}
    return read_configuration([source], replace(around, jobs=sorted({*(around.jobs or ()), *names})))


def _fault(fault: FileFault) -> Fault:
    return Fault(
        pointer=fault.where,
        message=fault.message,
        hint=fault.hint,
        severity=fault.severity,
        line=fault.line,
        column=fault.column,
    )
