"""Claude Code: `claude -p --output-format stream-json --verbose`, prompt on standard input."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from bot.agents.parse import ParserState, ident, number, obj, row, session_name, tail, text
from bot.agents.spec import AgentSpec, Launch, View, mcp_servers, safe_word
from bot.model.agent import Event, Failure, Noted, Said, SessionRequest, Started, ToolAnswered, ToolUsed

_TOOL = re.compile(r"[A-Za-z][\w.:*-]*(?:\([^\n]*\))?")
# They reach the network, outlive the session or leave the workspace.
_NEVER = (
    "WebSearch",
    "WebFetch",
    "CronCreate",
    "ScheduleWakeup",
    "Monitor",
    "SendMessage",
    "EnterWorktree",
    "Workflow",
)


@dataclass
class ClaudeParser(ParserState):
    """Reads stream-json. The `type` key may stand anywhere in a row."""

    result: dict[str, Any] | None = None
    _messages: set[str] = field(default_factory=set)

    def feed(self, line: bytes) -> list[Event]:
        """Read one line."""
        got = row(line)
        match got and got.get("type"):
            case "system":
                return self._system(obj(got))
            case "assistant":
                return self._assistant(obj(got))
            case "user":
                return _answers(obj(got))
            case "result":
                return self._result(obj(got))
            case _:
                self.unknown += 1
                return []

    def _system(self, got: dict[str, Any]) -> list[Event]:
        match got.get("subtype"):
            case "init":
                self.agent_session, self.model = session_name(got.get("session_id")), ident(got.get("model"))
                tools = tuple(str(t)[:100] for t in got.get("tools") or [] if isinstance(t, str))
                version = ident(got.get("claude_code_version"))
                return [
                    Started(agent_session=self.agent_session, model=self.model, version=version, tools=tools)
                ]
            case "api_retry":
                words = f"the model's API answered {got.get('error_status')}; try {got.get('attempt')} of {got.get('max_retries')}"
                return [Noted(level="warning", text=text(words, 300))]
            case "permission_denied":
                return [Noted(level="warning", text=f"not permitted: {text(got.get('tool_name'), 200)}")]
            case _:
                return []

    def _assistant(self, got: dict[str, Any]) -> list[Event]:
        message = obj(got.get("message"))
        key = str(message.get("id"))
        if got.get("parent_tool_use_id") is None and key not in self._messages:
            self._messages.add(key)
            self.turns += 1
        events: list[Event] = []
        for part in message.get("content") or []:
            part = obj(part)
            if part.get("type") == "text" and part.get("text"):
                events.append(Said(text=text(part["text"])))
            elif part.get("type") == "tool_use":
                name, call = text(part.get("name"), 200), text(part.get("id"), 200)
                events.append(ToolUsed(tool=name, call=call, argument=text(part.get("input"))))
        return events

    def _result(self, got: dict[str, Any]) -> list[Event]:
        self.result = got
        self.message = text(got.get("result"), 200_000)
        self.agent_session = session_name(got.get("session_id")) or self.agent_session
        self.turns = max(self.turns, number(got.get("num_turns")))
        denied = [text(obj(d).get("tool_name"), 100) for d in got.get("permission_denials") or []]
        return (
            [Noted(level="warning", text=f"tools that were denied: {', '.join(denied)[:500]}")]
            if denied
            else []
        )

    def verdict(self, code: int | None, stderr: str) -> Failure | None:
        """Success is a result ∧ subtype success ∧ not is_error ∧ exit 0; every single sign has been seen to lie."""
        if self.result is None:
            if code == 1 and stderr.strip():
                return Failure.of("configuration", f"claude would not start: {tail(stderr)}")
            return Failure.of("crash", f"claude ended with code {code} and no result: {tail(stderr)}")
        got = self.result
        words = text(got.get("result") or got.get("errors") or "", 400)
        match got.get("subtype"):
            case "error_max_turns":
                return Failure.of("turns", f"the agent used its turns ({number(got.get('num_turns')) - 1})")
            case "error_max_budget_usd":
                return Failure.of("budget", "the agent's own budget is spent")
            case "success" if got.get("is_error") is False and code == 0:
                if got.get("stop_reason") == "refusal":
                    return Failure.of("refusal", f"the model refused: {words}")
                return None
            case "success" if got.get("is_error"):
                return _api_fault(got, words)
            case "error_during_execution" if "No conversation found" in str(got.get("errors")):
                return Failure.of(
                    "configuration", "the session to resume is no longer there; start a new one"
                )
            case subtype:
                return Failure.of(
                    "crash", f"claude ended with {subtype} and code {code}: {words or tail(stderr)}"
                )


def _api_fault(got: dict[str, Any], words: str) -> Failure:
    status = number(got.get("api_error_status"))
    if got.get("stop_reason") == "refusal" or "Usage Policy" in words:
        return Failure.of("refusal", f"the model refused: {words}")
    if status in (400, 401, 403, 404, 413):
        return Failure.of("configuration", f"the model's API answered {status}: {words}")
    return Failure.of("api_fault", words or "the model's API failed")


def _answers(got: dict[str, Any]) -> list[Event]:
    content = obj(got.get("message")).get("content")
    parts = [obj(p) for p in content] if isinstance(content, list) else []
    return [
        ToolAnswered(
            call=text(p.get("tool_use_id"), 200),
            text=text(p.get("content")),
            failed=p.get("is_error") is True,
        )
        for p in parts
        if p.get("type") == "tool_result"
    ]


def _launch(request: SessionRequest, view: View) -> Launch | str:
    """Build the command line. Nothing of the checkout is read as settings: `--setting-sources ""`."""
    bad = [t for t in request.allowed_tools if not _TOOL.fullmatch(t)]
    if bad:
        return f"{bad[0]!r} is no name of a tool; write Read, Bash or Bash(git log:*)"
    argv = [
        view.command,
        "-p",
        "--output-format=stream-json",
        "--verbose",
        "--setting-sources=",
        "--strict-mcp-config",
    ]
    argv += ["--disable-slash-commands", f"--permission-mode={request.permission_mode}"]
    argv += [f"--max-turns={request.max_turns}", f"--add-dir={view.outcome_dir}"]
    argv += [f"--disallowedTools={','.join(_NEVER)}"]
    argv += [f"--allowedTools={tool}" for tool in request.allowed_tools]
    argv += [f"--model={request.model}"] if request.model else []
    argv += [f"--resume={request.resume}"] if request.resume else []
    files = {}
    if request.system:
        files["system.md"] = request.system
        argv.append(f"--append-system-prompt-file={view.state}/system.md")
    if request.mcp:
        files["mcp.json"] = json.dumps({"mcpServers": mcp_servers(request, key="url")})
        argv.append(f"--mcp-config={view.state}/mcp.json")
    environment = {
        "ANTHROPIC_BASE_URL": view.model_url,
        "ANTHROPIC_API_KEY": view.placeholder,
        "CLAUDE_CONFIG_DIR": view.state,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "CLAUDE_CODE_MAX_RETRIES": "2",
        "DISABLE_AUTOUPDATER": "1",
        "API_TIMEOUT_MS": str(int(max(request.limits.idle_s, 30) * 1000)),
        **({"IS_SANDBOX": "1"} if view.confined else {}),
    }
    return Launch(tuple(argv), request.prompt.encode(), environment, files)


SPEC = AgentSpec(
    engine="claude",
    package="@anthropic-ai/claude-code",
    command="claude",
    pinned="2.1.329",
    minimum="2.1.300",
    api=lambda _request: "anthropic",
    launch=_launch,
    parser=lambda _request: ClaudeParser(),
    check=safe_word,
    default_model="sonnet",
    keeps=r"projects/[\w.-]+/{session}\.jsonl",
    calls_per_turn=None,
    instructions=("CLAUDE.md", "AGENTS.md"),
)
