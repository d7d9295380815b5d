"""What the operator decides holds for every job, whenever it was made."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.cli.serve import tick_once
from bot.store import installations, jobs, repositories
from tests.stories.test_github_app import CONFIG, MAIN, configured
from tests.world import World


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


async def test_a_tick_tells_of_a_faulty_configuration_and_goes_on(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """What, where and what holds meanwhile, on standard error; the last good jobs fire."""
    daily = CONFIG.replace("{events: [issues.opened, issue_comment.created]}", '{schedule: "0 9 * * *"}')
    shop = await configured(world, daily)
    world.agent_says("Triage #", "Seen.")
    crash = shop.issue("Crash", labels=["bug"])
    shop.commit(("ada", world.clock.now(), "Oops", {MAIN: daily.replace("filter:", "filtre:")}))
    await world.hears()
    await world.dies()
    world.clock.set(world.clock.now().replace(hour=9, minute=1))
    capsys.readouterr()
    await tick_once(world.built(), timedelta(minutes=10))
    told = capsys.readouterr().err
    assert f"roundsman: acme/shop: {MAIN}:5:5: jobs.triage.filtre: " in told
    assert "did you mean 'filter'?" in told
    assert "the last good jobs run until it is mended" in told
    assert "Seen." in world.said_on(crash)


async def test_a_job_runs_no_more_often_a_day_than_the_operator_allows(world: World) -> None:
    """Whatever fires it: events, a comment, somebody by hand. What had to wait comes first when the day is over."""
    await world.dies()
    await world.wakes(ceilings={"runs_per_day": 2})
    shop = await configured(world)
    world.agent_says("Triage #", "Seen.")
    shop.issue("Idea")  # matches nothing: that is no run of its own
    first, second = shop.issue("Crash", labels=["bug"]), shop.issue("Another", labels=["bug"])
    await world.hears()
    third = shop.issue("A third", labels=["bug"])
    await world.hears()
    third.comment("ada", "/roundsman run triage")
    await world.hears()
    assert world.agent.sessions == 2
    assert "Seen." in world.said_on(first)
    assert "Seen." in world.said_on(second)
    here = await world.database.read(repositories.by_name, "acme/shop")
    assert here is not None
    (job,) = await world.database.read(jobs.jobs_of, here.id)
    await world.by_hand(job)
    reason = "above the operator's ceiling `runs_per_day`: 2 runs of this job in 24 hours"
    held = (await world.runs_of(job))[-3:]
    assert [(run.trigger, run.status, run.reason) for run in held] == [
        (trigger, "skipped", reason) for trigger in ("event", "comment", "manual")
    ]
    assert (await world.reasons(held[-1]))[third.number] == reason
    assert reason in world.comments(third)[-1].body
    world.clock.move(hours=24)
    await world.by_hand(job)
    assert "Seen." in world.comments(third)[-1].body
