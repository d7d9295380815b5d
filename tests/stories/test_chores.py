"""What is done now and then is wired into the program as it is built, and can be done."""

from __future__ import annotations

from pathlib import Path

from bot.store import deliveries
from tests.store.test_deliveries import delivery
from tests.world import World

CHORES = {
    "workspaces", "orphans", "housekeeping", "index", "notify", "notify tidy", "hearing", "deliveries", "jobs file", "reconcile", "reactions",
}  # fmt: skip


async def test_every_chore_is_there_and_runs(world: World, tmp_path: Path) -> None:
    """A chore nobody wired would never be missed; each ends without a fault on a service at work."""
    world.repo("acme/shop")
    jobs = tmp_path / "jobs.yml"
    jobs.write_text("version: 1\nrepositories: {}\n")
    await world.dies()
    await world.wakes(jobs_file=jobs)
    assert world.roundsman is not None
    chores = world.roundsman.worker.chores
    assert set(chores) == CHORES
    for _, chore in chores.values():
        await chore()


async def test_what_another_process_recorded_is_worked_on(world: World) -> None:
    """Nobody tells this process: its own look each second does, for every loop of it."""
    await world.database.write(deliveries.record, [delivery("a-strange-one")], world.clock.now())

    def handled() -> bool:
        (kept,) = world.database.read_now(deliveries.latest)
        return kept.outcome is not None

    await world.until(handled)
