"""One budget of writes an account, shared by all processes through the database."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime
from typing import Any

from bot.github.quota import WRITES_AN_HOUR, Writes
from bot.ports import Clock
from bot.store import words
from bot.store.database import Database, Db
from bot.store.sql import one_at_a_time

LOCK_PACE = 0x70616365  # "pace"


class SharedPace:
    """Implements `Pace` over the store."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    async def write(self, account: str) -> float:
        """Take a place in the row of writes; gives the seconds to wait, and takes none where there are any."""
        return await self._database.write(_take, account, self._clock.now())

    async def hold(self, account: str, seconds: float) -> None:
        """Let the account be for so long, in every process."""
        await self._database.write(_hold, account, seconds, self._clock.now())


def _take(db: Db, account: str, now: datetime) -> float:
    one_at_a_time(db, LOCK_PACE)
    writes = _read(words.get(db, f"pace:{account}"))
    wait = writes.take(now)
    if wait <= 0:
        words.put(db, f"pace:{account}", _written(writes), now)
    return wait


def _hold(db: Db, account: str, seconds: float, now: datetime) -> None:
    one_at_a_time(db, LOCK_PACE)
    writes = _read(words.get(db, f"pace:{account}"))
    writes.hold(now, seconds)
    words.put(db, f"pace:{account}", _written(writes), now)


def _read(kept: Any) -> Writes:
    if not isinstance(kept, dict):
        return Writes()
    return Writes(deque(map(_moment, kept["at"])), _or_none(kept.get("held")), _or_none(kept.get("asked")))


def _written(writes: Writes) -> dict[str, Any]:
    return {
        "at": [at.timestamp() for at in list(writes.at)[-WRITES_AN_HOUR:]],
        "held": writes.held_until.timestamp() if writes.held_until else None,
        "asked": writes.asked_at.timestamp() if writes.asked_at else None,
    }


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _or_none(seconds: float | None) -> datetime | None:
    return None if seconds is None else _moment(seconds)
