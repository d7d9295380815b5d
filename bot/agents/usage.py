"""Tokens in the answers of the model APIs: whole bodies and server-sent events, read as they pass."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from bot.agents.prices import Tokens


@dataclass
class UsageReader:
    """Feed it the bytes of one answer; it keeps the newest usage it saw, whatever the API."""

    stream: bool
    model: str = ""
    seen: dict[str, int] = field(default_factory=dict)
    received: int = 0
    _rest: bytes = b""

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes; never fails."""
        self.received += len(chunk)
        self._rest += chunk
        if not self.stream:
            return
        *lines, self._rest = self._rest.split(b"\n")
        for line in lines:
            self._line(line)
        if len(self._rest) > 16_000_000:
            self._rest = b""

    def close(self) -> None:
        """Take the end."""
        self._line(self._rest)
        self._rest = b""

    def _line(self, line: bytes) -> None:
        if b"sage" in line:  # usage, usageMetadata
            with_prefix = line.strip()
            text = with_prefix.removeprefix(b"data:").strip() if self.stream else with_prefix
            try:
                self._take(json.loads(text))
            except ValueError:
                return

    def _take(self, body: Any) -> None:
        """Find usage where each API keeps it."""
        if not isinstance(body, dict):
            return
        for holder in (body, body.get("message"), body.get("response")):
            if isinstance(holder, dict):
                model = holder.get("model") or holder.get("modelVersion")
                self.model = model if isinstance(model, str) else self.model
                for name in ("usage", "usageMetadata"):
                    if isinstance(holder.get(name), dict):
                        self._merge(holder[name])

    def _merge(self, usage: dict[str, Any]) -> None:
        for name, value in usage.items():
            if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
                self.seen[name] = value
            elif isinstance(value, dict) and name in _DETAILS:
                self.seen |= {f"{name}.{k}": v for k, v in value.items() if isinstance(v, int) and v >= 0}

    def tokens(self, sent: int) -> Tokens:
        """The tokens of this call; where the answer broke off before saying so, an estimate from its bytes."""
        s = self.seen
        if not s:
            return Tokens(fresh=sent // 3, out=self.received // 3)
        if "promptTokenCount" in s:  # Gemini
            read = s.get("cachedContentTokenCount", 0)
            out = s.get("candidatesTokenCount", 0) + s.get("thoughtsTokenCount", 0)
            return Tokens(
                max(s["promptTokenCount"] - read, 0) + s.get("toolUsePromptTokenCount", 0), out, read
            )
        if "prompt_tokens" in s:  # OpenAI chat
            read = s.get("prompt_tokens_details.cached_tokens", 0)
            return Tokens(max(s["prompt_tokens"] - read, 0), s.get("completion_tokens", 0), read)
        if "input_tokens_details.cached_tokens" in s or "total_tokens" in s:  # OpenAI responses
            read = s.get("input_tokens_details.cached_tokens", 0)
            written = s.get("input_tokens_details.cache_write_tokens", 0)
            fresh = max(s.get("input_tokens", 0) - read - written, 0)
            return Tokens(fresh, s.get("output_tokens", 0), read, written)
        hour = s.get("cache_creation.ephemeral_1h_input_tokens", 0)
        written = max(s.get("cache_creation_input_tokens", 0) - hour, 0)
        read = s.get("cache_read_input_tokens", 0)
        return Tokens(s.get("input_tokens", 0), s.get("output_tokens", 0), read, written, hour)


_DETAILS = frozenset({"prompt_tokens_details", "input_tokens_details", "cache_creation"})
