"""Which queued sessions may start: one place for every limit, fair between repositories, money set aside first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session as Db
from sqlmodel import col, select

from bot.model.run import SessionStatus
from bot.store import words
from bot.store.budget import Reserved
from bot.store.sessions import LIVE, finish
from bot.store.sql import LOCK_ADMISSION, change, lives, one_at_a_time
from bot.store.tables import Sessions

LOOK = 60


@dataclass(frozen=True, slots=True)
class Caps:
    """How many sessions may work at once: everywhere, in this process, in one repository."""

    total: int = 3
    worker: int = 3
    repository: int = 3


@dataclass(slots=True)
class _Room:
    """What is taken now."""

    total: int = 0
    worker: int = 0
    repositories: Counter[int] = field(default_factory=Counter)
    jobs: Counter[int] = field(default_factory=Counter)
    limits: dict[int, int] = field(default_factory=dict)

    def take(self, repository: int, job: int, mine: bool) -> None:
        self.total += 1
        self.worker += mine
        self.repositories[repository] += 1
        self.jobs[job] += 1

    def full_jobs(self) -> list[int]:
        return [job for job, count in self.jobs.items() if count >= self.limits.get(job, count + 1)]


def admit(
    db: Db, executor: str, caps: Caps, now: datetime, *,
    reserve: Callable[[Db, Sessions], Reserved], most: int = 10,
) -> list[tuple[int, int]]:  # fmt: skip
    """Start what may start, as (id, attempt): by priority, fair between repositories, within every limit and budget.

    `reserve` sets the money aside. A session whose budget is spent ends here
    as `skipped`; one whose money is only reserved by others waits.
    """
    one_at_a_time(db, LOCK_ADMISSION)
    if words.stopped(db):
        return []
    room = _room(db, executor)
    if room.total >= caps.total or room.worker >= caps.worker:
        return []
    admitted: list[tuple[int, int]] = []
    for session in _candidates(db, room, caps, now):
        if len(admitted) >= most or room.total >= caps.total or room.worker >= caps.worker:
            break
        full = room.repositories[session.repository_id] >= caps.repository
        if full or room.jobs[session.job_id] >= session.concurrency:
            continue
        match reserve(db, session):
            case Reserved(answer="yes"):
                _start(db, session, executor, now)
                room.take(session.repository_id, session.job_id, mine=True)
                admitted.append((int(session.id or 0), session.attempt))
            case Reserved(answer="wait", words=why):
                change(db, sa.update(Sessions).where(col(Sessions.id) == session.id).values(reason=why))
            case Reserved(words=why):
                finish(
                    db,
                    int(session.id or 0),
                    session.attempt,
                    SessionStatus.skipped,
                    now,
                    reason=why,
                    failure="budget",
                )
    return admitted


def _room(db: Db, executor: str) -> _Room:
    room = _Room()
    running = select(Sessions.repository_id, Sessions.job_id, Sessions.concurrency, Sessions.executor).where(
        lives(col(Sessions.status), LIVE), Sessions.status == SessionStatus.running.value
    )
    for repository, job, limit, holder in db.exec(running):
        room.take(repository, job, holder == executor)
        room.limits[job] = limit
    return room


def _candidates(db: Db, room: _Room, caps: Caps, now: datetime) -> list[Sessions]:
    """The head of the queue: within a priority, repositories take turns, those with the least at work first.

    Of each job only the first few count: a long queue that waits for its own limit or budget hides nobody else's.
    """
    full = [repository for repository, count in room.repositories.items() if count >= caps.repository]
    in_job = sa.func.row_number().over(
        partition_by=(col(Sessions.priority), col(Sessions.job_id)), order_by=col(Sessions.id)
    )
    ready = (
        sa.select(
            col(Sessions.id), col(Sessions.priority), col(Sessions.repository_id), in_job.label("in_job")
        )
        .where(lives(col(Sessions.status), LIVE), col(Sessions.status) == SessionStatus.queued.value)
        .where(sa.or_(col(Sessions.not_before).is_(None), col(Sessions.not_before) <= now))
        .where(col(Sessions.repository_id).not_in(full), col(Sessions.job_id).not_in(room.full_jobs()))
        .subquery()
    )
    turn = sa.func.row_number().over(
        partition_by=(ready.c.priority, ready.c.repository_id), order_by=(ready.c.in_job, ready.c.id)
    )
    waiting = (
        sa.select(ready.c.id, ready.c.priority, ready.c.repository_id, turn.label("turn"))
        .where(ready.c.in_job <= caps.total)
        .subquery()
    )
    head = db.execute(
        sa.select(waiting.c.id, waiting.c.priority, waiting.c.repository_id, waiting.c.turn)
        .order_by(waiting.c.priority, waiting.c.turn, waiting.c.id)
        .limit(LOOK)
    ).all()
    order = sorted(
        head, key=lambda row: (row.priority, row.turn + room.repositories[row.repository_id], row.id)
    )
    rows = {
        row.id: row
        for row in db.exec(select(Sessions).where(col(Sessions.id).in_([row.id for row in order])))
    }
    return [rows[row.id] for row in order]


def _start(db: Db, session: Sessions, executor: str, now: datetime) -> None:
    change(
        db,
        sa.update(Sessions)
        .where(col(Sessions.id) == session.id, col(Sessions.status) == SessionStatus.queued.value)
        .values(
            status=SessionStatus.running.value, executor=executor, started_at=sa.func.coalesce(Sessions.started_at, now),
            reason=None, not_before=None,
        ),
    )  # fmt: skip
