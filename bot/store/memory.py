"""What is worth remembering of a repository where no disk survives: read from the tables, and entered into fresh ones."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from bot.flow.memory import Dealt, Deed, Memory
from bot.flow.seen import COMMENTS
from bot.model.run import Job, SessionStatus
from bot.store import effects, jobs, words
from bot.store.sql import insert_new
from bot.store.tables import Effects, Jobs, Ledger, Runs, Sessions

MOST = 5_000
"""Entries that are looked at; some thousand fit into a note."""


def remembered(db: Session, repository_id: int) -> Memory:
    """What the repository's living jobs dealt with, newest first, our deeds on these items, and fires without items."""
    named = {job.id: job.name for job in jobs.jobs_of(db, repository_id)}
    dealt = _dealt(db, named)
    deeds = _deeds(db, repository_id, named, {one.number for one in dealt})
    fired = {named[job.id]: when for job in _whole(db, repository_id) if (when := _fired(db, job.id))}
    return Memory(dealt=tuple(dealt), deeds=tuple(deeds), fired=fired)


def _dealt(db: Session, named: Mapping[int, str]) -> list[Dealt]:
    told = sa.or_(col(Ledger.done_at).is_not(None), col(Ledger.attempts) > 0, col(Ledger.parked).is_not(None))
    wanted = select(Ledger).where(col(Ledger.job_id).in_(named), col(Ledger.number) > 0, told)
    rows = db.exec(wanted.order_by(col(Ledger.done_at).desc(), col(Ledger.number).desc()).limit(MOST))
    return [
        Dealt(
            job=named[row.job_id], number=row.number, at=row.done_at, saw=row.saw, attempts=row.attempts,
            attempts_on=row.attempts_on, parked=row.parked,
        )
        for row in rows
    ]  # fmt: skip


def _deeds(db: Session, repository_id: int, named: Mapping[int, str], numbers: Collection[int]) -> list[Deed]:
    """Ours on these items that show in a facet; of a comment that was edited, the last edit."""
    told: dict[object, Deed] = {}
    for number, ours in effects.on_items(db, repository_id, numbers).items():
        for one in ours:
            if not one.done or one.undone_at is not None or one.facet is None:
                continue
            same = (number, one.target_id) if one.facet == COMMENTS else one.id
            told[same] = Deed(
                job=named.get(one.job_id, ""), number=number, kind=one.kind, facet=one.facet, before=_text(one.before),
                after=_text(one.after), target=one.target_id, at=one.at,
            )  # fmt: skip
    return list(told.values())


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _whole(db: Session, repository_id: int) -> list[Job]:
    """The living jobs that fire by time and work on no item."""
    return [
        job
        for job in jobs.jobs_of(db, repository_id)
        if job.error is None and job.spec.get("target") in ("codebase", "custom")
    ]


def _fired(db: Session, job_id: int) -> datetime | None:
    """Up to when a job has fired: its last fire here, or what was remembered or foretold."""
    last = select(sa.func.max(Runs.scheduled_for)).where(Runs.job_id == job_id, Runs.trigger == "schedule")
    known = [db.exec(last).first(), words.fired_until(db, job_id)]
    return max((one for one in known if one is not None), default=None)


def worth_telling(db: Session, repository_id: int) -> bool:
    """Whether our comments alone would not tell: something stayed quiet, failed or is parked, or no item was worked on."""
    mine = col(Sessions.repository_id) == repository_id
    mute = select(Sessions.id).where(mine, Sessions.status == SessionStatus.quiet.value)
    tried = (
        select(Ledger.number)
        .join(Jobs, col(Jobs.id) == col(Ledger.job_id))
        .where(Jobs.repository_id == repository_id)
        .where(sa.or_(col(Ledger.attempts) > 0, col(Ledger.parked).is_not(None)))
    )
    return (
        db.exec(mute.limit(1)).first() is not None
        or db.exec(tried.limit(1)).first() is not None
        or any(_fired(db, job.id) for job in _whole(db, repository_id))
    )


def recall(db: Session, repository_id: int, memory: Memory, now: datetime) -> None:
    """Enter what is remembered; what this database knows itself stands."""
    ids = {job.name: job.id for job in jobs.jobs_of(db, repository_id)}
    insert_new(
        db,
        Ledger,
        [
            {
                "job_id": ids[one.job], "number": one.number, "saw": one.saw, "done_at": one.at, "attempts": one.attempts,
                "attempts_on": one.attempts_on, "parked": one.parked,
            }
            for one in memory.dealt
            if one.job in ids
        ],
    )  # fmt: skip
    insert_new(
        db,
        Effects,
        [
            {
                "key": f"remembered/{repository_id}/{place}", "job_id": ids.get(deed.job, 0), "repository_id": repository_id,
                "number": deed.number, "kind": deed.kind, "facet": deed.facet, "before": deed.before, "after": deed.after,
                "target_id": deed.target, "at": deed.at, "done": True,
            }
            for place, deed in enumerate(memory.deeds)
        ],
    )  # fmt: skip
    for name, when in memory.fired.items():
        if name in ids:
            words.set_fired(db, ids[name], when, now)


def foretell(db: Session, repository_id: int, now: datetime) -> bool:
    """Enter that the jobs without items that are due by now have fired; whether there are any."""
    due = [job for job in _whole(db, repository_id) if job.next_run_at is not None and job.next_run_at <= now]
    for job in due:
        words.set_fired(db, job.id, now, now)
    return bool(due)
