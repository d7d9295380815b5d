"""The world around the lives: an embedded GitHub on a real port, jobs, people who open and edit issues, and bad days."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn

from bot.demo import DemoIssue, DemoRepo, GitHub
from bot.model.job import JobSpec
from bot.store import jobs, repositories
from bot.store.database import Database
from tests.chaos.life import LABEL, FastClock, Orders

FACTOR = 30.0
REPOSITORIES = ("acme/shop", "acme/till")
OPEN_AT_ONCE = 8
_PLAIN = {
    "on": {"every": "1m"}, "filter": "is:open label:bug", "agent": {"engine": "claude"}, "catch_up": {"mode": "all", "window": "24h"},
    "limits": {"attempts": 50, "give_up": 0, "retries": 5, "budget": {"session": 1, "run": 50, "day": 10_000}},
}  # fmt: skip
JOBS = {
    "label": {**_PLAIN, "prompt": "label #{{ item.number }}", "may": {"comment": 1, "labels": [LABEL]}},
    "look": {**_PLAIN, "prompt": "look at #{{ item.number }}"},
}


@dataclass
class Scene:
    """State that no kill touches."""

    folder: Path
    url: str
    database: Database
    github: GitHub
    token: str
    clock: FastClock
    chance: random.Random
    repositories: list[DemoRepo] = field(default_factory=list)
    issues: list[DemoIssue] = field(default_factory=list)
    edited: list[DemoIssue] = field(default_factory=list)
    job_ids: list[int] = field(default_factory=list)

    def build(self) -> None:
        """Repositories and jobs."""
        now = self.clock.now()
        for name in REPOSITORIES:
            repo = self.github.add_repo(
                name, files={"README.md": "# Shop\n"}, collaborators={"rounds": "write"}
            )
            self.repositories.append(repo)
            place = self.database.write_now(repositories.ensure_repository, name, now)
            for job, spec in JOBS.items():
                wanted = JobSpec.model_validate(spec)
                made = self.database.write_now(jobs.save_job, place.id, job, wanted, by="ada", now=now)
                self.job_ids.append(made.id)

    def orders(self, slot: str, pull_at: int = 0) -> Orders:
        """What the next life is told."""
        return Orders(
            folder=self.folder, url=self.url, github=self.github.url, token=self.token, slot=slot,
            began=self.clock.began, factor=self.clock.factor, pull_at=pull_at,
        )  # fmt: skip

    def people_go_on(self) -> None:
        """People open issues while few are left to do, and now and then somebody changes one."""
        waiting = sum(len(ours(issue)) < len(JOBS) for issue in self.issues)
        for _ in range(OPEN_AT_ONCE - waiting):
            repo = self.chance.choice(self.repositories)
            self.issues.append(repo.issue(f"Crash {len(self.issues)}", labels=["bug"], author="ada"))
        if self.issues and self.chance.random() < 0.2:
            issue = self.chance.choice(self.issues)
            issue.edit("ada", body=f"More: {self.chance.random()}")
            self.edited.append(issue)

    def bad_day(self) -> None:
        """Perhaps something is wrong with GitHub or the way to it."""
        if self.chance.random() > 0.3:
            return
        add, writes = self.github.faults.add, {"method": "POST", "path": "/issues/"}
        self.chance.choice(
            (
                lambda: add(**writes, status=502),
                lambda: add(**writes, status=502, after_work=True),
                lambda: add(**writes, drop="before"),
                lambda: add(**writes, drop="after"),
                lambda: add(**writes, limit="secondary", retry_after=1),
                lambda: add(method="GET", status=503),
                lambda: add(method="GET", drop="before"),
            )
        )()


def ours(issue: DemoIssue) -> list[str]:
    """Our comments on an issue."""
    return [comment.body for comment in issue.comments if "<!-- roundsman:" in comment.body]


@asynccontextmanager
async def scene(folder: Path, url: str, database: Database, seed: int) -> AsyncIterator[Scene]:
    """Serve the embedded GitHub of a scene."""
    with socket.create_server(("127.0.0.1", 0)) as place:
        clock = FastClock(time.time(), FACTOR)
        github = GitHub(clock=clock.now, url=f"http://127.0.0.1:{place.getsockname()[1]}")
        github.limits.core = 10**9
        server = _Server(
            uvicorn.Config(github.app, log_level="critical", access_log=False, date_header=False)
        )
        serving = asyncio.create_task(server.serve([place]))
        token = github.personal_token("rounds")
        made = Scene(folder, url, database, github, token, clock, random.Random(seed))
        made.build()
        try:
            yield made
        finally:
            server.should_exit = True
            await serving
            github.close()


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]
        """Leave signals alone."""
        yield
