"""Whether a worker grows: a simulated hour of quiet, then a simulated hour at load, its resident memory looked at all along.

The real program on SQLite before the embedded GitHub, its clock thirty times as fast: jobs fire every minute of that clock.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

from bot.store.database import Database, connect
from bot.store.migrate import migrate
from tests.benchmarks.idle import resident
from tests.benchmarks.table import Row
from tests.chaos.harness import nursery
from tests.chaos.invariants import Counts
from tests.chaos.scene import FACTOR, Scene, scene

HOUR = 3600 / FACTOR
"""Seconds of ours that an hour of the fast clock lasts."""
EVERY = 0.5
WARM = 0.25
"""Share of an hour in which imports, caches and pools fill; it is left out."""


def rows() -> Iterator[Row]:
    """Two hours in one life."""
    with tempfile.TemporaryDirectory(prefix="memory-") as folder:
        quiet, load, sessions = asyncio.run(_live(Path(folder)))
    yield _row("memory: growth over an hour of quiet", quiet, 1.05, "fires every minute that find nothing")
    yield _row("memory: growth over an hour at load", load, 1.10, f"{sessions} sessions")


def _row(name: str, seen: list[float], most: float, what: str) -> Row:
    kept = seen[int(len(seen) * WARM) :]
    first, last = median(kept[: len(kept) // 3]), median(kept[-len(kept) // 3 :])
    note = f"{what}; {first:.0f} MiB early, {last:.0f} MiB late"
    return Row(
        name,
        last,
        first,
        "early in the hour",
        last / first,
        f"≤ {most:.2f} ×",
        last <= most * first,
        "MiB",
        note,
    )


async def _live(folder: Path) -> tuple[list[float], list[float], int]:
    url = f"sqlite:///{folder}/roundsman.db"
    engine = connect(url)
    migrate(engine)
    database = Database(engine)
    async with nursery() as born, scene(folder, url, database, seed=1) as world:
        pid = await born.live(world.orders("slot-0"))
        quiet = await _watch(pid, lambda: None)
        load = await _watch(pid, world.people_go_on)
        sessions = _sessions(world)
    database.close()
    return quiet, load, sessions


async def _watch(pid: int, meanwhile: Callable[[], None]) -> list[float]:
    seen: list[float] = []
    for _ in range(int(HOUR / EVERY)):
        meanwhile()
        await asyncio.sleep(EVERY)
        seen.append(await asyncio.to_thread(resident, pid))
    return seen


def _sessions(world: Scene) -> int:
    return Counts.of(world).sessions
