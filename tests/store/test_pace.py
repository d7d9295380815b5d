"""The pace of writes is one for all processes of an account."""

from __future__ import annotations

import asyncio

from bot.engine.pace import SharedPace
from bot.store.database import Database
from tests.clock import FakeClock


async def test_two_processes_share_the_places_of_a_minute(database: Database) -> None:
    """Sixty between them, then both wait; another account has its own."""
    clock = FakeClock()
    one, two = SharedPace(database, clock), SharedPace(database, clock)
    waits = await asyncio.gather(*(pace.write("installation:1") for pace in (one, two) for _ in range(31)))
    assert sorted(waits)[:60] == [0.0] * 60
    assert all(59 < wait <= 60 for wait in sorted(waits)[60:])
    assert await two.write("installation:2") == 0
    clock.move(seconds=61)
    assert await two.write("installation:1") == 0


async def test_what_github_asks_of_one_holds_for_all(database: Database) -> None:
    """A pause, and a second between any two writes for an hour after."""
    clock = FakeClock()
    one, two = SharedPace(database, clock), SharedPace(database, clock)
    await one.hold("installation:1", 90)
    assert await two.write("installation:1") == 90
    clock.move(seconds=90)
    assert await two.write("installation:1") == 0
    assert await one.write("installation:1") == 1
