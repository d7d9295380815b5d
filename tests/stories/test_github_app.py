"""What a maintainer does without opening the dashboard: install, push a configuration, speak to the bot."""

from __future__ import annotations

import asyncio
import time

from bot.demo import DemoIssue, DemoRepo
from bot.store import audit, deliveries, itemlog, jobs, repositories, words
from tests.world import World

CONFIG = """\
version: 1
jobs:
  triage:
    on: {events: [issues.opened, issue_comment.created]}
    filter: 'is:open label:bug'
    prompt: "Triage #{{ item.number }}"
    agent: {engine: claude}
"""
MAIN = ".github/roundsman.yml"


async def configured(world: World, config: str = CONFIG, **more: str) -> DemoRepo:
    """A repository whose maintainer, ada, has pushed a configuration."""
    shop = world.repo("acme/shop", collaborators={"ada": "maintain", "bo": "read"})
    shop.commit(("ada", world.clock.now(), "Set up rounds", {MAIN: config, **more}))
    await world.hears()
    return shop


def reactions(world: World, issue: DemoIssue, place: int = -1) -> list[str]:
    """The reactions on a comment, oldest first."""
    comment = [c for c in issue.comments if "<!-- roundsman" not in c.body][place]
    return [row.content for row in world.github.tables.reactions.under("subject", ("comment", comment.id))]


async def test_install_push_and_a_matching_issue_is_answered(world: World) -> None:
    """From the installation to the comment, by webhooks alone; an issue that does not match is left in peace."""
    shop = await configured(world)
    world.agent_says("Triage #", "Happens in `cart.total()`.")
    crash = shop.issue("Crash", labels=["bug"], author="bo")
    idea = shop.issue("Idea", author="bo")
    await world.hears()
    assert "cart.total()" in world.said_on(crash)
    assert world.comments(idea) == []


async def test_the_same_delivery_ten_times_acts_once(world: World) -> None:
    """Redelivered, doubled on the way, late: one session, one comment."""
    shop = await configured(world)
    world.agent_says("Triage #", "Seen.")
    world.github.faults.add_delivery("issues", copies=10)
    crash = shop.issue("Crash", labels=["bug"])
    await world.hears()
    await world.hears()
    assert world.agent.sessions == 1
    assert "Seen." in world.said_on(crash)


async def test_a_day_of_downtime_loses_no_event(world: World) -> None:
    """What GitHub could not deliver is read back from it; what had arrived is not worked on again."""
    shop = await configured(world)
    await world.dies()
    crash = shop.issue("Crash", labels=["bug"])
    for row in world.github.waiting():
        row.state, row.status_code, row.status, row.delivered_at = "sent", 502, "failed", world.github.now()
        world.github.tables.deliveries.put(row)
    world.clock.move(hours=24)
    world.agent_says("Triage #", "Late, but seen.")
    await world.wakes()
    assert world.roundsman is not None
    await world.roundsman.side.catch_up()
    world.clock.move(seconds=6)
    await world.settles()
    assert "Late, but seen." in world.said_on(crash)
    assert world.agent.sessions == 1


async def test_a_burst_of_events_on_one_item_is_one_run(world: World) -> None:
    """Opened and commented on within seconds: one look at what it has become."""
    shop = await configured(world)
    world.agent_says("Triage #", "Seen.")
    crash = shop.issue("Crash", labels=["bug"])
    for number in range(5):
        crash.comment("bo", f"More {number}")
    await world.hears()
    assert world.agent.sessions == 1
    world.said_on(crash)


async def test_two_bots_that_answer_each_other_come_to_an_end(world: World) -> None:
    """A bot named in the job may start it, but is not answered for ever; a person opens the door again."""
    config = CONFIG.replace("issue_comment.created]", "issue_comment.created], bots: ['helper[bot]']")
    shop = await configured(world, config)
    world.agent_says("Triage #", "Hello.")
    crash = shop.issue("Crash", labels=["bug"], author="bo")
    for round_trip in range(20):
        await world.hears()
        crash.comment("helper[bot]", f"I answer {round_trip}.")
    assert world.agent.sessions == 1
    crash.comment("bo", "It still happens.")
    await world.hears()
    assert world.agent.sessions == 2
    world.said_on(crash)


