"""How long the first page takes with 200 repositories, 2,000 jobs and 200,000 sessions, on SQLite, rendered and sent."""

from __future__ import annotations

import asyncio
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa

from bot.settings import Settings
from bot.store.database import Database, connect
from bot.store.migrate import migrate
from bot.store.tables import Jobs, Repositories, Runs, Sessions
from bot.web.context import WebContext
from bot.web.server import create_app
from tests.benchmarks.table import Row
from tests.clock import FakeClock

REPOSITORIES, JOBS, RUNS, SESSIONS = 200, 2_000, 40_000, 200_000
TIMES = 15
SPEC = {
    "on": [{"schedule": "0 9 * * 1-5"}],
    "filter": "is:open label:bug",
    "prompt": "Look at #{{ item.number }}.",
    "description": "x" * 60,
}


def fill(database: Database, clock: FakeClock) -> None:
    """Ninety days of a large house, written straight into the tables."""
    now, chance = clock.now(), random.Random(7)

    def at(share: float) -> Any:
        return now - timedelta(days=90 * (1 - share))

    repositories = [
        {
            "id": n,
            "owner": "acme",
            "name": f"repo-{n:03}",
            "full_name": f"acme/repo-{n:03}",
            "created_at": at(0),
        }
        for n in range(1, REPOSITORIES + 1)
    ]
    jobs = [
        {
            "id": n, "repository_id": n % REPOSITORIES + 1, "name": f"job-{n}", "spec": SPEC, "status": "paused" if n % 17 == 0 else "active", "anchor_at": at(0),
            "next_run_at": now + timedelta(minutes=n), "last_run_at": at(0.99), "last_run_status": "failed" if n % 41 == 0 else "completed", "run_count": 20,
            "created_at": at(0), "updated_at": at(0),
        }
        for n in range(1, JOBS + 1)
    ]  # fmt: skip
    runs = [
        {
            "id": n, "job_id": n % JOBS + 1, "repository_id": (n % JOBS + 1) % REPOSITORIES + 1, "trigger": "schedule", "occasion": str(n), "spec": SPEC,
            "status": "running" if n > RUNS - 10 else "failed" if n % 29 == 0 else "completed", "created_at": at(n / RUNS), "completed_at": at(n / RUNS),
        }
        for n in range(1, RUNS + 1)
    ]  # fmt: skip
    sessions = [
        {
            "id": n, "run_id": n % RUNS + 1, "number": n, "job_id": (n % RUNS + 1) % JOBS + 1, "repository_id": ((n % RUNS + 1) % JOBS + 1) % REPOSITORIES + 1,
            "title": "Crash", "url": "", "status": chance.choice(["succeeded", "succeeded", "succeeded", "quiet", "failed"]), "cost": 0.2,
            "queued_at": at(n / SESSIONS), "started_at": at(n / SESSIONS), "completed_at": at(n / SESSIONS), "prompt": "p" * 500,
        }
        for n in range(1, SESSIONS + 1)
    ]  # fmt: skip
    with database.engine.begin() as connection:
        for table, rows in ((Repositories, repositories), (Jobs, jobs), (Runs, runs), (Sessions, sessions)):
            for start in range(0, len(rows), 20_000):
                connection.execute(sa.insert(table), rows[start : start + 20_000])
    with database.engine.begin() as connection:
        connection.execute(sa.text("ANALYZE"))


async def _times(context: WebContext, token: str) -> list[float]:
    transport = httpx.ASGITransport(create_app(context))
    found = []
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8420") as browser:
        await browser.get(f"/start/{token}")
        for _ in range(TIMES + 2):
            began = time.perf_counter()
            answer = await browser.get("/")
            found.append(time.perf_counter() - began)
            assert answer.status_code == 200
            assert f'<span class="Counter">{REPOSITORIES}</span>' in answer.text
    return found[2:]


def rows() -> Iterator[Row]:
    """The page, median of several, after two to warm up."""
    folder, clock, token = Path(tempfile.mkdtemp(prefix="overview-")), FakeClock(), "t" * 32
    try:
        database = Database(connect(f"sqlite:///{folder / 'roundsman.db'}"))
        migrate(database.engine)
        fill(database, clock)
        settings = Settings(_env_file=None, data_dir=folder, local=True, port=8420)
        took = asyncio.run(_times(WebContext(database, settings, clock, start_token=token), token))
        database.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    middle = statistics.median(took) * 1000
    note = f"{REPOSITORIES} repositories, {JOBS:,} jobs, {SESSIONS:,} sessions; slowest {max(took) * 1000:.0f} ms"
    yield Row(
        "overview, rendered",
        middle,
        150.0,
        "the bar",
        middle / 150.0,
        "≤ 150 ms",
        middle <= 150.0,
        "ms",
        note,
    )
