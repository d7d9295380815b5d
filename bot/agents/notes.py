"""Warnings from where nothing can be awaited."""

from __future__ import annotations

import asyncio

from bot.model.agent import Noted
from bot.ports import Sink

MOST = 20
"""Warnings that are told one by one."""


class Notes:
    """Warnings from where nothing can be awaited, said in order; a flood of them is cut short."""

    def __init__(self, sink: Sink) -> None:
        self._sink, self._count = sink, 0
        self._saying: set[asyncio.Task[None]] = set()

    def warn(self, words: str) -> None:
        """Say it soon."""
        self._count += 1
        if self._count <= MOST:
            task = asyncio.get_running_loop().create_task(self._say(words))
            self._saying.add(task)
            task.add_done_callback(self._saying.discard)

    async def _say(self, words: str) -> None:
        await self._sink(Noted(level="warning", text=words))

    async def settled(self) -> None:
        """Wait until all is said."""
        await asyncio.gather(*self._saying, return_exceptions=True)
