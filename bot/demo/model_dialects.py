"""The four model APIs, as far as agent programs use them: requests to conversations, replies to answers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

SHELLS = ("Bash", "bash", "exec_command", "shell_command", "shell", "run_shell_command", "container.exec")


@dataclass(frozen=True)
class Usage:
    """Tokens one reply is said to cost."""

    tokens_in: int
    tokens_out: int
    tokens_cached: int = 0


@dataclass(frozen=True)
class Say:
    """End the turn with words."""

    text: str
    usage: Usage | None = None


@dataclass(frozen=True)
class Call:
    """Call a tool by its own name."""

    tool: str
    arguments: Mapping[str, Any]
    usage: Usage | None = None


@dataclass(frozen=True)
class Shell:
    """Run a command with whatever shell tool the program offers."""

    command: str
    usage: Usage | None = None


@dataclass(frozen=True)
class Fault:
    """Answer with an HTTP error."""

    status: int
    message: str = "scripted fault"
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Hang:
    """Say nothing for a while."""

    seconds: float = 3600.0


Reply = Say | Call | Shell | Fault | Hang


@dataclass
class Conversation:
    """What the model is sent: `turn` counts its own earlier answers since the last prompt, `results` what its tools gave."""

    model: str
    system: str
    prompt: str
    turn: int
    tools: dict[str, Any]
    results: list[str] = field(default_factory=list)
    key: str = ""


class Dialect(Protocol):
    """One API."""

    def read(self, body: dict[str, Any], path: str) -> Conversation:
        """Read a request."""
        ...

    def streamed(self, body: dict[str, Any], path: str) -> bool:
        """Say whether the answer is to be a stream."""
        ...

    def stream(
        self, reply: Say | Call | Shell, conversation: Conversation, usage: Usage
    ) -> Iterator[tuple[str | None, Any]]:
        """Write an answer as server-sent events: (event name, data)."""
        ...

    def whole(self, reply: Say | Call | Shell, conversation: Conversation, usage: Usage) -> dict[str, Any]:
        """Write an answer in one piece."""
        ...

    def fault(self, fault: Fault) -> dict[str, Any]:
        """Write an error."""
        ...


def key_of(headers: Mapping[str, str]) -> str:
    """The credential a request carries."""
    bearer = headers.get("authorization", "").removeprefix("Bearer ")
    return headers.get("x-api-key") or headers.get("x-goog-api-key") or bearer


def words(content: Any) -> str:
    """All text of a message's content, whatever its shape."""
    match content:
        case str():
            return content
        case list():
            return "\n".join(filter(None, (words(part) for part in content)))
        case dict():
            return words(content.get("text") or content.get("content") or content.get("output") or "")
        case _:
            return ""


