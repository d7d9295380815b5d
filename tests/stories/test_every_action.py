"""Every kind of action an agent may propose: done once whenever we die, refused with its reason, shown and not done in a dry run."""

from __future__ import annotations

import base64
from typing import Any

from bot.demo import DemoIssue, DemoRepo
from bot.model.agent import AgentEnd, Patch, PatchFile
from bot.model.outcome import (
    Action,
    AddLabels,
    Annotation,
    Assign,
    Check,
    Close,
    Comment,
    Decision,
    InlineComment,
    NewIssue,
    NewPullRequest,
    Outcome,
    RemoveLabels,
    Reopen,
    Review,
    SetMilestone,
)
from bot.model.run import Job, RunStatus, Session
from tests.world import World

TOKEN = "ghp_0123456789abcdefghijklmnopqrstuvwxyz"
ACTIONS: tuple[Action, ...] = (
    Comment(body=f"Looks fine to me, @team, like #7. {TOKEN}"),
    AddLabels(labels=("reviewed", "p1")),
    RemoveLabels(labels=("needs-review",)),
    Assign(assignees=("ada",)),
    SetMilestone(title="v2"),
    Review(
        event="REQUEST_CHANGES",
        body="One thing.",
        comments=(
            InlineComment(path="cart.py", line=1, body="Why one?"),
            InlineComment(path=f"x`\n\n@team {TOKEN}", line=1, body="Elsewhere."),
        ),
    ),
    Check(
        name="review",
        conclusion="neutral",
        title="One thing",
        annotations=(Annotation(path="cart.py", start_line=1, message="Why one?"),),
    ),
    NewIssue(title="Sum every price", body="Found on the way."),
    NewPullRequest(title="Sum every price", body="As said."),
    Close(reason="not_planned"),
)
WRITES = (
    r"POST .*/labels$", r"DELETE .*/labels/", r"POST .*/assignees$", r"PATCH .*/issues/\d+$", r"POST .*/reviews$",
    r"POST .*/check-runs$", r"POST .*/issues$", r"POST .*/git/trees$", r"POST .*/git/commits$", r"POST .*/git/refs$",
    r"POST .*/pulls$", r"PATCH .*/issues/\d+$", r"POST .*/comments$",
)  # fmt: skip
MAY: dict[str, Any] = {
    "comment": 1, "labels": ["reviewed", "needs-review"], "assign": ["ada"], "milestone": ["v*"], "review": {"max": 1, "values": ["*"]},
    "check": 1, "issue": 1, "pull_request": 1, "close": True, "reopen": True,
}  # fmt: skip


async def scene(
    world: World, may: dict[str, Any] | None, *actions: Action
) -> tuple[DemoRepo, DemoIssue, Job]:
    """A pull request, a job that may so much, and an agent that proposes everything."""
    shop = world.repo("acme/shop")
    shop.collaborator("ada")
    shop.milestone("v2")
    for name in ("reviewed", "p1", "needs-review"):
        shop.label(name, description="said of reviews")
    pull = shop.pull("Fix the cart", "fix", {"cart.py": "total = 1\n"}, author="bo", labels=["needs-review"])
    more = {"may": may} if may is not None else {}
    job = await world.every_morning(
        shop, target="prs", filter="is:open", prompt="Look at #{{ item.number }}", **more
    )
    changed = PatchFile(path="cart.py", status="modified", content=base64.b64encode(b"total = 2\n").decode())
    end = AgentEnd(
        ending="succeeded",
        outcome=Outcome(summary="Fine.", actions=actions or ACTIONS),
        patch=Patch(base=pull.pull.head_sha, diff="-total = 1\n+total = 2\n", files=(changed,)),
    )
    world.agent.when("Look at", end=end)
    return shop, pull, job


async def only_session(world: World, job: Job) -> tuple[Session, Decision]:
    """The session of the job's only run, and what was decided in it."""
    (run,) = await world.runs_of(job)
    assert run.status is RunStatus.completed
    (session,) = await world.sessions_of(run)
    return session, Decision.model_validate(session.decision)


async def test_every_action_is_done_once_whenever_we_die(world: World, database_url: str) -> None:
    """GitHub has done a write and we go down before its record: the next life finds it and goes on.

    After every second write on one database, after the others on the other.
    """
    shop, pull, job = await scene(world, MAY)
    world.clock.move(minutes=11)
    for write in WRITES[database_url.startswith("sqlite") :: 2]:
        await world.dies_after(write)
        await world.wakes()
    await world.settles()
    assert world.agent.sessions == 1
    session, decision = await only_session(world, job)
    assert [a.kind for a in decision.allowed] == [a.kind for a in ACTIONS]
    assert [r.reason.split(" is not")[0] for r in decision.refused] == ["label 'p1'"]
    (said,) = world.comments(pull)
    assert "Looks fine to me" in said.body
    assert TOKEN not in said.body
    assert "@team" not in said.body
    assert (sorted(pull.labels), pull.row.assignees, pull.row.state) == (["reviewed"], ["ada"], "closed")
    assert pull.row.milestone is not None
    (review,) = pull.reviews
    assert (review.state, review.body.split("\n")[0]) == ("CHANGES_REQUESTED", "One thing.")
    assert TOKEN not in review.body
    assert "`x  @team [redacted]:1` Elsewhere." in review.body
    first, second, third = shop.issues
    assert first.number == pull.number
    assert (second.title, second.row.is_pull) == ("Sum every price", False)
    assert (third.title, third.pull.base_ref) == ("Sum every price", "fix")
    for opened in (second, third):
        assert f"https://rounds.test/acme/shop/sessions/{session.id}" in (opened.row.body or "")
        assert f"for #{pull.number}" in (opened.row.body or "")
    assert len(world.github.tables.check_runs.rows) == 1


