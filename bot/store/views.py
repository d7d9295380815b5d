"""What pages show, each in a handful of queries: the overview, a repository, an item's history, the audit log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session as Db
from sqlmodel import col, select

from bot.model.run import Job, LedgerEntry, Repository, Run, RunItem, RunStatus, Session, SessionStatus
from bot.store.tables import (
    Audit,
    Claims,
    IndexedItems,
    Installations,
    Jobs,
    Ledger,
    Repositories,
    RunItems,
    Runs,
    Sessions,
)

Ids = Collection[int] | None
"""The repositories a viewer may see; None for all of them."""

LIVE_RUNS = (RunStatus.pending.value, RunStatus.running.value)
BAD_RUNS = (RunStatus.failed.value, RunStatus.partial.value)
LIVE_SESSIONS = (SessionStatus.queued.value, SessionStatus.running.value)
GOOD = (SessionStatus.succeeded.value, SessionStatus.quiet.value)
ENDED = (*GOOD, SessionStatus.failed.value, SessionStatus.timeout.value)
MONTH = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Counts:
    """How many jobs there are, and how they stand; `failing` ones are active and failed last, or cannot be read."""

    total: int = 0
    active: int = 0
    paused: int = 0
    disabled: int = 0
    failing: int = 0


@dataclass(frozen=True, slots=True)
class Sum:
    """Sessions that ended in a stretch of time, and what they cost."""

    sessions: int = 0
    good: int = 0
    quiet: int = 0
    cost: float = 0.0

    @property
    def rate(self) -> float | None:
        """The share that ended well, 0..1; None where nothing ended."""
        return self.good / self.sessions if self.sessions else None


@dataclass(frozen=True, slots=True)
class RepositoryRow:
    """A repository on the overview."""

    repository: Repository
    counts: Counts
    month: Sum
    next_run_at: datetime | None = None
    last_run_at: datetime | None = None
    live: int = 0
    fault: bool = False


@dataclass(frozen=True, slots=True)
class Fire:
    """A job's next fire."""

    job: Job
    repository: Repository


@dataclass(frozen=True, slots=True)
class Firing:
    """A run with its job and repository, and some of its sessions: those not over, or those that had something to say."""

    run: Run
    job_name: str
    repository: Repository
    sessions: tuple[Session, ...] = ()


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything the first page says."""

    counts: Counts
    rows: tuple[RepositoryRow, ...]
    month: Sum
    week: Sum
    today: Sum
    next_fires: tuple[Fire, ...]
    live: tuple[Firing, ...]
    failures: tuple[Firing, ...]
    lately: tuple[Firing, ...] = ()


def _within(column: Any, ids: Ids) -> Any:
    return sa.true() if ids is None else column.in_(ids)


def _n(condition: Any) -> Any:
    return sa.func.sum(sa.case((condition, 1), else_=0))


def _job_columns() -> tuple[Any, ...]:
    status = col(Jobs.status)
    bad = sa.or_(col(Jobs.last_run_status) == RunStatus.failed.value, col(Jobs.error).is_not(None))
    return (
        sa.func.count(), _n(status == "active"), _n(status == "paused"), _n(status == "disabled"),
        _n(sa.and_(status != "disabled", bad)), sa.func.min(col(Jobs.next_run_at)), sa.func.max(col(Jobs.last_run_at)),
    )  # fmt: skip


def overview(db: Db, ids: Ids, now: datetime, day: datetime) -> Overview:
    """The first page; `day` is when the operator's day began."""
    month = sums_by_repository(db, ids, now - MONTH)
    rows = _repository_rows(db, ids, month)
    return Overview(
        counts=_added([row.counts for row in rows]),
        rows=rows,
        month=_summed(month.values()),
        week=_summed(sums_by_repository(db, ids, now - timedelta(days=7)).values()),
        today=_summed(sums_by_repository(db, ids, day).values()),
        next_fires=next_fires(db, ids),
        live=live(db, ids),
        failures=failures(db, ids, now - timedelta(days=7)),
        lately=lately(db, ids),
    )


