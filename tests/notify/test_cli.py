"""`roundsman notify` from outside."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.adapters.contexts.little_server import Little

ROOT = Path(__file__).parents[2]


def roundsman(folder: Path, channels: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in an empty folder."""
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "ROUNDSMAN_NOTIFY": json.dumps(channels)}
    return subprocess.run(
        [sys.executable, "-m", "bot", "notify", *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )  # fmt: skip


def test_a_test_message_arrives(tmp_path: Path, service: Little) -> None:
    """The service has it, and the command says so."""
    channels = {"chat": f"json://127.0.0.1:{service.port}/chat"}
    done = roundsman(tmp_path, channels, "test", "chat")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(service.seen[0][2])["title"] == "Roundsman: a test"


def test_a_wrong_channel_is_one_line(tmp_path: Path, service: Little) -> None:
    """An unknown name is wrong usage, a wrong URL ends badly; no URL is shown."""
    channels = {"chat": "nosuch://s3cret-token@x"}
    unknown = roundsman(tmp_path, channels, "test", "pager")
    assert unknown.returncode == 2
    assert unknown.stderr == "roundsman: there is no channel pager; the channels are chat\n"
    wrong = roundsman(tmp_path, channels, "test", "chat")
    assert wrong.returncode == 1
    assert "s3cret" not in wrong.stderr
    assert wrong.stderr.count("\n") == 1
