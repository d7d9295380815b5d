"""The outcome an agent left, read strictly."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from bot.model.outcome import Action, Malformed, Outcome, OutcomeStatus

MOST_BYTES = 1_048_576
MOST_DEPTH = 16
MOST_ACTIONS = 100

_ACTION: TypeAdapter[Action] = TypeAdapter(Action)
_WORDS: dict[str, OutcomeStatus] = {
    **dict.fromkeys(("done", "success", "succeeded", "ok", "complete", "completed"), "done"),
    **dict.fromkeys(("nothing", "noop", "none", "quiet", "skipped", "no_action"), "nothing"),
    **dict.fromkeys(("failed", "failure", "error", "blocked"), "failed"),
}
_BLOCK = re.compile(r"```(?:json)?[ \t]*\n(.*?)\n?```\s*$", re.DOTALL)


@dataclass(frozen=True)
class Fault:
    """Why an outcome cannot be read, in words for the author of the command."""

    words: str


def parse(raw: bytes) -> Outcome | Fault:
    """Read an outcome file: JSON without duplicate keys, NaN, deep nesting or megabytes."""
    if len(raw) > MOST_BYTES:
        return Fault(f"the outcome is larger than {MOST_BYTES // 1024} kB")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return Fault(f"the outcome is not UTF-8 text (byte {error.start})")
    if not text.strip():
        return Fault("the outcome is empty")
    if _depth(text) > MOST_DEPTH:
        return Fault(f"the outcome is nested more than {MOST_DEPTH} levels deep")
    try:
        value = json.loads(text, object_pairs_hook=_pairs, parse_constant=_no_constant, parse_float=_finite)
    except json.JSONDecodeError as error:
        return Fault(f"the outcome is not JSON: {error.msg} at line {error.lineno} column {error.colno}")
    except (ValueError, RecursionError) as error:
        return Fault(f"the outcome cannot be read: {error}")
    return _outcome(_clean(value))


def from_message(text: str) -> Outcome | Fault | None:
    """Read the final message as an outcome: the whole of it, or its last fenced block; None when it is just words."""
    text = text.strip()
    block = _BLOCK.search(text)
    for candidate in (text, block.group(1).strip() if block else ""):
        if candidate.startswith("{") and '"version"' in candidate:
            return parse(candidate.encode("utf-8", "replace"))
    return None


def _outcome(value: Any) -> Outcome | Fault:
    if not isinstance(value, dict):
        return Fault("the outcome must be a JSON object")
    if value.get("version") != 1 or isinstance(value.get("version"), bool):
        return Fault('the outcome must say "version": 1')
    unknown = sorted(set(value) - {"version", "status", "summary", "actions"})
    if unknown:
        return Fault(f"the outcome has keys nobody knows: {', '.join(unknown)[:200]}")
    status = _WORDS.get(str(value.get("status", "done")).lower())
    if status is None:
        return Fault('the outcome\'s "status" must be done, nothing or failed')
    summary, rows = value.get("summary", ""), value.get("actions", [])
    if not isinstance(summary, str) or not isinstance(rows, list):
        return Fault('the outcome\'s "summary" must be text and its "actions" a list')
    actions: list[Action] = []
    malformed: list[Malformed] = []
    for place, row in enumerate(rows[:MOST_ACTIONS], start=1):
        try:
            actions.append(_ACTION.validate_python(row))
        except ValidationError as error:
            malformed.append(_malformed(place, row, error))
    if len(rows) > MOST_ACTIONS:
        malformed.append(
            Malformed(place=MOST_ACTIONS + 1, kind="?", reason=f"more than {MOST_ACTIONS} actions")
        )
    return Outcome(
        status=status, summary=summary[:65_536], actions=tuple(actions), malformed=tuple(malformed)
    )


def _malformed(place: int, row: Any, error: ValidationError) -> Malformed:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"][1:]) or "kind"
    kind = row.get("kind", "?") if isinstance(row, dict) else "?"
    return Malformed(
        place=place, kind=str(kind)[:50], reason=f"action {place}: {where}: {first['msg']}"[:500]
    )


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice[:60]!r} stands there twice")
    return found


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is no JSON number")


def _finite(word: str) -> float:
    number = float(word)
    if not math.isfinite(number):
        raise ValueError(f"{word[:30]} is too large a number")
    return number


def _depth(text: str) -> int:
    """Count how deep brackets nest outside strings, before any parser recurses."""
    depth = deepest = 0
    for token in re.finditer(r'"(?:[^"\\]|\\.)*"?|[\[{]|[\]}]', text, re.DOTALL):
        char = token.group()
        if char in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif char in "]}":
            depth -= 1
    return deepest


def _clean(value: Any) -> Any:
    """Drop what no database and no encoder takes: NUL and lone surrogates."""
    match value:
        case str():
            return value.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
        case list():
            return [_clean(item) for item in value]
        case dict():
            return {_clean(key): _clean(item) for key, item in value.items()}
        case _:
            return value
