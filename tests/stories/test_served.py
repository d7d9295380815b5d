"""The App from outside: a real `roundsman serve` before a GitHub of its own address, spoken to as GitHub and people do, and no other way."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
import pytest_asyncio

from bot.demo import App, DemoIssue, DemoRepo, GitHub
from bot.demo.webhooks import sign
from bot.flow.clock import SystemClock
from tests.stories.processes import Processes, kill

pytestmark = [pytest.mark.xdist_group("served"), pytest.mark.asyncio(loop_scope="module")]
PATIENCE = 60.0
MAIN = ".github/roundsman.yml"
COMMANDS = ".github/roundsman/commands/house"
OLD, NEW = "the secret so far", "the secret from now on"
CONFIG = """\
version: 1
jobs:
  look:
    on: {events: [issues.opened]}
    filter: 'is:open label:bug'
    command: house/look
"""
COMMAND = "---\ntitle: Look\ntarget: issues\nscript: look.py\n---\nLooks.\n"
SCRIPT = """\
import json, os, sys, time
item = json.load(sys.stdin)["item"]
with open({began!r}, "a+") as file:
    file.seek(0)
    again = any(line.split()[0] == str(item["number"]) for line in file)
    file.write(f"{{item['number']}} {{os.getpid()}}\\n")
if "endless" in item["title"] and not again:
    time.sleep(600)
print(json.dumps({{"version": 1, "status": "done", "summary": f"Looked at {{item['title']}}.", "actions": []}}))
"""
T = TypeVar("T")


@dataclass
class Town:
    """A GitHub, and a service that knows nothing of it but its address and the App's credentials."""

    folder: Path
    github: GitHub
    app: App
    group: Processes
    shop: DemoRepo
    people: httpx.AsyncClient
    port: int

    @property
    def base(self) -> str:
        """The service's address."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Start the service and wait until it answers."""
        self.group.start("serve", "--port", str(self.port))
        async with asyncio.timeout(PATIENCE):
            while True:
                if await self.answers():
                    return
                await asyncio.sleep(0.1)

    async def answers(self) -> bool:
        """Whether the service's door is open."""
        try:
            return (await self.people.get(f"{self.base}/readyz")).is_success
        except httpx.TransportError:
            return False

    async def until(self, look: Callable[[], T]) -> T:
        """Wait until a look finds something; gives what it found."""
        async with asyncio.timeout(PATIENCE):
            while True:
                if found := look():
                    return found
                await asyncio.sleep(0.05)

    def said(self, issue: DemoIssue) -> list[str]:
        """Our comments on an issue."""
        return [c.body for c in issue.comments if "<!-- roundsman" in c.body]

    async def answered(self, issue: DemoIssue) -> str:
        """Wait for our first comment on an issue."""
        return (await self.until(lambda: self.said(issue)))[0]

    def faces(self, issue: DemoIssue, place: int = -1) -> list[str]:
        """The reactions on a person's comment."""
        theirs = [c for c in issue.comments if "<!-- roundsman" not in c.body][place]
        return [row.content for row in self.github.tables.reactions.under("subject", ("comment", theirs.id))]

    def began(self) -> Counter[int]:
        """How many sessions began, by issue."""
        return Counter(int(line.split()[0]) for line in self._notes())

    def process_of(self, issue: DemoIssue) -> int:
        """The process at work on an issue; 0 while there is none."""
        return next(
            (int(pid) for number, pid in map(str.split, self._notes()) if int(number) == issue.number), 0
        )

    def _notes(self) -> list[str]:
        notes = self.folder / "began.txt"
        return notes.read_text().splitlines() if notes.is_file() else []

    async def check(self, sha: str) -> dict[str, Any]:
        """Wait for the end of the check run on a commit."""
        async with asyncio.timeout(PATIENCE):
            while True:
                rows = (await self.people.get(f"/repos/acme/shop/commits/{sha}/check-runs")).json()[
                    "check_runs"
                ]
                if rows and rows[0]["conclusion"]:
                    run: dict[str, Any] = rows[0]
                    return run
                await asyncio.sleep(0.05)

    async def annotations(self, run: dict[str, Any]) -> list[dict[str, Any]]:
        """Where a check run points."""
        rows: list[dict[str, Any]] = (
            await self.people.get(f"/repos/acme/shop/check-runs/{run['id']}/annotations")
        ).json()
        return rows

    def push(self, config: str, words: str, **more: str) -> str:
        """Ada pushes a configuration."""
        return self.shop.commit(("ada", self.github.clock(), words, {MAIN: config, **more}))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    """A town whose service runs with the App's credentials in its environment, and two webhook secrets."""
    folder = tmp_path_factory.mktemp("served")
    github = GitHub(clock=SystemClock().now)
    app = github.add_app("roundsman", webhook_secret=OLD)
    async with github.serving() as url, httpx.AsyncClient(base_url=url, trust_env=False) as people:
        group = Processes(folder, {
            "github_api_url": github.api_url, "github_url": url, "github_app_id": str(app.id), "github_private_key": app.private_key,
            "github_webhook_secret": f"{NEW},{OLD}", "secret_key": "k" * 32, "sandbox": "none", "poll_seconds": "0.2",
        })  # fmt: skip
        shop = github.add_repo(
            "acme/shop", files={"README.md": "# Shop\n"}, collaborators={"ada": "maintain", "bo": "read"}
        )
        people.headers["authorization"] = f"Bearer {github.personal_token('ada')}"
        with socket.create_server(("127.0.0.1", 0)) as place:
            port = int(place.getsockname()[1])
        app.webhook_url = f"http://127.0.0.1:{port}/webhooks/github"
        town = Town(folder, github, app, group, shop, people, port)
        try:
            await town.start()
            github.install(app, "acme")
            script = SCRIPT.format(began=str(folder / "began.txt"))
            run = await town.check(
                town.push(
                    CONFIG, "Set up rounds", **{f"{COMMANDS}/look.md": COMMAND, f"{COMMANDS}/look.py": script}
                )
            )
            assert run["conclusion"] == "success", run["output"]
            yield town
        finally:
            group.end()


