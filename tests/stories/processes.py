"""Real processes before an embedded GitHub on a real port: what stories about machines, kills and restarts are told with."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import uvicorn

from bot.demo import GitHub
from bot.flow.clock import SystemClock

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 90.0
T = TypeVar("T")


@contextmanager
def served() -> Iterator[GitHub]:
    """An empty embedded GitHub at its address, from a thread of this process."""
    github = GitHub(clock=SystemClock().now)
    server = uvicorn.Server(uvicorn.Config(github.app, "127.0.0.1", 0, log_level="critical"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until(lambda: server.started)
    github.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        yield github
    finally:
        server.should_exit = True
        thread.join(10)
        github.close()


def until(look: Callable[[], T], why: Callable[[], str] = lambda: "") -> T:
    """Wait until a look finds something; gives what it found."""
    end = time.monotonic() + PATIENCE
    while not (found := look()):
        assert time.monotonic() < end, f"waited {PATIENCE:.0f} s in vain; {why()}"
        time.sleep(0.1)
    return found


@dataclass
class Processes:
    """The processes of a story; none outlives it."""

    folder: Path
    settings: dict[str, str]
    living: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(self, *arguments: str, home: str = "data", **settings: str) -> subprocess.Popen[str]:
        """Start `roundsman …` in a process group of its own, with a data directory of that name."""
        given = {f"ROUNDSMAN_{name.upper()}": value for name, value in {**self.settings, **settings}.items()}
        with (self.folder / "log.txt").open("a") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "bot", *arguments], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                text=True, start_new_session=True,
                env={"PATH": "/usr/local/bin:/usr/bin:/bin", "PYTHONPATH": str(ROOT),
                     "ROUNDSMAN_DATA_DIR": str(self.folder / home), **given},
            )  # fmt: skip
        self.living.append(process)
        return process

    def of(self, pid: int) -> subprocess.Popen[str]:
        """The process of that number."""
        return next(process for process in self.living if process.pid == pid)

    def log(self) -> str:
        """The end of what they said."""
        return (self.folder / "log.txt").read_text()[-3000:]

    def end(self) -> None:
        """Leave nothing behind."""
        for process in self.living:
            kill(process)


def kill(process: subprocess.Popen[str]) -> None:
    """Pull the plug on a process and all that it started in its group."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
