"""The queue of runs: who goes next. A run's row is its place; a process takes some by writing its name on them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from bot.model.run import RunStatus, TriggerKind
from bot.store import words
from bot.store.runs import LIVE
from bot.store.sql import change, skip_locked
from bot.store.tables import Claims, Runs

_BACKFILL = TriggerKind.backfill.value
_earlier = sa.orm.aliased(Runs)
_FREE = sa.and_(col(Runs.status) == RunStatus.pending.value, col(Runs.executor).is_(None))
_MAY_START = (
    _FREE,
    sa.or_(
        sa.not_(col(Runs.serial)),
        sa.not_(
            sa.exists().where(
                col(_earlier.job_id) == col(Runs.job_id), col(_earlier.id) < col(Runs.id), col(_earlier.status).in_(LIVE),
                col(_earlier.serial).is_(True),
                (col(_earlier.trigger) == _BACKFILL) == (col(Runs.trigger) == _BACKFILL),
            )
        ),
    ),
    sa.or_(
        col(Runs.number).is_(None),
        sa.not_(sa.exists().where(col(Claims.job_id) == col(Runs.job_id), col(Claims.number) == col(Runs.number))),
    ),
)  # fmt: skip
"""A serial run waits for the one before it, a run for one item until nobody holds the item."""


def claim(db: Session, executor: str, limit: int, now: datetime) -> list[tuple[int, int]]:
    """Take up to `limit` pending runs that may start, as (id, attempt); none while everything is stopped.

    By priority; within one, repositories take turns, so that a thousand runs of one hold nobody up.
    """
    if words.stopped(db):
        return []
    for turns in _in_turn(db, now, 4 * limit):
        wanted = (
            select(Runs.id, Runs.attempt)
            .where(col(Runs.id).in_(list(turns)), *_MAY_START)
            .order_by(sa.case(turns, value=col(Runs.id)))
            .limit(limit)
        )
        ids = [(int(run or 0), attempt) for run, attempt in db.exec(skip_locked(db, wanted)).all()]
        if ids:
            change(db, sa.update(Runs).where(col(Runs.id).in_([i for i, _ in ids])).values(executor=executor))
            return ids
    return []


def _in_turn(db: Session, now: datetime, page: int) -> Iterator[dict[int, int]]:
    """The waiting runs in their order, a page at a time, as {id: place}: the first page nearly always has one that may start."""
    turn = sa.func.row_number().over(
        partition_by=(col(Runs.priority), col(Runs.repository_id)), order_by=col(Runs.id)
    )
    waiting = (
        sa.select(col(Runs.id), col(Runs.priority), turn.label("turn"))
        .where(_FREE)
        .where(sa.or_(col(Runs.not_before).is_(None), col(Runs.not_before) <= now))
        .subquery()
    )
    order = sa.select(waiting.c.id).order_by(waiting.c.priority, waiting.c.turn, waiting.c.id)
    for start in itertools.count(0, page):
        ids = db.execute(order.offset(start).limit(page)).scalars().all()
        if ids:
            yield {run_id: start + place for place, run_id in enumerate(ids)}
        if len(ids) < page:
            return