def tool_call(reply: Call | Shell, tools: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Name and arguments of the tool to call; a shell command takes the shape its tool's schema asks for."""
    if isinstance(reply, Call):
        return reply.tool, dict(reply.arguments)
    name = next((shell for shell in SHELLS if shell in tools), "Bash")
    properties = (tools.get(name) or {}).get("properties", {})
    field_name = next((f for f in ("command", "cmd") if f in properties), "command")
    kind = properties.get(field_name, {}).get("type")
    command: Any = ["bash", "-c", reply.command] if kind == "array" else reply.command
    return name, {field_name: command, **({"description": "work"} if "description" in properties else {})}


class Anthropic:
    """POST /v1/messages."""

    def read(self, body: dict[str, Any], path: str) -> Conversation:
        """Read a request."""
        messages = body.get("messages", [])
        prompts, results, turn = [], [], 0
        for message in messages:
            parts = message["content"] if isinstance(message["content"], list) else [message["content"]]
            given = [p for p in parts if isinstance(p, dict) and p.get("type") == "tool_result"]
            results += [words(p.get("content")) for p in given]
            if message["role"] == "assistant":
                turn += 1
            elif not given:
                prompts.append(words(message["content"]))
                turn = 0
        tools = {t["name"]: t.get("input_schema") for t in body.get("tools", []) if "name" in t}
        return Conversation(
            body.get("model", ""), words(body.get("system")), "\n".join(prompts), turn, tools, results
        )

    def streamed(self, body: dict[str, Any], path: str) -> bool:
        """Say whether the answer is to be a stream."""
        return bool(body.get("stream"))

    def whole(self, reply: Say | Call | Shell, conversation: Conversation, usage: Usage) -> dict[str, Any]:
        """Write an answer in one piece."""
        if isinstance(reply, Say):
            block: dict[str, Any] = {"type": "text", "text": reply.text}
        else:
            name, arguments = tool_call(reply, conversation.tools)
            block = {
                "type": "tool_use",
                "id": f"toolu_{conversation.turn:04}",
                "name": name,
                "input": arguments,
            }
        return {
            "id": f"msg_{conversation.turn:04}",
            "type": "message",
            "role": "assistant",
            "model": conversation.model,
            "content": [block],
            "stop_reason": "end_turn" if isinstance(reply, Say) else "tool_use",
            "stop_sequence": None,
            "usage": {
                "input_tokens": usage.tokens_in,
                "output_tokens": usage.tokens_out,
                "cache_read_input_tokens": usage.tokens_cached,
                "cache_creation_input_tokens": 0,
            },
        }

    def stream(
        self, reply: Say | Call | Shell, conversation: Conversation, usage: Usage
    ) -> Iterator[tuple[str | None, Any]]:
        """Write an answer as server-sent events."""
        whole = self.whole(reply, conversation, usage)
        (block,) = whole["content"]
        start = {**whole, "content": [], "stop_reason": None, "usage": {**whole["usage"], "output_tokens": 1}}
        if block["type"] == "text":
            empty, delta = {**block, "text": ""}, {"type": "text_delta", "text": block["text"]}
        else:
            empty = {**block, "input": {}}
            delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        rows: list[dict[str, Any]] = [
            {"type": "message_start", "message": start},
            {"type": "content_block_start", "index": 0, "content_block": empty},
            {"type": "content_block_delta", "index": 0, "delta": delta},
            {"type": "content_block_stop", "index": 0},
            {
                "type": "message_delta",
                "delta": {"stop_reason": whole["stop_reason"], "stop_sequence": None},
                "usage": {"output_tokens": usage.tokens_out},
            },
            {"type": "message_stop"},
        ]
        yield from ((row["type"], row) for row in rows)

    def fault(self, fault: Fault) -> dict[str, Any]:
        """Write an error."""
        kinds = {
            401: "authentication_error",
            404: "not_found_error",
            429: "rate_limit_error",
            529: "overloaded_error",
        }
        kind = kinds.get(fault.status, "invalid_request_error" if fault.status < 500 else "api_error")
        return {"type": "error", "error": {"type": kind, "message": fault.message}}


class Responses:
    """POST /v1/responses."""

    def read(self, body: dict[str, Any], path: str) -> Conversation:
        """Read a request."""
        prompts, results, turn = [], [], 0
        system = [body.get("instructions") or ""]
        for item in body.get("input", []):
            match item.get("type", "message"):
                case "message" if item.get("role") == "user":
                    prompts.append(words(item.get("content")))
                    turn = 0
                case "message" if item.get("role") == "assistant":
                    turn += 1
                case "function_call" | "custom_tool_call" | "local_shell_call":
                    turn += 1
                case "function_call_output" | "custom_tool_call_output":
                    results.append(words(item.get("output")))
        given = [*body.get("tools", []), *(t for i in body.get("input", []) for t in i.get("tools", []))]
        given += [t for namespace in given for t in namespace.get("tools", [])]
        tools = {t["name"]: t.get("parameters") for t in given if "name" in t}
        system += [words(i.get("content")) for i in body.get("input", []) if i.get("role") == "developer"]
        return Conversation(
            body.get("model", ""), "\n".join(system), "\n".join(prompts), turn, tools, results
        )

    def streamed(self, body: dict[str, Any], path: str) -> bool:
        """Say whether the answer is to be a stream."""
        return bool(body.get("stream"))

    def whole(self, reply: Say | Call | Shell, conversation: Conversation, usage: Usage) -> dict[str, Any]:
        """Write an answer in one piece."""
        if isinstance(reply, Say):
            item: dict[str, Any] = {
                "type": "message",
                "role": "assistant",
                "id": f"msg_{conversation.turn}",
                "content": [{"type": "output_text", "text": reply.text, "annotations": []}],
            }
        elif isinstance(reply, Shell) and "exec" in conversation.tools:
            script = f"text(JSON.stringify(await tools.exec_command({json.dumps({'cmd': reply.command})})))"
            item = {
                "type": "custom_tool_call",
                "id": f"ctc_{conversation.turn}",
                "call_id": f"call_{conversation.turn}",
                "name": "exec",
                "input": script,
            }
        else:
            name, arguments = tool_call(reply, conversation.tools)
            item = {
                "type": "function_call",
                "id": f"fc_{conversation.turn}",
                "call_id": f"call_{conversation.turn}",
                "name": name,
                "arguments": json.dumps(arguments),
            }
            space, _, inner = name.rpartition("__")
            if space in conversation.tools:  # tools of a server stand in a namespace
                item |= {"name": inner, "namespace": space}
        return {
            "id": f"resp_{conversation.turn}",
            "object": "response",
            "status": "completed",
            "model": conversation.model,
            "output": [item],
            "usage": {
                "input_tokens": usage.tokens_in + usage.tokens_cached,
                "input_tokens_details": {"cached_tokens": usage.tokens_cached},
                "output_tokens": usage.tokens_out,
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": usage.tokens_in + usage.tokens_cached + usage.tokens_out,
            },
        }

    def stream(
        self, reply: Say | Call | Shell, conversation: Conversation, usage: Usage
    ) -> Iterator[tuple[str | None, Any]]:
        """Write an answer as server-sent events."""
        whole = self.whole(reply, conversation, usage)
        rows: list[dict[str, Any]] = [
            {
                "type": "response.created",
                "response": {**whole, "status": "in_progress", "output": [], "usage": None},
            },
            {"type": "response.output_item.added", "output_index": 0, "item": whole["output"][0]},
            {"type": "response.output_item.done", "output_index": 0, "item": whole["output"][0]},
            {"type": "response.completed", "response": whole},
        ]
        yield from ((row["type"], {**row, "sequence_number": n}) for n, row in enumerate(rows))

    def fault(self, fault: Fault) -> dict[str, Any]:
        """Write an error."""
        return {"error": {"message": fault.message, "type": "scripted", "code": None}}


class Chat:
    """POST /v1/chat/completions."""

    def read(self, body: dict[str, Any], path: str) -> Conversation:
        """Read a request."""
        prompts, results, system, turn = [], [], [], 0
        for message in body.get("messages", []):
            match message.get("role"):
                case "system" | "developer":
                    system.append(words(message.get("content")))
                case "user":
                    prompts.append(words(message.get("content")))
                    turn = 0
                case "assistant":
                    turn += 1
                case "tool":
                    results.append(words(message.get("content")))
        functions = (t["function"] for t in body.get("tools", []) if "function" in t)
        tools = {f["name"]: f.get("parameters") for f in functions}
        return Conversation(
            body.get("model", ""), "\n".join(system), "\n".join(prompts), turn, tools, results
        )

    def streamed(self, body: dict[str, Any], path: str) -> bool:
        """Say whether the answer is to be a stream."""
        return bool(body.get("stream"))

    def whole(self, reply: Say | Call | Shell, conversation: Conversation, usage: Usage) -> dict[str, Any]:
        """Write an answer in one piece."""
        message: dict[str, Any] = {"role": "assistant", "content": None}
        if isinstance(reply, Say):
            message["content"] = reply.text
        else:
            name, arguments = tool_call(reply, conversation.tools)
            function = {"name": name, "arguments": json.dumps(arguments)}
            message["tool_calls"] = [
                {"index": 0, "id": f"call_{conversation.turn}", "type": "function", "function": function}
            ]
        finish = "stop" if isinstance(reply, Say) else "tool_calls"
        return {
            "id": f"chatcmpl-{conversation.turn}",
            "object": "chat.completion",
            "created": 0,
            "model": conversation.model,
            "choices": [{"index": 0, "message": message, "finish_reason": finish}],
            "usage": {
                "prompt_tokens": usage.tokens_in + usage.tokens_cached,
                "completion_tokens": usage.tokens_out,
                "total_tokens": usage.tokens_in + usage.tokens_cached + usage.tokens_out,
                "prompt_tokens_details": {"cached_tokens": usage.tokens_cached},
            },
        }

    def stream(
        self, reply: Say | Call | Shell, conversation: Conversation, usage: Usage
    ) -> Iterator[tuple[str | None, Any]]:
        """Write an answer as server-sent events."""
        whole = self.whole(reply, conversation, usage)
        choice = whole["choices"][0]
        head = {"id": whole["id"], "object": "chat.completion.chunk", "created": 0, "model": whole["model"]}
        yield None, {**head, "choices": [{"index": 0, "delta": choice["message"], "finish_reason": None}]}
        yield None, {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}]}
        yield None, {**head, "choices": [], "usage": whole["usage"]}
        yield None, "[DONE]"

    def fault(self, fault: Fault) -> dict[str, Any]:
        """Write an error."""
        return {"error": {"message": fault.message, "type": "scripted", "code": None}}


