"""Group commit: deliveries that come close together are made durable together, each before its sender is answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from bot.model.happening import Delivery
from bot.ports import Clock
from bot.store import deliveries
from bot.store.database import Database

MOST = 100
GATHER, TURNS = 0.001, 4
"""Seconds a commit waits for more, and how often at most; it waits again only where more came."""


class Recorder:
    """Keeps deliveries. `woken` is called after a commit that leaves work, so that this process's worker looks at once.

    What asks for nothing, by `settle`, is kept as handled: it is looked at once for the whole group, and never again.
    """

    def __init__(
        self, database: Database, clock: Clock, woken: Callable[[], None] | None = None,
        settle: deliveries.Settle | None = None,
    ) -> None:  # fmt: skip
        self._database = database
        self._clock = clock
        self._woken = woken
        self._settle = settle
        self._waiting: list[tuple[Delivery, asyncio.Future[bool]]] = []
        self._writing: asyncio.Task[None] | None = None

    def keep(self, delivery: Delivery) -> asyncio.Future[bool]:
        """Done once the delivery is durable; False where it was known already. Raises what the database raises."""
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((delivery, future))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        return future

    async def _write(self) -> None:
        """Commit what waits; what comes during a commit goes into the next, so a slow disk makes larger groups."""
        while self._waiting:
            await self._gathered()
            group, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            try:
                new = await self._database.write(
                    deliveries.record, [delivery for delivery, _ in group], self._clock.now(), self._settle
                )
            except Exception:  # one that cannot be kept must not take the others with it
                await asyncio.gather(*(self._alone(*each) for each in group))
                continue
            if self._woken is not None and any(new.values()):
                self._woken()
            for delivery, future in group:
                if not future.done():
                    future.set_result(delivery.guid in new)
                new.pop(delivery.guid, None)

    async def _gathered(self) -> None:
        """Wait while more come: a commit costs much the same for one and for many."""
        seen = 0
        for _ in range(TURNS):
            if seen == len(self._waiting) or len(self._waiting) >= MOST:
                return
            seen = len(self._waiting)
            await asyncio.sleep(GATHER)

    async def _alone(self, delivery: Delivery, future: asyncio.Future[bool]) -> None:
        try:
            new = await self._database.write(deliveries.record, [delivery], self._clock.now(), told=False)
        except Exception as fault:
            if not future.done():
                future.set_exception(fault)
        else:
            if not future.done():
                future.set_result(delivery.guid in new)
