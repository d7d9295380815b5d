"""Kill real worker processes, a thousand times if asked, at moments inside writes and at random; then count what is wrong."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bot.store import jobs
from bot.store.database import Database, connect
from tests.chaos.invariants import Counts, faults_of, idle, settled
from tests.chaos.life import Orders
from tests.chaos.scene import Scene, scene

MOMENTS = 12
"""A life is killed at one of its first so many moments inside a write."""
INSIDE = 0.5
"""The share of kills inside a write is kept up here: well above the third that is promised."""
LONGEST = 120.0
"""Seconds; there is always something to write, so a life that writes nothing for so long is at fault."""
ENDING = 120.0


@dataclass
class Report:
    """What was done, and what is wrong afterwards."""

    seed: int
    kills: int = 0
    inside_a_write: int = 0
    at_random: int = 0
    ended_by_itself: int = 0
    seconds: float = 0.0
    counts: Counts = field(default_factory=Counts)
    wrong: list[str] = field(default_factory=list)

    def lines(self) -> str:
        """For people."""
        return json.dumps(asdict(self), indent=1)


class Nursery:
    """Where lives come from."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._turn = asyncio.Lock()

    async def live(self, orders: Orders) -> int:
        """Begin a life; gives its process id."""
        return int((await self._ask({"live": json.loads(orders.model_dump_json())}))["pid"] or 0)

    async def dead(self, pid: int) -> int | None:
        """How a life ended; None while it goes on."""
        return (await self._ask({"dead": pid}))["code"]

    async def death(self, pid: int, within: float) -> int | None:
        """Wait for an end."""
        until, code = time.monotonic() + within, await self.dead(pid)
        for _ in itertools.count():
            if code is not None or time.monotonic() > until:
                break
            await asyncio.sleep(0.02)
            code = await self.dead(pid)
        return code

    async def _ask(self, what: object) -> dict[str, int | None]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        async with self._turn:
            self._process.stdin.write(json.dumps(what).encode() + b"\n")
            answer: dict[str, int | None] = json.loads(await self._process.stdout.readline())
        return answer


@asynccontextmanager
async def nursery() -> AsyncIterator[Nursery]:
    """Open one."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.chaos.nursery", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    try:
        yield Nursery(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


async def rage(folder: Path, url: str, kills: int, seed: int, *, workers: int = 1) -> Report:
    """Kill so many lives, let the last one finish, and look at what is left."""
    began, report = time.monotonic(), Report(seed)
    database = Database(connect(url))
    async with nursery() as born, scene(folder, url, database, seed) as world:
        await _kill_many(world, born, report, kills, workers)
        await _end_well(world, born, report)
        report.wrong += faults_of(world)
        report.counts = Counts.of(world)
    database.close()
    report.seconds = round(time.monotonic() - began, 1)
    return report


async def _kill_many(world: Scene, born: Nursery, report: Report, kills: int, workers: int) -> None:
    """Keep `workers` slots filled; each life ends by its plug or by our hand."""
    left = [kills // workers + (slot < kills % workers) for slot in range(workers)]
    await asyncio.gather(
        *(_kill_in_slot(world, born, report, f"slot-{slot}", count) for slot, count in enumerate(left))
    )


async def _kill_in_slot(world: Scene, born: Nursery, report: Report, slot: str, count: int) -> None:
    done = 0
    while done < count:
        world.people_go_on()
        world.bad_day()
        chance = world.chance.random()
        inside = report.inside_a_write <= INSIDE * report.kills or chance < INSIDE
        at, patience = world.chance.randint(1, MOMENTS), world.chance.uniform(0.1, 1.5)
        pid = await born.live(world.orders(slot, at if inside else 0))
        code = await _watched(world, born, pid, LONGEST if inside else patience)
        if code is None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            code = await born.death(pid, 10)
            report.at_random += 1
            if inside:
                report.wrong.append(f"a life of {slot} wrote nothing for {LONGEST:.0f} s; see lives.log")
                return
        elif code == -signal.SIGKILL:
            report.inside_a_write += 1
        else:
            report.ended_by_itself += 1
            report.wrong.append(f"a life of {slot} ended by itself with {code}; see lives.log")
            return
        done += 1
        report.kills += 1
        if not report.kills % 50:
            print(
                f"{report.kills} kills, {report.inside_a_write} inside a write", file=sys.stderr, flush=True
            )


async def _watched(world: Scene, born: Nursery, pid: int, within: float) -> int | None:
    """People go on while a life lasts."""
    until, code = time.monotonic() + within, None
    while code is None and (left := until - time.monotonic()) > 0:
        code = await born.death(pid, min(left, 0.5))
        world.people_go_on()
    return code


async def _end_well(world: Scene, born: Nursery, report: Report) -> None:
    """One last life under a new name, undisturbed: it takes over from the dead, finishes, and stops in good order."""
    world.github.faults.clear()
    pid = await born.live(world.orders("slot-last"))
    if not await _comes(lambda: settled(world)):
        report.wrong.append(f"the last life did not finish in {ENDING:.0f} s")
    for job in world.job_ids:
        world.database.write_now(jobs.pause, job, world.clock.now())
    if not await _comes(lambda: world.database.read_now(idle)):
        report.wrong.append("something still lives although every job is paused")
    os.kill(pid, signal.SIGTERM)
    code = await born.death(pid, 60)
    if code != 0:
        report.wrong.append(f"the last life ended with {code} when it was asked to stop")


async def _comes(so: Callable[[], bool]) -> bool:
    until = time.monotonic() + ENDING
    for _ in itertools.count():
        if so() or time.monotonic() > until:
            break
        await asyncio.sleep(0.2)
    return so()
