"""What the overview and the lists of runs show, each in a handful of queries."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlmodel import Session as Db
from sqlmodel import col, select

from bot.model.run import Job, Repository, Run, RunStatus, Session, SessionStatus
from bot.store.sql import lives
from bot.store.tables import (
    Jobs,
    Repositories,
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


def within(column: Any, ids: Ids) -> Any:
    """The condition that a column names a repository a viewer may see."""
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
    today = sums_by_repository(db, ids, day)
    month = _with_past(db, ids, day - (MONTH - timedelta(days=1)), day, now, today)
    week = _with_past(db, ids, day - timedelta(days=6), day, now, today)
    rows = _repository_rows(db, ids, month)
    return Overview(
        counts=_added([row.counts for row in rows]),
        rows=rows,
        month=_summed(month.values()),
        week=_summed(week.values()),
        today=_summed(today.values()),
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


_PAST: WeakKeyDictionary[Any, dict[tuple[datetime, datetime], dict[int, Sum]]] = WeakKeyDictionary()
"""By database: sums of stretches of whole days that are over. What has ended ends no second time."""
SETTLED = timedelta(minutes=10)
"""How long after midnight the day before may still get an ending that began to be written in it."""


def _with_past(
    db: Db, ids: Ids, since: datetime, day: datetime, now: datetime, today: dict[int, Sum]
) -> dict[int, Sum]:
    """The sums since then: those of the days that are over, counted once a day, and today's."""
    kept = _PAST.setdefault(db.get_bind(), {})
    past = kept.get((since, day))
    if past is None:
        past = sums_by_repository(db, None, since, day)
        if now - day > SETTLED:
            for old in [key for key in kept if key[1] != day]:
                del kept[old]
            kept[since, day] = past
    mine = past if ids is None else {key: past[key] for key in ids if key in past}
    return {key: _summed([s[key] for s in (mine, today) if key in s]) for key in {*mine, *today}}


def sums_by_repository(db: Db, ids: Ids, since: datetime, until: datetime | None = None) -> dict[int, Sum]:
    """What ended since then, and before `until`, by repository: read from one index alone."""
    status = col(Sessions.status)
    # the + 0 keeps SQLite from reading every session there ever was in the order of repositories
    place = col(Sessions.repository_id) + sa.literal_column("0")
    rows = db.execute(
        sa.select(
            place, _n(status.in_(ENDED)), _n(status.in_(GOOD)),
            _n(status == SessionStatus.quiet.value), sa.func.sum(Sessions.cost),
        )
        .where(col(Sessions.completed_at) >= since, within(col(Sessions.repository_id), ids))
        .where(col(Sessions.completed_at) < until if until is not None else sa.true())
        .group_by(place)
    )  # fmt: skip
    return {key: Sum(int(n), int(good), int(quiet), float(cost or 0)) for key, n, good, quiet, cost in rows}


def _repository_rows(db: Db, ids: Ids, month: dict[int, Sum]) -> tuple[RepositoryRow, ...]:
    jobs = {
        row[0]: row[1:]
        for row in db.execute(
            sa.select(col(Jobs.repository_id), *_job_columns())
            .where(col(Jobs.archived_at).is_(None), within(col(Jobs.repository_id), ids))
            .group_by(col(Jobs.repository_id))
        )
    }
    working: dict[int, int] = {
        key: int(count)
        for key, count in db.execute(
            sa.select(col(Runs.repository_id), sa.func.count())
            .where(lives(col(Runs.status), LIVE_RUNS))
            .group_by(col(Runs.repository_id))
        )
    }
    wanted = select(Repositories).where(
        col(Repositories.archived_at).is_(None), within(col(Repositories.id), ids)
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
        .where(within(col(Jobs.repository_id), ids))
        .order_by(col(Jobs.next_run_at), col(Jobs.id))
        .limit(limit)
    )
    return tuple(
        Fire(Job.model_validate(job), Repository.model_validate(repository))
        for job, repository in db.exec(wanted)
    )


def live(db: Db, ids: Ids, limit: int = 20) -> tuple[Firing, ...]:
    """The runs that wait or work, first come first, with their sessions that are not over."""
    firings = _firings(db, ids, lives(col(Runs.status), LIVE_RUNS), (col(Runs.priority), col(Runs.id)), limit)
    sessions: dict[int, list[Session]] = {}
    wanted = select(Sessions).where(
        lives(col(Sessions.status), LIVE_SESSIONS), col(Sessions.run_id).in_([f.run.id for f in firings])
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
        .where(within(col(Runs.repository_id), ids))
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
        .where(which, within(col(Runs.repository_id), ids))
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