async def test_our_own_comment_starts_nothing(world: World) -> None:
    """Even where a job listens to every comment."""
    shop = await configured(world)
    world.agent_says("Triage #", "Hello.")
    crash = shop.issue("Crash", labels=["bug"], author="bo")
    for _ in range(3):
        await world.hears()
    assert world.agent.sessions == 1
    world.said_on(crash)


# ── configuration ────────────────────────────────────────────────────────────────────────────────


async def names(world: World) -> list[str]:
    """The names of the shop's living jobs."""
    here = await world.database.read(repositories.by_name, "acme/shop")
    assert here is not None
    return [job.name for job in await world.database.read(jobs.jobs_of, here.id)]


async def checks(world: World, shop: DemoRepo, sha: str) -> list[dict[str, object]]:
    """The check runs on a commit."""
    assert world.roundsman is not None
    from bot.model.item import RepositoryRef

    ref = RepositoryRef.of(shop.full_name)
    rows = await world.roundsman.client.rows(ref, f"commits/{sha}/check-runs", within="check_runs")
    assert isinstance(rows, list)
    return rows


async def annotations(world: World, shop: DemoRepo, run: dict[str, object]) -> list[tuple[str, int, str]]:
    """Where a check run points, and at what."""
    assert world.roundsman is not None
    from bot.model.item import RepositoryRef

    rows = await world.roundsman.client.rows(
        RepositoryRef.of(shop.full_name), f"check-runs/{run['id']}/annotations"
    )
    assert isinstance(rows, list)
    return [(row["path"], row["start_line"], row["message"]) for row in rows]


async def test_a_broken_push_keeps_the_last_good_configuration(world: World) -> None:
    """A failed check run with the fault on its line; mended, the new jobs apply and a removed one keeps its history."""
    shop = await configured(world)
    broken = shop.commit(("ada", world.clock.now(), "Oops", {MAIN: CONFIG.replace("filter:", "filtre:")}))
    await world.hears()
    assert await names(world) == ["triage"]
    (run,) = await checks(world, shop, broken)
    assert run["conclusion"] == "failure"
    ((path, line, message),) = await annotations(world, shop, run)
    assert (path, line) == (MAIN, 5)
    assert "filtre" in message
    assert "filter" in message
    good = shop.commit(("ada", world.clock.now(), "Mend", {MAIN: CONFIG.replace("triage:", "look:")}))
    await world.hears()
    assert await names(world) == ["look"]
    (run,) = await checks(world, shop, good)
    assert run["conclusion"] == "success"
    here = await world.database.read(repositories.by_name, "acme/shop")
    assert here is not None
    archived = await world.database.read(jobs.jobs_of, here.id, archived=True)
    assert [job.name for job in archived] == ["triage"]


async def test_each_push_is_judged_on_its_own_commit(world: World) -> None:
    """Two come before we look, and the second is broken: each check run stands where it belongs."""
    shop = await configured(world)
    good = shop.commit(("ada", world.clock.now(), "Rename", {MAIN: CONFIG.replace("triage:", "look:")}))
    broken = shop.commit(("ada", world.clock.now(), "Oops", {MAIN: CONFIG.replace("filter:", "filtre:")}))
    await world.hears()
    assert [run["conclusion"] for run in await checks(world, shop, good)] == ["success"]
    assert [run["conclusion"] for run in await checks(world, shop, broken)] == ["failure"]
    assert await names(world) == ["triage"]


async def test_a_push_elsewhere_reads_nothing(world: World) -> None:
    """Neither another branch nor other files."""
    shop = await configured(world)
    world.github.requests.clear()
    shop.commit(("ada", world.clock.now(), "Code", {"cart.py": "x = 1\n"}))
    shop.commit(("ada", world.clock.now(), "Try", {MAIN: "nonsense: 1\n"}), branch="try")
    await world.hears()
    assert world.github.requests.count(path="/contents/.github") == 0
    assert await names(world) == ["triage"]