async def test_an_item_is_opened_again(world: World) -> None:
    """The one action that needs a closed item."""
    shop = world.repo("acme/shop")
    issue = shop.issue("Crash", state="closed")
    await world.every_morning(
        shop, filter="is:closed", prompt="Look at #{{ item.number }}", may={"reopen": True, "comment": 0}
    )
    world.agent_says("Look at", "It still crashes.", Reopen())
    world.clock.move(minutes=11)
    await world.dies_after(r"PATCH .*/issues/\d+$")
    await world.wakes()
    await world.settles()
    assert issue.row.state == "open"
    assert issue.comments == []


async def test_a_run_is_taken_back_whole(world: World) -> None:
    """Every kind of effect; what GitHub lets nobody take back is said or closed; a second time does no harm."""
    shop, pull, job = await scene(world, MAY)
    await world.by_hand(job)
    (run,) = await world.runs_of(job)
    assert world.roundsman is not None
    for _ in range(2):
        assert await world.roundsman.undo(run.id, "ada") == []
    assert world.comments(pull) == []
    assert (pull.labels, pull.row.assignees, pull.row.state) == (["needs-review"], [], "open")
    assert pull.row.milestone is None
    assert [review.state for review in pull.reviews] in ([], ["DISMISSED"])
    _, second, third = shop.issues
    assert (second.row.state, third.row.state) == ("closed", "closed")
    assert [check.conclusion for check in world.github.tables.check_runs.rows.values()] == ["neutral"]


async def test_on_enterprise_server_nothing_leaves_its_prefix(world: World) -> None:
    """Every request of a whole round goes below `/api/v3`, and every link of the report to the server's own pages."""
    await world.dies()
    prefix = f"{world.github.api_url}/api/v3"
    world.judge.prefix = "/api/v3"
    await world.wakes(github_api_url=prefix)
    world.wire.asked.clear()
    _, pull, job = await scene(world, MAY)
    await world.by_hand(job)
    _, decision = await only_session(world, job)
    assert [a.kind for a in decision.allowed] == [a.kind for a in ACTIONS]
    assert len(world.wire.asked) > len(ACTIONS)
    assert [
        url for url in world.wire.asked if not url.startswith((f"{prefix}/", prefix[:-3] + "graphql"))
    ] == []
    assert "api.github.com" not in world.said_on(pull)
    assert "//github.com" not in world.said_on(pull)


async def test_what_the_job_may_not_is_refused_with_its_reason(world: World) -> None:
    """By default one comment, and a reason for each other proposal, in the session and in the comment."""
    shop, pull, job = await scene(world, None)
    await world.by_hand(job)
    _, decision = await only_session(world, job)
    assert [a.kind for a in decision.allowed] == ["comment"]
    reasons = {r.kind: r.reason for r in decision.refused}
    assert set(reasons) == {a.kind for a in ACTIONS} - {"comment"}
    assert all(reason.startswith("the job may not ") for reason in reasons.values())
    assert "Not done: closing, because the job may not close the item" in world.said_on(pull)
    assert (pull.labels, pull.row.state, pull.reviews) == (["needs-review"], "open", [])
    assert len(shop.issues) == 1


async def test_what_github_would_not_take_is_told(world: World) -> None:
    """A proposal within `may` that GitHub refuses is no failure of the others; its reason stands where people look."""
    _, pull, job = await scene(
        world,
        {**MAY, "assign": True},
        Assign(assignees=("stranger",)),
        SetMilestone(title="v9"),
        Comment(body="Seen."),
    )
    await world.by_hand(job)
    _, decision = await only_session(world, job)
    assert [decision.allowed[place].kind for place in decision.undone] == ["assign", "milestone"]
    assert "stranger cannot be assigned" in decision.refused[0].reason
    assert (
        "Not done: setting the milestone, because GitHub refused it: acme/shop has no milestone 'v9'"
        in world.said_on(pull)
    )


async def test_a_dry_run_shows_everything_and_writes_nothing(world: World) -> None:
    """What would be done, what would not and why, and the change itself, with GitHub untouched."""
    _, _, job = await scene(world, MAY)
    await world.by_hand(job, dry_run=True)
    session, decision = await only_session(world, job)
    assert [a.kind for a in decision.allowed] == [a.kind for a in ACTIONS]
    assert len(decision.refused) == 1
    assert session.end is not None
    assert session.end["patch"]["files"][0]["path"] == "cart.py"
    world.github.assert_readonly()


async def test_a_change_of_what_is_protected_opens_no_pull_request(world: World) -> None:
    """Whatever else the change holds; each path is named with its reason."""
    shop, pull, job = await scene(world, MAY)
    files = (
        PatchFile(path=".github/workflows/x.yml", status="added", content=""),
        PatchFile(path="AGENTS.md", status="modified", content=""),
        PatchFile(path=".npmrc", status="added", content=""),
        PatchFile(path="link", status="added", mode="120000", content=""),
        PatchFile(path="sub", status="added", mode="160000"),
    )
    end = AgentEnd(
        ending="succeeded",
        outcome=Outcome(summary="Fine.", actions=(NewPullRequest(title="x"),)),
        patch=Patch(base=pull.pull.head_sha, diff="+x", files=files),
    )
    world.agent.when("Look at", end=end)
    await world.by_hand(job)
    _, decision = await only_session(world, job)
    for word in (
        ".github/",
        "AGENTS.md configures",
        ".npmrc configures",
        "link is a symbolic",
        "sub is a submodule",
    ):
        assert word in decision.refused[0].reason
    assert ".github/" in world.said_on(pull)
    assert len(shop.issues) == 1