def lives(process: int) -> bool:
    """Whether a process runs; one that is dead and that nobody has asked about does not."""
    stat = Path(f"/proc/{process}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_a_matching_issue_is_answered(town: Town) -> None:
    """Installed, configured by a push, an issue that matches: the comment stands on it; on another nothing does."""
    idea = town.shop.issue("Idea", author="bo")
    crash = town.shop.issue("Crash", labels=["bug"], author="bo")
    said = await town.answered(crash)
    assert "Looked at Crash." in said
    assert f"{town.base}/" in said
    assert town.said(idea) == []
    assert idea.number not in town.began()


async def test_a_pull_request_that_breaks_the_configuration_is_shown_where(town: Town) -> None:
    """A failed check run with the fault on its line; what runs is what it was."""
    broken = CONFIG.replace("filter:", "filtre:").replace("issues.opened", "issues.opend")
    pull = town.shop.pull("Break", "break", {MAIN: broken}, author="ada")
    run = await town.check(pull.pull.head_sha)
    assert run["conclusion"] == "failure"
    found = {(row["path"], row["start_line"]): row["message"] for row in await town.annotations(run)}
    assert set(found) == {(MAIN, 4), (MAIN, 5)}
    assert "issues.opened" in found[MAIN, 4]
    assert "filter" in found[MAIN, 5]


async def test_explain_says_why(town: Town) -> None:
    """The term that keeps an item out, in a reply to who asked; the job is what it was before the broken pull request."""
    idea = town.shop.issue("Another idea", author="bo")
    idea.comment("ada", "/roundsman explain")
    assert "label:bug does not hold" in await town.answered(idea)
    await town.until(lambda: town.faces(idea) == ["eyes", "rocket"])


async def test_stop_ends_a_running_session(
    town: Town, record_property: Callable[[str, object], None]
) -> None:
    """The agent's process is gone, and nothing is said by it."""
    stuck = town.shop.issue("An endless one", labels=["bug"])
    process = await town.until(lambda: town.process_of(stuck))
    assert lives(process)
    began = time.monotonic()
    stuck.comment("ada", "/roundsman stop")
    await town.until(lambda: not lives(process))
    took = time.monotonic() - began
    print(f"stopped in {took:.2f} s")
    record_property("stopped_seconds", round(took, 2))
    assert took < 30
    await town.until(lambda: town.faces(stuck) == ["eyes", "rocket"])
    assert town.said(stuck) == []


async def test_the_same_delivery_ten_times_acts_once(town: Town) -> None:
    """Each copy is acknowledged; one session, one comment, also after everything that came later."""
    town.github.faults.add_delivery("issues", copies=10)
    crash = town.shop.issue("Crash ten times", labels=["bug"])
    await town.answered(crash)
    copies = [
        row
        for row in town.github.deliveries
        if row.event == "issues" and f'"number":{crash.number},' in row.body
    ]
    assert len(copies) == 10
    await town.until(lambda: all(row.state == "sent" for row in copies))
    assert {(row.guid, row.status_code) for row in copies} == {(copies[0].guid, 202)}
    crash.comment("ada", "/roundsman status")
    _, status = await town.until(lambda: said if len(said := town.said(crash)) > 1 else None)
    assert status.count("/runs/") == 1
    assert town.began()[crash.number] == 1


async def test_both_secrets_are_taken_while_they_are_changed(town: Town) -> None:
    """What GitHub signs with the one and with the other acts; a third is refused, and so is none."""
    signed = []
    for secret in (OLD, NEW):
        town.app.webhook_secret = secret
        signed.append(town.shop.issue(f"Crash under {secret}", labels=["bug"]))
        await town.until(lambda: not town.github.waiting())
    for issue in signed:
        await town.answered(issue)
    forged = town.shop.issue("Forged", labels=[])
    body = json.dumps({
        "action": "opened", "installation": {"id": 1}, "sender": {"login": "ada", "id": 1, "type": "User"},
        "repository": {"full_name": "acme/shop", "id": town.shop.row.id}, "issue": {"number": forged.number, "title": "Forged"},
    }).encode()  # fmt: skip
    for signature in (sign("a third", body), "sha256=", None):
        headers = {
            "x-github-event": "issues",
            "x-github-delivery": "forged",
            "content-type": "application/json",
        }
        headers |= {"x-hub-signature-256": signature} if signature is not None else {}
        answer = await town.people.post(f"{town.base}/webhooks/github", content=body, headers=headers)
        assert answer.status_code == 401, answer.text
    assert town.said(forged) == []


async def test_what_happens_after_a_kill_is_found_and_done(town: Town) -> None:
    """A session at work, a delivery just acknowledged, and what could not be delivered: each done once after the start."""
    stuck = town.shop.issue("An endless one before the kill", labels=["bug"])
    process = await town.until(lambda: town.process_of(stuck))
    taken = town.shop.issue("Just acknowledged", labels=["bug"])
    await town.until(lambda: not town.github.waiting())
    kill(town.group.living[-1])
    heard = len(town.github.deliveries)
    missed = [town.shop.issue(f"Crash while away {number}", labels=["bug"]) for number in range(3)]
    other = CONFIG.replace(
        "  look:",
        "  again:\n    on: {events: [issues.opened]}\n    filter: 'label:new'\n    command: house/look\n  look:",
    )
    sha = town.push(other, "More rounds")
    await town.until(lambda: not town.github.waiting())
    lost = town.github.deliveries[heard:]
    assert {row.status_code for row in lost} == {502}
    for row in lost:  # a while ago: what is younger than half a minute may still be on its way
        row.delivered_at = (town.github.clock() - timedelta(minutes=10)).strftime("%Y-%m-%dT%H:%M:%SZ")
    await town.start()
    for issue in (taken, *missed):
        assert f"Looked at {issue.title}." in await town.answered(issue)
    assert (await town.check(sha))["conclusion"] == "success"
    assert "Looked at" in await town.answered(stuck)
    assert not lives(process)
    missed[0].comment("ada", "/roundsman explain again")
    _, why = await town.until(lambda: said if len(said := town.said(missed[0])) > 1 else None)
    assert "label:new does not hold" in why
    assert [len(town.said(issue)) for issue in (taken, *missed[1:], stuck)] == [1] * 4
    assert [town.began()[issue.number] for issue in missed] == [1] * 3
