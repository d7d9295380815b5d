"""A clock that stands still until a test moves it."""

import asyncio
from datetime import UTC, datetime, timedelta


class FakeClock:
    """Starts on a Monday morning; who sleeps wakes when the test has moved the clock far enough."""

    def __init__(self, start: datetime = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)) -> None:
        self._now = start.astimezone(UTC)
        self._sleepers: list[tuple[datetime, asyncio.Event]] = []

    def now(self) -> datetime:
        return self._now

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken = asyncio.Event()
        self._sleepers.append((self._now + timedelta(seconds=seconds), woken))
        await woken.wait()

    def set(self, instant: datetime) -> None:
        """Jump to an instant, backwards too."""
        self._now = instant.astimezone(UTC)
        due = [sleeper for sleeper in self._sleepers if sleeper[0] <= self._now]
        self._sleepers = [sleeper for sleeper in self._sleepers if sleeper[0] > self._now]
        for _, woken in sorted(due, key=lambda sleeper: sleeper[0]):
            woken.set()

    def move(self, **by: float) -> None:
        """Move on: `move(minutes=5)`."""
        self.set(self._now + timedelta(**by))

    @property
    def sleepers(self) -> int:
        """How many wait for the clock."""
        return len(self._sleepers)
