"""`roundsman serve --local` as a process: its start link lets its reader in, and nobody else."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).resolve().parents[1]


def settled(line: str) -> str | None:
    """The start link a line names."""
    found = re.search(r"open (http://127\.0\.0\.1:\d+/start/\S+)", line)
    return found[1] if found else None


@pytest.mark.slow
def test_the_link_on_the_terminal_is_the_way_in(tmp_path: Path) -> None:
    """A free port is taken, the link signs in, the cookie is enough from then on, a stranger stays outside."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bot", "serve", "--local", "--port", "0"], cwd=ROOT, stderr=subprocess.PIPE, text=True,
        env={"PATH": "/usr/bin:/bin", "ROUNDSMAN_DATA_DIR": str(tmp_path), "ROUNDSMAN_GITHUB_TOKEN": "ghp_0", "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    try:
        assert process.stderr is not None
        link = next(found for line in process.stderr if (found := settled(line)))
        with httpx.Client(base_url=link.partition("/start/")[0], trust_env=False) as browser:
            for _ in range(200):  # the port is taken before the pages are up
                try:
                    assert browser.get("/api/me").status_code == 401
                    break
                except httpx.TransportError:
                    time.sleep(0.1)
            assert browser.get(link).status_code == 303
            assert browser.get("/api/me").json()["kind"] == "local"
            assert browser.post("/api/stop").status_code == 403
    finally:
        os.kill(process.pid, signal.SIGTERM)
        process.communicate(timeout=180)
