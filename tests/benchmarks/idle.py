"""What a quiet service takes: `roundsman serve` on SQLite with jobs that are not due, its share of a core and its memory."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.served import roundsman
from tests.benchmarks.table import Row
from tests.benchmarks.webhook import filled

SETTLE, SECONDS = 10, 60


def cpu_seconds(pid: int) -> float:
    """Processor time a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident(pid: int) -> float:
    """Memory a process holds, MiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


def rows() -> Iterator[Row]:
    """Start it, let it settle, and look away for a minute."""
    with tempfile.TemporaryDirectory(prefix="idle-") as folder:
        filled(Path(folder)).close()
        with roundsman(Path(folder)) as served:
            time.sleep(SETTLE)
            began, before = time.perf_counter(), cpu_seconds(served.pid)
            time.sleep(SECONDS)
            share = (cpu_seconds(served.pid) - before) / (time.perf_counter() - began) * 100
            memory = resident(served.pid)
    note = f"serve on SQLite, ten jobs, over {SECONDS} s"
    yield Row("idle: share of a core", share, None, "", None, "≤ 2 %", share <= 2, "%", note)
    yield Row("idle: resident", memory, None, "", None, "≤ 180 MiB", memory <= 180, "MiB", note)
