"""`/api/repos/{owner}/{repo}/configuration`: jobs in and out as `roundsman.yml`."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import PlainTextResponse, Response
from pydantic import BaseModel

from bot.flow.config import Configuration, Source, read_configuration
from bot.flow.written import as_yaml
from bot.model.fault import Fault as FileFault
from bot.model.run import Repository
from bot.store import audit, jobs
from bot.store.database import Db
from bot.web.auth import Context, SignedInViewer, at_repository
from bot.web.problems import Fault, Problem
from bot.web.surroundings import surroundings_of

router = APIRouter(prefix="/api/repos/{owner}/{repo}/configuration", tags=["configuration"])
YAML = "application/yaml"
_TEXT = {"requestBody": {"required": True, "content": {YAML: {"schema": {"type": "string"}}}}}


@router.get(
    "", response_class=PlainTextResponse, responses={200: {"content": {YAML: {"schema": {"type": "string"}}}}}
)
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


class _Rehearsed(Exception):  # noqa: N818 - it ends a rehearsal, nothing is wrong
    """Carries what an import would have changed out of the transaction that is rolled back."""

    def __init__(self, outcome: dict[str, list[str]]) -> None:
        super().__init__()
        self.outcome = outcome


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
    try:
        outcome = await context.database.write(
            _apply, repository, found, viewer.login, context.now(), dry_run
        )
    except _Rehearsed as rehearsed:
        outcome = rehearsed.outcome
    return Imported(**outcome, warnings=warnings)


async def _read(context: Any, repository: Repository, text: bytes) -> Configuration:
    source = Source("roundsman.yml", text)
    around = await surroundings_of(context, repository)
    names = {job.name for job in read_configuration([source], replace(around, jobs=None)).jobs}
    return read_configuration([source], replace(around, jobs=sorted({*(around.jobs or ()), *names})))


def _apply(
    db: Db, repository: Repository, found: Configuration, by: str, now: datetime, rehearse: bool
) -> dict[str, list[str]]:
    outcome: dict[str, list[str]] = {"created": [], "changed": [], "unchanged": []}
    for wanted in found.jobs:
        before = jobs.by_name(db, repository.id, wanted.name)
        if before is not None and before.source != "api":
            place = f"{before.source_path}:{before.source_line}"
            raise Problem(409, f"{wanted.name!r} stands in {place}; change it there", code="file-job")
        after = jobs.save_job(db, repository.id, wanted.name, wanted.spec, by=by, now=now)
        same = before is not None and before.spec == after.spec
        outcome["created" if before is None else "unchanged" if same else "changed"].append(wanted.name)
    if rehearse:
        raise _Rehearsed(outcome)
    audit.note(
        db,
        by,
        "configuration.imported",
        repository.full_name,
        now,
        repository_id=repository.id,
        detail=dict(outcome),
    )
    return outcome


def _fault(fault: FileFault) -> Fault:
    return Fault(
        pointer=fault.where,
        message=fault.message,
        hint=fault.hint,
        severity=fault.severity,
        line=fault.line,
        column=fault.column,
    )
