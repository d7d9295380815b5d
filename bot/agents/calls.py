"""What a call to a model may ask for: its body is looked at before it leaves."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

from bot.agents.http import Asked

_FETCHING = re.compile(
    r"web_search|web_fetch|code_execution|code_interpreter|file_search|computer|mcp|image_generation|"
    r"googleSearch|google_search|urlContext|url_context|codeExecution|code_execution|googleMaps|google_maps",
    re.IGNORECASE,
)


def streams(body: dict[str, Any], asked: Asked) -> bool:
    """Whether the answer will come as a stream."""
    return body.get("stream") is True or ":streamGenerateContent" in asked.target


UNSAID = 16_000
"""Tokens an answer is taken to have at most where the call names no limit."""


def most_tokens(body: dict[str, Any]) -> int:
    """How many tokens the answer to a call may have, as the call itself limits it."""
    inner = body.get("generationConfig")
    given = {**(inner if isinstance(inner, dict) else {}), **body}
    named = (
        given.get(name)
        for name in ("max_tokens", "max_completion_tokens", "max_output_tokens", "maxOutputTokens")
    )
    return next((most for most in named if isinstance(most, int) and most > 0), UNSAID)


def metered(body: dict[str, Any], asked: Asked, changed: bool) -> tuple[dict[str, Any], Asked]:
    """Ask OpenAI's chat API for the usage it leaves out of streams by default."""
    if asked.target.startswith("/v1/chat/") and body.get("stream") is True:
        options = body.get("stream_options")
        options = options if isinstance(options, dict) else {}
        body, changed = {**body, "stream_options": {**options, "include_usage": True}}, True
    return body, replace(asked, body=json.dumps(body).encode()) if changed else asked


def without_remote_tools(body: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """Leave out tools that would run at the provider: they reach the network where the sandbox cannot see it.

    They may stand in the call itself, and with newer models in items of its input.
    """
    kept = _kept(body)
    if isinstance(body.get("input"), list):
        kept = {**kept, "input": [_kept(item) if isinstance(item, dict) else item for item in body["input"]]}
    if kept == body:
        return body, False
    return {k: v for k, v in kept.items() if k != "tool_choice" or kept.get("tools")}, True


def _kept(holder: dict[str, Any]) -> dict[str, Any]:
    tools = holder.get("tools")
    if not isinstance(tools, list):
        return holder
    left = [_kept(tool) if isinstance(tool, dict) else tool for tool in tools if not _remote(tool)]
    rest = {k: v for k, v in holder.items() if k != "tools"}
    return {**rest, "tools": left} if left or not tools else rest


def _remote(tool: Any) -> bool:
    if (
        not isinstance(tool, dict)
        or tool.get("type") in ("custom", "function", "namespace")
        or "input_schema" in tool
    ):
        return False
    kinds = [str(tool["type"])] if "type" in tool else [k for k in tool if k != "functionDeclarations"]
    return any(_FETCHING.search(kind) for kind in kinds)


def reaches_out(body: dict[str, Any]) -> str | None:
    """Say why a call would let the model's side reach the network for the agent, or None.

    Remote MCP servers and contents given by address would carry data out.
    """
    if body.get("mcp_servers"):
        return "remote MCP servers are not allowed"
    if body.get("background") is True:
        return "background calls are not allowed"
    return _by_address(body, 0)


def _by_address(value: Any, depth: int) -> str | None:
    if depth > 60:
        return "the body is nested too deep"
    if isinstance(value, list):
        return next((r for item in value if (r := _by_address(item, depth + 1))), None)
    if not isinstance(value, dict):
        return None
    for name in ("image_url", "file_url", "fileUri", "file_uri", "url"):
        given = value.get(name)
        given = given.get("url") if isinstance(given, dict) else given
        typed = name != "url" or value.get("type") == "url"
        if typed and isinstance(given, str) and not given.startswith("data:"):
            return "contents given by address are not allowed"
    # Arguments and schemas of tools are data of the conversation, never fetched by the provider.
    skipped = {"input", "input_schema", "parameters", "args", "response", "functionDeclarations"}
    rows = (v for k, v in value.items() if k not in skipped or isinstance(v, list))
    return next((r for item in rows if (r := _by_address(item, depth + 1))), None)
