"""`roundsman tick` as cron calls it: real processes, before an embedded GitHub on a real port."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import uvicorn
from sqlmodel import select

from bot.demo import DemoRepo, GitHub
from bot.flow.clock import SystemClock
from bot.store.database import Database, connect
from bot.store.tables import Runs, Sessions

ROOT = Path(__file__).parents[2]
FILE = """
version: 1
jobs:
  twins:
    on: {schedule: "*/10 * * * *"}
    command: issue/find-duplicates
    filter: "is:issue is:open label:bug"
    may: {comment: 1, labels: [duplicate]}
"""


class Cron:
    """Calls the program now and then."""

    def __init__(self, repo: DemoRepo, github: GitHub, url: str, folder: Path) -> None:
        self.repo, self.github, self.url, self.folder = repo, github, url, folder
        self._token = github.personal_token("rounds")

    async def tick(self, times: int = 1) -> None:
        """Start so many processes at once and wait for them."""
        environment = {
            "PATH": "/usr/local/bin:/usr/bin:/bin", "PYTHONPATH": str(ROOT), "ROUNDSMAN_DATA_DIR": str(self.folder),
            "ROUNDSMAN_GITHUB_API_URL": self.github.url, "ROUNDSMAN_GITHUB_URL": self.github.url,
            "ROUNDSMAN_GITHUB_TOKEN": self._token, "ROUNDSMAN_REPOSITORIES": f'["{self.repo.full_name}"]',
            "ROUNDSMAN_SECRET_KEY": "k" * 32, "ROUNDSMAN_DATABASE_URL": self.url,
        }  # fmt: skip
        self.folder.mkdir(exist_ok=True)
        ticks = [
            await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bot", "tick", cwd=self.folder, env=environment, stderr=asyncio.subprocess.PIPE
            )
            for _ in range(times)
        ]  # fmt: skip
        async with asyncio.timeout(180):
            said = await asyncio.gather(*(tick.communicate() for tick in ticks))
        assert [tick.returncode for tick in ticks] == [0] * times, said

    def comments(self) -> dict[int, list[int]]:
        """The ids of our comments by issue."""
        return {
            issue.number: [c.id for c in issue.comments if "<!-- roundsman:" in c.body]
            for issue in self.repo.issues
        }

    def did(self) -> tuple[int, int]:
        """How many runs and sessions the database knows."""
        database = Database(connect(self.url))
        try:
            return database.read_now(
                lambda db: (len(db.exec(select(Runs.id)).all()), len(db.exec(select(Sessions.id)).all()))
            )
        finally:
            database.close()


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]
        """Leave signals alone."""
        yield


@pytest.fixture
async def cron(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Cron]:
    """A repository with two bugs that are the same."""
    folder = tmp_path / "data"
    url = f"sqlite:///{folder / 'roundsman.db'}"
    if "postgres" in request.node.name:
        url = request.getfixturevalue("postgres_url")
    with socket.create_server(("127.0.0.1", 0)) as place:
        github = GitHub(clock=SystemClock().now, url=f"http://127.0.0.1:{place.getsockname()[1]}")
        server = _Server(
            uvicorn.Config(github.app, log_level="critical", access_log=False, date_header=False)
        )
        serving = asyncio.create_task(server.serve([place]))
        repo = github.add_repo(
            "acme/shop", files={".github/roundsman.yml": FILE}, collaborators={"rounds": "write"}
        )
        text = "The page shows a stack trace when the cart is empty and the coupon field is used."
        for number in range(2):
            repo.issue(
                "Crash when the cart is empty", labels=["bug"], author="ada", body=f"{text} Seen {number}."
            )
        yield Cron(repo, github, url, folder)
        server.should_exit = True
        await serving
        github.close()


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def test_two_ticks_at_once_and_one_more_do_everything_once(cron: Cron, kind: str) -> None:
    """They share the work; what one has done the other leaves alone, in whichever order they come."""
    await cron.tick(2)
    first = cron.comments()
    assert any(first.values()), "nothing was said"
    assert all(len(ids) <= 1 for ids in first.values())
    _, sessions = cron.did()
    assert sessions == 2
    if kind == "sqlite":  # no disk survives: our comments and the note say what was dealt with
        shutil.rmtree(cron.folder)
        await cron.tick()
        assert cron.comments() == first
        runs, sessions = cron.did()
        assert runs >= 1
        assert sessions == 0, "neither what was said something on nor what was quiet is looked at again"
