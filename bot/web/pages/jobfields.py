"""The fields of the job form and the keys they stand for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.model.job import JobSpec

NUMBERS = {
    "max_items": ("max_items",), "timeout": ("limits", "timeout"), "retries": ("limits", "retries"), "attempts": ("limits", "attempts"),
    "concurrency": ("limits", "concurrency"), "give_up": ("limits", "give_up"), "budget_session": ("limits", "budget", "session"),
    "budget_run": ("limits", "budget", "run"), "budget_day": ("limits", "budget", "day"), "max_turns": ("agent", "max_turns"),
}  # fmt: skip
"""Fields of the form that stand for one key each, by its path."""
WORDS = {
    "description": ("description",), "timezone": ("timezone",), "target": ("target",), "filter": ("filter",), "overlap": ("overlap",),
    "priority": ("priority",), "session": ("session",), "when": ("when",), "jitter": ("jitter",), "engine": ("agent", "engine"),
    "model": ("agent", "model"), "catch_up": ("catch_up", "mode"), "window": ("catch_up", "window"),
}  # fmt: skip
MAYS = ("close", "reopen", "assign", "milestone", "review", "check", "issue", "pull_request")
PLACES = {path: name for name, path in (NUMBERS | WORDS).items()} | {
    ("on",): "when_kind", ("command",): "command", ("prompt",): "prompt", ("variables",): "variables", ("again",): "again",
    ("may",): "may_kind", ("report",): "report", ("name",): "name",
}  # fmt: skip
DEFAULTS = JobSpec.model_validate({"on": {"every": "1d"}, "prompt": "x"}).model_dump(mode="json")


def dig(spec: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    """The value at a path; None where there is none."""
    value: Any = spec
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value
