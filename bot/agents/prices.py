"""What models cost: list prices in USD per million tokens, with their date. The operator's own rows win."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

AS_OF = "2026-09-22"
"""The day of the newest row; check the provider's page and set ROUNDSMAN_PRICES where a price has changed."""

ALIASES = {
    "sonnet": "claude-sonnet-5-5",
    "opus": "claude-opus-5-5",
    "haiku": "claude-haiku-4-5",
    "gemini-flash-latest": "gemini-3.8-flash",
}


@dataclass(frozen=True, slots=True)
class Price:
    """USD per million tokens. Above `long_from` tokens of input everything costs the long rates."""

    tokens_in: float
    tokens_out: float
    cache_read: float | None = None
    cache_write: float | None = None
    long_from: int | None = None
    long_in: float = 0.0
    long_out: float = 0.0

    def cost(self, used: Tokens) -> float:
        """The price of one call in USD."""
        fresh, out = self.tokens_in, self.tokens_out
        read = fresh if self.cache_read is None else self.cache_read
        write = fresh if self.cache_write is None else self.cache_write
        if self.long_from is not None and used.read + used.written + used.fresh > self.long_from:
            scale = self.long_in / self.tokens_in if self.tokens_in else 1.0
            fresh, out, read, write = self.long_in, self.long_out, read * scale, write * scale
        # A cache written for an hour costs more than one for minutes: twice the fresh rate.
        hour = max(write, 2 * fresh)
        total = used.fresh * fresh + used.read * read + used.written * write + used.written_hour * hour
        return (total + used.out * out) / 1_000_000


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of one call: fresh input, output, read from the cache, written to it (minutes, an hour)."""

    fresh: int = 0
    out: int = 0
    read: int = 0
    written: int = 0
    written_hour: int = 0


_P = Price
LIST: dict[str, Price] = {
    "claude-haiku-4-5": _P(1, 5, 0.1, 1.25),
    "claude-sonnet-4-5": _P(3, 15, 0.3, 3.75),
    "claude-sonnet-4-6": _P(3, 15, 0.3, 3.75),
    "claude-sonnet-5": _P(2, 10, 0.2, 2.5),
    "claude-sonnet-5-5": _P(2, 10, 0.2, 2.5),
    "claude-opus-4-5": _P(5, 25, 0.5, 6.25),
    "claude-opus-4-6": _P(5, 25, 0.5, 6.25),
    "claude-opus-4-7": _P(5, 25, 0.5, 6.25),
    "claude-opus-4-8": _P(5, 25, 0.5, 6.25),
    "claude-opus-5": _P(5, 25, 0.5, 6.25),
    "claude-opus-5-5": _P(4, 20, 0.2, 5),
    "claude-fable-5": _P(10, 50, 1, 12.5),
    "claude-fable-5-1": _P(10, 50, 0.25, 12.5),
    "gpt-4.1": _P(2, 8, 0.5),
    "gpt-4.1-mini": _P(0.4, 1.6, 0.1),
    "gpt-4o": _P(2.5, 10, 1.25),
    "gpt-4o-mini": _P(0.15, 0.6, 0.075),
    "gpt-5": _P(1.25, 10, 0.125),
    "gpt-5-codex": _P(1.25, 10, 0.125),
    "gpt-5-mini": _P(0.25, 2, 0.025),
    "gpt-5-nano": _P(0.05, 0.4, 0.005),
    "gpt-5.1": _P(1.25, 10, 0.125),
    "gpt-5.1-codex": _P(1.25, 10, 0.125),
    "gpt-5.2": _P(1.75, 14, 0.175),
    "gpt-5.3-codex": _P(1.75, 14, 0.175),
    "gpt-5.4": _P(2.5, 15, 0.25, None, 272_000, 5, 22.5),
    "gpt-5.4-mini": _P(0.75, 4.5, 0.075),
    "gpt-5.4-nano": _P(0.2, 1.25, 0.02),
    "gpt-5.5": _P(5, 30, 0.5, None, 272_000, 10, 45),
    "gpt-5.6": _P(4, 20, 0.4, 5, 272_000, 8, 30),
    "gpt-5.6-sol": _P(4, 20, 0.4, 5, 272_000, 8, 30),
    "gpt-5.6-terra": _P(2, 12, 0.2, 2.5, 272_000, 4, 18),
    "gpt-5.6-luna": _P(0.2, 1.2, 0.02, 0.25, 272_000, 0.4, 1.8),
    "gpt-6-astra": _P(10, 50, 1, 12.5, 272_000, 20, 75),
    "gpt-6-sol": _P(2, 10, 0.2, 2.5, 272_000, 4, 15),
    "gpt-6-luna": _P(0.1, 0.5, 0.01, 0.125, 272_000, 0.2, 0.75),
    "o3": _P(2, 8, 0.5),
    "o4-mini": _P(1.1, 4.4, 0.275),
    "gemini-2.5-pro": _P(1.25, 10, 0.125, None, 200_000, 2.5, 15),
    "gemini-2.5-flash": _P(0.3, 2.5, 0.03),
    "gemini-2.5-flash-lite": _P(0.1, 0.4, 0.01),
    "gemini-3-flash-preview": _P(0.5, 3, 0.05),
    "gemini-3.1-flash-lite": _P(0.25, 1.5, 0.025),
    "gemini-3.1-pro-preview": _P(2, 12, 0.2, None, 200_000, 4, 18),
    "gemini-3.1-pro-preview-customtools": _P(2, 12, 0.2, None, 200_000, 4, 18),
    "gemini-3.5-flash": _P(1.5, 9, 0.15),
    "gemini-3.5-flash-lite": _P(0.3, 2.5, 0.03),
    "gemini-3.6-flash": _P(0.75, 3.75, 0.075),
    "gemini-3.7-flash": _P(0.75, 3.75, 0.075),
    "gemini-3.8-flash": _P(0.75, 3.75, 0.075),
}
_DATED = re.compile(r"[-@](?:20\d{6}|20\d{2}-\d{2}-\d{2}|latest)$")


@dataclass(frozen=True)
class Prices:
    """The list, with the operator's rows over it: `{"model": {"input": 3, "output": 15, "cache_read": 0.3}}`."""

    own: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def of(self, model: str) -> Price | None:
        """The price of a model by its full name, alias, dated or provider-prefixed name; None when unknown."""
        name = model.rsplit("/", 1)[-1].split("[", 1)[0].strip().lower()
        for candidate in (model, name, _DATED.sub("", name)):
            candidate = ALIASES.get(candidate, candidate)
            if row := self.own.get(candidate):
                return Price(
                    row.get("input", 0.0),
                    row.get("output", 0.0),
                    row.get("cache_read"),
                    row.get("cache_write"),
                )
            if candidate in LIST:
                return LIST[candidate]
        return None
