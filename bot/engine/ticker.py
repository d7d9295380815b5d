"""What is due becomes runs: one indexed query, one transaction; never a thread or a timer a job."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from pydantic import ValidationError

from bot.flow.due import PUNCTUAL, Meeting, due, meeting
from bot.flow.schedule import Occasion, Schedule
from bot.model.cron import parse_cron
from bot.model.job import JobSpec
from bot.model.run import Job, RunStatus, Trigger, TriggerKind
from bot.model.schedule import Cron
from bot.store import runs, words
from bot.store.database import Database, Db
from bot.store.due import due_jobs, due_specs, record_fires
from bot.store.jobs import identity_of

BATCH = 250
KNOWN = 20_000
"""Specs kept parsed."""
HANDS = 2
"""Batches at once on PostgreSQL, when more than one is due; SQLite has one writer anyhow."""
_log = logging.getLogger("roundsman.ticker")


@dataclass(slots=True)
class _Plan:
    """What one due job does now."""

    job: Job
    next_run_at: datetime | None
    run: Sequence[Occasion] = ()
    missed: Sequence[Occasion] = ()
    overlap: Any = "skip"
    error: str | None = None


def tick(database: Database, now: datetime, punctual: timedelta = PUNCTUAL) -> int:
    """Fire every job that is due; gives how many runs were recorded. Safe to call from many processes at once."""
    more, fired = database.write_now(_tick, now, punctual)
    if not more:
        return fired
    if database.is_sqlite:
        return fired + _rest(database, now, punctual)
    with ThreadPoolExecutor(HANDS) as hands:  # while the server works on one batch, the next is planned
        rests = [hands.submit(_rest, database, now, punctual) for _ in range(HANDS)]
        return fired + sum(rest.result() for rest in rests)


def _rest(database: Database, now: datetime, punctual: timedelta) -> int:
    """Batch after batch, until nothing is due that nobody else is at."""
    fired, more = 0, True
    while more:
        more, took = database.write_now(_tick, now, punctual)
        fired += took
    return fired


def _tick(db: Db, now: datetime, punctual: timedelta) -> tuple[bool, int]:
    if words.stopped(db):
        return False, 0
    jobs = due_jobs(db, now, BATCH)
    plans = [_plan(job, repository, now, punctual) for job, repository in jobs]
    live = runs.live_runs(db, [job.id for job, _ in jobs])
    rows = [row for plan in plans for row in _rows(db, plan, live.get(plan.job.id, []), now)]
    following = [
        {"id": p.job.id, "next_run_at": p.next_run_at, "error": p.error or p.job.error} for p in plans
    ]
    return len(jobs) == BATCH, record_fires(db, rows, following)


def prepare(database: Database, until: datetime) -> None:
    """Read what will be due by then, ahead of time, so that nothing is read for the first time when it counts."""
    for text in database.read_now(due_specs, until, KNOWN):
        with suppress(ValidationError, ValueError):
            for trigger in _spec(text).on:
                if isinstance(trigger, Cron):
                    parse_cron(trigger.schedule)


@lru_cache(maxsize=KNOWN)
def _spec(text: str) -> JobSpec:
    return JobSpec.model_validate_json(text)


def _plan(job: Job, repository: str, now: datetime, punctual: timedelta) -> _Plan:
    """Decide about one job; one that has become invalid is shown with its error and left out, the others go on."""
    assert job.next_run_at is not None
    try:
        spec = _spec(json.dumps(job.spec))
        schedule = Schedule.of(spec, identity=identity_of(repository, job.name), anchor=job.anchor_at)
        told = due(schedule, job.next_run_at - timedelta(seconds=1), now, spec.catch_up, punctual)
    except (ValidationError, ValueError) as error:
        first = str(error).splitlines()[0]
        _log.warning("job %s of %s is no longer valid: %s", job.name, repository, first)
        return _Plan(job, None, error=f"no longer valid: {error}"[:2000])
    return _Plan(job, told.following.due if told.following else None, told.run, told.missed, spec.overlap)


def _rows(db: Db, plan: _Plan, live: list[int], now: datetime) -> list[dict[str, Any]]:
    """The rows of a job's fires: those that run, and the others with their reason."""
    rows = [_skipped(plan, o, now, "missed while Roundsman was down (catch_up)") for o in plan.missed]
    waiting = list(live)
    for occasion in plan.run:
        met = meeting(plan.overlap, running=len(waiting), waiting=max(0, len(waiting) - 1))
        rows.append(_row(plan, occasion, met, now))
        if met.action == "cancel":
            for run_id in waiting:
                runs.request_cancel(db, run_id, now)
            waiting = []
        if met.action != "skip":
            waiting.append(0)
    return rows


def _row(plan: _Plan, occasion: Occasion, met: Meeting, now: datetime) -> dict[str, Any]:
    if met.action == "skip":
        return _skipped(plan, occasion, now, met.reason)
    return runs.row_for(plan.job, _trigger(occasion), now, serial=plan.overlap != "allow")


def _skipped(plan: _Plan, occasion: Occasion, now: datetime, reason: str) -> dict[str, Any]:
    return runs.row_for(
        plan.job, _trigger(occasion), now, status=RunStatus.skipped.value, completed_at=now, reason=reason
    )


def _trigger(occasion: Occasion) -> Trigger:
    return Trigger(kind=TriggerKind.schedule, occasion=occasion.id, scheduled_for=occasion.due, by="schedule")
