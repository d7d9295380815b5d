"""What tests of real sessions share: a repository, a meter, a sink, the pinned programs."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bot.agents.work import Agents, Options
from bot.model.agent import AgentEnd, Checkout, Event, Script, SessionRequest

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / ".tools" / "agents"
GIT_ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "HOME": "/nonexistent",
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.com",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.com",
    "GIT_CONFIG_GLOBAL": "/dev/null",
}

needs_bwrap = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")


def needs_cli(name: str) -> pytest.MarkDecorator:
    """Skip where npm was out of reach for tests/install-tools.sh."""
    there = (TOOLS / "node_modules" / ".bin" / name).exists()
    return pytest.mark.skipif(not there, reason=f"{name} is not in .tools (tests/install-tools.sh)")


def git(folder: Path, *words: str) -> str:
    """Run the machine's git as a person would."""
    done = subprocess.run(
        ["git", *words], cwd=folder, env=GIT_ENVIRONMENT, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@dataclass
class Repository:
    """A repository on disk that sessions clone from."""

    path: Path

    @classmethod
    def made(cls, path: Path, files: dict[str, str]) -> Repository:
        """Make one with a first commit."""
        path.mkdir(parents=True)
        git(path, "init", "-q", "-b", "main")
        git(path, "config", "uploadpack.allowAnySHA1InWant", "true")
        git(path, "config", "uploadpack.allowFilter", "true")
        repository = cls(path)
        repository.commit(files)
        return repository

    def commit(self, files: dict[str, str], remove: tuple[str, ...] = ()) -> str:
        """Commit these files and give the SHA."""
        for name in remove:
            git(self.path, "rm", "-rq", name)
        for name, content in files.items():
            (self.path / name).parent.mkdir(parents=True, exist_ok=True)
            (self.path / name).write_text(content)
        git(self.path, "add", "-A", "-f")
        git(self.path, "commit", "-qm", "a change")
        return self.head

    @property
    def head(self) -> str:
        """The newest commit."""
        return git(self.path, "rev-parse", "HEAD")

    def checkout(self, **kind: Any) -> Checkout:
        """Name this repository's newest commit as a session's checkout."""
        given: dict[str, Any] = {"repository": "acme/shop", "clone_url": str(self.path), "commit": self.head}
        return Checkout(**{**given, **kind})


@dataclass
class Purse:
    """A meter: remembers totals and refuses above its cap."""

    cap: float = 1e9
    totals: list[float] = field(default_factory=list)
    stakes: list[float] = field(default_factory=list)

    async def at_stake(self, usd: float) -> None:
        """Remember what a call may cost."""
        self.stakes.append(usd)

    async def spent(self, usd: float) -> bool:
        """Take the total so far."""
        self.totals.append(usd)
        return usd < self.cap


@dataclass
class Desk:
    """Runs sessions and keeps what they said."""

    agents: Agents
    events: list[Event] = field(default_factory=list)
    purse: Purse = field(default_factory=Purse)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)

    async def _keep(self, event: Event) -> None:
        self.events.append(event)

    async def work(self, request: SessionRequest) -> AgentEnd:
        """Run one session."""
        return await self.agents.work(request, sink=self._keep, cancelled=self.cancelled, meter=self.purse)

    async def script(self, source: str, *, name: str = "x.sh", payload: str = "{}", **more: Any) -> AgentEnd:
        """Run a script as a session."""
        script = Script(name=name, source=source, payload=payload)
        return await self.work(
            SessionRequest(**{"session": "s1", "engine": "script", "script": script, "prompt": "-", **more})
        )

    def said(self) -> str:
        """Everything the agent said."""
        return "\n".join(e.text for e in self.events if e.type == "said")

    def kinds(self) -> list[str]:
        """The kinds of all events, in order."""
        return [e.type for e in self.events]


def desk(folder: Path, **options: Any) -> Desk:
    """A desk with its own data folder."""
    return Desk(Agents(Options(data_dir=folder / "data", tools_dir=TOOLS, **options)))