def _added(counts: Sequence[Counts]) -> Counts:
    return Counts(
        total=sum(c.total for c in counts), active=sum(c.active for c in counts), paused=sum(c.paused for c in counts),
        disabled=sum(c.disabled for c in counts), failing=sum(c.failing for c in counts),
    )  # fmt: skip


def _summed(sums: Collection[Sum]) -> Sum:
    return Sum(
        sessions=sum(s.sessions for s in sums), good=sum(s.good for s in sums), quiet=sum(s.quiet for s in sums),
        cost=sum(s.cost for s in sums),
    )  # fmt: skip


def sums_by_repository(db: Db, ids: Ids, since: datetime) -> dict[int, Sum]:
    """What ended since then, by repository: read from one index alone."""
    status = col(Sessions.status)
    # the + 0 keeps SQLite from reading every session there ever was in the order of repositories
    place = col(Sessions.repository_id) + sa.literal_column("0")
    rows = db.execute(
        sa.select(
            place, _n(status.in_(ENDED)), _n(status.in_(GOOD)),
            _n(status == SessionStatus.quiet.value), sa.func.sum(Sessions.cost),
        )
        .where(col(Sessions.completed_at) >= since, _within(col(Sessions.repository_id), ids))
        .group_by(place)
    )  # fmt: skip
    return {key: Sum(int(n), int(good), int(quiet), float(cost or 0)) for key, n, good, quiet, cost in rows}


def _repository_rows(db: Db, ids: Ids, month: dict[int, Sum]) -> tuple[RepositoryRow, ...]:
    jobs = {
        row[0]: row[1:]
        for row in db.execute(
            sa.select(col(Jobs.repository_id), *_job_columns())
            .where(col(Jobs.archived_at).is_(None), _within(col(Jobs.repository_id), ids))
            .group_by(col(Jobs.repository_id))
        )
    }
    working: dict[int, int] = {
        key: int(count)
        for key, count in db.execute(
            sa.select(col(Runs.repository_id), sa.func.count())
            .where(col(Runs.status).in_(LIVE_RUNS))
            .group_by(col(Runs.repository_id))
        )
    }
    wanted = select(Repositories).where(
        col(Repositories.archived_at).is_(None), _within(col(Repositories.id), ids)
    )
    found = []
    for row in db.exec(wanted.order_by(col(Repositories.full_name))):
        key = int(row.id or 0)
        total, active, paused, disabled, failing, due, last = jobs.get(key, (0, 0, 0, 0, 0, None, None))
        found.append(
            RepositoryRow(
                Repository.model_validate(row), Counts(total, active, paused, disabled, failing), month.get(key, Sum()),
                due, last, working.get(key, 0), row.config_error is not None,
            )
        )  # fmt: skip
    return tuple(found)


def next_fires(db: Db, ids: Ids, limit: int = 8) -> tuple[Fire, ...]:
    """The fires ahead of all jobs, soonest first."""
    wanted = (
        select(Jobs, Repositories)
        .join(Repositories, col(Repositories.id) == col(Jobs.repository_id))
        .where(Jobs.status == "active", col(Jobs.archived_at).is_(None), col(Jobs.next_run_at).is_not(None))
        .where(_within(col(Jobs.repository_id), ids))
        .order_by(col(Jobs.next_run_at), col(Jobs.id))
        .limit(limit)
    )
    return tuple(
        Fire(Job.model_validate(job), Repository.model_validate(repository))
        for job, repository in db.exec(wanted)
    )