class Gemini:
    """POST /v1beta/models/MODEL:generateContent and :streamGenerateContent."""

    def read(self, body: dict[str, Any], path: str) -> Conversation:
        """Read a request."""
        prompts, results, turn = [], [], 0
        for content in body.get("contents", []):
            parts = content.get("parts", [])
            given = [p["functionResponse"] for p in parts if "functionResponse" in p]
            results += [json.dumps(g.get("response")) for g in given]
            if content.get("role") == "model":
                turn += 1
            elif not given:
                prompts.append(words(parts))
                turn = 0
        declared = (d for t in body.get("tools", []) for d in t.get("functionDeclarations", []))
        tools = {d["name"]: d.get("parameters") or d.get("parametersJsonSchema") for d in declared}
        model = path.rsplit("/", 1)[-1].split(":")[0]
        system = words((body.get("systemInstruction") or {}).get("parts"))
        return Conversation(model, system, "\n".join(prompts), turn, tools, results)

    def streamed(self, body: dict[str, Any], path: str) -> bool:
        """Say whether the answer is to be a stream."""
        return "streamGenerateContent" in path

    def whole(self, reply: Say | Call | Shell, conversation: Conversation, usage: Usage) -> dict[str, Any]:
        """Write an answer in one piece."""
        if isinstance(reply, Say):
            part: dict[str, Any] = {"text": reply.text}
        else:
            name, arguments = tool_call(reply, conversation.tools)
            part = {"functionCall": {"name": name, "args": arguments}}
        return {
            "candidates": [
                {"index": 0, "content": {"role": "model", "parts": [part]}, "finishReason": "STOP"}
            ],
            "modelVersion": conversation.model,
            "usageMetadata": {
                "promptTokenCount": usage.tokens_in + usage.tokens_cached,
                "cachedContentTokenCount": usage.tokens_cached,
                "candidatesTokenCount": usage.tokens_out,
                "totalTokenCount": usage.tokens_in + usage.tokens_cached + usage.tokens_out,
            },
        }

    def stream(
        self, reply: Say | Call | Shell, conversation: Conversation, usage: Usage
    ) -> Iterator[tuple[str | None, Any]]:
        """Write an answer as server-sent events."""
        yield None, self.whole(reply, conversation, usage)

    def fault(self, fault: Fault) -> dict[str, Any]:
        """Write an error."""
        return {"error": {"code": fault.status, "message": fault.message, "status": "SCRIPTED"}}
