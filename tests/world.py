"""The words stories are written in: a whole Roundsman in process, before an embedded GitHub that is as inconvenient as GitHub.

Time stands still until a story moves it. The agent answers as it is told. A comment that no story reads fails the story.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from pydantic import SecretStr

from bot.app import Roundsman, build
from bot.demo import Comment, DemoIssue, DemoRepo, GitHub
from bot.engine.durable import DurableSteps
from bot.model.agent import AgentEnd, Failure
from bot.model.job import JobSpec
from bot.model.outcome import Action
from bot.model.run import Job, Run, RunItem, Session, Trigger, TriggerKind
from bot.settings import Settings
from bot.store import jobs, repositories, runs, sessions
from bot.store.database import Database, connect
from tests.contract.github.judge import Judge
from tests.fakes import HandClock, ScriptedAgent

MORNING = datetime(2026, 6, 1, 8, 50, tzinfo=UTC)
PATIENCE = 60.0


class Wire(httpx.AsyncBaseTransport):
    """The way to GitHub. It can be cut: the write is done, its answer never arrives."""

    def __init__(self, far: httpx.AsyncBaseTransport) -> None:
        self._far = far
        self.cut_after: str | None = None
        self.cut = asyncio.Event()
        self.asked = list[str]()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request."""
        self.asked.append(str(request.url))
        response = await self._far.handle_async_request(request)
        words = f"{request.method} {request.url.path}"
        if self.cut_after and re.search(self.cut_after, words):
            self.cut_after = None
            self.cut.set()
            await asyncio.Event().wait()
        return response


