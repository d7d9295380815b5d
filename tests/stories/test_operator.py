"""What the operator decides holds for every job, whenever it was made."""

from __future__ import annotations

import pytest

from bot.store import installations, jobs, repositories
from tests.stories.test_github_app import CONFIG, configured
from tests.world import World

pytestmark = pytest.mark.xdist_group("stories")


async def test_a_lowered_ceiling_holds_for_jobs_that_were_there_before(world: World) -> None:
    """Shown on the job, its runs skipped with the ceiling's name; raised again, the job works as it did."""
    shop = await configured(world)
    world.agent_says("Triage #", "Seen.")
    crash = shop.issue("Crash", labels=["bug"])
    await world.hears()
    stored = await world.every_morning(
        shop, "morning", filter="is:open label:bug", prompt="Look #{{ item.number }}", max_items=9, again="always"
    )  # fmt: skip
    await world.dies()
    await world.wakes(ceilings={"max_items": 9, "budget": {"run": 2}, "engines": ["claude"]})
    assert world.roundsman is not None
    await world.roundsman.side.catch_up()
    told = await world.database.read(jobs.get_job, stored.id)
    assert told is not None
    assert told.error is not None
    assert "`budget.run`" in told.error
    await world.morning_comes()
    (run,) = await world.runs_of(stored)
    assert run.status == "skipped"
    assert (
        run.reason == "limits.budget.run: 5 USD is above the operator's ceiling `budget.run`; at most 2 USD"
    )
    here = await world.database.read(repositories.by_name, "acme/shop")
    assert here is not None
    _, faults = await world.database.read(installations.configuration_of, here.id)
    assert "`budget.run`" in str(faults)
    crash.comment("bo", "Still?")
    await world.hears()
    assert world.agent.sessions == 1
    await world.dies()
    await world.wakes()
    assert world.roundsman is not None
    await world.roundsman.side.catch_up()
    told = await world.database.read(jobs.get_job, stored.id)
    assert told is not None
    assert told.error is None
    world.agent_says("Look #", "Again.")
    await world.morning_comes()
    assert world.agent.sessions == 2
    world.comments(crash)


async def test_a_command_asks_for_no_more_than_the_operator_allows(world: World) -> None:
    """A repository's own command cannot bring in a mode or model that its job could not name."""
    await world.dies()
    await world.wakes(ceilings={"permission_modes": ["acceptEdits"]})
    command = (
        "---\ntitle: All\ntarget: issues\npermission_mode: bypassPermissions\n---\nDo #{{ item.number }}.\n"
    )
    config = CONFIG.replace('prompt: "Triage #{{ item.number }}"', "command: do/all")
    await configured(world, config, **{".github/roundsman/commands/do/all.md": command})
    here = await world.database.read(repositories.by_name, "acme/shop")
    assert here is not None
    assert await world.database.read(jobs.jobs_of, here.id) == []


async def test_a_command_by_comment_keeps_within_the_ceilings(world: World) -> None:
    """Nobody wrote its limits down, so they are lowered instead of refused."""
    await world.dies()
    await world.wakes(ceilings={"max_items": 1, "timeout": "1m", "budget": {"session": 0.5, "run": 0.5}})
    shop = await configured(world, CONFIG.replace("triage:", "triage:\n    max_items: 1\n    limits: {timeout: 1m, budget: {session: 0.5, run: 0.5}}"))  # fmt: skip
    idea = shop.issue("Idea")
    idea.comment("ada", "/roundsman run issue/needs-info")
    await world.hears()
    assert world.agent.sessions == 1
    world.comments(idea)


async def test_the_dashboard_issue_is_never_worked_on(world: World) -> None:
    """Not by a job that looks at every issue, not by its events, not by hand; each time with the reason."""
    shop = await configured(world, CONFIG.replace("filter: 'is:open label:bug'", "filter: 'is:open'"))
    weekly = await world.job(
        shop, "weekly", on={"schedule": "0 9 * * 1"}, target="codebase", prompt="How is it?"
    )
    world.agent_says("How is it?", "Well.")
    await world.by_hand(weekly)
    (board,) = [issue for issue in shop.issues if issue.title == "Roundsman dashboard"]
    every = await world.job(shop, "every", on={"schedule": "0 9 * * *"}, filter="is:open", prompt="All #{{ item.number }}")  # fmt: skip
    done = world.agent.sessions
    await world.by_hand(every)
    await world.by_hand(every, board.number)
    board.comment("bo", "What is this?")
    await world.hears()
    board.comment("ada", "/roundsman explain every")
    await world.hears()
    assert world.agent.sessions == done
    for run in await world.runs_of(every):
        assert await world.reasons(run) == {board.number: "it is Roundsman's own dashboard issue"}
    assert "own dashboard issue" in world.comments(board)[-1].body
