"""Every table, once. Times are UTC instants; JSON columns hold values that were validated at the door."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel


class Instant(sa.types.TypeDecorator[datetime]):
    """An aware UTC datetime on every database; SQLite keeps it naive, so the zone is put back on the way out."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Refuse naive times; store UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002
        """Give the zone back."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def instant(*, null: bool = True, index: bool = False) -> Any:
    """A column of instants."""
    return Field(default=None, sa_type=Instant, nullable=null, index=index)


def json(*, null: bool = True) -> Any:
    """A column of JSON."""
    return Field(default=None, sa_type=sa.JSON, nullable=null)


def text(*, null: bool = True) -> Any:
    """A column of text of any length."""
    return Field(default=None, sa_type=sa.Text, nullable=null)


class Installations(SQLModel, table=True):
    """An account that installed the App."""

    __tablename__ = "installations"
    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False}, sa_type=sa.BigInteger)
    account: str = Field(index=True)
    account_type: str = "Organization"
    permissions: dict[str, Any] | None = json()
    events: list[str] | None = json()
    created_at: datetime = instant(null=False)
    suspended_at: datetime | None = instant()
    removed_at: datetime | None = instant()


class Repositories(SQLModel, table=True):
    """A repository; `full_name` is lower case and unique among the living."""

    __tablename__ = "repositories"
    __table_args__ = (
        sa.Index(
            "ux_repositories_live",
            "full_name",
            unique=True,
            sqlite_where=sa.text("archived_at IS NULL"),
            postgresql_where=sa.text("archived_at IS NULL"),
        ),
    )
    id: int | None = Field(default=None, primary_key=True)
    github_id: int | None = Field(default=None, index=True, sa_type=sa.BigInteger)
    owner: str
    name: str
    full_name: str
    installation_id: int | None = Field(
        default=None, foreign_key="installations.id", index=True, sa_type=sa.BigInteger
    )
    default_branch: str = "main"
    private: bool = False
    config_sha: str | None = None
    config_error: dict[str, Any] | None = json()
    config_checked_at: datetime | None = instant()
    dashboard_issue: int | None = None
    created_at: datetime = instant(null=False)
    archived_at: datetime | None = instant()


class Jobs(SQLModel, table=True):
    """A job of one repository; unique by name among the living."""

    __tablename__ = "jobs"
    __table_args__ = (
        sa.Index(
            "ux_jobs_live",
            "repository_id",
            "name",
            unique=True,
            sqlite_where=sa.text("archived_at IS NULL"),
            postgresql_where=sa.text("archived_at IS NULL"),
        ),
        sa.Index(
            "ix_jobs_due",
            "next_run_at",
            sqlite_where=sa.text("status = 'active' AND archived_at IS NULL"),
            postgresql_where=sa.text("status = 'active' AND archived_at IS NULL"),
        ),
    )
    id: int | None = Field(default=None, primary_key=True)
    repository_id: int = Field(foreign_key="repositories.id", index=True)
    name: str
    spec: dict[str, Any] = json(null=False)
    source: str = "api"
    source_path: str | None = None
    source_line: int | None = None
    status: str = "active"
    error: str | None = text()
    pause_reason: str | None = text()
    anchor_at: datetime = instant(null=False)
    next_run_at: datetime | None = instant()
    last_run_at: datetime | None = instant()
    last_run_status: str | None = None
    run_count: int = 0
    error_count: int = 0
    failures_in_row: int = 0
    created_by: str | None = None
    created_at: datetime = instant(null=False)
    updated_at: datetime = instant(null=False)
    archived_at: datetime | None = instant()


class Runs(SQLModel, table=True):
    """One firing; its row is also its place in the queue (`pending` and no `executor`)."""

    __tablename__ = "runs"
    __table_args__ = (
        sa.UniqueConstraint("job_id", "trigger", "occasion", name="ux_runs_occasion"),
        sa.Index("ix_runs_job", "job_id", "id"),
        sa.Index("ix_runs_repository", "repository_id", "id"),
        sa.Index(
            "ix_runs_live",
            "priority",
            "id",
            sqlite_where=sa.text("status IN ('pending', 'running')"),
            postgresql_where=sa.text("status IN ('pending', 'running')"),
        ),
        sa.Index("ix_runs_created", "created_at"),
        sa.Index("ix_runs_ended", "status", "completed_at"),
    )
    id: int | None = Field(default=None, primary_key=True)
    job_id: int = Field(foreign_key="jobs.id")
    repository_id: int = Field(foreign_key="repositories.id")
    trigger: str
    occasion: str
    status: str = "pending"
    spec: dict[str, Any] = json(null=False)
    flow_version: int = 1
    number: int | None = None
    by: str | None = None
    dry_run: bool = False
    serial: bool = False
    priority: int = 1
    attempt: int = 1
    executor: str | None = Field(default=None, index=True)
    not_before: datetime | None = instant()
    scheduled_for: datetime | None = instant()
    created_at: datetime = instant(null=False)
    started_at: datetime | None = instant()
    completed_at: datetime | None = instant()
    items_found: int = 0
    items_processed: int = 0
    items_skipped: int = 0
    items_deferred: int = 0
    items_failed: int = 0
    items_quiet: int = 0
    cost: float = 0.0
    requests: int = 0
    reason: str | None = text()
    error: str | None = text()
    facts: dict[str, Any] | None = json()
    cancel_requested_at: datetime | None = instant()


class RunItems(SQLModel, table=True):
    """What a run decided about a matching item."""

    __tablename__ = "run_items"
    __table_args__ = (sa.Index("ix_run_items_number", "number", "run_id"),)
    run_id: int = Field(foreign_key="runs.id", primary_key=True)
    number: int = Field(primary_key=True)
    verdict: str
    reason: str = text(null=False)
    title: str = text(null=False)


class Sessions(SQLModel, table=True):
    """One agent on one item of a run; its row is also its place in the queue (`queued`)."""

    __tablename__ = "sessions"
    __table_args__ = (
        sa.UniqueConstraint("run_id", "number", name="ux_sessions_item"),
        sa.Index("ix_sessions_job_item", "job_id", "number", "id"),
        sa.Index("ix_sessions_repository", "repository_id", "id"),
        sa.Index(
            "ix_sessions_live",
            "status",
            "priority",
            "id",
            sqlite_where=sa.text("status IN ('queued', 'running')"),
            postgresql_where=sa.text("status IN ('queued', 'running')"),
        ),
        # everything the overview sums up, so that it is read from the index alone
        sa.Index("ix_sessions_ended", "completed_at", "repository_id", "status", "cost"),
        sa.Index("ix_sessions_stats", "job_id", "completed_at", "status", "cost"),
    )
    id: int | None = Field(default=None, primary_key=True)
    run_id: int = Field(foreign_key="runs.id")
    job_id: int = Field(foreign_key="jobs.id")
    repository_id: int = Field(foreign_key="repositories.id")
    number: int = 0
    is_pull: bool = False
    title: str = text(null=False)
    url: str = text(null=False)
    attempt: int = 1
    crashes: int = 0
    status: str = "queued"
    reason: str | None = text()
    failure: str | None = None
    engine: str | None = None
    model: str | None = None
    priority: int = 1
    concurrency: int = 3
    executor: str | None = Field(default=None, index=True)
    saw: dict[str, Any] | None = json()
    prompt: str | None = text()
    request: dict[str, Any] | None = json()
    end: dict[str, Any] | None = json()
    decision: dict[str, Any] | None = json()
    attempts: list[dict[str, Any]] | None = json()
    agent_session: str | None = None
    turns: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost: float = 0.0
    comment_url: str | None = None
    queued_at: datetime = instant(null=False)
    not_before: datetime | None = instant()
    started_at: datetime | None = instant()
    completed_at: datetime | None = instant()
    cancel_requested_at: datetime | None = instant()


class Transcript(SQLModel, table=True):
    """A session's normalised events, in order; redacted and capped before they come here."""

    __tablename__ = "transcript"
    session_id: int = Field(foreign_key="sessions.id", primary_key=True)
    seq: int = Field(primary_key=True)
    attempt: int = 1
    at: datetime = instant(null=False)
    event: dict[str, Any] = json(null=False)