def live(db: Db, ids: Ids, limit: int = 20) -> tuple[Firing, ...]:
    """The runs that wait or work, first come first, with their sessions that are not over."""
    firings = _firings(db, ids, col(Runs.status).in_(LIVE_RUNS), (col(Runs.priority), col(Runs.id)), limit)
    sessions: dict[int, list[Session]] = {}
    wanted = select(Sessions).where(
        col(Sessions.status).in_(LIVE_SESSIONS), col(Sessions.run_id).in_([f.run.id for f in firings])
    )
    for row in db.exec(wanted.order_by(col(Sessions.id))):
        sessions.setdefault(row.run_id, []).append(Session.model_validate(row))
    return tuple(Firing(f.run, f.job_name, f.repository, tuple(sessions.get(f.run.id, ()))) for f in firings)


def failures(db: Db, ids: Ids, since: datetime, limit: int = 8) -> tuple[Firing, ...]:
    """The runs that ended badly since then, newest first."""
    bad = sa.and_(col(Runs.status).in_(BAD_RUNS), col(Runs.completed_at) >= since)
    return tuple(_firings(db, ids, bad, (col(Runs.completed_at).desc(),), limit))


def lately(db: Db, ids: Ids, limit: int = 5, most: int = 2_000) -> tuple[Firing, ...]:
    """Of the newest `most` runs those that are over and worked on something, with the sessions that spoke."""
    newest = (
        select(Runs.id, Runs.status, Runs.items_processed, Runs.completed_at)
        .where(_within(col(Runs.repository_id), ids))
        .order_by(col(Runs.id).desc())
        .limit(most)
        .subquery()
    )
    over = sa.and_(newest.c.items_processed > 0, newest.c.status.not_in(LIVE_RUNS))
    wanted = sa.select(newest.c.id).where(over).order_by(newest.c.completed_at.desc()).limit(limit)
    found = [int(key) for (key,) in db.execute(wanted)]
    spoke: dict[int, list[Session]] = {}
    rows = select(Sessions).where(col(Sessions.run_id).in_(found), col(Sessions.comment_url).is_not(None))
    for row in db.exec(rows.order_by(col(Sessions.id))):
        spoke.setdefault(row.run_id, []).append(Session.model_validate(row))
    firings = _firings(db, ids, col(Runs.id).in_(found), (col(Runs.completed_at).desc(),), limit)
    return tuple(Firing(f.run, f.job_name, f.repository, tuple(spoke.get(f.run.id, ()))) for f in firings)


def recent(db: Db, ids: Ids, limit: int = 20, before: int | None = None) -> tuple[Firing, ...]:
    """The newest runs, newest first."""
    older = col(Runs.id) < before if before is not None else sa.true()
    return tuple(_firings(db, ids, older, (col(Runs.id).desc(),), limit))


def _firings(db: Db, ids: Ids, which: Any, order: tuple[Any, ...], limit: int) -> list[Firing]:
    wanted = (
        select(Runs, Jobs.name, Repositories)
        .join(Jobs, col(Jobs.id) == col(Runs.job_id))
        .join(Repositories, col(Repositories.id) == col(Runs.repository_id))
        .where(which, _within(col(Runs.repository_id), ids))
        .order_by(*order)
        .limit(limit)
    )
    return [
        Firing(Run.model_validate(run), name, Repository.model_validate(repository))
        for run, name, repository in db.exec(wanted)
    ]


@dataclass(frozen=True, slots=True)
class Result:
    """The newest ended run of a job and how its sessions ended, to unfold."""

    run: Run
    sessions: tuple[Session, ...]


def last_results(db: Db, runs_by_job: dict[int, list[Run]], most: int = 10) -> dict[int, Result]:
    """For each job the newest run that is over, with its first `most` sessions."""
    newest = {
        job: next((run for run in runs if run.status.final and run.status is not RunStatus.skipped), None)
        for job, runs in runs_by_job.items()
    }
    wanted = [run.id for run in newest.values() if run]
    sessions: dict[int, list[Session]] = {}
    rows = db.exec(select(Sessions).where(col(Sessions.run_id).in_(wanted)).order_by(col(Sessions.id)))
    for row in rows:
        sessions.setdefault(row.run_id, []).append(Session.model_validate(row))
    return {job: Result(run, tuple(sessions.get(run.id, ())[:most])) for job, run in newest.items() if run}


