"""The demo from outside: real comments on the matching issues, once."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
EXPORT = ROOT.parent / "shared" / "data" / "issues.jsonl"


def demo(folder: Path, *more: str) -> dict[str, Any]:
    """Call the demo once and read its summary."""
    environment = {
        "ROUNDSMAN_DATA_DIR": str(folder),
        "PYTHONPATH": str(ROOT),
        "PATH": "/usr/local/bin:/usr/bin:/bin",
    }
    done = subprocess.run(
        [sys.executable, "-m", "bot", "demo", "--once", "--json", *more], env=environment, cwd=folder, capture_output=True,
        text=True, timeout=180, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    summary: dict[str, Any] = json.loads(done.stdout)
    return summary


def test_the_demo_comments_once_and_the_next_call_works_on_nothing_done(tmp_path: Path) -> None:
    """`demo --once` works on each matching issue, comments on some, stays quiet on others; again, it skips them all.

    The job is the one of the repository's own file, which is without fault.
    """
    first = demo(tmp_path)
    assert first["found"] == first["worked"] > 0
    assert len(first["comments"]) == first["worked"] - first["quiet"] > 0
    assert first["failed"] == 0
    again = demo(tmp_path)
    assert (again["found"], again["worked"], again["skipped"], again["comments"]) == (
        first["found"],
        0,
        first["found"],
        [],
    )
    with contextlib.closing(sqlite3.connect(tmp_path / "demo" / "roundsman.db")) as database:
        assert database.execute("SELECT name, source FROM jobs").fetchall() == [("find-duplicates", "file")]
        assert database.execute("SELECT config_error FROM repositories").fetchall() in (
            [(None,)],
            [("null",)],
        )
    fresh = demo(tmp_path, "--fresh")
    assert fresh["worked"] == first["worked"]


@pytest.mark.skipif(not EXPORT.exists(), reason="the real export is not beside the checkout")
def test_real_issues_are_worked_on_ten_at_a_time(tmp_path: Path) -> None:
    """With a real export the rest is deferred and comes next."""
    first = demo(tmp_path, "--data", str(EXPORT))
    assert (first["worked"], first["failed"]) == (10, 0)
    assert first["deferred"] == first["found"] - 10
    second = demo(tmp_path, "--data", str(EXPORT))
    assert (second["worked"], second["skipped"]) == (10, 10)
