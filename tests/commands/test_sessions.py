"""Every prompt of the library makes a session on the demo's repository: rendered for a real item, answered, applied within its `may`.

The agent answers with the examples the prompt itself gives, so that an example which could not be applied is found here.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bot.demo import DemoIssue, DemoRepo
from bot.demo.seed import seed
from bot.model.agent import AgentEnd, SessionRequest, Usage
from bot.model.outcome import Outcome
from bot.model.run import Session, SessionStatus
from bot.ports import Meter, Sink
from tests.commands.test_library import EXAMPLE, FENCED, PROMPTS
from tests.commands.words import LIBRARY
from tests.fakes import ScriptedAgent
from tests.world import World


class Example(ScriptedAgent):
    """Ends a session as its prompt's first example does, or as the second, which is quiet."""

    quiet = False

    async def work(self, request: SessionRequest, *, sink: Sink, cancelled: Any, meter: Meter) -> AgentEnd:
        """Answer from the prompt."""
        self.requests.append(request)
        something, nothing = (a or b for a, b in EXAMPLE.findall(FENCED.sub("", request.prompt)))
        outcome = Outcome.model_validate(_here(json.loads(nothing if self.quiet else something)))
        ending = "quiet" if outcome.status == "nothing" else "succeeded"
        return AgentEnd(ending=ending, outcome=outcome, usage=Usage(calls=1), turns=1, duration_s=1.0)


def _here(outcome: dict[str, Any]) -> dict[str, Any]:
    """An example's labels and lines are of its own world; these are the demo's."""
    for action in outcome["actions"]:
        if action["kind"] == "labels.add" and "needs-info" not in action["labels"]:
            action["labels"] = ["bug"]
        action.pop("comments", None)
    return outcome


async def test_every_prompt_works_on_the_demos_repository(tmp_path: Path, sqlite_url: str) -> None:
    """The real text stands in the prompt, what `may` allows is done on GitHub and reported, and nothing to say is quiet."""
    world = World(tmp_path, sqlite_url)
    agent = world.agent = Example()
    repo = seed(world.github)
    world.github.install(world.app, repo.full_name.partition("/")[0])
    unlabelled = next(
        i for i in repo.issues if not i.row.is_pull and i.row.state == "open" and "bug" not in i.labels
    )
    pull = next(i for i in repo.issues if i.row.is_pull and i.row.state == "open" and not i.pull.draft)
    await world.wakes()
    try:
        for name in PROMPTS:
            target = LIBRARY.get(name).target
            item = {"issues": unlabelled, "prs": pull}.get(str(target))
            session, prompt = await _round(world, agent, repo, name, item)
            assert session.status is SessionStatus.succeeded, (name, session.reason)
            assert session.decision is not None
            assert not session.decision["refused"], name
            assert session.decision["allowed"], name
            said = session.comment_url or any(
                a["kind"] in ("review", "check") for a in session.decision["allowed"]
            )
            assert said or name == "issue/triage-labels", name
            if item is not None:
                assert item.title in prompt, name
            if target == "prs":
                assert "@@ -" in prompt, name
        assert "bug" in unlabelled.labels
        before = len(unlabelled.comments), len(pull.comments)
        agent.quiet = True
        for name in PROMPTS:
            item = {"issues": unlabelled, "prs": pull}.get(str(LIBRARY.get(name).target))
            session, _ = await _round(world, agent, repo, name, item)
            assert (session.status, session.comment_url) == (SessionStatus.quiet, None), name
        assert (len(unlabelled.comments), len(pull.comments)) == before
    finally:
        await world.dies()


async def _round(
    world: World, agent: Example, repo: DemoRepo, name: str, item: DemoIssue | None
) -> tuple[Session, str]:
    """A job of the command, run once by hand: its session as it ended, and the prompt the agent got."""
    target = LIBRARY.get(name).target
    spec: dict[str, Any] = {"filter": "is:open"} if item is not None else {}
    slug = name.replace("/", "-") + ("-quiet" if agent.quiet else "")
    job = await world.job(repo, slug, on={"schedule": "0 9 1 1 *"}, command=name, target=target, **spec)
    agent.requests.clear()
    await world.by_hand(job, item.number if item else None)
    (run,) = await world.runs_of(job)
    assert await world.sessions_of(run), run
    (session,) = await world.sessions_of(run)
    return session, agent.requests[0].prompt
