"""What the API answers: the shapes of SPEC §9."""

from __future__ import annotations

from datetime import datetime
from itertools import islice
from typing import Any

from pydantic import BaseModel, Field, ValidationError

import filters
from bot.flow.describe import describe_filter, describe_trigger
from bot.flow.schedule import Schedule
from bot.flow.zone import local
from bot.model.job import JobSpec
from bot.model.run import Job, JobStatus, RunItem, RunStatus, Session, SessionStatus, TriggerKind
from bot.store.answers import ToldJob, ToldRun

PUBLIC_KEYS = frozenset({
    "description", "on", "timezone", "target", "filter", "command", "max_items", "again", "report", "limits", "expires", "status",
})  # fmt: skip
"""What of a job's spec a public view shows."""


class RunOut(BaseModel):
    """A run."""

    id: int
    job: str = Field(description="The job's name.")
    repository: str = Field(description="owner/name")
    status: RunStatus
    trigger: TriggerKind
    by: str | None = Field(None, description="Who or what made it fire.")
    dry_run: bool
    number: int | None = Field(None, description="The one item it is about; none for a whole round.")
    scheduled_for: datetime | None = None
    created_at: datetime
    started_at: datetime | None = None
    completed_at: datetime | None = None
    duration_ms: int | None = None
    lag_ms: int | None = Field(None, description="From due to recorded.")
    items_found: int
    items_processed: int
    items_skipped: int
    items_deferred: int
    items_failed: int
    items_quiet: int = Field(description="Of those processed: ended well and delivered nothing.")
    cost: float = Field(description="US dollars.")
    reason: str | None = Field(None, description="Why it was skipped, cancelled or waits.")
    error: str | None = None
    session_ids: list[int]

    @classmethod
    def of(cls, told: ToldRun) -> RunOut:
        """Tell a run."""
        run = told.run
        return cls.model_validate(
            run.model_dump()
            | {
                "job": told.job,
                "repository": told.repository.full_name,
                "duration_ms": run.duration_ms,
                "lag_ms": run.lag_ms,
                "session_ids": told.session_ids,
            }
        )


class JobOut(BaseModel):
    """A job with its newest runs: five in lists, twenty on its own page."""

    id: int
    name: str
    repository: str = Field(description="owner/name")
    spec: dict[str, Any] = Field(description="The JobSpec, defaults filled in.")
    status: JobStatus
    source: str = Field(description="api, or file: then the repository's file is the place to change it.")
    source_path: str | None = None
    source_line: int | None = None
    error: str | None = Field(None, description="Why a stored job can no longer fire.")
    pause_reason: str | None = None
    next_run_at: datetime | None = None
    last_run_at: datetime | None = None
    last_run_status: RunStatus | None = None
    run_count: int
    error_count: int
    created_at: datetime
    updated_at: datetime
    last_runs: list[RunOut]

    @classmethod
    def of(cls, told: ToldJob, *, full: bool = True) -> JobOut:
        """Tell a job; without `full`, as the public may see it: no prompt, nor what goes into it."""
        runs = [
            RunOut.of(ToldRun(run, told.job.name, told.repository, told.session_ids.get(run.id, [])))
            for run in told.runs
        ]
        spec = whole_spec(told.job)
        shown = spec if full else {key: value for key, value in spec.items() if key in PUBLIC_KEYS}
        more = {"repository": told.repository.full_name, "spec": shown, "last_runs": runs}
        return cls.model_validate(told.job.model_dump() | more)


def whole_spec(job: Job) -> dict[str, Any]:
    """A job's spec with its defaults; as stored where it is no longer valid."""
    try:
        spec = JobSpec.model_validate(job.spec)
    except ValidationError:
        return job.spec
    told = spec.model_dump(mode="json", exclude_none=True)
    if (
        "idle" not in spec.limits.model_fields_set
    ):  # its default may be longer than a short timeout, and then is not sent back
        told["limits"].pop("idle", None)
    return told | {"status": job.status}


class ItemOut(BaseModel):
    """What a run decided about a matching item, and why."""

    number: int
    title: str
    verdict: str = Field(description="picked, skipped or deferred")
    reason: str

    @classmethod
    def of(cls, item: RunItem) -> ItemOut:
        """Tell a verdict."""
        return cls.model_validate(item.model_dump())


class SessionOut(BaseModel):
    """One agent at work on one item."""

    id: int
    run_id: int
    job: str
    repository: str
    number: int = Field(description="The item; 0 for codebase and custom.")
    is_pull: bool
    title: str
    url: str
    attempt: int
    status: SessionStatus
    reason: str | None = None
    failure: str | None = None
    engine: str | None = None
    model: str | None = None
    turns: int
    tokens_in: int
    tokens_out: int
    cost: float = Field(description="US dollars.")
    duration_ms: int | None = None
    comment_url: str | None = None
    queued_at: datetime
    started_at: datetime | None = None
    completed_at: datetime | None = None
    prompt: str | None = Field(None, description="The resolved prompt; not shown to the public.")
    decision: dict[str, Any] | None = Field(None, description="Actions applied, and refused with the reason.")

    @classmethod
    def of(cls, session: Session, told: ToldRun, *, full: bool) -> SessionOut:
        """Tell a session; without `full`, as the public may see it."""
        row = session.model_dump() | {
            "job": told.job,
            "repository": told.repository.full_name,
            "duration_ms": session.duration_ms,
        }
        if not full:
            row |= {"prompt": None, "decision": None, "reason": None, "failure": None}
        return cls.model_validate(row)


class Preview(BaseModel):
    """When a job fires next, and what it asks for, in words."""

    timezone: str
    next_fires: list[str]
    schedule_in_words: list[str]
    filter_in_words: str | None = None
    may_cost_a_run: float


def preview_spec(now: datetime, spec: JobSpec, identity: str, job: Job | None, n: int) -> Preview:
    """What a spec will do."""
    schedule = Schedule.of(spec, identity=identity, anchor=job.anchor_at if job else now)
    fires = [
        local(spec.timezone, occasion.nominal).isoformat() for occasion in islice(schedule.occasions(now), n)
    ]
    try:
        words = describe_filter(spec.query, spec.target) if spec.query else None
    except filters.QueryError as error:
        words = f"not a query: {error}"
    sessions = spec.max_items if spec.has_items else 1
    return Preview(
        timezone=spec.timezone, next_fires=fires, filter_in_words=words,
        schedule_in_words=[describe_trigger(trigger, identity) for trigger in spec.on],
        may_cost_a_run=min(spec.limits.budget.run, sessions * spec.limits.budget.session),
    )  # fmt: skip
