"""What a job would match, and why an item is or is not picked."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Query
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from bot.flow.review import review
from bot.model.run import Repository, RunStatus, SessionStatus
from bot.store import jobs
from bot.web import look
from bot.web.api import deeds
from bot.web.api.bodies import checked, flat, sendable
from bot.web.api.doors import Name
from bot.web.api.shapes import Preview, preview_spec
from bot.web.auth import Context, at_repository
from bot.web.problems import Fault
from bot.web.surroundings import fault_of, surroundings_of

router = APIRouter(prefix="/api/repos/{owner}/{repo}", tags=["looking"])
Seen = Annotated[Repository, Depends(at_repository("see"))]
Draft = Annotated[
    dict[str, Any],
    BeforeValidator(flat),
    AfterValidator(sendable),
    Body(description="A job that is not saved: `name`, if it has one, and the keys of a JobSpec."),
]


class Reviewed(BaseModel):
    """Whether a job can be kept, and what it will do."""

    ok: bool
    faults: list[Fault]
    preview: Preview


@router.post("/check")
async def check_job(context: Context, repository: Seen, body: Draft) -> Reviewed:
    """Check a job without keeping it: faults, warnings, next fires; 422 where keys themselves are wrong."""
    spec = checked({key: value for key, value in body.items() if key != "name"})
    name = body.get("name") if isinstance(body.get("name"), str) else None
    before = await context.database.read(jobs.by_name, repository.id, name) if name else None
    found = [fault_of(one) for one in review(spec, await surroundings_of(context, repository))]
    identity = jobs.identity_of(repository.full_name, name or "new")
    ok = all(fault.severity != "error" for fault in found)
    return Reviewed(ok=ok, faults=found, preview=preview_spec(context.now(), spec, identity, before, 5))


class Match(BaseModel):
    """An item that matches; `reason` says why it would be left out."""

    number: int
    title: str
    url: str
    verdict: str = Field(description="picked, skipped or deferred")
    reason: str = ""


class Matches(BaseModel):
    """What matches now: so many in all, of which so many would be worked on some day."""

    found: int
    new: int
    undecided: list[int] = Field(description="Items whose missing facts could not be had.")
    items: list[Match]


@router.post("/matches")
async def matches_now(context: Context, repository: Seen, body: Draft) -> Matches:
    """Show what a job, saved or not, would match and pick right now. `name` lends it that job's memory."""
    spec = checked({key: value for key, value in body.items() if key != "name"})
    name = body.get("name") if isinstance(body.get("name"), str) else None
    job = await context.database.read(jobs.by_name, repository.id, name) if name else None
    seen = await look.look(context, repository, spec, job)
    picked, late, left = seen.selection.picked, seen.selection.deferred, seen.selection.skipped
    told = [
        *(Match(number=c.item.number, title=c.item.title, url=c.item.url, verdict="picked") for c in picked),
        *(_left(one, "deferred") for one in late),
        *(_left(one, "skipped") for one in left),
    ]
    new = len(picked) + len(late)
    return Matches(found=seen.found, new=new, undecided=list(seen.undecided), items=told[:200])


def _left(one: Any, verdict: str) -> Match:
    return Match(
        number=one.item.number, title=one.item.title, url=one.item.url, verdict=verdict, reason=one.reason
    )


class Term(BaseModel):
    """A term of the filter that settles it."""

    start: int
    end: int
    text: str
    verdict: str
    words: str


class Verdict(BaseModel):
    """What a run decided about the item."""

    run_id: int
    at: datetime
    status: RunStatus
    verdict: str
    reason: str


class Past(BaseModel):
    """A session on the item."""

    session_id: int
    run_id: int
    status: SessionStatus
    comment_url: str | None = None


class Known(BaseModel):
    """What one job's ledger knows of the item."""

    job: str
    done_at: datetime | None = None
    run_id: int | None = None
    attempts: int = 0
    parked: str | None = None
    deferred_at: datetime | None = None


class Explanation(BaseModel):
    """Why an item is or is not worked on."""

    number: int
    now: str = Field(description="In words: would it be picked now, and if not, why not.")
    picked: bool | None = Field(None, description="None where GitHub could not be asked.")
    terms: list[Term]
    verdicts: list[Verdict]
    sessions: list[Past]
    ledger: list[Known]


@router.get("/schedules/{name}/explain")
async def explain_item(
    context: Context, repository: Seen, name: Name, number: Annotated[int, Query(ge=1, le=2**31 - 1)]
) -> Explanation:
    """Say why an item was or was not picked, and what all jobs of the repository know of it."""
    job = await context.database.read(deeds.job_named, repository, name)
    past = await context.database.read(look.history, repository, job, number)
    known = [
        Known(job=name, **entry.model_dump(exclude={"job_id", "number", "saw"}))
        for name, entry in past.ledger.items()
    ]
    told: dict[str, Any] = {
        "number": number,
        "verdicts": [
            Verdict(run_id=run.id, at=run.created_at, status=run.status, verdict=item.verdict, reason=item.reason)
            for run, item in past.verdicts
        ],
        "sessions": [
            Past(session_id=one.id, run_id=one.run_id, status=one.status, comment_url=one.comment_url) for one in past.sessions
        ],
        "ledger": known,
    }  # fmt: skip
    if context.tracker is None:
        return Explanation(now="GitHub cannot be asked from here", terms=[], **told)
    seen = await look.explain(context, repository, job, number)
    terms = [
        Term(start=one.start, end=one.end, text=one.text, verdict=str(one.verdict), words=one.words)
        for one in (seen.filter.reasons if seen.filter else ())
    ]
    words = seen.kept_out or (str(seen.filter) if seen.filter else "")
    return Explanation(now=words, picked=seen.kept_out is None, terms=terms, **told)
