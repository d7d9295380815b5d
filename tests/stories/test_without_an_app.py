"""Without webhooks: named repositories are polled, and a local file may hold the jobs of several."""

from __future__ import annotations

from pathlib import Path

from bot.demo import DemoRepo
from bot.store import jobs, repositories
from tests.stories.test_github_app import MAIN
from tests.world import World

NIGHTLY = """\
version: 1
jobs:
  triage:
    on: {schedule: "0 9 * * *"}
    filter: 'is:open label:bug'
    prompt: "Triage #{{ item.number }}"
    agent: {engine: claude}
"""
SEVERAL = """\
version: 1
defaults: {timezone: UTC, agent: {engine: claude}}
repositories:
  acme/shop:
    defaults: {max_items: 2}
    jobs:
      triage: {on: {schedule: "0 9 * * *"}, filter: 'is:open label:bug', prompt: "Triage #{{ item.number }}"}
  acme/till:
    jobs:
      rules: {on: {schedule: "0 9 * * *"}, filter: 'is:open', command: house/rules}
"""
RULES = "---\ntitle: House rules\ntarget: issues\n---\nApply the house rules to #{{ item.number }}.\n"


async def names(world: World, repository: str) -> list[str]:
    """The names of a repository's living jobs."""
    here = await world.database.read(repositories.by_name, repository)
    return [job.name for job in await world.database.read(jobs.jobs_of, here.id)] if here else []


async def with_a_token(world: World, **more: object) -> None:
    """Start again with a person's token instead of the App."""
    await world.dies()
    await world.wakes(
        github_app_id=None, github_private_key=None, github_webhook_secret=None, github_token=world.github.personal_token("ada"), **more
    )  # fmt: skip


async def catches_up(world: World) -> None:
    """The next look at everything."""
    assert world.roundsman is not None
    await world.roundsman.side.catch_up()


def shop_of(world: World, name: str = "acme/shop") -> DemoRepo:
    """A repository ada may write to."""
    return world.github.add_repo(name, files={"README.md": "# Shop\n"}, collaborators={"ada": "admin"})


async def test_named_repositories_are_polled(world: World) -> None:
    """Jobs come from the file, a change is seen, a broken one keeps the last good, an unnamed repository is let go."""
    shop = shop_of(world)
    shop.commit(("ada", world.clock.now(), "Set up rounds", {MAIN: NIGHTLY}))
    await with_a_token(world, repositories=["acme/shop"])
    await catches_up(world)
    assert await names(world, "acme/shop") == ["triage"]
    world.agent_says("Triage #", "Seen.")
    crash = shop.issue("Crash", labels=["bug"])
    await world.morning_comes()
    assert "Seen." in world.said_on(crash)
    shop.commit(("ada", world.clock.now(), "Oops", {MAIN: NIGHTLY.replace("filter", "filtre")}))
    await catches_up(world)
    assert await names(world, "acme/shop") == ["triage"]
    shop.commit(("ada", world.clock.now(), "Rename", {MAIN: NIGHTLY.replace("triage:", "look:")}))
    await catches_up(world)
    assert await names(world, "acme/shop") == ["look"]
    await with_a_token(world, repositories=[])
    await catches_up(world)
    assert await names(world, "acme/shop") == []


async def test_a_local_file_holds_the_jobs_of_several_repositories(world: World, tmp_path: Path) -> None:
    """Read again when it changes; a broken edit keeps what it breaks; what is gone from it is archived."""
    shop, till = shop_of(world), shop_of(world, "acme/till")
    shop.commit(("mallory", world.clock.now(), "Mine", {MAIN: NIGHTLY.replace("triage:", "mine:")}))
    till.commit(("ada", world.clock.now(), "Rules", {".github/roundsman/commands/house/rules.md": RULES}))
    file = tmp_path / "jobs.yml"
    file.write_text(SEVERAL)
    await with_a_token(world, jobs_file=file)
    await catches_up(world)
    assert await names(world, "acme/shop") == ["triage"]
    assert await names(world, "acme/till") == ["rules"]
    world.agent_says("house rules", "They hold.")
    issue = till.issue("Crash")
    await world.morning_comes()
    assert "They hold." in world.said_on(issue)
    file.write_text(
        SEVERAL.replace("triage:", "look:").replace("command: house/rules", "comand: house/rules")
    )
    await catches_up(world)
    assert await names(world, "acme/shop") == ["look"]
    assert await names(world, "acme/till") == ["rules"]
    file.write_text("repositories: [\n")
    await catches_up(world)
    assert await names(world, "acme/shop") == ["look"]
    file.unlink()
    await catches_up(world)
    assert await names(world, "acme/shop") == ["look"]
    file.write_text(SEVERAL.partition("  acme/till")[0])
    await catches_up(world)
    assert await names(world, "acme/shop") == ["triage"]
    assert await names(world, "acme/till") == []
