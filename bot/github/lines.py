"""Which lines of a pull request's diff can carry an inline comment."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

HUNK = re.compile(r"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
Lines = Mapping[str, Mapping[str, frozenset[int]]]
"""Line numbers by path and side (`LEFT` before, `RIGHT` after)."""


def lines_of(files: Iterable[Mapping[str, Any]]) -> Lines:
    """Read the `patch` of each row of `GET …/pulls/N/files`; a file too large for one has no lines."""
    return {str(row.get("filename")): _sides(str(row.get("patch") or "")) for row in files}


def _sides(patch: str) -> Mapping[str, frozenset[int]]:
    left: set[int] = set()
    right: set[int] = set()
    old = new = 0
    for line in patch.splitlines():
        hunk = HUNK.match(line)
        if hunk:
            old, new = int(hunk[1]), int(hunk[3])
        elif line.startswith("+"):
            right.add(new)
            new += 1
        elif line.startswith("-"):
            left.add(old)
            old += 1
        elif not line.startswith("\\"):
            left.add(old)
            right.add(new)
            old, new = old + 1, new + 1
    return {"LEFT": frozenset(left), "RIGHT": frozenset(right)}
