"""Jobs, runs and sessions as everything but the tables sees them: frozen values and closed sets of endings."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

FLOW_VERSION = 1
"""The shape of the flows; stored with each run, so that an old run finishes as it began."""


class RunStatus(StrEnum):
    """How a run stands; the last five are final."""

    pending = "pending"
    running = "running"
    completed = "completed"
    partial = "partial"
    failed = "failed"
    cancelled = "cancelled"
    skipped = "skipped"

    @property
    def final(self) -> bool:
        """Whether nothing more will happen."""
        return self not in (RunStatus.pending, RunStatus.running)


class SessionStatus(StrEnum):
    """How a session stands; `quiet` ended well and delivered nothing."""

    queued = "queued"
    running = "running"
    succeeded = "succeeded"
    quiet = "quiet"
    failed = "failed"
    cancelled = "cancelled"
    timeout = "timeout"
    skipped = "skipped"

    @property
    def final(self) -> bool:
        """Whether nothing more will happen."""
        return self not in (SessionStatus.queued, SessionStatus.running)

    @property
    def done(self) -> bool:
        """Whether the item counts as dealt with."""
        return self in (SessionStatus.succeeded, SessionStatus.quiet)


class TriggerKind(StrEnum):
    """What made a job fire."""

    schedule = "schedule"
    event = "event"
    comment = "comment"
    manual = "manual"
    after = "after"
    backfill = "backfill"


JobStatus = Literal["active", "paused", "disabled"]


class Frozen(BaseModel):
    """A value: compared by content, never changed, readable from a row."""

    model_config = ConfigDict(frozen=True, from_attributes=True, extra="ignore")


class Trigger(Frozen):
    """An occasion on which a job runs; (job, kind, occasion) is unique, so acting twice on it is safe.

    `number` narrows the run to one item (events and comment commands); `by` is the GitHub login or `schedule`.
    """

    kind: TriggerKind
    occasion: str
    scheduled_for: datetime | None = None
    number: int | None = None
    by: str | None = None
    dry_run: bool = False


class Repository(Frozen):
    """A repository Roundsman knows."""

    id: int
    owner: str
    name: str
    default_branch: str = "main"
    private: bool = False
    """As GitHub told; of a repository it never told us about (no `github_id`) nobody knows."""
    github_id: int | None = None
    installation_id: int | None = None

    @property
    def full_name(self) -> str:
        """`owner/name`."""
        return f"{self.owner}/{self.name}"


class Job(Frozen):
    """A stored job: its validated spec (as JSON) and how it stands."""

    id: int
    repository_id: int
    name: str
    spec: dict[str, Any]
    source: Literal["api", "file", "local"]
    source_path: str | None = None
    source_line: int | None = None
    status: JobStatus
    error: str | None = None
    pause_reason: str | None = None
    anchor_at: datetime
    next_run_at: datetime | None = None
    last_run_at: datetime | None = None
    last_run_status: RunStatus | None = None
    run_count: int = 0
    error_count: int = 0
    failures_in_row: int = 0
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None = None


class Run(Frozen):
    """One firing of one job."""

    id: int
    job_id: int
    repository_id: int
    trigger: TriggerKind
    occasion: str
    status: RunStatus
    spec: dict[str, Any]
    number: int | None = None
    by: str | None = None
    dry_run: bool = False
    priority: int = 1
    scheduled_for: datetime | None = None
    created_at: datetime
    started_at: datetime | None = None
    completed_at: datetime | None = None
    items_found: int = 0
    items_processed: int = 0
    items_skipped: int = 0
    items_deferred: int = 0
    items_failed: int = 0
    items_quiet: int = 0
    cost: float = 0.0
    requests: int = 0
    reason: str | None = None
    error: str | None = None
    cancel_requested_at: datetime | None = None

    @property
    def lag_ms(self) -> int | None:
        """Milliseconds from due to recorded; None for runs nobody scheduled."""
        if self.scheduled_for is None:
            return None
        return max(0, round((self.created_at - self.scheduled_for).total_seconds() * 1000))

    @property
    def duration_ms(self) -> int | None:
        """Milliseconds from start to end; None while it lasts."""
        if self.started_at is None or self.completed_at is None:
            return None
        return round((self.completed_at - self.started_at).total_seconds() * 1000)


class Session(Frozen):
    """One agent at work on one item of a run. `number` is 0 for codebase and custom."""

    id: int
    run_id: int
    job_id: int
    repository_id: int
    number: int
    is_pull: bool = False
    title: str = ""
    url: str = ""
    attempt: int = 1
    status: SessionStatus
    reason: str | None = None
    failure: str | None = None
    engine: str | None = None
    model: str | None = None
    saw: dict[str, Any] | None = None
    prompt: str | None = None
    end: dict[str, Any] | None = None
    decision: dict[str, Any] | None = None
    agent_session: str | None = None
    turns: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost: float = 0.0
    comment_url: str | None = None
    queued_at: datetime
    not_before: datetime | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    cancel_requested_at: datetime | None = None

    @property
    def duration_ms(self) -> int | None:
        """Milliseconds from start to end; None while it lasts."""
        if self.started_at is None or self.completed_at is None:
            return None
        return round((self.completed_at - self.started_at).total_seconds() * 1000)


class RunItem(Frozen):
    """What a run decided about one matching item, and why."""

    run_id: int
    number: int
    verdict: Literal["picked", "skipped", "deferred"]
    reason: str
    title: str = ""


class LedgerEntry(Frozen):
    """What a job knows of one item: the state its last good session saw, tries since, parking and deferral."""

    job_id: int
    number: int
    saw: dict[str, Any] | None = None
    run_id: int | None = None
    done_at: datetime | None = None
    attempts: int = 0
    attempts_on: str | None = None
    parked: str | None = None
    deferred_at: datetime | None = None


class Effect(Frozen):
    """One thing we did on GitHub. `key` makes it happen once; `before`/`after` are the facet's values.

    `at` is GitHub's own clock, so it compares with an item's `updated_at`.
    """

    id: int
    key: str
    session_id: int | None = None
    job_id: int
    repository_id: int
    number: int
    kind: str
    facet: str | None = None
    before: Any = None
    after: Any = None
    target_id: str | None = None
    url: str | None = None
    at: datetime | None = None
    done: bool = False
    undone_at: datetime | None = None
