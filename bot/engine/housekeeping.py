"""Sweeps what is past its time, a little at once, so that nothing at work waits for it."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import timedelta

from bot.engine.durable import Durable
from bot.ports import Clock
from bot.store.database import Database
from bot.store.retention import Kept, sweeps, take

_log = logging.getLogger("roundsman.housekeeping")
EVERY = 3600.0
"""Seconds between two sweeps."""
ENGINE = timedelta(days=1)
"""How long the engine's journal of what has ended is kept: only what lives is ever replayed."""
MOST = 1000
"""Batches of one kind in one sweep; the rest is for the next."""
BREATH = 0.01


@dataclass
class Housekeeping:
    """Goes through the database once an hour; any process may, even several at once."""

    database: Database
    clock: Clock
    durable: Durable
    kept: Kept

    async def sweep(self) -> dict[str, int]:
        """Sweep everything; gives how many rows of each kind went."""
        gone: dict[str, int] = {}
        for name, one in sweeps(self.kept, self.clock.now()).items():
            for _ in range(MOST):
                took = await self.database.write(take, one)
                gone[name] = gone.get(name, 0) + took
                if not took:
                    break
                await asyncio.sleep(BREATH)
        gone["engine"] = await self._engine()
        if any(gone.values()):
            _log.info("swept %s", ", ".join(f"{count} {name}" for name, count in gone.items() if count))
        return gone

    async def _engine(self) -> int:
        if not self.durable.running:
            return 0
        before, gone = int((self.clock.now() - ENGINE).timestamp() * 1000), 0
        for _ in range(MOST):
            took = await self.durable.forget(before)
            gone += took
            if not took:
                break
            await asyncio.sleep(BREATH)
        return gone
