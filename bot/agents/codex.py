"""OpenAI Codex: `codex exec --json`, prompt on standard input. It has no turn limit of its own."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from bot.agents.parse import ParserState, obj, row, session_name, tail, text
from bot.agents.spec import AgentSpec, Launch, View, mcp_servers, safe_word
from bot.model.agent import Event, Failure, Noted, Said, SessionRequest, Started, ToolAnswered, ToolUsed

_STATUS = re.compile(r"(?:status:? )(\d{3})")


@dataclass
class CodexParser(ParserState):
    """Reads the rows of `--json`. A turn of ours is one answer of the model, as far as its items show it."""

    completed: bool = False
    fault: str = ""

    def feed(self, line: bytes) -> list[Event]:
        """Read one line."""
        got = obj(row(line))
        match got.get("type"):
            case "thread.started":
                self.agent_session = session_name(got.get("thread_id"))
                return [Started(agent_session=self.agent_session, model=self.model)]
            case "item.started":
                return self._started(obj(got.get("item")))
            case "item.completed":
                return self._completed(obj(got.get("item")))
            case "turn.completed":
                self.completed = True
                return []
            case "turn.failed":
                self.fault = text(obj(got.get("error")).get("message"), 400) or "the turn failed"
                return [Noted(level="error", text=self.fault)]
            case "error":
                return [Noted(level="warning", text=text(got.get("message"), 400))]
            case _:
                self.unknown += 1
                return []

    def _started(self, item: dict[str, Any]) -> list[Event]:
        call = text(item.get("id"), 200)
        match item.get("type"):
            case "command_execution":
                self.turns += 1
                return [ToolUsed(tool="shell", call=call, argument=text(item.get("command")))]
            case "mcp_tool_call":
                self.turns += 1
                name = f"{text(item.get('server'), 60)}.{text(item.get('tool'), 100)}"
                return [ToolUsed(tool=name, call=call, argument=text(item.get("arguments")))]
            case "file_change":
                self.turns += 1
                return [ToolUsed(tool="apply_patch", call=call, argument=text(item.get("changes")))]
            case _:
                return []

    def _completed(self, item: dict[str, Any]) -> list[Event]:
        call = text(item.get("id"), 200)
        match item.get("type"):
            case "agent_message":
                self.turns += 1
                self.message = text(item.get("text"), 200_000)
                return [Said(text=text(item.get("text")))]
            case "command_execution":
                failed = item.get("exit_code") not in (0, None) or item.get("status") == "failed"
                return [ToolAnswered(call=call, text=text(item.get("aggregated_output")), failed=failed)]
            case "mcp_tool_call" | "file_change":
                return [
                    ToolAnswered(
                        call=call, text=text(item.get("result")), failed=item.get("status") == "failed"
                    )
                ]
            case "error":
                return [Noted(level="warning", text=text(item.get("message"), 400))]
            case _:
                return []

    def verdict(self, code: int | None, stderr: str) -> Failure | None:
        """Success is turn.completed ∧ no turn.failed ∧ exit 0."""
        if self.fault:
            found = _STATUS.search(self.fault)
            status = int(found.group(1)) if found else 0
            kind = "configuration" if status in (400, 401, 403, 404) else "api_fault"
            return Failure.of("configuration" if kind == "configuration" else "api_fault", self.fault)
        if self.completed and code == 0:
            return None
        if code == 2 or (code == 1 and not self.agent_session):
            return Failure.of("configuration", f"codex would not start: {tail(stderr)}")
        return Failure.of("crash", f"codex ended with code {code} before its turn did: {tail(stderr)}")


def _launch(request: SessionRequest, view: View) -> Launch | str:
    """Build the command line. Inside our sandbox codex's own is not needed and cannot nest; outside it stays on."""
    readonly = request.permission_mode in ("plan", "default")
    own = "danger-full-access" if view.confined else "read-only" if readonly else "workspace-write"
    provider = {
        "name": "roundsman",
        "base_url": f"{view.model_url}/v1",
        "env_key": "MODEL_KEY",
        "wire_api": "responses",
        "request_max_retries": 2,
        "stream_max_retries": 2,
    }
    settings: dict[str, Any] = {
        "model_provider": "roundsman",
        "project_doc_max_bytes": 0,
        "web_search": "disabled",
        "check_for_update_on_startup": False,
        "approval_policy": "never",
        **{f"model_providers.roundsman.{key}": value for key, value in provider.items()},
    }
    if request.system:
        settings["developer_instructions"] = request.system
    for name, server in mcp_servers(request, key="url").items():
        settings |= {f"mcp_servers.{name}.{key}": value for key, value in server.items() if key != "type"}
    argv = [view.command, "exec"] + (["resume", request.resume] if request.resume else [])
    argv += ["--json", "--ignore-user-config", "--ignore-rules", "--skip-git-repo-check"]
    argv += (
        []
        if request.resume
        else [f"--cd={view.workspace}", f"--sandbox={own}", f"--add-dir={view.outcome_dir}"]
    )
    argv += ["-c", f'sandbox_mode="{own}"'] if request.resume else []
    argv += [f"--model={request.model}"] if request.model else []
    for key, value in settings.items():
        argv += ["-c", f"{key}={_toml(value)}"]
    environment = {"CODEX_HOME": view.state, "MODEL_KEY": view.placeholder}
    # Skills of the checkout would be told to the model as ours; no setting turns them off.
    return Launch((*argv, "-"), request.prompt.encode(), environment, {}, hide=(".agents", ".codex"))


def _toml(value: Any) -> str:
    """A TOML value; JSON's strings, numbers, booleans and lists are TOML as well, but for JSON's pairs of surrogates."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {_toml(v)}" for k, v in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)


SPEC = AgentSpec(
    engine="codex",
    package="@openai/codex",
    command="codex",
    pinned="0.169.0",
    minimum="0.160.0",
    api=lambda _request: "openai",
    launch=_launch,
    parser=lambda _request: CodexParser(),
    check=safe_word,
    default_model="gpt-5.6-terra",
    keeps=r"sessions/\d+/\d+/\d+/rollout-[\w.-]+-{session}\.jsonl",
    calls_per_turn=1,
    instructions=("AGENTS.md",),
)