@dataclass(frozen=True, slots=True)
class Seen:
    """What one job knows of one item: ledger, claim, the newest verdicts and sessions."""

    job: Job
    entry: LedgerEntry | None = None
    claimed_by: int | None = None
    verdicts: tuple[tuple[RunItem, datetime], ...] = ()
    sessions: tuple[Session, ...] = ()


def history(db: Db, repository_id: int, number: int, most: int = 5) -> list[Seen]:
    """What every job of a repository, gone ones too where they touched it, knows of one item."""
    jobs = [
        Job.model_validate(row)
        for row in db.exec(
            select(Jobs).where(Jobs.repository_id == repository_id).order_by(sa.func.lower(col(Jobs.name)))
        )
    ]
    ids = [job.id for job in jobs]
    entries = {
        row.job_id: LedgerEntry.model_validate(row)
        for row in db.exec(select(Ledger).where(col(Ledger.job_id).in_(ids), Ledger.number == number))
    }
    held = {
        row.job_id: row.run_id
        for row in db.exec(select(Claims).where(col(Claims.job_id).in_(ids), Claims.number == number))
    }
    verdicts = _verdicts(db, repository_id, number, most)
    sessions = _sessions_on(db, repository_id, number, most)
    seen = [
        Seen(job, entries.get(job.id), held.get(job.id), tuple(verdicts.get(job.id, ())), tuple(sessions.get(job.id, ())))
        for job in jobs
    ]  # fmt: skip
    return [one for one in seen if one.job.archived_at is None or one.entry or one.sessions]


def _verdicts(
    db: Db, repository_id: int, number: int, most: int
) -> dict[int, list[tuple[RunItem, datetime]]]:
    found: dict[int, list[tuple[RunItem, datetime]]] = {}
    wanted = (
        select(RunItems, Runs.job_id, Runs.created_at)
        .join(Runs, col(Runs.id) == col(RunItems.run_id))
        .where(RunItems.number == number, Runs.repository_id == repository_id)
        .order_by(col(RunItems.run_id).desc())
        .limit(most * 20)
    )
    for item, job_id, at in db.exec(wanted):
        rows = found.setdefault(job_id, [])
        if len(rows) < most:
            rows.append((RunItem.model_validate(item), at))
    return found


