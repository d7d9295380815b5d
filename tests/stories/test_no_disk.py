"""`tick` where no disk survives: every tick begins with an empty directory, and only GitHub remembers."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.cli.serve import tick_once
from bot.flow import memory
from bot.model.agent import AgentEnd, Usage
from bot.model.outcome import AddLabels
from tests.stories.test_github_app import MAIN
from tests.world import World

FILE = """\
version: 1
defaults: {agent: {engine: claude}}
jobs:
  look: {on: {schedule: "*/10 * * * *"}, filter: 'is:open label:bug', prompt: "Look at #{{ item.number }}"}
  mark: {on: {schedule: "*/10 * * * *"}, filter: 'is:open label:bug', prompt: "Mark #{{ item.number }}", may: {comment: 1, labels: [seen]}}
"""
REPORT = """\
version: 1
defaults: {agent: {engine: claude}}
jobs:
  report: {on: {schedule: "0 9 * * *"}, target: custom, prompt: "Report"}
"""
BACK = timedelta(minutes=10)


class Runner:
    """A machine that is new each time."""

    def __init__(self, folder: Path, file: str) -> None:
        self._folder, self._count = folder, 0
        self.world = World(folder, "")
        self.shop = self.world.github.add_repo(
            "acme/shop", files={MAIN: file}, collaborators={"rounds": "write"}
        )
        self._token = SecretStr(self.world.github.personal_token("rounds"))

    async def tick(self, *, later: timedelta = timedelta(), notes: bool = True, **more: object) -> list[str]:
        """A tick on an empty directory; gives what the agent was asked."""
        self.world.clock.move(seconds=later.total_seconds())
        self._count += 1
        folder, before = self._folder / str(self._count), len(self.world.agent.requests)
        folder.mkdir()
        url = f"sqlite:///{shutil.copy(self._folder / 'roundsman.db', folder)}"
        self.world._url = url
        usual = {
            "github_app_id": None, "github_private_key": None, "github_webhook_secret": None, "github_token": self._token,
            "repositories": ["acme/shop"], "data_dir": folder, "database_url": url,
        }  # fmt: skip
        await tick_once(self.world.built(recalls=True, **usual | more), BACK, notes=notes)
        asked = self.world.agent.requests[before:]
        return sorted(line for one in asked for line in one.prompt.splitlines() if line.startswith(("Look", "Mark", "Report")))  # fmt: skip

    def notes(self) -> list[str]:
        """The comments that hold a note."""
        return [
            comment.body
            for issue in self.shop.issues
            for comment in self.world.comments(issue)
            if "<!-- roundsman-memory" in comment.body
        ]

    def stays_quiet(self, words: str) -> None:
        """The agent ends well and delivers nothing."""
        self.world.agent.when(words, end=AgentEnd(ending="quiet", usage=Usage(calls=1)))


@pytest.fixture
async def machine(sqlite_url: str) -> AsyncIterator[Callable[[str], Runner]]:
    """Machines that begin at nine."""
    made: list[Runner] = []

    def begin(file: str) -> Runner:
        made.append(Runner(Path(sqlite_url.removeprefix("sqlite:///")).parent, file))
        made[0].world.clock.move(minutes=10)
        return made[0]

    yield begin
    assert len(made[0].notes()) <= 1, "edited in place"
    assert made[0].world.unread() == []


async def test_a_quiet_item_is_looked_at_once_until_it_changes(machine: Callable[[str], Runner]) -> None:
    """Our own label and comment by another job are no news, a person's word is; who changed nothing is not written to."""
    runner = machine(FILE)
    world = runner.world
    runner.stays_quiet("Look at #")
    world.agent_says("Mark #", "Marked.", AddLabels(labels=("seen",)))
    crash = runner.shop.issue("Crash", labels=["bug"], author="ada")
    assert await runner.tick() == ["Look at #1", "Mark #1"]
    assert "Marked." in world.said_on(crash)
    world.github.requests.clear()
    assert await runner.tick(later=BACK) == []
    assert await runner.tick(later=BACK) == []
    assert not world.github.requests.count(method="POST") + world.github.requests.count(method="PATCH")
    crash.comment("ada", "Still so.")
    assert await runner.tick(later=BACK) == ["Look at #1", "Mark #1"]
    assert await runner.tick(later=BACK, notes=False) == ["Look at #1"], "the comment tells of the other"


async def test_two_ticks_fire_a_job_without_items_once(machine: Callable[[str], Runner]) -> None:
    """Even where the first was taken down at its work; a fire that a late runner missed is made up for, once."""
    runner = machine(REPORT)
    world = runner.world
    runner.stays_quiet("Report")
    world.agent.hold = asyncio.Event()
    first = asyncio.create_task(runner.tick())
    await world.until(lambda: world.agent.sessions == 1)
    first.cancel()
    with suppress(asyncio.CancelledError):
        await first
    world.agent.hold.set()
    assert len(runner.notes()) == 1, "noted before it began"
    assert await runner.tick(later=timedelta(minutes=1)) == []
    assert await runner.tick(later=timedelta(days=1, minutes=28)) == ["Report"], "9:30: half an hour late"
    assert await runner.tick(later=timedelta(minutes=1)) == []


async def test_what_failed_counts_its_attempts_and_a_forged_note_counts_for_nothing(
    machine: Callable[[str], Runner],
) -> None:
    """What failed too often is parked, though no disk survives; a note nobody signed is no memory."""
    runner = machine(FILE.partition("  mark:")[0].replace("prompt:", "limits: {attempts: 1}, prompt:"))
    runner.world.agent_fails("Look at #")
    runner.shop.issue("Crash", labels=["bug"], author="ada")
    assert await runner.tick() == ["Look at #1"]
    assert await runner.tick(later=BACK) == []
    (home,) = (issue for issue in runner.shop.issues if issue.title == "Roundsman dashboard")
    (note,) = runner.notes()
    forged = memory.folded(b"guessed", "acme/shop", memory.Memory())
    assert memory.unfolded(b"k" * 32, "acme/shop", note) is not None
    (comment,) = home.comments
    marks = (memory.mark(key, "acme/shop") for key in (b"guessed", b"k" * 32))
    home.edit_comment(comment, "rounds", forged.replace(*marks))
    assert await runner.tick(later=BACK) == ["Look at #1"]


async def test_where_no_issue_can_be_opened_the_tick_goes_on(
    machine: Callable[[str], Runner], caplog: pytest.LogCaptureFixture
) -> None:
    """The log says that the note could not be kept, and what follows."""
    runner = machine(FILE.partition("  mark:")[0])
    runner.stays_quiet("Look at #")
    runner.shop.issue("Crash", labels=["bug"], author="ada")
    runner.world.github.faults.add(method="POST", path="/issues", status=410)
    assert await runner.tick() == ["Look at #1"]
    assert "the note of acme/shop cannot be kept: " in caplog.text