async def test_a_pull_request_shows_what_its_configuration_would_do(world: World) -> None:
    """A maintainer's: validity, next fires, what matches now, the cost; a faulty one its lines."""
    shop = await configured(world)
    shop.issue("Crash", labels=["bug"])
    nightly = CONFIG.replace(
        "on: {events: [issues.opened, issue_comment.created]}", 'on: {schedule: "0 3 * * *"}'
    )
    pull = shop.pull("Nightly", "nightly", {MAIN: nightly}, author="ada")
    await world.hears()
    (run,) = await checks(world, shop, pull.pull.head_sha)
    output = run["output"]
    assert isinstance(output, dict)
    assert run["conclusion"] == "success"
    assert output["summary"].count("03:00") == 5
    assert "matches now: 1" in output["summary"]
    assert "at most $5.00 a run" in output["summary"]
    sha = pull.push(("ada", world.clock.now(), "Break", {MAIN: "jobs: [\n"}))
    await world.hears()
    (run,) = await checks(world, shop, sha)
    assert run["conclusion"] == "failure"
    assert [path for path, _, _ in await annotations(world, shop, run)] == [MAIN]
    assert await names(world) == ["triage"]
    world.comments(shop.get(1))


async def test_an_outsiders_pull_request_is_judged_by_validity_alone(world: World) -> None:
    """It learns nothing of what matches, and its jobs never run."""
    shop = await configured(world)
    world.github.add_repo("mallory/shop", files={"README.md": "x"})
    pull = shop.pull(
        "Mine", "mine", {MAIN: CONFIG.replace("triage:", "mine:")}, author="mallory", head_repo="mallory/shop"
    )
    await world.hears()
    (run,) = await checks(world, shop, pull.pull.head_sha)
    output = run["output"]
    assert isinstance(output, dict)
    assert "matches now" not in output["summary"]
    assert "those who can write" in output["summary"]


async def test_a_yaml_bomb_is_refused_like_any_fault(world: World) -> None:
    """Within the time of any other."""
    bomb = "a: &a [x, x]\n" + "\n".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)}, *{chr(97 + n)}]" for n in range(20)
    )
    shop = await configured(world)
    sha = shop.commit(("ada", world.clock.now(), "Bomb", {MAIN: bomb}))
    await world.hears()
    (run,) = await checks(world, shop, sha)
    assert run["conclusion"] == "failure"
    assert await names(world) == ["triage"]


async def test_the_organisations_defaults_and_the_repositorys_commands_are_read(world: World) -> None:
    """A command of the repository's own is used by its name; a default of the organisation holds below the file's."""
    world.repo("acme/.github")
    world.github.repository("acme/.github").commit(
        ("ada", world.clock.now(), "Defaults", {MAIN: "version: 1\ndefaults:\n  max_items: 3\n"})
    )
    command = "---\ntitle: House rules\ntarget: issues\n---\nApply the house rules to #{{ item.number }}.\n"
    config = CONFIG.replace('prompt: "Triage #{{ item.number }}"', "command: house/rules")
    shop = await configured(world, config, **{".github/roundsman/commands/house/rules.md": command})
    here = await world.database.read(repositories.by_name, "acme/shop")
    assert here is not None
    (job,) = await world.database.read(jobs.jobs_of, here.id)
    assert job.spec["max_items"] == 3
    assert list(await world.database.read(words.get, f"commands:{here.id}")) == ["house/rules.md"]
    world.agent_says("house rules", "They hold.")
    issue = shop.issue("Crash", labels=["bug"])
    await world.hears()
    assert "They hold." in world.said_on(issue)


# ── commands ─────────────────────────────────────────────────────────────────────────────────────


async def test_a_command_runs_a_job_and_both_reactions_tell(world: World) -> None:
    """Eyes at once, a rocket when the run has ended."""
    shop = await configured(world)
    world.agent_says("Triage #", "Seen.")
    idea = shop.issue("Idea")
    await world.hears()
    idea.comment("ada", "/roundsman run triage")
    await world.hears()
    assert "Seen." in world.said_on(idea)
    assert reactions(world, idea) == ["eyes", "rocket"]


async def test_a_library_command_runs_without_a_job(world: World) -> None:
    """As a job of its own, that nothing fires by itself."""
    shop = await configured(world)
    idea = shop.issue("Idea")
    await world.hears()
    idea.comment("ada", "/roundsman run issue/needs-info")
    await world.hears()
    assert "run issue needs-info" in await names(world)
    world.comments(idea)


