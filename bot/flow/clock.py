"""The clock: the only place that asks what time it is."""

import asyncio
from datetime import UTC, datetime

from bot.ports import Clock as Clock


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the machine's instant in UTC."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Wait for real."""
        await asyncio.sleep(max(0.0, seconds))