class World:
    """A GitHub, a Roundsman that lives and dies, a clock."""

    def __init__(self, folder: Path, url: str) -> None:
        self._folder, self._url = folder, url
        self.clock = HandClock(MORNING)
        self.github = GitHub(clock=self.clock.now, url="https://github.test")
        self.agent = ScriptedAgent()
        self.app = self.github.add_app(
            "roundsman", webhook_url="https://rounds.test/webhooks/github", webhook_secret="It's a Secret to Everybody"
        )  # fmt: skip
        self.roundsman: Roundsman | None = None
        self._web: FastAPI | None = None
        self._read: set[int] = set()
        self._installed: set[str] = set()
        self.judge = Judge(httpx.ASGITransport(self.github.app))
        self.wire = Wire(self.judge)
        DurableSteps.pace = 0.02  # the clock stands here: waiting would only make the story long

    # ── people's world ──

    def repo(self, name: str, **more: Any) -> DemoRepo:
        """A repository with the App installed."""
        repo = self.github.add_repo(name, files={"README.md": "# Shop\n"}, **more)
        owner = name.partition("/")[0]
        if owner not in self._installed:
            self.github.install(self.app, owner)
            self._installed.add(owner)
        return repo

    async def every_morning(self, repo: DemoRepo, name: str = "triage", **spec: Any) -> Job:
        """A job that fires at nine."""
        return await self.job(repo, name, on={"schedule": "0 9 * * *"}, **spec)

    async def job(self, repo: DemoRepo, name: str, **spec: Any) -> Job:
        """A job as the dashboard would make it."""
        wanted = JobSpec.model_validate({"agent": {"engine": "claude"}, **spec})
        now = self.clock.now()
        here = await self.database.write(repositories.ensure_repository, repo.full_name, now)
        return await self.database.write(
            jobs.save_job, here.id, name, wanted, source="api", by="ada", now=now
        )

    # ── the bot's life ──

    @property
    def database(self) -> Database:
        """Its database; it must live."""
        assert self.roundsman is not None
        return self.roundsman.database

    async def wakes(self, **more: Any) -> None:
        """Roundsman starts, or starts again, with further settings where a story gives them."""
        self.roundsman = self.built(**more)
        self._web = None
        await self.roundsman.start()

    def built(self, *, recalls: bool = False, **more: Any) -> Roundsman:
        """Roundsman as it is before it starts; `recalls` as `tick` does."""
        usual: dict[str, Any] = {
            "data_dir": self._folder, "database_url": self._url, "github_app_id": self.app.id,
            "github_private_key": SecretStr(self.app.private_key), "github_webhook_secret": SecretStr(self.app.webhook_secret or ""),
            "github_api_url": self.github.api_url,
            "github_url": "https://github.test", "public_url": "https://rounds.test", "poll_seconds": 0.05, "grace_seconds": 0,
            "secret_key": SecretStr("k" * 32), "slot": "slot-0",
        }  # fmt: skip
        settings = Settings(**usual | more)
        database = Database(connect(self._url))
        return build(
            settings,
            clock=self.clock,
            transport=self.wire,
            agent=self.agent,
            database=database,
            recalls=recalls,
        )

    async def hears(self) -> None:
        """GitHub delivers its webhooks, and everything that follows from them happens."""
        await self.delivers()
        await self.settles()
        assert self.roundsman is not None
        await self.roundsman.side.intake.drain()

    async def delivers(self) -> None:
        """GitHub delivers its webhooks; runs they start begin."""
        assert self.roundsman is not None
        self._web = self._web or self.roundsman.web()
        transport = httpx.ASGITransport(self._web)
        async with httpx.AsyncClient(transport=transport, base_url="https://rounds.test") as client:
            await self.github.deliver(client)
        await self.roundsman.side.intake.drain()
        self.clock.move(seconds=6)

    async def dies(self) -> None:
        """The process goes down in the middle of whatever it does."""
        if self.roundsman is not None:
            await self.roundsman.stop()
            self.roundsman = None

    async def morning_comes(self) -> None:
        """The next nine o'clock, and everything that follows from it."""
        now = self.clock.now()
        nine = now.replace(hour=9, minute=0, second=0)
        self.clock.set(nine if nine > now else nine + timedelta(days=1))
        await self.settles()

    async def settles(self) -> None:
        """Wait until nothing works and nothing waits that could start."""
        assert self.roundsman is not None
        async with asyncio.timeout(PATIENCE * 3):
            while await self.roundsman.worker.busy():
                pass

    async def until(self, so: Callable[[], bool]) -> None:
        """Wait for something to be so."""
        for _ in range(int(PATIENCE / 0.02)):
            if so():
                return
            await asyncio.sleep(0.02)
        raise AssertionError("it did not come to pass")

    async def dies_after(self, write: str) -> None:
        """The process goes down after GitHub did a write (a pattern of `POST /path`) and before it was recorded."""
        self.wire.cut_after = write
        self.wire.cut.clear()
        async with asyncio.timeout(PATIENCE):
            await self.wire.cut.wait()
        await self.dies()

    # ── what can be seen ──

    def comments(self, issue: DemoIssue) -> list[Comment]:
        """Our comments on an issue; a story that looks has read them."""
        mine = [c for c in issue.comments if "<!-- roundsman" in c.body]
        self._read |= {c.id for c in mine}
        return mine

    def said_on(self, issue: DemoIssue) -> str:
        """What we said on an issue; it must be one comment."""
        (comment,) = self.comments(issue)
        return comment.body

    async def runs_of(self, job: Job) -> list[Run]:
        """A job's runs, oldest first."""
        return (await self.database.read(runs.runs_of, job.id))[::-1]

    async def reasons(self, run: Run) -> dict[int, str]:
        """What a run said of each item."""
        items: Sequence[RunItem] = await self.database.read(runs.items_of, run.id)
        return {item.number: item.reason for item in items}

    async def sessions_of(self, run: Run) -> list[Session]:
        """A run's sessions."""
        return await self.database.read(sessions.of_run, run.id)

    async def by_hand(self, job: Job, number: int | None = None, *, dry_run: bool = False) -> None:
        """Somebody runs a job now."""
        trigger = Trigger(
            kind=TriggerKind.manual,
            occasion=f"hand-{self.clock.now().isoformat()}",
            number=number,
            by="ada",
            dry_run=dry_run,
        )
        await self.database.write(runs.fire, job.id, trigger, self.clock.now())
        await self.settles()

    def agent_fails(self, words: str, kind: Any = "refusal") -> None:
        """The agent ends badly on prompts that hold `words`."""
        self.agent.when(words, end=AgentEnd(ending="failed", failure=Failure.of(kind, "it would not")))

    def agent_says(self, words: str, says: str, *actions: Action) -> None:
        """The agent answers prompts that hold `words`."""
        self.agent.when(words, says=says, actions=actions)

    def unread(self) -> list[str]:
        """Our comments that the story has not looked at."""
        return [
            f"{repo.full_name}#{issue.number}: {comment.body[:80]}"
            for row in self.github.tables.repos
            for repo in [self.github.repository(row.full_name)]
            for issue in repo.issues
            for comment in issue.comments
            if "<!-- roundsman" in comment.body and comment.id not in self._read
        ]
