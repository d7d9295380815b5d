"""From dequeued to the agent's first instruction, on a repository of 20,000 files, beside a shallow clone of it."""

from __future__ import annotations

import asyncio
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bot.agents.work import Agents, Options
from bot.model.agent import Event, Script, SessionRequest
from tests.adapters.sessions import Purse, Repository
from tests.benchmarks.table import Row

FILES = 20_000
TIMES = 9


async def _first_word(agents: Agents, repository: Repository, name: str) -> float:
    """Seconds until the agent's first instruction has spoken."""
    began = time.perf_counter()
    heard: list[float] = []

    async def sink(event: Event) -> None:
        if event.type == "said" and not heard:
            heard.append(time.perf_counter() - began)

    script = Script(name="x.sh", source="echo here")
    request = SessionRequest(session=name, engine="script", script=script, checkout=repository.checkout())
    end = await agents.work(request, sink=sink, cancelled=asyncio.Event(), meter=Purse())
    if not heard:
        raise RuntimeError(str(end.failure))
    return heard[0]


async def _measure(folder: Path) -> tuple[float, float, float, float]:
    """Medians: a shallow clone, the first launch, launches at the same commit, launches at others."""
    files = {f"p{n // 200:03}/f{n % 200:03}.py": f"value = {n}\n" * 20 for n in range(FILES)}
    repository = Repository.made(folder / "shop", files)
    clones = []
    for n in range(3):
        began = time.perf_counter()
        words = ["git", "clone", "-q", "--depth", "1", f"file://{repository.path}", str(folder / f"clone{n}")]
        await asyncio.to_thread(subprocess.run, words, check=True)
        clones.append(time.perf_counter() - began)
    agents = Agents(Options(data_dir=folder / "data"))
    await agents.probe()
    cold = await _first_word(agents, repository, "cold")
    same = [await _first_word(agents, repository, f"same{n}") for n in range(TIMES)]
    other = []
    for n in range(TIMES):
        repository.commit({f"p000/f{n:03}.py": "changed\n", f"new{n}.py": "new\n"})
        await agents.mirrors.commit(repository.checkout())
        other.append(await _first_word(agents, repository, f"other{n}"))
    return statistics.median(clones), cold, statistics.median(same), statistics.median(other)


def rows() -> Iterator[Row]:
    """Measure, if this host can confine."""
    folder = Path(tempfile.mkdtemp(prefix="launch-"))
    try:
        clone, cold, same, other = asyncio.run(_measure(folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    bar = "≤ 300 ms and ≥ 5 × faster than a shallow clone"
    for name, ours in (("session launch, same commit", same), ("session launch, another commit", other)):
        held = ours <= 0.3 and clone >= 5 * ours
        yield Row(
            name,
            ours * 1000,
            clone * 1000,
            "git clone --depth 1",
            ours / clone,
            bar,
            held,
            "ms",
            f"{FILES:,} files, warm mirror",
        )
    yield Row(
        "session launch, nothing there yet",
        cold * 1000,
        clone * 1000,
        "git clone --depth 1",
        cold / clone,
        "",
        None,
        "ms",
    )
