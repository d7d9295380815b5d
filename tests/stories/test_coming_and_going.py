"""Accounts, repositories and items change their names and owners, come and go; what we know of them goes with them."""

from __future__ import annotations

import logging

import pytest

from bot.demo.core import Actor
from bot.demo.deeds import announce
from bot.store import installations, jobs, repositories
from tests.stories.test_github_app import CONFIG, MAIN, configured, names
from tests.world import World

DAILY = CONFIG.replace("{events: [issues.opened, issue_comment.created]}", '{schedule: "0 9 * * *"}')


async def jobs_of(world: World, name: str) -> list[str]:
    """The jobs of a repository; none where we do not look after it."""
    here = await world.database.read(repositories.by_name, name)
    return [job.name for job in await world.database.read(jobs.jobs_of, here.id)] if here else []


def nothing_is_delivered(world: World) -> None:
    """What waits is lost, and GitHub does not keep it either."""
    for row in world.github.waiting():
        world.github.tables.deliveries.drop(row.id)


@pytest.mark.parametrize("heard", [True, False], ids=["webhook", "no webhook"])
async def test_an_account_with_another_name_keeps_everything(world: World, heard: bool) -> None:
    """Told of it, or found when the state is compared: jobs, what is done, configuration; nothing is done again."""
    shop = await configured(world, DAILY)
    world.agent_says("Triage #", "Seen.")
    crash = shop.issue("Crash", labels=["bug"])
    await world.hears()
    await world.morning_comes()
    assert "Seen." in world.said_on(crash)
    world.github.rename_account("acme", "apex")
    if not heard:
        nothing_is_delivered(world)
        world.clock.move(hours=7)
        assert world.roundsman is not None
        await world.roundsman.side.catch_up()
    await world.hears()
    (held,) = await world.database.read(installations.every)
    assert held.account == "apex"
    assert [each.full_name for each in await world.database.read(repositories.every)] == ["apex/shop"]
    assert await jobs_of(world, "apex/shop") == ["triage"]
    fresh = shop.issue("Another crash", labels=["bug"])
    await world.hears()
    await world.morning_comes()
    assert world.agent.sessions == 2
    assert "Seen." in world.said_on(fresh)
    assert len(world.comments(crash)) == 1