class Ledger(SQLModel, table=True):
    """What a job has done with an item: the answer to "already processed?"."""

    __tablename__ = "ledger"
    job_id: int = Field(foreign_key="jobs.id", primary_key=True)
    number: int = Field(primary_key=True)
    saw: dict[str, Any] | None = json()
    run_id: int | None = None
    session_id: int | None = None
    done_at: datetime | None = instant()
    attempts: int = 0
    attempts_on: str | None = None
    parked: str | None = text()
    deferred_at: datetime | None = instant()


class Claims(SQLModel, table=True):
    """One living session per (job, item)."""

    __tablename__ = "claims"
    job_id: int = Field(foreign_key="jobs.id", primary_key=True)
    number: int = Field(primary_key=True)
    run_id: int
    claimed_at: datetime = instant(null=False)


class Effects(SQLModel, table=True):
    """The journal of what we did on GitHub; intended first, done when GitHub has answered."""

    __tablename__ = "effects"
    __table_args__ = (
        sa.Index("ix_effects_item", "repository_id", "number"),
        sa.Index("ix_effects_session", "session_id"),
    )
    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(unique=True)
    session_id: int | None = None
    run_id: int | None = Field(default=None, index=True)
    job_id: int
    repository_id: int
    number: int
    kind: str
    facet: str | None = None
    before: Any = json()
    after: Any = json()
    target_id: str | None = None
    url: str | None = None
    at: datetime | None = instant()
    done: bool = False
    undone_at: datetime | None = instant()


