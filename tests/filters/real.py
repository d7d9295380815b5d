"""Real issues and queries, where they lie beside the checkout; tests that want them are skipped where they do not."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
PULL_KEYS = ("head", "base", "draft", "requested_reviewers", "requested_teams", "merged_at")
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the real issues are not beside the checkout")


def rows(name: str) -> list[dict[str, Any]]:
    """The objects of a JSON Lines file."""
    return [json.loads(line) for line in (DATA / name).read_text().split("\n") if line]


@cache
def items() -> tuple[dict[str, Any], ...]:
    """The real issues and pull requests, each pull request with its `/pulls` fields."""
    more = {row["number"]: {key: row[key] for key in PULL_KEYS} for row in rows("pulls.jsonl")}
    return tuple(item | more.get(item["number"], {}) for item in rows("issues.jsonl"))


@cache
def queries() -> tuple[str, ...]:
    """The queries people really use."""
    return tuple(line.split("\t")[0] for line in (DATA / "real_queries.txt").read_text().split("\n") if line)
