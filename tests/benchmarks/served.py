"""Real server processes to measure: `roundsman serve` in a folder of its own, or any other program with a port."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SECRET = "benchmark"
PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Served:
    """A running server."""

    port: int
    pid: int
    folder: Path


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(words: Sequence[str], port: int, folder: Path, settings: Mapping[str, str]) -> Iterator[Served]:
    """A server of its own until it is not needed; raises RuntimeError with its last words where it does not come up."""
    path = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(folder), "PYTHONPATH": str(ROOT)}
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(words, cwd=folder, env=path | dict(settings), stdout=log, stderr=log)
    try:
        _wait(server, port, folder)
        yield Served(port, server.pid, folder)
    finally:
        server.terminate()
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _wait(server: subprocess.Popen[bytes], port: int, folder: Path) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if server.poll() is not None:
                break
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"the server did not come up: {(folder / 'log').read_text()[-1000:]}")


@contextmanager
def roundsman(folder: Path | None = None, **more: str) -> Iterator[Served]:
    """`roundsman serve`, on SQLite unless told otherwise, that can reach nothing outside; `more` are settings."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="served-") as own:
        home = folder or Path(own)
        settings = {
            "ROUNDSMAN_DATA_DIR": str(home), "ROUNDSMAN_GITHUB_WEBHOOK_SECRET": SECRET, "ROUNDSMAN_PORT": str(port),
            "ROUNDSMAN_HOST": "127.0.0.1", "ROUNDSMAN_GITHUB_API_URL": "http://127.0.0.1:9", "ROUNDSMAN_SANDBOX": "none",
            "ROUNDSMAN_PUBLIC_URL": "https://rounds.test", "ROUNDSMAN_SECRET_KEY": "k" * 32,
            **{f"ROUNDSMAN_{name.upper()}": value for name, value in more.items()},
        }  # fmt: skip
        with running([sys.executable, "-m", "bot", "serve"], port, home, settings) as served:
            yield served
