"""What an engine is: how its program is started, what it may know, how its words are read."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.agents.parse import Parser
from bot.agents.proxy import Api
from bot.model.agent import EngineName, SessionRequest

__all__ = ["AgentSpec", "Api", "Launch", "View", "mcp_servers", "safe_word"]


@dataclass(frozen=True)
class View:
    """The world as the agent sees it: paths and addresses inside its sandbox."""

    command: str
    workspace: str
    outcome_dir: str
    state: str
    model_url: str
    placeholder: str
    confined: bool


@dataclass(frozen=True)
class Launch:
    """How to start: words, standard input, environment (nothing else is let through), files of its state folder.

    `hide` names paths of the workspace that the agent's program must not find; they are covered inside the sandbox.
    """

    argv: tuple[str, ...]
    stdin: bytes
    environment: Mapping[str, str]
    files: Mapping[str, str] = field(default_factory=dict)
    hide: tuple[str, ...] = ()


@dataclass(frozen=True)
class AgentSpec:
    """One engine.

    `launch` and `check` answer with words where the request cannot be served. `keeps` is the pattern of the one file
    of the program's state that lets it resume. `calls_per_turn` bounds calls to the model for programs without a turn
    limit of their own; None leaves turns to the program and its parser. `instructions` are the files in which its users
    leave words for it, the first that exists counts.
    """

    engine: EngineName
    package: str
    command: str
    pinned: str
    minimum: str
    api: Callable[[SessionRequest], Api | None]
    launch: Callable[[SessionRequest, View], Launch | str]
    parser: Callable[[SessionRequest], Parser]
    check: Callable[[SessionRequest], str | None]
    default_model: str | None
    keeps: str | None
    calls_per_turn: int | None
    instructions: tuple[str, ...] = ()


_WORD = re.compile(r"[A-Za-z0-9][\w./:@\[\]-]{0,199}")


def safe_word(request: SessionRequest) -> str | None:
    """Say what is wrong with words that become part of a command line, or None."""
    if request.model is not None and not _WORD.fullmatch(request.model):
        return f"{request.model!r} is no usable model"
    if not request.prompt.strip():
        return "the prompt is empty"
    return None


def mcp_servers(request: SessionRequest, *, key: str) -> dict[str, dict[str, Any]]:
    """The picked MCP servers in the shape most programs share; `key` is their word for an address."""
    servers: dict[str, dict[str, Any]] = {}
    for server in request.mcp:
        if server.url:
            servers[server.name] = {"type": "http", key: server.url}
        elif server.command:
            servers[server.name] = {
                "command": server.command[0],
                "args": list(server.command[1:]),
                "env": dict(server.environment),
            }
    return servers
