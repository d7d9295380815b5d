"""How long things took, as histograms that only grow: kept in the database, so they outlive processes, restarts and retention.

A fold counts what has ended since the last one, behind a mark; whichever process is asked folds, one at a time.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel
from sqlmodel import Session as Db
from sqlmodel import col

from bot.model.run import TriggerKind
from bot.store import words
from bot.store.sql import one_at_a_time
from bot.store.tables import Runs, Sessions

LOCK_TIMINGS = 0x74696D65  # "time"
SETTLING = timedelta(seconds=10)
"""A row is counted once it is this old: by then its transaction has ended."""
FIRST = timedelta(days=1)
"""How far the first fold looks back; what is older was nobody's to see."""
LAG = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0)
DURATION = (1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 21600.0)
NAME = "timing:"


class Timing(BaseModel):
    """How many times fell up to each bound (seconds) and above the last, their sum, and up to when rows are counted."""

    bounds: tuple[float, ...]
    counts: list[int]
    sum: float = 0.0
    until: datetime | None = None

    def take(self, times: Iterable[float]) -> None:
        """Count these."""
        for time in times:
            self.counts[bisect_left(self.bounds, time)] += 1
            self.sum += time


def fold(db: Db, now: datetime) -> dict[str, Timing]:
    """Count what has ended since the last fold; gives all, by name."""
    one_at_a_time(db, LOCK_TIMINGS)
    ended = {
        "fire_lag": (
            LAG, col(Runs.scheduled_for), col(Runs.created_at), (Runs.trigger == TriggerKind.schedule.value,),
        ),
        "run_duration": (DURATION, col(Runs.started_at), col(Runs.completed_at), ()),
        "session_duration": (DURATION, col(Sessions.started_at), col(Sessions.completed_at), ()),
    }  # fmt: skip
    return {name: _one(db, name, now - SETTLING, *what) for name, what in ended.items()}


def _one(
    db: Db, name: str, until: datetime, bounds: tuple[float, ...], start: Any, end: Any, which: Sequence[Any]
) -> Timing:
    kept = words.get(db, NAME + name)
    told = Timing.model_validate(kept) if kept else Timing(bounds=bounds, counts=[0] * (len(bounds) + 1))
    if (
        told.bounds != bounds
    ):  # another version drew them elsewhere: begun anew, which Prometheus takes for a restart
        told = Timing(bounds=bounds, counts=[0] * (len(bounds) + 1))
    if told.until is not None and told.until >= until:
        return told
    since = told.until or until - FIRST
    rows = db.execute(
        sa.select(start, end).where(start.is_not(None), end > since, end <= until, *which)
    ).all()
    told.take(max(0.0, (ended - began).total_seconds()) for began, ended in rows)
    told.until = until
    words.put(db, NAME + name, told.model_dump(mode="json"), until)
    return told