class Reactions(SQLModel, table=True):
    """What people made of a comment of ours when we last looked; `at` is when we last wrote it."""

    __tablename__ = "reactions"
    repository_id: int = Field(primary_key=True)
    comment_id: str = Field(primary_key=True)
    job_id: int
    at: datetime = instant(null=False, index=True)
    looked_at: datetime = instant(null=False)
    approving: int = 0
    disapproving: int = 0
    others: int = 0
    gone: bool = False


class Budgets(SQLModel, table=True):
    """What a scope may spend (USD), has reserved and has settled; guarded by conditional updates only."""

    __tablename__ = "budgets"
    scope: str = Field(primary_key=True)
    reserved: float = 0.0
    settled: float = 0.0
    day: str | None = Field(default=None, index=True)


class Reservations(SQLModel, table=True):
    """Money set aside for one attempt in one scope; `settled` is what it really took."""

    __tablename__ = "reservations"
    attempt: str = Field(primary_key=True)
    scope: str = Field(primary_key=True)
    amount: float
    settled: float | None = None
    made_at: datetime = instant(null=False)


class Deliveries(SQLModel, table=True):
    """Webhook deliveries by their id: kept so that a redelivery acts once, recorded before we answer."""

    __tablename__ = "deliveries"
    __table_args__ = (
        sa.Index(
            "ix_deliveries_waiting",
            "seq",
            sqlite_where=sa.text("handled_at IS NULL"),
            postgresql_where=sa.text("handled_at IS NULL"),
        ),
        sa.Index(
            "ix_deliveries_held",
            "executor",
            "subject",
            sqlite_where=sa.text("handled_at IS NULL AND executor IS NOT NULL"),
            postgresql_where=sa.text("handled_at IS NULL AND executor IS NOT NULL"),
        ),
    )
    seq: int | None = Field(default=None, primary_key=True)
    guid: str = Field(unique=True)
    event: str
    action: str | None = None
    installation_id: int | None = Field(default=None, sa_type=sa.BigInteger)
    repository: str | None = None
    subject: str | None = None
    body: dict[str, Any] | None = json()
    received_at: datetime = instant(null=False, index=True)
    executor: str | None = None
    handled_at: datetime | None = instant()
    outcome: str | None = text()