async def test_the_operator_is_told_where_an_allowed_account_has_another_name(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Its jobs go on; the setting that names it is named."""
    await world.dies()
    await world.wakes(allowed_accounts=["acme"])
    await configured(world)
    world.github.rename_account("acme", "apex")
    with caplog.at_level(logging.WARNING, logger="roundsman.intake"):
        await world.hears()
    assert "apex, which ROUNDSMAN_ALLOWED_ACCOUNTS does not name" in caplog.text
    assert await jobs_of(world, "apex/shop") == ["triage"]


async def test_a_repository_selected_later_is_read_at_once(world: World) -> None:
    """And left when it is selected no more; selected again it has its jobs back."""
    files = {MAIN: CONFIG}
    for name in ("acme/shop", "acme/till"):
        world.github.add_repo(name, files=files)
    held = world.github.install(world.app, "acme", ["shop"])
    await world.hears()
    assert (await jobs_of(world, "acme/shop"), await jobs_of(world, "acme/till")) == (["triage"], [])
    world.github.add_to_installation(held, "till")
    await world.hears()
    assert await jobs_of(world, "acme/till") == ["triage"]
    world.github.remove_from_installation(held, "till")
    await world.hears()
    assert await jobs_of(world, "acme/till") == []
    world.github.add_to_installation(held, "till")
    await world.hears()
    assert await jobs_of(world, "acme/till") == ["triage"]


async def test_a_repository_transferred_to_another_installation_works_on_there(world: World) -> None:
    """With its jobs and what it knows, under the other installation's token; no item is done again."""
    shop = await configured(world, DAILY)
    world.repo("apex/other")
    world.agent_says("Triage #", "Seen.")
    crash = shop.issue("Crash", labels=["bug"])
    await world.hears()
    await world.morning_comes()
    assert "Seen." in world.said_on(crash)
    moved = world.github.rename_repo("acme/shop", "apex/shop")
    await world.hears()
    here = await world.database.read(repositories.by_name, "apex/shop")
    assert here is not None
    other = next(row for row in world.github.tables.installations if row.account == "apex")
    assert here.installation_id == other.id
    assert await jobs_of(world, "acme/shop") == []
    fresh = moved.issue("Another crash", labels=["bug"])
    await world.hears()
    await world.morning_comes()
    assert world.agent.sessions == 2
    assert "Seen." in world.said_on(fresh)
    assert len(world.comments(crash)) == 1


@pytest.mark.parametrize("status", [410, 451, 404])
async def test_an_item_that_is_gone_ends_alone(world: World, status: int) -> None:
    """Between the choice and the comment: its session ends with the reason, the others are answered."""
    shop = await configured(world, DAILY)
    world.agent_says("Triage #", "Seen.")
    gone, *others = [shop.issue(f"Crash {number}", labels=["bug"]) for number in range(3)]
    await world.hears()
    world.github.faults.add("POST", f"/issues/{gone.number}/comments", status=status, times=None)
    await world.morning_comes()
    here = await world.database.read(repositories.by_name, "acme/shop")
    assert here is not None
    (job,) = await world.database.read(jobs.jobs_of, here.id)
    (run,) = await world.runs_of(job)
    ended = {session.number: session for session in await world.sessions_of(run)}
    for issue in others:
        assert "Seen." in world.said_on(issue)
        assert ended[issue.number].status == "succeeded"
    assert world.comments(gone) == []
    assert ended[gone.number].status == "failed"
    assert f"GitHub answered {status}" in str(ended[gone.number].reason)
    assert run.status == "partial"


async def test_an_issue_transferred_away_is_left_at_once(world: World) -> None:
    """It is in nobody's list any more: the next fire opens no session for it."""
    shop = await configured(world, DAILY)
    crash = shop.issue("Crash", labels=["bug"])
    await world.hears()
    world.agent_says("Triage #", "Seen.")
    announce(world.github, crash.row, "transferred", Actor("ada"))
    world.github.tables.issues.drop(crash.row.id)
    await world.hears()
    await world.morning_comes()
    assert world.agent.sessions == 0
    here = await world.database.read(repositories.by_name, "acme/shop")
    assert here is not None
    (job,) = await world.database.read(jobs.jobs_of, here.id)
    (run,) = await world.runs_of(job)
    assert (run.status, run.items_found) == ("completed", 0)


async def test_after_more_than_three_days_the_state_is_compared(world: World) -> None:
    """GitHub keeps no delivery so long: what came, went and changed meanwhile is read from it."""
    shop = await configured(world, DAILY)
    world.repo("acme/till")
    await world.hears()
    await world.dies()
    world.github.rename_repo("acme/till", "desk")
    world.repo("acme/new").commit(("ada", world.clock.now(), "Set up", {MAIN: CONFIG}))
    shop.commit(("ada", world.clock.now(), "Rename", {MAIN: DAILY.replace("triage:", "look:")}))
    crash = shop.issue("Crash", labels=["bug"])
    nothing_is_delivered(world)
    world.clock.move(hours=24 * 4)
    world.agent_says("Triage #", "Seen.")
    await world.wakes()
    assert world.roundsman is not None
    await world.roundsman.side.catch_up()
    assert [each.full_name for each in await world.database.read(repositories.every)] == [
        "acme/desk", "acme/new", "acme/shop",
    ]  # fmt: skip
    assert await names(world) == ["look"]
    assert await jobs_of(world, "acme/new") == ["triage"]
    await world.morning_comes()
    assert "Seen." in world.said_on(crash)
