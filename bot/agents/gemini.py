"""Gemini CLI: `gemini -o stream-json`, prompt on standard input."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from bot.agents.parse import ParserState, ident, obj, row, session_name, tail, text
from bot.agents.spec import AgentSpec, Launch, View, mcp_servers, safe_word
from bot.model.agent import Event, Failure, Noted, Said, SessionRequest, Started, ToolAnswered, ToolUsed

_MODES = {
    "default": "default",
    "plan": "plan",
    "dontAsk": "default",
    "acceptEdits": "yolo",
    "bypassPermissions": "yolo",
}
_CODE = re.compile(r'"code\\?":\s*(\d{3})')

_HIDDEN = (".gemini", ".agents", ".env", "**/GEMINI.md")


@dataclass
class GeminiParser(ParserState):
    """Reads stream-json; what the assistant says comes in pieces."""

    status: str | None = None
    fault: str = ""
    _said: str = ""

    def feed(self, line: bytes) -> list[Event]:
        """Read one line."""
        got = obj(row(line))
        match got.get("type"):
            case "init":
                self.agent_session, self.model = session_name(got.get("session_id")), ident(got.get("model"))
                return [Started(agent_session=self.agent_session, model=self.model)]
            case "message" if got.get("role") == "assistant":
                self._said += text(got.get("content"), 200_000)
                return []
            case "tool_use":
                name, call = text(got.get("tool_name"), 200), text(got.get("tool_id"), 200)
                return [*self._spoken(), ToolUsed(tool=name, call=call, argument=text(got.get("parameters")))]
            case "tool_result":
                call, failed = text(got.get("tool_id"), 200), got.get("status") == "error"
                return [
                    ToolAnswered(call=call, text=text(got.get("output") or got.get("error")), failed=failed)
                ]
            case "error":
                return [Noted(level="warning", text=text(got.get("message"), 400))]
            case "result":
                self.status = text(got.get("status"), 50)
                self.fault = text(obj(got.get("error")).get("message"), 400)
                return self._spoken()
            case _:
                self.unknown += 1
                return []

    def _spoken(self) -> list[Event]:
        said, self._said = self._said.strip(), ""
        self.turns += 1
        if not said:
            return []
        self.message = said
        return [Said(text=text(said))]

    def verdict(self, code: int | None, stderr: str) -> Failure | None:
        """Success is a result with status success ∧ exit 0; its exit codes say why not."""
        match code:
            case 41:
                return Failure.of("configuration", f"gemini has no way to sign in: {tail(stderr)}")
            case 42 | 52 | 55:
                return Failure.of("configuration", f"gemini would not start: {self.fault or tail(stderr)}")
            case 53:
                return Failure.of("turns", "the agent used its turns")
            case 0 if self.status == "success":
                return None
            case _:
                pass
        if self.fault:
            found = _CODE.search(self.fault)
            bad = found is not None and int(found.group(1)) in (400, 401, 403, 404)
            return Failure.of("configuration" if bad else "api_fault", self.fault)
        return Failure.of("crash", f"gemini ended with code {code} and no result: {tail(stderr)}")


def _launch(request: SessionRequest, view: View) -> Launch | str:
    """Build the command line. The workspace counts as trusted only because what it would obey is hidden: its settings, its
    environment, and every GEMINI.md (the program reads that name whatever other names it is given).
    """
    servers = mcp_servers(request, key="httpUrl")
    settings: dict[str, Any] = {
        "security": {"auth": {"selectedType": "gemini-api-key"}, "folderTrust": {"enabled": True}},
        "privacy": {"usageStatisticsEnabled": False},
        "telemetry": {"enabled": False},
        "general": {
            "enableAutoUpdate": False,
            "disableAutoUpdate": True,
            "maxAttempts": 3,
            "checkpointing": {"enabled": False},
        },
        "model": {"maxSessionTurns": request.max_turns},
        "tools": {"exclude": ["google_web_search", "web_fetch"]},
        "hooksConfig": {"enabled": False},
        "mcpServers": servers,
    }
    argv = [view.command, "--output-format=stream-json", f"--approval-mode={_MODES[request.permission_mode]}"]
    argv += [f"--model={request.model}"] if request.model else []
    argv += [f"--include-directories={view.outcome_dir}", "--extensions=none"]
    argv += [f"--allowed-mcp-server-names={name}" for name in (servers or {"none": {}})]
    prompt = f"{request.system}\n\n{request.prompt}" if request.system else request.prompt
    environment = {
        "GEMINI_API_KEY": view.placeholder,
        "GOOGLE_GEMINI_BASE_URL": view.model_url,
        "GEMINI_CLI_HOME": view.state,
        "GEMINI_CLI_TRUST_WORKSPACE": "true" if view.confined else "false",
        "GEMINI_CLI_SYSTEM_SETTINGS_PATH": f"{view.state}/system.json",
    }
    # System settings win over those of the workspace, whatever the checkout says.
    files = {".gemini/settings.json": json.dumps(settings), "system.json": json.dumps(settings)}
    return Launch(tuple(argv), prompt.encode(), environment, files, hide=_HIDDEN)


SPEC = AgentSpec(
    engine="gemini",
    package="@google/gemini-cli",
    command="gemini",
    pinned="0.61.0",
    minimum="0.60.0",
    api=lambda _request: "gemini",
    launch=_launch,
    parser=lambda _request: GeminiParser(),
    check=safe_word,
    default_model="gemini-3.8-flash",
    keeps=None,
    calls_per_turn=2,
    instructions=("GEMINI.md", "AGENTS.md"),
)
