import asyncio
from datetime import UTC, timedelta

from bot.flow.clock import Clock, SystemClock
from tests.clock import FakeClock


def test_the_system_clock_is_aware_and_utc() -> None:
    """Instants carry their zone, and it is UTC."""
    clock: Clock = SystemClock()
    assert clock.now().tzinfo is UTC
    assert clock.now() - clock.now() < timedelta(seconds=1)


async def test_the_system_clock_does_not_mind_a_negative_sleep() -> None:
    """A wait that is already over ends at once."""
    await SystemClock().sleep(-5)


async def test_a_sleeper_wakes_when_the_clock_has_moved_far_enough() -> None:
    """Not a second earlier."""
    clock = FakeClock()
    sleeper = asyncio.create_task(clock.sleep(60))
    await asyncio.sleep(0)
    clock.move(seconds=59)
    await asyncio.sleep(0)
    assert not sleeper.done()
    clock.move(seconds=1)
    await sleeper
    assert clock.sleepers == 0
