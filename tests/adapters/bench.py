"""One process's worth of Roundsman over memory, with a clock moved by hand: what tests of the engine begin with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bot.engine import build
from bot.engine.worker import Worker
from bot.flow.crew import Crew
from bot.model.job import JobSpec
from bot.model.run import Run
from bot.store import jobs, repositories, runs
from bot.store.database import Database
from tests.fakes import HandClock, MemoryGitHub, NoSources, ScriptedAgent


class Bench:
    """One process's worth of Roundsman over memory."""

    def __init__(self, database: Database, url: str, folder: Path) -> None:
        self.database, self.url, self.folder = database, url, folder
        self.clock = HandClock()
        self.github, self.agent, self.sources = MemoryGitHub(self.clock), ScriptedAgent(), NoSources()
        self.worker: Worker | None = None
        self.secrets: tuple[str, ...] = ()
        self.repository = database.write_now(
            repositories.ensure_repository, "acme/shop", now=self.clock.now()
        )

    def job(self, name: str = "triage", **spec: Any) -> int:
        """Make a job."""
        given = {
            "on": {"schedule": "0 9 * * *"},
            "filter": "is:open label:bug",
            "prompt": "Triage #{{ item.number }}",
            "agent": {"engine": "claude"},
        }
        wanted = JobSpec.model_validate(given | spec)
        made = self.database.write_now(
            jobs.save_job, self.repository.id, name, wanted, source="api", by="ada", now=self.clock.now()
        )
        return made.id

    def crew(self, watch: Any, book: Any) -> Crew:
        """Who works."""
        return Crew(
            book=book, tracker=self.github, publisher=self.github, agent=self.agent, sources=self.sources, clock=self.clock, key=b"k" * 32,
            base_url="http://here", clone_url=lambda seat: "https://github.test/acme/shop.git", watch=watch.over,
        )  # fmt: skip

    async def wake(self) -> None:
        """Start the process."""
        self.worker = build(
            self.database,
            self.url,
            self.clock,
            self.folder,
            self.crew,
            poll=0.05,
            grace=0.2,
            slot="slot-0",
            secrets=self.secrets,
        )
        await self.worker.start()

    async def die(self) -> None:
        """Stop without letting anything end."""
        assert self.worker is not None
        self.worker.grace = 0.0
        await self.worker.stop()
        self.worker = None

    async def until(self, done: Callable[[], bool], seconds: float = 60.0) -> None:
        """Wait for something to be so."""
        for _ in range(int(seconds / 0.02)):
            if await asyncio.to_thread(done):
                return
            await asyncio.sleep(0.02)
        raise AssertionError("it did not come to pass")

    def runs(self, job: int) -> list[Run]:
        """The job's runs, newest first."""
        return self.database.read_now(runs.runs_of, job)

    async def ended(self, job: int, count: int = 1) -> list[Run]:
        """Wait for so many runs to end."""
        await self.until(lambda: sum(run.status.final for run in self.runs(job)) >= count)
        return self.runs(job)
