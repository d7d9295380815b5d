"""Work of dead processes is taken over by the living; rows and journal are brought together again."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime

from bot.engine.durable import Durable
from bot.engine.liveness import Liveness
from bot.model.run import RunStatus, SessionStatus
from bot.store import deliveries, executors, runs, sessions
from bot.store.database import Database, Db

_log = logging.getLogger("roundsman.reaper")


async def reap(database: Database, durable: Durable, liveness: Liveness, now: datetime) -> int:
    """Adopt what dead executors left; gives how many workflows were taken over."""
    holders = await database.read(executors.holders)
    holders = sorted({*holders, *await database.read(deliveries.holders)})
    dead = await asyncio.to_thread(liveness.dead, holders)
    if not dead:
        return 0
    await database.write(runs.release, dead)
    await database.write(deliveries.release, dead)
    taken = await durable.adopt(dead) if durable.running else 0
    if durable.running:
        await _mend(database, durable, dead, now)
    if taken:
        _log.warning("took over %d workflows of %s", taken, ", ".join(dead))
    return taken


async def _mend(database: Database, durable: Durable, dead: list[str], now: datetime) -> None:
    """Rows a dead process had begun but whose workflow never started, or ended without a word."""
    for run_id, attempt in await database.read(runs.held_of, dead):
        if await durable.known(f"run-{run_id}-{attempt}") in (None, "SUCCESS", "ERROR", "CANCELLED"):
            await database.write(_run_again, run_id)
    for session_id, attempt in await database.read(sessions.held_of, dead):
        state = await durable.known(f"session-{session_id}-{attempt}")
        if state is None:
            await database.write(sessions.requeue, session_id, attempt)
        elif state in ("SUCCESS", "ERROR", "CANCELLED"):
            await database.write(fail_session, session_id, attempt, now, "its workflow ended without a word")
    await database.write(executors.forget, dead)


def _run_again(db: Db, run_id: int) -> None:
    run = runs.get(db, run_id)
    if run is not None and not runs.was_chosen(db, run_id):
        runs.postpone(db, run_id, None, "begun again after its process died")


def fail_session(db: Db, session_id: int, attempt: int, now: datetime, words: str) -> None:
    """End a session that cannot go on."""
    sessions.finish(db, session_id, attempt, SessionStatus.failed, now, reason=words, failure="crash")


def fail_run(db: Db, run_id: int, now: datetime, words: str) -> None:
    """End a run that cannot go on."""
    runs.end(db, run_id, RunStatus.failed, now, error=words)
