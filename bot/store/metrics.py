"""Counts for monitoring: a handful of indexed queries a scrape."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session as Db
from sqlmodel import col, select

from bot.store import heartbeat, words
from bot.store.runs import LIVE as LIVE_RUNS
from bot.store.sessions import LIVE as LIVE_SESSIONS
from bot.store.sql import lives
from bot.store.tables import Deliveries, Effects, Jobs, Outbox, Runs, Sessions

DAY = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Counts:
    """How the service stands, and what it did in the last 24 hours. Ages are in seconds."""

    jobs: dict[str, int]
    runs: dict[str, int]
    sessions: dict[str, int]
    runs_ended: dict[str, int]
    sessions_ended: dict[str, int]
    cost: float
    oldest_queued: float
    workers: int
    words_waiting: int
    deliveries_waiting: int
    stopped: bool
    commands: dict[tuple[str, str], int] = field(default_factory=dict)
    """Sessions that ended, by command (`prompt` for an inline one) and status."""
    writes: dict[str, int] = field(default_factory=dict)
    """What was written to GitHub, by kind."""
    notified: dict[str, int] = field(default_factory=dict)
    """Notifications that left, by channel."""


def counts(db: Db, now: datetime) -> Counts:
    """Count everything."""
    since = now - DAY
    living = col(Jobs.archived_at).is_(None)
    oldest = db.exec(select(sa.func.min(Sessions.queued_at)).where(Sessions.status == "queued")).first()
    spent = select(sa.func.coalesce(sa.func.sum(Sessions.cost), 0.0)).where(
        col(Sessions.completed_at) >= since
    )
    return Counts(
        jobs=_by(db, Jobs.status, living),
        runs=_by(db, Runs.status, lives(col(Runs.status), LIVE_RUNS)),
        sessions=_by(db, Sessions.status, lives(col(Sessions.status), LIVE_SESSIONS)),
        runs_ended=_by(db, Runs.status, col(Runs.created_at) >= since, col(Runs.completed_at).is_not(None)),
        sessions_ended=_by(db, Sessions.status, col(Sessions.completed_at) >= since),
        cost=float(db.exec(spent).one()),
        oldest_queued=max(0.0, (now - oldest).total_seconds()) if oldest else 0.0,
        workers=heartbeat.workers_since(db, now, timedelta(seconds=90)),
        words_waiting=_count(db, Outbox, col(Outbox.sent_at).is_(None), col(Outbox.given_up_at).is_(None)),
        deliveries_waiting=_count(db, Deliveries, col(Deliveries.handled_at).is_(None)),
        stopped=words.stopped(db) is not None,
        commands=_commands(db, since),
        writes=_writes(db, since),
        notified=_by(db, Outbox.channel, col(Outbox.sent_at) >= since, Outbox.event != "job.completed"),
    )


def _by(db: Db, column: Any, *which: Any) -> dict[str, int]:
    rows = db.execute(sa.select(column, sa.func.count()).where(*which).group_by(column)).all()
    return {str(name): int(count) for name, count in rows}


def _commands(db: Db, since: datetime) -> dict[tuple[str, str], int]:
    """Counted by job first, which an index answers; a job's spec is read once."""
    ended = (
        sa.select(col(Sessions.job_id), col(Sessions.status), sa.func.count())
        .where(col(Sessions.completed_at) >= since)
        .group_by(col(Sessions.job_id), col(Sessions.status))
    )
    rows = db.execute(ended).all()
    command = sa.type_coerce(col(Jobs.spec), sa.JSON)["command"].as_string()
    of_jobs = sa.select(col(Jobs.id), command).where(col(Jobs.id).in_({job for job, _, _ in rows}))
    names = {job: name or "prompt" for job, name in db.execute(of_jobs)} if rows else {}
    told: Counter[tuple[str, str]] = Counter()
    for job, status, count in rows:
        told[names.get(job, "prompt"), str(status)] += int(count)
    return dict(told)


def _writes(db: Db, since: datetime) -> dict[str, int]:
    made = (
        sa.select(col(Effects.kind), sa.func.count())
        .join(Runs, col(Runs.id) == col(Effects.run_id))
        .where(col(Runs.created_at) >= since, col(Effects.done).is_(True))
        .group_by(col(Effects.kind))
    )
    return {str(kind): int(count) for kind, count in db.execute(made)}


def _count(db: Db, table: Any, *which: Any) -> int:
    return int(db.execute(sa.select(sa.func.count()).select_from(table).where(*which)).scalar_one())
