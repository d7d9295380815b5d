"""Seat + item + prompt -> what the agent is asked, with every limit filled in: the job's, the command's, the operator's."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, cast

from bot.flow.session import SYSTEM
from bot.model.agent import Checkout, EngineName, Limits, McpServer, Script, SessionRequest
from bot.model.item import Item
from bot.ports import Seat
from commands.catalog import Catalog
from commands.template import Command

TURNS = 30


class Defaults(Protocol):
    """What the operator set."""

    default_engine: str
    default_model: str | None
    mcp: Mapping[str, Any]

    def clone_url(self, seat: Seat) -> str:
        """Where git fetches the repository, without a credential."""
        ...


def request_for(
    seat: Seat, item: Item | None, command: Command, prompt: str, variables: Mapping[str, Any],
    own: Mapping[str, str], defaults: Any,
) -> SessionRequest:  # fmt: skip
    """Make the request; raises CommandError where a script is missing."""
    spec, agent = seat.spec, seat.spec.agent
    engine = cast(
        EngineName,
        "script" if command.is_script else agent.engine or command.engine or defaults.default_engine,
    )
    turns = agent.max_turns or command.max_turns or TURNS
    tools = agent.allowed_tools if agent.allowed_tools is not None else tuple(command.allowed_tools or ())
    script = _script(item, command, variables, own) if command.is_script else None
    return SessionRequest(
        session=f"{seat.key}-{seat.session.attempt}",
        engine=engine,
        model=agent.model or command.model or defaults.default_model if engine != "script" else None,
        prompt=prompt,
        system="" if engine == "script" else SYSTEM,
        max_turns=turns,
        permission_mode=(agent.permission_mode or command.permission_mode or "acceptEdits"),
        allowed_tools=tools,
        mcp=tuple(McpServer(name=name, **defaults.mcp[name]) for name in agent.mcp if name in defaults.mcp),
        setup=agent.setup,
        script=script,
        limits=Limits(
            wall_s=spec.limits.timeout.total_seconds(),
            idle_s=min(spec.limits.idle.total_seconds(), spec.limits.timeout.total_seconds()),
            turns=turns,
            cost_usd=None if engine == "script" else seat.reserved,
        ),
        checkout=None
        if seat.spec.target == "custom" or (command.is_script and item and not item.is_pull)
        else _checkout(seat, item, defaults),
    )


def _checkout(seat: Seat, item: Item | None, defaults: Any) -> Checkout:
    """The commit to work on: the pull request's head, else the default branch. A script about an issue needs none."""
    pull = item is not None and item.is_pull
    trusted = f"refs/heads/{seat.repository.default_branch}"
    ref = f"refs/pull/{item.number}/head" if pull and item else trusted
    return Checkout(
        repository=seat.repository.full_name, clone_url=defaults.clone_url(seat), commit=item.head_sha if pull and item else None,
        ref=ref, trusted=trusted, run=f"run-{seat.run.id}",
    )  # fmt: skip


def _script(
    item: Item | None, command: Command, variables: Mapping[str, Any], own: Mapping[str, str]
) -> Script:
    """The program and its input but for the repository's issues, which join it only when it starts: they are many."""
    payload = {
        "item": dict(item.payload) if item else None,
        "repository": variables["repo"],
        "inputs": command.values(variables["variables"]),
    }
    return Script(
        name=f"{command.folder}/{command.script}",
        source=Catalog(own).script(command),
        payload=json.dumps(payload),
    )


def with_issues(request: SessionRequest, issues: Sequence[dict[str, Any]]) -> SessionRequest:
    """Give a script the repository's issues."""
    if request.script is None:
        return request
    payload = json.loads(request.script.payload) | {"issues": list(issues)}
    return request.model_copy(
        update={"script": request.script.model_copy(update={"payload": json.dumps(payload)})}
    )