def _sessions_on(db: Db, repository_id: int, number: int, most: int) -> dict[int, list[Session]]:
    found: dict[int, list[Session]] = {}
    wanted = (
        select(Sessions)
        .where(Sessions.repository_id == repository_id, Sessions.number == number)
        .order_by(col(Sessions.id).desc())
        .limit(most * 20)
    )
    for row in db.exec(wanted):
        rows = found.setdefault(row.job_id, [])
        if len(rows) < most:
            rows.append(Session.model_validate(row))
    return found


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the audit log."""

    id: int
    at: datetime
    actor: str
    action: str
    target: str
    repository: str | None
    detail: dict[str, Any] = field(default_factory=dict)


def audit_log(
    db: Db, ids: Ids, *, limit: int = 50, before: int | None = None, actor: str | None = None, action: str | None = None
) -> list[Entry]:  # fmt: skip
    """The newest lines of the audit log, newest first; those of no repository only for who may see all."""
    wanted = (
        select(Audit, Repositories.full_name)
        .join(Repositories, col(Repositories.id) == col(Audit.repository_id), isouter=True)
        .where(_within(col(Audit.repository_id), ids))
        .order_by(col(Audit.id).desc())
        .limit(limit)
    )
    if before is not None:
        wanted = wanted.where(col(Audit.id) < before)
    if actor:
        wanted = wanted.where(Audit.actor == actor)
    if action:
        wanted = wanted.where(col(Audit.action).startswith(action, autoescape=True))
    return [
        Entry(int(row.id or 0), row.at, row.actor, row.action, row.target, name, row.detail or {})
        for row, name in db.exec(wanted)
    ]


@dataclass(frozen=True, slots=True)
class Installed:
    """An installation with its repositories; `id` is None for repositories reached by a token."""

    id: int | None
    account: str
    account_type: str
    since: datetime | None
    suspended: bool
    removed: bool
    repositories: tuple[tuple[Repository, dict[str, Any] | None, datetime | None], ...]


def installations(db: Db) -> list[Installed]:
    """Every installation and what it holds; repositories without one come last."""
    held: dict[int | None, list[tuple[Repository, dict[str, Any] | None, datetime | None]]] = {}
    wanted = select(Repositories).where(col(Repositories.archived_at).is_(None))
    for row in db.exec(wanted.order_by(col(Repositories.full_name))):
        place = (Repository.model_validate(row), row.config_error, row.config_checked_at)
        held.setdefault(row.installation_id, []).append(place)
    found = [
        Installed(
            row.id, row.account, row.account_type, row.created_at, row.suspended_at is not None, row.removed_at is not None,
            tuple(held.pop(row.id, ())),
        )
        for row in db.exec(select(Installations).order_by(col(Installations.account)))
    ]  # fmt: skip
    for left, repositories in held.items():
        owner = repositories[0][0].owner
        found.append(Installed(left, owner, "", None, False, False, tuple(repositories)))
    return found


def file_faults(db: Db, repository_id: int) -> list[str]:
    """What is wrong with the repository's own file of jobs, one sentence each."""
    found = db.exec(select(Repositories.config_error).where(Repositories.id == repository_id)).first()
    return [str(fault) for fault in (found or {}).get("faults") or ()]


def pulse(db: Db, ids: Ids, run_id: int | None = None) -> tuple[Any, ...]:
    """What changes whenever something happens: cheap to ask for each second, so that pages are drawn only then."""
    which = _within(col(Runs.repository_id), ids)
    mine = col(Runs.id) == run_id if run_id is not None else sa.true()
    working = db.execute(
        sa.select(col(Runs.id), col(Runs.status), col(Runs.cancel_requested_at), col(Runs.reason))
        .where(which, mine, col(Runs.status).in_(LIVE_RUNS))
        .order_by(col(Runs.id))
    ).all()
    sessions = db.execute(
        sa.select(col(Sessions.id), col(Sessions.status), col(Sessions.cancel_requested_at))
        .where(
            col(Sessions.status).in_(LIVE_SESSIONS),
            col(Sessions.run_id).in_([row[0] for row in working]),
        )
        .order_by(col(Sessions.id))
    ).all()
    last = db.execute(sa.select(sa.func.max(Runs.id)).where(which)).scalar()
    touched = db.execute(
        sa.select(sa.func.max(Jobs.updated_at), sa.func.min(Jobs.next_run_at)).where(
            _within(col(Jobs.repository_id), ids)
        )
    ).one()
    return tuple(map(tuple, working)), tuple(map(tuple, sessions)), last, tuple(touched)


def names_of(db: Db, repository_id: int, most: int = 500) -> dict[str, list[str]]:
    """Labels, milestones and authors of a repository's newest indexed items, the most frequent first."""
    counts: dict[str, Counter[str]] = {"label": Counter(), "milestone": Counter(), "author": Counter()}
    wanted = select(IndexedItems.row).where(IndexedItems.repository_id == repository_id)
    for row in db.exec(wanted.order_by(col(IndexedItems.number).desc()).limit(most)):
        counts["label"].update(
            label if isinstance(label, str) else str(label.get("name", ""))
            for label in row.get("labels") or ()
        )
        counts["milestone"].update([(row.get("milestone") or {}).get("title") or ""])
        counts["author"].update([(row.get("user") or {}).get("login") or ""])
    return {kind: [name for name, _ in found.most_common(100) if name] for kind, found in counts.items()}