class Audit(SQLModel, table=True):
    """Who did what, when; never changed, only purged by age."""

    __tablename__ = "audit"
    __table_args__ = (sa.Index("ix_audit_repository", "repository_id", "id"),)
    id: int | None = Field(default=None, primary_key=True)
    at: datetime = instant(null=False, index=True)
    actor: str
    action: str
    target: str
    repository_id: int | None = None
    detail: dict[str, Any] | None = json()


class IndexedItems(SQLModel, table=True):
    """The incremental index of a repository's issues and pull requests, as REST rows."""

    __tablename__ = "indexed_items"
    __table_args__ = (sa.Index("ix_indexed_items_open", "repository_id", "state", "number"),)
    repository_id: int = Field(foreign_key="repositories.id", primary_key=True)
    number: int = Field(primary_key=True)
    state: str = "open"
    is_pull: bool = False
    updated_at: str = ""
    row: dict[str, Any] = json(null=False)


class IndexState(SQLModel, table=True):
    """How fresh a repository's index is: its life, its watermark, the lists it holds."""

    __tablename__ = "index_state"
    repository_id: int = Field(foreign_key="repositories.id", primary_key=True)
    generation: str
    version: int = 0
    begun_at: datetime = instant(null=False, index=True)
    since: str
    lists: list[dict[str, Any]] = json(null=False)
    told: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    doubts: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    checked: dict[str, Any] | None = json()


class Words(SQLModel, table=True):
    """Small durable facts by name: the global stop, set-up progress, watermarks, encrypted App credentials."""

    __tablename__ = "words"
    name: str = Field(primary_key=True)
    value: Any = json()
    at: datetime = instant(null=False)


class Executors(SQLModel, table=True):
    """Processes that work: their heartbeat for people to see (liveness itself is a lock)."""

    __tablename__ = "executors"
    id: str = Field(primary_key=True)
    host: str
    pid: int
    version: str
    started_at: datetime = instant(null=False)
    seen_at: datetime = instant(null=False)
    detail: dict[str, Any] | None = json()


class Outbox(SQLModel, table=True):
    """Words that must leave: notifications and outgoing webhooks, with their tries."""

    __tablename__ = "outbox"
    __table_args__ = (
        sa.Index(
            "ix_outbox_waiting",
            "not_before",
            sqlite_where=sa.text("sent_at IS NULL AND given_up_at IS NULL"),
            postgresql_where=sa.text("sent_at IS NULL AND given_up_at IS NULL"),
        ),
    )
    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(unique=True)
    channel: str
    event: str
    job_id: int | None = None
    run_id: int | None = None
    body: dict[str, Any] = json(null=False)
    tries: int = 0
    not_before: datetime = instant(null=False)
    sent_at: datetime | None = instant()
    given_up_at: datetime | None = instant()
    error: str | None = text()


class MachineTokens(SQLModel, table=True):
    """API tokens for machines: only the hash is kept."""

    __tablename__ = "machine_tokens"
    id: int | None = Field(default=None, primary_key=True)
    name: str
    hash: str = Field(unique=True)
    scopes: list[str] = json(null=False)
    repositories: list[str] | None = json()
    created_by: str
    created_at: datetime = instant(null=False)
    last_used_at: datetime | None = instant()
    expires_at: datetime | None = instant()
    revoked_at: datetime | None = instant()


class Idempotency(SQLModel, table=True):
    """Answers already given to a creation with an idempotency key."""

    __tablename__ = "idempotency"
    key: str = Field(primary_key=True)
    fingerprint: str
    status: int
    body: dict[str, Any] | None = json()
    at: datetime = instant(null=False, index=True)