async def test_who_may_not_write_commands_nothing(world: World) -> None:
    """A sad face and a line in the audit log, no word; that anyone can read is no role."""
    shop = await configured(world)
    crash = shop.issue("Crash")
    await world.hears()
    for login in ("bo", "stranger"):
        crash.comment(login, "/roundsman run triage\n\n/roundsman ignore")
    await world.hears()
    assert world.agent.sessions == 0
    assert reactions(world, crash) == ["confused"]
    assert world.comments(crash) == []
    entries = await world.database.read(audit.entries)
    assert [entry.actor for entry in entries if entry.action == "command.refused"] == ["stranger", "bo"]


async def test_an_unknown_name_gets_a_helpful_word(world: World) -> None:
    """With the nearest name, and a sad face."""
    shop = await configured(world)
    crash = shop.issue("Crash")
    await world.hears()
    crash.comment("ada", "/roundsman run traige")
    await world.hears()
    assert "Did you mean `triage`?" in world.said_on(crash)
    assert reactions(world, crash) == ["eyes", "confused"]


async def test_explain_names_the_term_or_the_earlier_run(world: World) -> None:
    """Why not picked: a label that is missing; why not again: done by an earlier run."""
    shop = await configured(world)
    world.agent_says("Triage #", "Seen.")
    idea, crash = shop.issue("Idea"), shop.issue("Crash", labels=["bug"])
    await world.hears()
    for issue in (idea, crash):
        issue.comment("ada", "/roundsman explain")
    await world.hears()
    assert "label:bug does not hold" in world.said_on(idea)
    assert "already done by run" in world.comments(crash)[-1].body


async def test_an_ignored_item_is_left_alone_until_it_is_not(world: World) -> None:
    """`ignore` parks it for every job; `unignore` takes that back; neither comment is news about the item."""
    shop = await configured(world)
    world.agent_says("Triage #", "Seen.")
    crash = shop.issue("Crash", labels=["bug"])
    crash.comment("ada", "/roundsman ignore")
    await world.hears()
    assert world.agent.sessions in (0, 1)
    before = world.agent.sessions
    crash.comment("bo", "What about this?")
    await world.hears()
    assert world.agent.sessions == before
    crash.comment("ada", "/roundsman unignore")
    await world.hears()
    crash.comment("bo", "And now?")
    await world.hears()
    assert world.agent.sessions == before + 1
    world.comments(crash)


async def test_a_command_alone_does_not_make_an_item_changed(world: World) -> None:
    """Somebody asks for the status; the next morning nothing is done again."""
    shop = await configured(world)
    world.agent_says("Triage #", "Seen.")
    crash = shop.issue("Crash", labels=["bug"])
    await world.hears()
    job = await world.every_morning(
        shop, "morning", filter="is:open label:bug", prompt="Triage #{{ item.number }}"
    )
    await world.morning_comes()
    done = world.agent.sessions
    crash.comment("ada", "/roundsman status")
    await world.hears()
    assert "What ran here" in world.comments(crash)[-1].body
    await world.morning_comes()
    assert world.agent.sessions == done
    assert len(await world.runs_of(job)) == 2


async def test_an_edited_comment_acts_only_where_its_command_changed(world: World) -> None:
    """Once for the command, not for a typo mended beside it."""
    shop = await configured(world)
    world.agent_says("Triage #", "Seen.")
    idea = shop.issue("Idea")
    comment = idea.comment("ada", "/roundsman run triage\n\nplaese")
    await world.hears()
    assert world.agent.sessions == 1
    idea.edit_comment(comment, "ada", "/roundsman run triage\n\nplease")
    await world.hears()
    assert world.agent.sessions == 1
    world.comments(idea)


async def test_stop_ends_a_session_within_seconds(world: World) -> None:
    """While the agent is at work."""
    shop = await configured(world)
    world.agent.hold = asyncio.Event()
    crash = shop.issue("Crash", labels=["bug"])
    await world.delivers()
    await world.until(lambda: world.agent.sessions == 1)
    crash.comment("ada", "/roundsman stop")
    before = time.monotonic()
    await world.hears()
    assert time.monotonic() - before < 5
    here = await world.database.read(repositories.by_name, "acme/shop")
    assert here is not None
    (session,) = await world.database.read(itemlog.sessions_of, here.id, crash.number)
    assert session.status == "cancelled"
    assert reactions(world, crash) == ["eyes", "rocket"]
    assert world.comments(crash) == []


