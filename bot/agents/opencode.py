"""OpenCode: `opencode run --format json`, prompt on standard input. It has no turn limit and no last event."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from bot.agents.parse import ParserState, number, obj, row, session_name, tail, text
from bot.agents.spec import AgentSpec, Api, Launch, View, mcp_servers, safe_word
from bot.model.agent import Event, Failure, Noted, Said, SessionRequest, Started, ToolAnswered, ToolUsed

_APIS: dict[str, Api] = {"anthropic": "anthropic", "google": "gemini"}


@dataclass
class OpencodeParser(ParserState):
    """Reads `--format json`. The session ended well if its last step finished for another reason than a tool."""

    reason: str = ""
    fault: str = ""
    status: int = 0

    def feed(self, line: bytes) -> list[Event]:
        """Read one line."""
        got = obj(row(line))
        part = obj(got.get("part"))
        events: list[Event] = []
        if self.agent_session is None and session_name(got.get("sessionID")):
            self.agent_session = session_name(got.get("sessionID"))
            events.append(Started(agent_session=self.agent_session, model=self.model))
        match got.get("type"):
            case "step_start":
                self.turns += 1
            case "text":
                self.message = text(part.get("text"), 200_000)
                events.append(Said(text=text(part.get("text"))))
            case "tool_use":
                events += _tool(part)
            case "step_finish":
                self.reason, self.fault = text(part.get("reason"), 50), ""
            case "error":
                fault = obj(got.get("error"))
                self.status = number(obj(fault.get("data")).get("statusCode"))
                self.fault = text(obj(fault.get("data")).get("message") or fault.get("name"), 400)
                events.append(Noted(level="error", text=self.fault))
            case _:
                self.unknown += 1
        return events

    def verdict(self, code: int | None, stderr: str) -> Failure | None:
        """Success is a last step that finished with `stop` ∧ no error after it ∧ exit 0."""
        if self.fault:
            bad = self.status in (400, 401, 403, 404)
            return Failure.of("configuration" if bad else "api_fault", self.fault)
        if self.reason == "stop" and code == 0:
            return None
        if not self.turns and stderr.strip():
            return Failure.of("configuration", f"opencode would not start: {tail(stderr)}")
        return Failure.of(
            "crash", f"opencode ended with code {code} in the middle of its work: {tail(stderr)}"
        )


def _tool(part: dict[str, Any]) -> list[Event]:
    state, call = obj(part.get("state")), text(part.get("callID"), 200)
    answer = text(state.get("output") or state.get("error"))
    return [
        ToolUsed(tool=text(part.get("tool"), 200), call=call, argument=text(state.get("input"))),
        ToolAnswered(call=call, text=answer, failed=state.get("status") == "error"),
    ]


def _api(request: SessionRequest) -> Api:
    return _APIS.get((request.model or "").split("/", 1)[0], "openai")


def _launch(request: SessionRequest, view: View) -> Launch | str:
    """Build the command line. The checkout's `opencode.json`, plugins and MCP servers are never loaded."""
    provider, _, model = (request.model or "").partition("/")
    if not model:
        return "opencode needs a model written as provider/model"
    base = f"{view.model_url}/v1beta" if provider == "google" else f"{view.model_url}/v1"
    options: dict[str, Any] = {"options": {"baseURL": base, "apiKey": view.placeholder}}
    if provider not in ("anthropic", "google", "openai"):
        options |= {"npm": "@ai-sdk/openai-compatible", "name": provider, "models": {model: {"name": model}}}
    readonly = request.permission_mode in ("plan", "default", "dontAsk")
    config: dict[str, Any] = {
        "provider": {provider: options},
        "enabled_providers": [provider],
        "autoupdate": False,
        "share": "disabled",
        "snapshot": False,
        "small_model": request.model,
        "permission": {
            "edit": "deny" if readonly else "allow",
            "bash": "deny" if readonly else "allow",
            "webfetch": "deny",
            "external_directory": "allow" if view.confined else "deny",
        },
        "mcp": {
            name: {"type": "remote" if "url" in s else "local", "enabled": True, **_mcp(s)}
            for name, s in mcp_servers(request, key="url").items()
        },
    }
    files = {}
    if request.system:
        files["system.md"] = request.system
        config["instructions"] = [f"{view.state}/system.md"]
    argv = [view.command, "run", "--format=json", "--pure", f"--model={request.model}", "--title=session"]
    argv += [f"--session={request.resume}"] if request.resume else []
    environment = {
        "OPENCODE_CONFIG_CONTENT": json.dumps(config),
        "OPENCODE_DISABLE_PROJECT_CONFIG": "1",
        "OPENCODE_DISABLE_AUTOUPDATE": "1",
        "OPENCODE_DISABLE_MODELS_FETCH": "1",
        "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
        "OPENCODE_DISABLE_DEFAULT_PLUGINS": "1",
        "XDG_DATA_HOME": f"{view.state}/data",
        "XDG_CONFIG_HOME": f"{view.state}/config",
        "XDG_STATE_HOME": f"{view.state}/state",
    }
    # Skills of the checkout would be told to the model as ours; no setting turns them off.
    hide = (".agents", ".claude", ".opencode")
    return Launch(tuple(argv), request.prompt.encode(), environment, files, hide)


def _mcp(server: dict[str, Any]) -> dict[str, Any]:
    if "url" in server:
        return {"url": server["url"]}
    return {"command": [server["command"], *server["args"]], "environment": server.get("env", {})}


SPEC = AgentSpec(
    engine="opencode",
    package="opencode-ai",
    command="opencode",
    pinned="1.18.33",
    minimum="1.18.0",
    api=_api,
    launch=_launch,
    parser=lambda _request: OpencodeParser(),
    check=safe_word,
    default_model="anthropic/claude-sonnet-5-5",
    keeps=None,
    calls_per_turn=2,
    instructions=("AGENTS.md", "CLAUDE.md"),
)