async def test_ticking_a_box_of_the_dashboard_issue_steers_a_job(world: World) -> None:
    """Run now and paused, by those who may write; what others tick is taken back, our own edits ask for nothing."""
    shop = await configured(world)
    weekly = await world.job(
        shop, "weekly", on={"schedule": "0 9 * * 1"}, target="codebase", prompt="How is it going?"
    )
    world.agent_says("How is it going?", "Well.")
    await world.by_hand(weekly)
    (board,) = [issue for issue in shop.issues if issue.title == "Roundsman dashboard"]
    shop.commit(("ada", world.clock.now(), "More", {MAIN: CONFIG + "\n"}))
    await world.hears()
    body = str(board.row.body)
    assert "- [ ] run now <!-- roundsman-box:run:weekly -->" in body
    board.edit(
        "bo",
        body=body.replace(
            "- [ ] run now <!-- roundsman-box:run:weekly", "- [x] run now <!-- roundsman-box:run:weekly"
        ),
    )
    await world.hears()
    assert len(await world.runs_of(weekly)) == 1
    assert board.row.body == body
    board.edit(
        "ada",
        body=body.replace(
            "- [ ] run now <!-- roundsman-box:run:weekly", "- [x] run now <!-- roundsman-box:run:weekly"
        ),
    )
    await world.hears()
    assert [run.by for run in await world.runs_of(weekly)] == ["ada", "ada"]
    board.edit(
        "ada",
        body=body.replace(
            "- [ ] paused <!-- roundsman-box:paused:weekly", "- [x] paused <!-- roundsman-box:paused:weekly"
        ),
    )
    await world.hears()
    assert (await world.database.read(jobs.get_job, weekly.id)).status == "paused"  # type: ignore[union-attr]
    assert "- [x] paused <!-- roundsman-box:paused:weekly -->" in str(board.row.body)
    world.comments(board)


# ── coming and going ─────────────────────────────────────────────────────────────────────────────


async def test_a_renamed_repository_keeps_its_jobs(world: World) -> None:
    """Under its new name, with its history."""
    shop = await configured(world)
    world.agent_says("Triage #", "Seen.")
    world.github.rename_repo("acme/shop", "store")
    await world.hears()
    assert await world.database.read(repositories.by_name, "acme/shop") is None
    store = await world.database.read(repositories.by_name, "acme/store")
    assert store is not None
    assert [job.name for job in await world.database.read(jobs.jobs_of, store.id)] == ["triage"]
    crash = world.github.repository("acme/store").issue("Crash", labels=["bug"])
    await world.hears()
    assert "Seen." in world.said_on(crash)
    assert shop.full_name == "acme/store"


async def test_a_repository_that_goes_stops_and_comes_back_as_it_was(world: World) -> None:
    """Suspended and taken back, with the same jobs and what they know."""
    shop = await configured(world)
    (installation,) = world.github.tables.installations
    world.github.suspend(installation)
    await world.hears()
    assert await world.database.read(repositories.every) == []
    world.github.suspend(installation, suspended=False)
    await world.hears()
    assert await names(world) == ["triage"]
    world.github.uninstall(installation)
    await world.hears()
    assert await world.database.read(repositories.every) == []
    assert shop.full_name == "acme/shop"


async def test_an_event_that_comes_before_its_installation_is_not_lost(world: World) -> None:
    """Deliveries arrive in any order: a repository that is really ours is taken in on the way."""
    shop = world.repo("acme/shop")
    shop.commit(("ada", world.clock.now(), "Set up rounds", {MAIN: CONFIG}))
    for row in world.github.waiting():
        world.github.tables.deliveries.drop(row.id)
    world.agent_says("Triage #", "Seen.")
    crash = shop.issue("Crash", labels=["bug"])
    await world.hears()
    assert "Seen." in world.said_on(crash)


async def test_every_delivery_has_an_outcome_in_words(world: World) -> None:
    """Nothing is left waiting, and each says what became of it."""
    shop = await configured(world)
    shop.issue("Idea")
    await world.hears()
    kept = await world.database.read(deliveries.latest)
    assert all(delivery.handled_at and delivery.outcome for delivery in kept)
    assert any("looking after acme/shop" in str(delivery.outcome) for delivery in kept)
